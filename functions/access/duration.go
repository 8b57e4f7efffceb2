package access

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MaxWaitSeconds is the largest TimeoutSeconds of a state, and so the longest wait of
// an execution.
//
// https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html
const MaxWaitSeconds = 99_999_999

// DurationPattern is what ParseDuration accepts, as a regular expression that Go
// and ECMAScript read alike.
const DurationPattern = `^([0-9]{1,6}h([0-9]{1,6}m)?([0-9]{1,6}s)?|[0-9]{1,6}m([0-9]{1,6}s)?|[0-9]{1,6}s)$`

// ClockPattern is what ParseClock accepts: up to three digits of hours, and
// minutes up to 59.
const ClockPattern = `^[0-9]{1,3}:[0-5][0-9]$`

// maxDigits keeps every number in range of a time.Duration: 999999 hours are 114
// years, and 292 years fit.
const maxDigits = 6

// ParseDuration parses "90s", "5m", "2h", "1h30m": whole hours, minutes and
// seconds, in this order. No sign, no fraction, no space. The error is coded
// Invalid.
func ParseDuration(s string) (time.Duration, error) {
	var sum time.Duration
	rest, parts := s, 0
	for _, u := range []struct {
		letter byte
		length time.Duration
	}{{'h', time.Hour}, {'m', time.Minute}, {'s', time.Second}} {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		if digits == 0 || digits > maxDigits || digits == len(rest) || rest[digits] != u.letter {
			continue
		}
		n, err := strconv.Atoi(rest[:digits])
		if err != nil {
			break
		}
		sum += time.Duration(n) * u.length
		rest = rest[digits+1:]
		parts++
	}
	if parts == 0 || rest != "" {
		return 0, Errorf(CodeInvalid, `%q is not a duration; write it as "90s", "5m", "2h" or "1h30m"`, s)
	}
	return sum, nil
}

// ParseClock parses "hh:mm" as a length of time: "01:30" is an hour and a half.
// The error is coded Invalid.
func ParseClock(s string) (time.Duration, error) {
	h, m, found := strings.Cut(s, ":")
	hours, errH := strconv.ParseUint(h, 10, 16)
	minutes, errM := strconv.ParseUint(m, 10, 16)
	if !found || errH != nil || errM != nil || len(h) > 3 || len(m) != 2 || minutes > 59 {
		return 0, Errorf(CodeInvalid, `%q is not a duration in the form "hh:mm", such as "01:30"`, s)
	}
	return time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute, nil
}

// FormatDuration returns d in words: "1 hour 30 minutes", "45 seconds". From 48
// hours on it counts days. Fractions of a second are dropped. Less than one
// second is "0 seconds", and so is a negative duration.
func FormatDuration(d time.Duration) string {
	left := int64(max(d, 0) / time.Second)
	if left == 0 {
		return "0 seconds"
	}
	var words []string
	for _, u := range []struct {
		name    string
		seconds int64
		from    int64 // used only for at least this many seconds
	}{{"day", 86400, 2 * 86400}, {"hour", 3600, 0}, {"minute", 60, 0}, {"second", 1, 0}} {
		n := left / u.seconds
		if n == 0 || left < u.from {
			continue
		}
		left -= n * u.seconds
		if n == 1 {
			words = append(words, "1 "+u.name)
		} else {
			words = append(words, fmt.Sprintf("%d %ss", n, u.name))
		}
	}
	return strings.Join(words, " ")
}
