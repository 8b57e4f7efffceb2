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

// contextAttribute matches a part of an input that EventBridge Scheduler replaces.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
var contextAttribute = regexp.MustCompile(`<aws\.scheduler\.[^>]*>`)

// input returns the schedule's input for the invocation that is due at a time.
func (s Schedule) input(due time.Time) string {
	return strings.NewReplacer(
		"<aws.scheduler.schedule-arn>", s.ARN,
		"<aws.scheduler.scheduled-time>", due.UTC().Format("2006-01-02T15:04:05Z"),
		"<aws.scheduler.execution-id>", executionID(),
		"<aws.scheduler.attempt-number>", "1", // there are no retries here
	).Replace(s.Input)
}

// executionID returns an id like EventBridge Scheduler's, one for each invocation:
// 16 letters and digits.
func executionID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// CheckInput returns an error if the input is not JSON, or has an unknown context
// attribute.
func (s Schedule) CheckInput() error {
	input := s.input(time.Time{})
	if unknown := contextAttribute.FindString(input); unknown != "" {
		return fmt.Errorf("the local stack does not support the context attribute %s", unknown)
	}
	if !json.Valid([]byte(input)) {
		return fmt.Errorf("the schedule's input is not JSON: %q", s.Input)
	}
	return nil
}
