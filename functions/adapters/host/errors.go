package host

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sso-elevator/functions/access"
)

// LambdaError returns err in the form that the Lambda runtime reports unchanged. The
// errorType is the error's code, and the message contains no secrets. nil stays nil,
// and an error that already has this form is returned unchanged.
//
// Otherwise the runtime would report the Go type of the outermost error, which is the
// same for all wrapped errors.
func LambdaError(err error) error {
	if err == nil {
		return nil
	}
	var done messages.InvokeResponse_Error
	if errors.As(err, &done) {
		return done
	}
	return messages.InvokeResponse_Error{Type: string(ErrorCode(err)), Message: access.ErrorMessage(err)}
}

// ErrorCode returns the code of err. If err has none, ErrorCode derives it from the
// error of the AWS SDK. It returns "" for nil.
func ErrorCode(err error) access.Code {
	if err == nil {
		return ""
	}
	var coded *access.Error
	if errors.As(err, &coded) {
		return coded.Code
	}
	return codeOf(err)
}

// AWSError wraps an error of the AWS SDK with its ErrorCode and with doing, the call
// that failed. nil stays nil.
func AWSError(err error, doing string) error {
	if err == nil {
		return nil
	}
	return access.Wrap(ErrorCode(err), err, doing)
}

// codeOf derives a code for an error that has none.
func codeOf(err error) access.Code {
	var api smithy.APIError
	if errors.As(err, &api) {
		if code, known := awsCodes[api.ErrorCode()]; known {
			return code
		}
	}
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		switch status := response.HTTPStatusCode(); {
		case status == http.StatusTooManyRequests:
			return access.CodeThrottled
		case status >= 500:
			return access.CodeUnavailable
		}
	}
	if api != nil {
		if api.ErrorFault() == smithy.FaultServer {
			return access.CodeUnavailable
		}
		return access.CodeInternal
	}
	var network net.Error
	var canceled *smithy.CanceledError
	var sending *smithyhttp.RequestSendError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		errors.As(err, &canceled), errors.As(err, &network), errors.As(err, &sending):
		return access.CodeUnavailable
	}
	return access.CodeInternal
}

// awsCodes maps the error codes of AWS services to ours.
var awsCodes = map[string]access.Code{
	"ThrottlingException":                    access.CodeThrottled,
	"Throttling":                             access.CodeThrottled,
	"ThrottledException":                     access.CodeThrottled,
	"RequestThrottled":                       access.CodeThrottled,
	"RequestThrottledException":              access.CodeThrottled,
	"TooManyRequestsException":               access.CodeThrottled,
	"ProvisionedThroughputExceededException": access.CodeThrottled,
	"RequestLimitExceeded":                   access.CodeThrottled,
	"LimitExceededException":                 access.CodeThrottled,
	"ServiceQuotaExceededException":          access.CodeThrottled,
	"SlowDown":                               access.CodeThrottled,

	"ConflictException":            access.CodeConflict,
	"TransactionConflictException": access.CodeConflict,

	"ResourceNotFoundException": access.CodeNotFound,
	"NoSuchKey":                 access.CodeNotFound,
	"ChildNotFoundException":    access.CodeNotFound, // of Organizations
	"ParentNotFoundException":   access.CodeNotFound, // of Organizations
	"NoSuchBucket":              access.CodeMisconfigure,
	"ParameterNotFound":         access.CodeNotFound,

	"InternalServerException": access.CodeUnavailable,
	"InternalServerError":     access.CodeUnavailable,
	"InternalFailure":         access.CodeUnavailable,
	"InternalError":           access.CodeUnavailable,
	"ServiceUnavailable":      access.CodeUnavailable,
	"RequestTimeout":          access.CodeUnavailable,

	"AccessDeniedException":           access.CodeMisconfigure,
	"AccessDenied":                    access.CodeMisconfigure,
	"UnrecognizedClientException":     access.CodeMisconfigure,
	"InvalidSignatureException":       access.CodeMisconfigure,
	"InvalidClientTokenId":            access.CodeMisconfigure,
	"StateMachineDoesNotExist":        access.CodeMisconfigure,
	"KMSAccessDeniedException":        access.CodeMisconfigure,
	"ExpiredTokenException":           access.CodeUnavailable,
	"ConditionalCheckFailedException": access.CodeLost,
	"PreconditionFailed":              access.CodeLost,
}
