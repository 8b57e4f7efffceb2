// Package schedule parses the schedule expressions of EventBridge Scheduler, and
// computes when they fire next.
//
// It accepts only what AWS documents, so AWS gives every accepted expression the same
// meaning. Times are UTC, which is EventBridge Scheduler's time zone unless a
// schedule names another.
//
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
package schedule

import (
	"fmt"
	"strings"
	"time"
)

// maxLength is how many characters an expression may have (API reference of
// EventBridge Scheduler, CreateSchedule, ScheduleExpression).
const maxLength = 256

// Expression is a schedule. The zero value never fires.
type Expression struct {
	text  string
	every time.Duration // of a rate; else 0
	cron  *cron         // else nil
}

// Parse parses "rate(value unit)" or "cron(minutes hours day-of-month month
// day-of-week year)". Its errors say what a valid expression looks like.
func Parse(text string) (Expression, error) {
	kind, rest, opened := strings.Cut(text, "(")
	inner, closed := strings.CutSuffix(rest, ")")
	e := Expression{text: text}
	var err error
	switch {
	case len(text) > maxLength:
		return Expression{}, fmt.Errorf("it has %d characters; a schedule expression can have at most %d", len(text), maxLength)
	case opened && kind == "at":
		return Expression{}, fmt.Errorf("at(…) fires only once; use rate(…) or cron(…)")
	case !opened || !closed || kind != "rate" && kind != "cron":
		return Expression{}, fmt.Errorf("it must be rate(…) or cron(…), such as rate(2 hours) or cron(0 23 * * ? *)")
	case kind == "rate":
		e.every, err = parseRate(inner)
	default:
		e.cron, err = parseCron(inner)
	}
	if err != nil {
		return Expression{}, err
	}
	return e, nil
}

// String returns the expression as it was parsed.
func (e Expression) String() string { return e.text }

// Every returns the interval of a rate. ok is false for a cron expression, which
// has none.
func (e Expression) Every() (time.Duration, bool) { return e.every, e.every > 0 }

// Next returns the first time after the given one at which the schedule fires, in
// UTC; ok is false if it never fires again. A cron expression fires at the start
// of minutes, and never at the given time itself.
//
// A rate counts from the schedule's creation, which the expression doesn't know. So
// Next returns the given time plus the interval: right if the schedule fired at the
// given time, and otherwise the latest possible time.
func (e Expression) Next(after time.Time) (time.Time, bool) {
	after = after.UTC()
	switch {
	case e.every > 0:
		return after.Add(e.every), true
	case e.cron != nil:
		return e.cron.next(after)
	}
	return time.Time{}, false
}
