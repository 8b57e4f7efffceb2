package schedule_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sso-elevator/functions/schedule"
)

// An expression that parses has a next time after any time. That time is later, and at
// the start of a minute unless it is a rate. The expression is the same after it is
// parsed again. A refusal is one line.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"cron(0 10 * * ? *)", "cron(0/15 * * * ? *)", "cron(0 9 ? * 2#1 *)", "cron(15 10 ? * 6L 2022-2023)", "cron(0 0 LW * ? *)",
		"cron(0 0 29 2 ? *)", "cron(0 0 ? * fri#5 *)", "cron(59 23 31 12 ? 2199)", "rate(1 hour)", "rate(3660 days)", "rate(1 minutes)",
		"", "rate(0 minutes)", "cron(", "cron(* * * * * *)", "cron(0 0 31W 2 ? *)", "at(2026-01-01T00:00:00)", "cron(0 0 30 2 ? *)", "rate(99999999999999999999 days)",
	} {
		f.Add(s, int64(1_772_444_000))
	}
	f.Fuzz(func(t *testing.T, text string, after int64) {
		e, err := schedule.Parse(text)
		if err != nil {
			if e != (schedule.Expression{}) || strings.ContainsAny(err.Error(), "\n\x00\x1b") {
				t.Errorf("refused with %q, and %+v", err, e)
			}
			return
		}
		if e.String() != text || len(text) > 256 || !utf8.ValidString(text) {
			t.Errorf("%q is read as %q", text, e)
		}
		again, err := schedule.Parse(e.String())
		if err != nil {
			t.Fatalf("%q is read once only: %v", text, err)
		}
		from := time.Unix(after%(1<<33), 0).UTC()
		every, rate := e.Every()
		for range 3 {
			next, ok := e.Next(from)
			same, okToo := again.Next(from)
			if ok != okToo || !next.Equal(same) {
				t.Fatalf("%q after %s: %s, and %s", text, from, next, same)
			}
			if !ok {
				if rate || from.Year() < 1970 {
					t.Errorf("%q never comes after %s", text, from)
				}
				return
			}
			if !next.After(from) || next.Location() != time.UTC || rate && next.Sub(from) != every || !rate && next.Truncate(time.Minute) != next {
				t.Errorf("%q comes at %s after %s", text, next, from)
			}
			from = next
		}
	})
}
