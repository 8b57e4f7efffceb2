package statemachine

import (
	"fmt"
	"strings"

	"sso-elevator/functions/access"
)

// TransientErrors are the names, as Step Functions reports them, of errors that may
// go away on a retry. ${TransientErrors} stands for them in an ErrorEquals.
var TransientErrors = []string{
	// Lambda failed before, during or after the call:
	// https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html
	"Lambda.ServiceException",
	"Lambda.AWSLambdaException",
	"Lambda.SdkClientException",
	"Lambda.ClientExecutionTimeoutException",
	"Lambda.TooManyRequestsException", // no concurrency is left
	"Lambda.Unknown",                  // any other unhandled error

	// The function ran out of time:
	// https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
	"Sandbox.Timedout",

	// The function's process died, for example out of memory. AWS defines the
	// name in github.com/aws/aws-lambda-runtime-interface-emulator.
	"Runtime.ExitError",

	// A function reports that AWS or Slack throttled it or did not answer.
	string(access.CodeThrottled),
	string(access.CodeUnavailable),
}

// retries fills in the placeholders that stand for the same text in every deployment.
// A Task that retries differently has its own retrier.
var retries = strings.NewReplacer(
	`"${TransientErrors}"`, transientErrors(),
	`"${RetrySixTimes}"`, standardRetrier(6, "RetryMaxDelaySeconds"),
	`"${RetryTenTimes}"`, standardRetrier(10, "RetryMaxDelaySeconds"),
	`"${RetryForHours}"`, standardRetrier(ShowRetries, "ShowMaxDelaySeconds", string(access.CodeMisconfigure)), // someone may fix it meanwhile
)

// FillRetries returns the definition source with its transient errors and
// standard retriers filled in. The placeholders of a deployment remain.
func FillRetries(source string) string { return retries.Replace(source) }

// transientErrors returns TransientErrors as elements of a JSON array.
func transientErrors() string {
	quoted := make([]string, len(TransientErrors))
	for i, name := range TransientErrors {
		quoted[i] = quote(name)
	}
	return strings.Join(quoted, ", ")
}

// standardRetrier returns a retrier in JSON. It retries transient errors, timeouts, and the errors in
// also. Its delays grow up to the deployment's value maxDelay.
func standardRetrier(attempts int, maxDelay string, also ...string) string {
	names := transientErrors()
	for _, name := range append([]string{"States.Timeout"}, also...) {
		names += ", " + quote(name)
	}
	return fmt.Sprintf(`{"ErrorEquals": [%s], "MaxAttempts": %d, `+
		`"IntervalSeconds": "${RetryIntervalSeconds}", "BackoffRate": 2, "MaxDelaySeconds": "${%s}", "JitterStrategy": "FULL"}`,
		names, attempts, maxDelay)
}
