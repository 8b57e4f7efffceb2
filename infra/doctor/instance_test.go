package doctor

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// variablesOf is a Lambda with one function, which has these variables; nil if there is
// no function.
type variablesOf struct {
	variables map[string]string
	err       error
}

func (v variablesOf) GetFunctionConfiguration(_ context.Context, in *lambda.GetFunctionConfigurationInput, _ ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error) {
	if v.err != nil {
		return nil, v.err
	}
	if v.variables == nil || *in.FunctionName != "sso-elevator-evaluate" {
		return nil, &lambdatypes.ResourceNotFoundException{}
	}
	return &lambda.GetFunctionConfigurationOutput{Environment: &lambdatypes.EnvironmentResponse{Variables: v.variables}}, nil
}

func TestDeployedInstance(t *testing.T) {
	in := instance{"arn:one", "d-1", "999999999999"}
	ids := func(arn, store string) map[string]string {
		return map[string]string{"ELEVATOR_SSO_INSTANCE_ARN": arn, "ELEVATOR_IDENTITY_STORE": store}
	}
	const outdated = "missing: the deployed functions use arn:old with the identity store d-0, not arn:one with d-1"
	for name, test := range map[string]struct {
		has  map[string]string
		want string
	}{
		"nothing is deployed":    {nil, ""},
		"the same":               {ids("arn:one", "d-1"), ""},
		"they look it up":        {ids("", ""), ""},
		"an earlier one":         {ids("arn:old", "d-0"), outdated},
		"with another store":     {ids("arn:one", "d-0"), "missing: the deployed functions use arn:one with the identity store d-0, not arn:one with d-1"},
		"they look up a setting": {ids("arn:old", ""), ""},
	} {
		got, err := checkDeployedInstance(t.Context(), variablesOf{variables: test.has}, "sso-elevator-evaluate", in)
		if test.want == "" {
			if err != nil || len(got) > 0 {
				t.Errorf("%s: got %+v, %v", name, got, err)
			}
			continue
		}
		same(t, got, err, test.want)
	}
	if _, err := checkDeployedInstance(t.Context(), variablesOf{err: errors.New("denied")}, "sso-elevator-evaluate", in); err == nil {
		t.Error("a function that can't be read counts as up to date")
	}
}
