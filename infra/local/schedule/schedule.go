// Package schedule plays EventBridge Scheduler: it invokes functions at the
// rates that a template's schedules name.
package schedule

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"sso-elevator/infra/local/lambda"
)

// Schedule invokes a function again and again.
type Schedule struct {
	Name      string
	Every     time.Duration
	Function  string // name
	Qualifier string // version or alias; may be empty
	Input     string // JSON
}

// https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
var rate = regexp.MustCompile(`^rate\(([1-9][0-9]{0,5}) (minute|hour|day)s?\)$`)

var units = map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}

// Rate is the interval of a rate expression, like "rate(10 minutes)". Other
// expressions are errors.
func Rate(expression string) (time.Duration, error) {
	m := rate.FindStringSubmatch(expression)
	if m == nil {
		return 0, fmt.Errorf("the local stack plays schedules with a rate, like rate(10 minutes), and not %q", expression)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0, err
	}
	return time.Duration(n) * units[m[2]], nil
}

// Functions runs functions.
type Functions interface {
	Invoke(ctx context.Context, name, qualifier string, payload []byte) (lambda.Result, error)
}

var _ Functions = (*lambda.Service)(nil)

// Player plays schedules.
type Player struct {
	Functions Functions
	// Tick gives a channel that something arrives on every d, until ctx ends;
	// nil is the clock.
	Tick func(ctx context.Context, d time.Duration) <-chan time.Time
	Say  func(format string, args ...any)
}

// Start plays each schedule until ctx ends: at once, as EventBridge Scheduler
// does where a rate has no start date, and then at its rate, whether or not the
// invocation before has ended. It does not wait for anything. A failed
// invocation is logged, and not repeated before its next time.
func (p *Player) Start(ctx context.Context, schedules []Schedule) {
	tick := p.Tick
	if tick == nil {
		tick = ticks
	}
	for _, s := range schedules {
		due := tick(ctx, s.Every)
		go func() {
			for {
				go p.invoke(ctx, s)
				select {
				case <-due:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
}

func (p *Player) invoke(ctx context.Context, s Schedule) {
	result, err := p.Functions.Invoke(ctx, s.Function, s.Qualifier, []byte(s.Input))
	switch {
	case ctx.Err() != nil:
	case err != nil:
		p.Say("schedule %s: %v", s.Name, err)
	case result.Error != "":
		p.Say("schedule %s: %s", s.Name, result.Payload)
	}
}

func ticks(ctx context.Context, d time.Duration) <-chan time.Time {
	ticker := time.NewTicker(d)
	context.AfterFunc(ctx, ticker.Stop)
	return ticker.C
}
