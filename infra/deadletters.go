package main

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambdadestinations"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/infra/settings"
)

const (
	// deadLettersKept is SQS's longest retention.
	deadLettersKept = 14 * 24 * time.Hour
	// invocationWaits is how long Lambda may delay an asynchronous invocation: Lambda's
	// shortest limit. By then the next invocation is due, and it checks everything again.
	// Without a limit, a throttled function would get hours of old invocations.
	invocationWaits = time.Minute
)

// newDeadLetters creates the queue for jobs that a schedule or an event could not
// start, and for failed invocations. Nothing reads the queue: an alarm reports each
// message, and the message says what failed and why.
func newDeadLetters(stack awscdk.Stack, s *settings.Settings) awssqs.Queue {
	return awssqs.NewQueue(stack, jsii.String("DeadLetters"), &awssqs.QueueProps{
		QueueName:       jsii.String(s.NamePrefix + "-dead-letters"),
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: seconds(deadLettersKept),
		RemovalPolicy:   awscdk.RemovalPolicy_DESTROY,
	})
}

// tellOfFailures sends failed asynchronous invocations to the dead-letter queue,
// without a retry: the next invocation does the same work.
func tellOfFailures(f function, deadLetters awssqs.IQueue) {
	f.alias.ConfigureAsyncInvoke(&awslambda.EventInvokeConfigOptions{
		OnFailure:     awslambdadestinations.NewSqsDestination(deadLetters),
		MaxEventAge:   seconds(invocationWaits),
		RetryAttempts: jsii.Number(0),
	})
}

// forgetInvocations limits how long an asynchronous invocation may be delayed, and
// turns retries off: the next sweep or minute check invokes the function again.
func forgetInvocations(f function) {
	f.alias.ConfigureAsyncInvoke(&awslambda.EventInvokeConfigOptions{MaxEventAge: seconds(invocationWaits), RetryAttempts: jsii.Number(0)})
}
