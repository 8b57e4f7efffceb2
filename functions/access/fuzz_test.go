package access_test

import (
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// The parser accepts exactly what the pattern in the settings' schema permits. The
// result is the same as that of time.ParseDuration, which accepts more.
func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"90s", "5m", "2h", "1h30m", "999999h999999m999999s", "0s", "", "s", "1h1h", "1m1h", "-1s", "1.5h", "1000000h", "٣h", "1h ", "1H", "1e3s"} {
		f.Add(s)
	}
	pattern := regexp.MustCompile(access.DurationPattern)
	f.Fuzz(func(t *testing.T, s string) {
		d, err := access.ParseDuration(s)
		if (err == nil) != pattern.MatchString(s) {
			t.Fatalf("%q: %v, %v; the pattern says %v", s, d, err, pattern.MatchString(s))
		}
		if err != nil {
			checkRefusal(t, err)
			return
		}
		want, err := time.ParseDuration(s)
		if err != nil || d != want || d < 0 {
			t.Errorf("%q is %s; want %s, %v", s, d, want, err)
		}
		words := access.FormatDuration(d)
		if d >= time.Second && strings.HasPrefix(words, "0") || strings.ContainsAny(words, "-\n") {
			t.Errorf("%s in words is %q", d, words)
		}
	})
}

// This does the same for durations like "hh:mm". A second parser adds up the parts.
func FuzzParseClock(f *testing.F) {
	for _, s := range []string{"01:30", "0:00", "999:59", "1000:00", "1:60", "1:5", ":30", "1:", "-1:30", "+1:30", "01:30:00", "1_0:00", "٠١:٣٠", ""} {
		f.Add(s)
	}
	pattern := regexp.MustCompile(access.ClockPattern)
	f.Fuzz(func(t *testing.T, s string) {
		d, err := access.ParseClock(s)
		if (err == nil) != pattern.MatchString(s) {
			t.Fatalf("%q: %v, %v; the pattern says %v", s, d, err, pattern.MatchString(s))
		}
		if err != nil {
			checkRefusal(t, err)
			return
		}
		h, m, _ := strings.Cut(s, ":")
		hours, _ := new(big.Int).SetString(h, 10)
		minutes, _ := new(big.Int).SetString(m, 10)
		sum := hours.Add(hours.Mul(hours, big.NewInt(60)), minutes)
		if sum.Cmp(big.NewInt(int64(d/time.Minute))) != 0 || d%time.Minute != 0 {
			t.Errorf("%q is %s, want %s minutes", s, d, sum)
		}
	})
}

// checkRefusal checks that the code is Invalid, and that the text quotes the input on
// one line.
func checkRefusal(t *testing.T, err error) {
	t.Helper()
	if access.CodeOf(err) != access.CodeInvalid || strings.ContainsAny(err.Error(), "\n\x00\x1b") {
		t.Errorf("the error is %q of code %q", err, access.CodeOf(err))
	}
}
