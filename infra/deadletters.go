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
	// deadLettersKept is the longest that SQS keeps a message.
	deadLettersKept = 14 * 24 * time.Hour
	// invocationWaits is how long Lambda may hold back an invocation that
	// nobody waits for, the shortest there is. By then the schedule's next one
	// is due, which looks at everything again; without a bound a throttled
	// function would be given hours of them.
	invocationWaits = time.Minute
)

// newDeadLetters is the queue of what a schedule or an event should have started
// and could not, or what was started and failed. Nothing reads it: an alarm tells that
// something came, and the message says what and why.
func newDeadLetters(stack awscdk.Stack, s *settings.Settings) awssqs.Queue {
	return awssqs.NewQueue(stack, jsii.String("DeadLetters"), &awssqs.QueueProps{
		QueueName:       jsii.String(s.NamePrefix + "-dead-letters"),
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: seconds(deadLettersKept),
		RemovalPolicy:   awscdk.RemovalPolicy_DESTROY,
	})
}

// tellOfFailures sends an invocation that nobody waits for to the dead letters
// when it fails. It is not repeated: the next one does its work.
func tellOfFailures(f function, deadLetters awssqs.IQueue) {
	f.alias.ConfigureAsyncInvoke(&awslambda.EventInvokeConfigOptions{
		OnFailure:     awslambdadestinations.NewSqsDestination(deadLetters),
		MaxEventAge:   seconds(invocationWaits),
		RetryAttempts: jsii.Number(0),
	})
}

// forgetInvocations bounds how long an invocation that nobody waits for may be
// held back, and has none repeated: the next look invokes the function again.
func forgetInvocations(f function) {
	f.alias.ConfigureAsyncInvoke(&awslambda.EventInvokeConfigOptions{MaxEventAge: seconds(invocationWaits), RetryAttempts: jsii.Number(0)})
}
