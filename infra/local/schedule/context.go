package schedule

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// contextAttribute is a word of an input that EventBridge Scheduler replaces.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
var contextAttribute = regexp.MustCompile(`<aws\.scheduler\.[^>]*>`)

// input is the schedule's input for the invocation that was due at a time.
func (s Schedule) input(due time.Time) string {
	return strings.NewReplacer(
		"<aws.scheduler.schedule-arn>", s.ARN,
		"<aws.scheduler.scheduled-time>", due.UTC().Format("2006-01-02T15:04:05Z"),
		"<aws.scheduler.execution-id>", executionID(),
		"<aws.scheduler.attempt-number>", "1", // nothing is repeated here
	).Replace(s.Input)
}

// executionID is an id as EventBridge Scheduler makes them, one for each
// invocation: 16 letters and digits.
func executionID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// CheckInput reports an input that would not be JSON, or that has a context
// attribute that is not known.
func (s Schedule) CheckInput() error {
	input := s.input(time.Time{})
	if unknown := contextAttribute.FindString(input); unknown != "" {
		return fmt.Errorf("the local stack does not know the context attribute %s", unknown)
	}
	if !json.Valid([]byte(input)) {
		return fmt.Errorf("the schedule's input is not JSON: %q", s.Input)
	}
	return nil
}
