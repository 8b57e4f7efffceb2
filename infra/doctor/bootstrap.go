package doctor

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

const (
	// bootstrapParameter is the SSM parameter with the version of the CDK's
	// bootstrap stack (`cdk bootstrap`). Its name contains the default qualifier,
	// because cdk.json sets no other.
	bootstrapParameter = "/cdk-bootstrap/hnb659fds/version"
	// bootstrapVersion is the lowest version that the template accepts.
	bootstrapVersion = 6
)

// checkBootstrap checks that the CDK can deploy to the account.
func checkBootstrap(ctx context.Context, api parametersAPI, account, region string) ([]finding, error) {
	fix := fmt.Sprintf("Run: npx cdk bootstrap aws://%s/%s", account, region)
	out, err := api.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(bootstrapParameter)})
	var none *types.ParameterNotFound
	if errors.As(err, &none) || err == nil && out.Parameter == nil {
		return []finding{{Status: missing, Found: "the CDK is not bootstrapped in this account and region", Fix: fix}}, nil
	}
	if err != nil {
		return nil, err
	}
	version, err := strconv.Atoi(aws.ToString(out.Parameter.Value))
	if err != nil {
		return nil, fmt.Errorf("the parameter %s is not a number", bootstrapParameter)
	}
	if version < bootstrapVersion {
		return []finding{{Status: missing, Found: fmt.Sprintf("version %d, but the template needs version %d", version, bootstrapVersion), Fix: fix}}, nil
	}
	return []finding{{Status: ready, Found: fmt.Sprintf("version %d; the template needs version %d", version, bootstrapVersion)}}, nil
}
