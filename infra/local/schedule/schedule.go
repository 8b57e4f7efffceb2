// Package schedule plays EventBridge Scheduler: it invokes functions and starts
// executions at the times of a template's schedules.
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
	Function   string // name; empty if the schedule starts an execution
	Qualifier  string // version or alias; may be empty
	Machine    string // ARN of a state machine; empty if the schedule invokes a function
	Input      string // JSON, may have context attributes
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

// Start plays each schedule at its times until ctx ends. If a schedule is a rate, its
// first run begins immediately, as in EventBridge Scheduler without a start date.
// It starts each run even if the one before has not ended, and waits for none. A
// failed run is logged, and not retried before the schedule's next time.
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
		// Times that passed while this machine slept are skipped.
		for now := p.Now(); ok && due.Before(now); {
			due, ok = s.Expression.Next(due)
		}
	}
}

// clockInterval is how often wait checks the clock while the time is far off. A
// timer stops while the machine sleeps; the clock does not.
const clockInterval = 10 * time.Second

// wait waits until the given time. It returns false if ctx ends before.
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
		// The execution has no name, because a schedule can't choose one.
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
