package host

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/smithy-go"

	"sso-elevator/functions/access"
)

// Any error that leaves a function has a code and at most 1000 bytes of text, plus a
// mark if it was cut. The text has nothing that looks like a Slack token, a response
// URL or a task token.
func FuzzConvert(f *testing.F) {
	for _, s := range []string{"", "x", "xoxb-12-34-abc", "https://hooks.slack.com/actions/T1/1/x", "lookup hooks.slack.com/actions/T1/1/x", "Post \"https://hooks.slack.com/x\": EOF", "\xff\xfe", "a\x00b", "xoxb-xoxb-1"} {
		f.Add(s, "ThrottlingException")
	}
	token := regexp.MustCompile(`xox[a-zA-Z]-[A-Za-z0-9]|xapp-[A-Za-z0-9]|hooks\.slack\.com/|[A-Za-z0-9+/=]{100}`)
	f.Fuzz(func(t *testing.T, text, code string) {
		for _, err := range []error{
			errors.New(text), access.Errorf(access.CodeRefused, "%s", text), fmt.Errorf("do: %w", access.Wrap(access.CodeConflict, errors.New(text), "try")),
			&smithy.GenericAPIError{Code: code, Message: text}, AWSError(&smithy.GenericAPIError{Code: "ValidationException", Message: text}, "call"),
		} {
			got, ok := LambdaError(err).(messages.InvokeResponse_Error)
			if !ok || got.Type == "" || !reflect.DeepEqual(LambdaError(got), error(got)) {
				t.Fatalf("%v becomes %#v", err, got)
			}
			if len(got.Message) > access.MaxErrorMessage+len("…") || token.MatchString(got.Message) || utf8.ValidString(err.Error()) && !utf8.ValidString(got.Message) {
				t.Errorf("the message is %q", got.Message)
			}
		}
	})
}
