package access

import (
	"errors"
	"regexp"
	"strings"
)

// MaxErrorMessage limits the length in bytes of an error's text that a function
// returns. An execution's history would keep up to 32,768 characters.
const MaxErrorMessage = 1000

// awsError is an error that a service of AWS returned, as smithy.APIError
// describes it. This package imports the standard library only.
type awsError interface {
	error
	ErrorCode() string
	ErrorMessage() string
}

// ErrorMessage returns an error's text for people and for the history: AWS's own
// words without the SDK's wrapping, at most MaxErrorMessage bytes and "…", and
// without anything that looks like a secret. It returns "" for nil.
func ErrorMessage(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	var aws awsError
	if errors.As(err, &aws) && aws.ErrorMessage() != "" {
		// The SDK's text repeats operation, status and request id before it.
		doing := ""
		var coded *Error
		if errors.As(err, &coded) && coded.Message != "" {
			doing = coded.Message + ": "
		}
		text = doing + aws.ErrorCode() + ": " + aws.ErrorMessage()
	}
	text = secrets.ReplaceAllString(text, "…")
	if len(text) > MaxErrorMessage {
		text = strings.ToValidUTF8(text[:MaxErrorMessage], "") + "…"
	}
	return text
}

// secrets matches Slack's tokens and response URLs, and runs of characters as long as
// a task token (hundreds of them). ARNs don't match, because a hyphen or colon comes
// sooner, and a SHA-256 in hex has only 64 characters.
var secrets = regexp.MustCompile(`xox[a-zA-Z]-[A-Za-z0-9-]+|xapp-[A-Za-z0-9-]+|(?:https?://)?hooks\.slack\.com/[^\s"]*|[A-Za-z0-9+/=]{100,}`)

// IsDenied reports whether AWS denied this caller the call that failed with err.
func IsDenied(err error) bool {
	var aws awsError
	return errors.As(err, &aws) && (aws.ErrorCode() == "AccessDeniedException" || aws.ErrorCode() == "AccessDenied")
}
