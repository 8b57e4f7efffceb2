package deployed_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sso-elevator/infra/deployed"
)

type answers struct {
	out *lambda.GetFunctionConfigurationOutput
	err error
}

func (a answers) GetFunctionConfiguration(context.Context, *lambda.GetFunctionConfigurationInput, ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error) {
	return a.out, a.err
}

func TestFind(t *testing.T) {
	broken := errors.New("broken")
	output := func(state types.State, last types.LastUpdateStatus) *lambda.GetFunctionConfigurationOutput {
		return &lambda.GetFunctionConfigurationOutput{State: state, StateReason: aws.String("a key"), LastUpdateStatus: last, LastUpdateStatusReason: aws.String("a role")}
	}
	for _, tt := range []struct {
		name      string
		out       *lambda.GetFunctionConfigurationOutput
		err       error
		wantFound bool
		want      deployed.Function
	}{
		{name: "not there", err: &types.ResourceNotFoundException{}},
		{name: "not to be read", err: broken},
		{name: "without an environment", out: &lambda.GetFunctionConfigurationOutput{}, wantFound: true, want: deployed.Function{Name: "f"}},
		{name: "with one", out: &lambda.GetFunctionConfigurationOutput{Environment: &types.EnvironmentResponse{Variables: map[string]string{"A": "1"}}},
			wantFound: true, want: deployed.Function{Name: "f", Environment: map[string]string{"A": "1"}}},
		{name: "active", out: output(types.StateActive, types.LastUpdateStatusSuccessful), wantFound: true, want: deployed.Function{Name: "f"}},
		{name: "idle for weeks", out: output(types.StateInactive, types.LastUpdateStatusSuccessful), wantFound: true, want: deployed.Function{Name: "f"}},
		{name: "failed", out: output(types.StateFailed, types.LastUpdateStatusSuccessful), wantFound: true, want: deployed.Function{Name: "f", Problem: "it is Failed: a key"}},
		{name: "not yet", out: output(types.StatePending, types.LastUpdateStatusSuccessful), wantFound: true, want: deployed.Function{Name: "f", Problem: "it is Pending: a key"}},
		{name: "old code", out: output(types.StateActive, types.LastUpdateStatusFailed), wantFound: true, want: deployed.Function{Name: "f", Problem: "its last update is Failed: a role"}},
		{name: "being updated", out: output(types.StateActive, types.LastUpdateStatusInProgress), wantFound: true, want: deployed.Function{Name: "f", Problem: "its last update is InProgress: a role"}},
	} {
		f, found, err := deployed.Find(t.Context(), answers{tt.out, tt.err}, "f")
		if !reflect.DeepEqual(f, tt.want) || found != tt.wantFound || tt.err == broken != errors.Is(err, broken) || tt.err != broken && err != nil {
			t.Errorf("%s: %+v, %t, %v; want %+v, %t", tt.name, f, found, err, tt.want, tt.wantFound)
		}
	}
}

func TestReadSettings(t *testing.T) {
	f := deployed.Function{Name: "f", Environment: map[string]string{"A": "1", "B": ""}}
	var known struct {
		A string `env:"A,required"`
		B string `env:"B"`
	}
	if err := f.ReadSettings(&known); known.A != "1" || err != nil {
		t.Errorf("%+v, %v", known, err)
	}
	var missing struct {
		A string `env:"A,required"`
		B string `env:"B,required"`
		C string `env:"C,required"`
	}
	if err := f.ReadSettings(&missing); err == nil || err.Error() != "the function f has no B\nthe function f has no C" {
		t.Errorf("%v", err)
	}
}
