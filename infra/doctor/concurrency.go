package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// lambdaAPI is what the check of the quota asks.
type lambdaAPI interface {
	GetAccountSettings(context.Context, *lambda.GetAccountSettingsInput, ...func(*lambda.Options)) (*lambda.GetAccountSettingsOutput, error)
	GetFunctionConcurrency(context.Context, *lambda.GetFunctionConcurrencyInput, ...func(*lambda.Options)) (*lambda.GetFunctionConcurrencyOutput, error)
}

// unreserved is what Lambda always keeps for functions without a reservation
// ("Configuring reserved concurrency"). An account that has less than that, as
// new ones do, can reserve nothing.
const unreserved = 100

// checkConcurrency looks whether reserve invocations at once can be kept for the
// function.
func checkConcurrency(ctx context.Context, api lambdaAPI, function string, reserve int, region string) ([]finding, error) {
	out, err := api.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	if err != nil {
		return nil, err
	}
	if out.AccountLimit == nil || out.AccountLimit.UnreservedConcurrentExecutions == nil {
		return nil, errors.New("Lambda does not say what the account has left")
	}
	left := int(*out.AccountLimit.UnreservedConcurrentExecutions)
	if reserve > 0 {
		// What an earlier deployment reserved is there for this one.
		has, err := api.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: &function})
		var none *types.ResourceNotFoundException
		switch {
		case err == nil:
			left += int(aws.ToInt32(has.ReservedConcurrentExecutions))
		case !errors.As(err, &none):
			return nil, err
		}
	}
	fix := fmt.Sprintf("Ask for more: aws service-quotas request-service-quota-increase --region %s --service-code lambda --quota-code L-B99A9384 --desired-value 1000", region)
	found := fmt.Sprintf("%d invocations at once are left in %s", left, region)
	switch {
	case reserve > 0 && left < reserve+unreserved:
		return []finding{{Status: missing, Found: fmt.Sprintf("%s; ingress_reserved_concurrency needs %d and the %d that Lambda keeps free", found, reserve, unreserved), Fix: fix + ", or lower the setting."}}, nil
	case left < unreserved:
		return []finding{{Status: warning, Found: found + ", for everything in the account", Fix: fix}}, nil
	}
	return []finding{{Status: ready, Found: found}}, nil
}
