package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"
)

// These metrics measure Slack's calls at the API if there is one, otherwise at the
// function's URL. The URL's metrics are Lambda's
// (https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html).

func (e slackEndpoint) calls(o *awscloudwatch.MetricOptions) awscloudwatch.IMetric {
	if e.api == nil {
		return e.ingress.Metric(jsii.String("UrlRequestCount"), o)
	}
	return e.api.MetricCount(o)
}

func (e slackEndpoint) clientErrors(o *awscloudwatch.MetricOptions) awscloudwatch.IMetric {
	if e.api == nil {
		return e.ingress.Metric(jsii.String("Url4xxCount"), o)
	}
	return e.api.MetricClientError(o)
}

func (e slackEndpoint) serverErrors(o *awscloudwatch.MetricOptions) awscloudwatch.IMetric {
	if e.api == nil {
		return e.urlErrors(o)
	}
	return e.api.MetricServerError(o)
}

func (e slackEndpoint) urlErrors(o *awscloudwatch.MetricOptions) awscloudwatch.IMetric {
	return e.ingress.Metric(jsii.String("Url5xxCount"), o)
}

func (e slackEndpoint) latency(o *awscloudwatch.MetricOptions) awscloudwatch.IMetric {
	if e.api == nil {
		return e.ingress.Metric(jsii.String("UrlRequestLatency"), o)
	}
	return e.api.MetricLatency(o)
}
