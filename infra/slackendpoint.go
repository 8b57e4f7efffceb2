package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2integrations"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/infra/settings"
)

// accessLogFormat logs when and how a request was answered, without its content.
const accessLogFormat = `{"requestId":"$context.requestId","time":"$context.requestTime","ip":"$context.identity.sourceIp",` +
	`"route":"$context.routeKey","status":"$context.status","latency":"$context.responseLatency","error":"$context.integrationErrorMessage"}`

// slackEndpoint is where Slack's calls arrive: at the API, at the function's URL, or
// at both.
type slackEndpoint struct {
	api      awsapigatewayv2.HttpApi // nil: there is none
	function awslambda.FunctionUrl   // nil: there is none
	url      *string                 // for Slack: the API's, if there is an API
	ingress  awslambda.Alias
}

// newSlackEndpoint creates the HTTP API's POST /slack, the function's own URL, or
// both, as the settings say. Both call ingress, which checks the signature.
func newSlackEndpoint(stack awscdk.Stack, s *settings.Settings, ingress function) slackEndpoint {
	in := constructs.NewConstruct(stack, jsii.String("Slack"))
	endpoint := slackEndpoint{ingress: ingress.alias}
	if s.FunctionURL {
		// No authorization by AWS: Slack has no AWS credentials.
		endpoint.function = ingress.alias.AddFunctionUrl(&awslambda.FunctionUrlOptions{AuthType: awslambda.FunctionUrlAuthType_NONE})
		endpoint.url = endpoint.function.Url()
	}
	if s.APIGateway {
		endpoint.api = newSlackAPI(in, s, ingress)
		endpoint.url = jsii.String(*endpoint.api.ApiEndpoint() + "/slack")
	}
	return endpoint
}

// newSlackAPI makes the HTTP API. It rejects calls above its limits before they cost
// anything.
func newSlackAPI(in constructs.Construct, s *settings.Settings, ingress function) awsapigatewayv2.HttpApi {
	api := awsapigatewayv2.NewHttpApi(in, jsii.String("Api"), &awsapigatewayv2.HttpApiProps{
		ApiName:            jsii.String(first(s.APIName, s.NamePrefix+"-slack")),
		Description:        jsii.String("Receives forms and button presses from Slack"),
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
			RateLimit:  jsii.Number(s.SlackPerSecond),
			BurstLimit: jsii.Number(s.SlackAtOnce),
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
	return api
}
