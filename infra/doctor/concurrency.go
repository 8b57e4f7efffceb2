package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sso-elevator/infra/command"
	"sso-elevator/infra/settings"
)

// lambdaAPI is the part of Lambda that the checks of the quota and of names use.
type lambdaAPI interface {
	functionsAPI
	GetAccountSettings(context.Context, *lambda.GetAccountSettingsInput, ...func(*lambda.Options)) (*lambda.GetAccountSettingsOutput, error)
	GetFunctionConfiguration(context.Context, *lambda.GetFunctionConfigurationInput, ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error)
	GetFunctionConcurrency(context.Context, *lambda.GetFunctionConcurrencyInput, ...func(*lambda.Options)) (*lambda.GetFunctionConcurrencyOutput, error)
}

// unreserved is the concurrency that Lambda always keeps for functions without a
// reservation (AWS, "Configuring reserved concurrency"). New accounts can have a
// smaller quota, and then can't reserve any.
const unreserved = 100

// reserve is the concurrency that a setting keeps for a function; 0 keeps none.
type reserve struct {
	setting, function string
	instances         int
}

// reserves returns the settings that keep concurrency for a function.
func reserves(s *settings.Settings) []reserve {
	return []reserve{
		{"ingress_reserved_concurrency", s.FunctionName("ingress"), s.IngressReserved},
		{"revoke_reserved_concurrency", s.FunctionName("revoke"), s.RevokeReserved},
	}
}

// checkConcurrency checks that the account can reserve that much concurrency.
func checkConcurrency(ctx context.Context, api lambdaAPI, reserves []reserve, region string) ([]finding, error) {
	out, err := api.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	if err != nil {
		return nil, err
	}
	if out.AccountLimit == nil || out.AccountLimit.UnreservedConcurrentExecutions == nil {
		return nil, command.Problemf("Lambda didn't return the account's free concurrency")
	}
	left := int(*out.AccountLimit.UnreservedConcurrentExecutions)
	wanted, names := 0, []string{}
	for _, r := range reserves {
		if r.instances == 0 {
			continue
		}
		wanted += r.instances
		names = append(names, r.setting)
		// This deployment would replace the existing reservation.
		has, err := api.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: &r.function})
		var none *types.ResourceNotFoundException
		switch {
		case err == nil:
			left += int(aws.ToInt32(has.ReservedConcurrentExecutions))
		case !errors.As(err, &none):
			return nil, err
		}
	}
	fix := fmt.Sprintf("Request a higher quota: aws service-quotas request-service-quota-increase --region %s --service-code lambda --quota-code L-B99A9384 --desired-value 1000", region)
	found := fmt.Sprintf("%d concurrent executions are free in %s", left, region)
	switch {
	case wanted > 0 && left < wanted+unreserved:
		return []finding{{Status: missing, Found: fmt.Sprintf("%s, but %d are needed for %s, and Lambda always keeps %d unreserved", found, wanted, strings.Join(names, " and "), unreserved), Fix: "Lower the setting. Or: " + fix}}, nil
	case left < unreserved:
		return []finding{{Status: warning, Found: found + ", for all functions in the account", Fix: fix}}, nil
	}
	return []finding{{Status: ready, Found: found}}, nil
}
