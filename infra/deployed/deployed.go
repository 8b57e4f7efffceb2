// Package deployed finds the deployed functions and the state of the stack, for
// programs that a person runs.
package deployed

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go/logging"

	"sso-elevator/functions/adapters/host"
)

// Config returns the AWS configuration with the caller's credentials and region.
// AWS_ENDPOINT_URL can point to the local stack. A throttled call is made up to ten times.
func Config(ctx context.Context) (aws.Config, error) {
	return config.LoadDefaultConfig(ctx, config.WithRetryMode(aws.RetryModeAdaptive), config.WithRetryMaxAttempts(10),
		config.WithLogger(logging.Nop{})) // the SDK reports its problems as errors too
}

// Lambda is the part of Lambda that this package uses.
type Lambda interface {
	GetFunctionConfiguration(context.Context, *lambda.GetFunctionConfigurationInput, ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error)
}

// Function is a deployed function.
type Function struct {
	Name string
	// Problem says why the function can't be invoked with its latest code. It is "" if it
	// can.
	Problem     string
	Environment map[string]string
}

// Find reads a function's configuration. found is false if the function does not
// exist.
func Find(ctx context.Context, api Lambda, name string) (f Function, found bool, err error) {
	out, err := api.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	var none *types.ResourceNotFoundException
	if errors.As(err, &none) {
		return Function{}, false, nil
	}
	if err != nil {
		return Function{}, false, err
	}
	f = Function{Name: name}
	if out.Environment != nil {
		f.Environment = out.Environment.Variables
	}
	switch {
	case out.State == types.StateFailed || out.State == types.StatePending:
		f.Problem = fmt.Sprintf("it is %s: %s", out.State, aws.ToString(out.StateReason))
	case out.LastUpdateStatus == types.LastUpdateStatusFailed || out.LastUpdateStatus == types.LastUpdateStatusInProgress:
		f.Problem = fmt.Sprintf("its last update is %s: %s", out.LastUpdateStatus, aws.ToString(out.LastUpdateStatusReason))
	}
	return f, true, nil
}

// ReadSettings fills the struct that dst points to from the function's environment,
// as the function does. The error names all required variables that are missing or
// empty.
func (f Function) ReadSettings(dst any) error {
	var missing []error
	_, required := host.Variables(dst)
	for _, name := range required {
		if f.Environment[name] == "" {
			missing = append(missing, fmt.Errorf("the function %s has no %s", f.Name, name))
		}
	}
	if err := errors.Join(missing...); err != nil {
		return err
	}
	return host.ReadSettings(dst, func(name string) string { return f.Environment[name] })
}
