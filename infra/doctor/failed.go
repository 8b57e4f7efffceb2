package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"

	"sso-elevator/functions/access"
)

// blocked is the error of a check that needs an unknown fact. It names the line with
// the reason.
type blocked struct{ on string }

func (b blocked) Error() string { return "needs the result of the check " + b.on }

// failed returns the finding of a check that could not be made.
func failed(name string, err error) finding {
	f := finding{Check: name, Status: unchecked, Found: "could not be checked: " + describe(err)}
	var operation *smithy.OperationError
	var b blocked
	switch {
	case errors.As(err, &b):
		f.Fix = "Fix that problem first."
	case errors.Is(err, context.Canceled):
		f.Fix = "Run elevator doctor again and let it finish."
	case denied(err) && errors.As(err, &operation):
		f.Fix = fmt.Sprintf("Use credentials that may call %s of %s.", operation.Operation(), operation.Service())
	default:
		f.Fix = "Run elevator doctor again. If it fails again, check this item manually."
	}
	return f
}

// code returns the code of an AWS error, or "" for any other error.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// denied reports whether AWS denied the call to this caller.
func denied(err error) bool {
	switch code(err) {
	case "AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "Forbidden", "NotAuthorized":
		return true
	}
	return false
}

// describe returns the error on one line, without details for programmers.
func describe(err error) string {
	var operation *smithy.OperationError
	var api smithy.APIError
	var coded *access.Error
	text := err.Error()
	switch {
	case errors.As(err, &operation) && errors.As(err, &api):
		text = fmt.Sprintf("%s of %s: %s: %s", operation.Operation(), operation.Service(), api.ErrorCode(), api.ErrorMessage())
	case errors.As(err, &operation):
		text = fmt.Sprintf("%s of %s: %v", operation.Operation(), operation.Service(), operation.Unwrap())
	case errors.As(err, &coded):
		text = coded.Error()
	}
	text = strings.Join(strings.Fields(text), " ")
	const most = 240
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return strings.TrimSuffix(text, ": ")
}
