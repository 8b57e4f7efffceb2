package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2integrations"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/infra/settings"
)

// What Slack sends in a second at most; a person in a form makes a handful of
// requests. More is somebody else, and is turned away before it costs anything.
const (
	slackRequestsPerSecond = 50
	slackBurst             = 100
)

// accessLogFormat says when and how a request was answered, and nothing of what
// was in it.
const accessLogFormat = `{"requestId":"$context.requestId","time":"$context.requestTime","ip":"$context.identity.sourceIp",` +
	`"route":"$context.routeKey","status":"$context.status","latency":"$context.responseLatency","error":"$context.integrationErrorMessage"}`

// slackEndpoint is where Slack's calls arrive.
type slackEndpoint struct {
	api awsapigatewayv2.HttpApi
	url *string
}

// newSlackEndpoint is the HTTP API that Slack calls: POST /slack, answered by
// ingress, which checks the signature.
func newSlackEndpoint(stack awscdk.Stack, s *settings.Settings, ingress function) slackEndpoint {
	in := constructs.NewConstruct(stack, jsii.String("Slack"))
	api := awsapigatewayv2.NewHttpApi(in, jsii.String("Api"), &awsapigatewayv2.HttpApiProps{
		ApiName:            jsii.String(s.NamePrefix + "-slack"),
		Description:        jsii.String("What people do in Slack arrives here"),
		CreateDefaultStage: jsii.Bool(false),
	})
	api.AddRoutes(&awsapigatewayv2.AddRoutesOptions{
		Path:    jsii.String("/slack"),
		Methods: &[]awsapigatewayv2.HttpMethod{awsapigatewayv2.HttpMethod_POST},
		Integration: awsapigatewayv2integrations.NewHttpLambdaIntegration(jsii.String("Ingress"), ingress.alias,
			&awsapigatewayv2integrations.HttpLambdaIntegrationProps{
				PayloadFormatVersion: awsapigatewayv2.PayloadFormatVersion_VERSION_2_0(),
			}),
	})
	stage := awsapigatewayv2.NewHttpStage(in, jsii.String("Stage"), &awsapigatewayv2.HttpStageProps{
		HttpApi:    api,
		StageName:  jsii.String("$default"),
		AutoDeploy: jsii.Bool(true),
		Throttle: &awsapigatewayv2.ThrottleSettings{
			RateLimit:  jsii.Number(slackRequestsPerSecond),
			BurstLimit: jsii.Number(slackBurst),
		},
	})
	logs := awslogs.NewLogGroup(in, jsii.String("Logs"), &awslogs.LogGroupProps{
		LogGroupName:  jsii.String("/aws/vendedlogs/apis/" + s.NamePrefix + "-slack"),
		Retention:     retention(s.LogRetentionDays),
		EncryptionKey: customerKey(in, "Key", s),
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	stage.Node().DefaultChild().(awsapigatewayv2.CfnStage).SetAccessLogSettings(&awsapigatewayv2.CfnStage_AccessLogSettingsProperty{
		DestinationArn: logs.LogGroupArn(),
		Format:         jsii.String(accessLogFormat),
	})
	return slackEndpoint{api: api, url: jsii.String(*api.ApiEndpoint() + "/slack")}
}
