// Package schedule plays EventBridge Scheduler: it invokes functions and starts
// executions at the times that a template's schedules name.
package schedule

import (
	"context"
	"time"

	"sso-elevator/functions/schedule"
	"sso-elevator/infra/local/lambda"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

// Schedule invokes a function, or starts an execution, again and again.
type Schedule struct {
	Name       string
	ARN        string
	Expression schedule.Expression
	Function   string // name; empty where an execution is started
	Qualifier  string // version or alias; may be empty
	Machine    string // ARN of a state machine; empty where a function is invoked
	Input      string // JSON, with context attributes in it
}

// Functions runs functions.
type Functions interface {
	Invoke(ctx context.Context, name, qualifier string, payload []byte) (lambda.Result, error)
}

// Executions starts executions.
type Executions interface {
	StartExecution(ctx context.Context, in *sfn.StartExecutionInput, options ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error)
}

var (
	_ Functions  = (*lambda.Service)(nil)
	_ Executions = (*sfn.Client)(nil)
)

// Player plays schedules.
type Player struct {
	Functions  Functions
	Executions Executions
	Now        func() time.Time
	Say        func(format string, args ...any)
}

// Start plays each schedule until ctx ends: at the times of its expression, and
// one with a rate also at once, as EventBridge Scheduler does where a rate has
// no start date. It does so whether or not what came before has ended, and does
// not wait for anything. What fails is logged, and not repeated before the
// schedule's next time.
func (p *Player) Start(ctx context.Context, schedules []Schedule) {
	for _, s := range schedules {
		go p.play(ctx, s)
	}
}

func (p *Player) play(ctx context.Context, s Schedule) {
	due, ok := p.Now(), true
	if _, isRate := s.Expression.Every(); !isRate {
		due, ok = s.Expression.Next(due)
	}
	for ok && p.wait(ctx, due) {
		go p.run(ctx, s, due)
		due, ok = s.Expression.Next(due)
		// Times that passed while this machine slept are not made up for.
		for now := p.Now(); ok && due.Before(now); {
			due, ok = s.Expression.Next(due)
		}
	}
}

// clockInterval is how often the clock is looked at again while a time is far off: a
// timer stands still while the machine sleeps, the clock does not.
const clockInterval = 10 * time.Second

// wait returns at the given time; false if ctx ends before.
func (p *Player) wait(ctx context.Context, until time.Time) bool {
	for {
		left := until.Sub(p.Now())
		if left <= 0 {
			return ctx.Err() == nil
		}
		select {
		case <-time.After(min(left, clockInterval)):
		case <-ctx.Done():
			return false
		}
	}
}

func (p *Player) run(ctx context.Context, s Schedule, due time.Time) {
	input := s.input(due)
	if s.Machine != "" {
		// Without a name: the execution's is not the schedule's to choose.
		_, err := p.Executions.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: aws.String(s.Machine), Input: aws.String(input)})
		if err != nil && ctx.Err() == nil {
			p.Say("schedule %s: %v", s.Name, err)
		}
		return
	}
	result, err := p.Functions.Invoke(ctx, s.Function, s.Qualifier, []byte(input))
	switch {
	case ctx.Err() != nil:
	case err != nil:
		p.Say("schedule %s: %v", s.Name, err)
	case result.Error != "":
		p.Say("schedule %s: %s", s.Name, result.Payload)
	}
}
