package evaluate

import (
	"testing"
	"time"
)

func TestReminders(t *testing.T) {
	doubling := Reminders{Initial: 15 * time.Minute, Multiplier: 2}
	tests := []struct {
		name      string
		reminders Reminders
		elapsed   time.Duration
		due       int
		after     time.Duration
		ok        bool
	}{
		{"none", Reminders{}, time.Hour, 0, 0, false},
		{"before the first", doubling, 15*time.Minute - 1, 0, 15 * time.Minute, true},
		{"the first", doubling, 15 * time.Minute, 1, 45 * time.Minute, true},
		{"the second", doubling, 45 * time.Minute, 2, 105 * time.Minute, true},
		{"constant", Reminders{Initial: time.Hour, Multiplier: 1}, 150 * time.Minute, 2, 3 * time.Hour, true},
		{"a multiplier below one", Reminders{Initial: time.Hour, Multiplier: 0.5}, 150 * time.Minute, 2, 3 * time.Hour, true},
		{"never more than a day apart", Reminders{Initial: 20 * time.Hour, Multiplier: 10}, 44 * time.Hour, 2, 68 * time.Hour, true},
		{"a first one after days", Reminders{Initial: 48 * time.Hour, Multiplier: 2}, 48 * time.Hour, 1, 96 * time.Hour, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			due := test.reminders.Due(test.elapsed)
			after, ok := test.reminders.After(test.elapsed)
			if due != test.due || after != test.after || ok != test.ok {
				t.Errorf("got %d due, then %s, %t; want %d, %s, %t", due, after, ok, test.due, test.after, test.ok)
			}
		})
	}
}
