package doctor

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sso-elevator/infra/bootstrap"
)

// checkBootstrap looks whether the CDK can deploy to the account.
func checkBootstrap(ctx context.Context, api parametersAPI, account, region string) ([]finding, error) {
	fix := fmt.Sprintf("npx cdk bootstrap aws://%s/%s", account, region)
	out, err := api.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(bootstrap.Parameter)})
	var none *types.ParameterNotFound
	if errors.As(err, &none) || err == nil && out.Parameter == nil {
		return []finding{{Status: missing, Found: "the CDK was never set up in this account and region", Fix: fix}}, nil
	}
	if err != nil {
		return nil, err
	}
	version, err := strconv.Atoi(aws.ToString(out.Parameter.Value))
	if err != nil {
		return nil, fmt.Errorf("the parameter %s is not a number", bootstrap.Parameter)
	}
	if version < bootstrap.Version {
		return []finding{{Status: missing, Found: fmt.Sprintf("version %d; the template needs %d", version, bootstrap.Version), Fix: fix}}, nil
	}
	return []finding{{Status: ready, Found: fmt.Sprintf("version %d; the template needs %d", version, bootstrap.Version)}}, nil
}
