package access

import (
	"regexp"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	pattern := regexp.MustCompile(DurationPattern)
	for _, tt := range []struct {
		in   string
		want time.Duration
		bad  bool
	}{
		{in: "90s", want: 90 * time.Second},
		{in: "5m", want: 5 * time.Minute},
		{in: "2h", want: 2 * time.Hour},
		{in: "1h30m", want: 90 * time.Minute},
		{in: "1h5s", want: time.Hour + 5*time.Second},
		{in: "1h2m3s", want: time.Hour + 2*time.Minute + 3*time.Second},
		{in: "01m", want: time.Minute},
		{in: "0s", want: 0},
		{in: "999999h", want: 999999 * time.Hour},
		{in: "1000000h", bad: true},
		{in: "", bad: true},
		{in: "90", bad: true},
		{in: "s", bad: true},
		{in: "h1", bad: true},
		{in: "-5m", bad: true},
		{in: "+5m", bad: true},
		{in: "1.5h", bad: true},
		{in: "100ms", bad: true},
		{in: "30m1h", bad: true},
		{in: "5m5m", bad: true},
		{in: "1h 30m", bad: true},
		{in: " 1h", bad: true},
		{in: "1h\n", bad: true},
		{in: "1H", bad: true},
		{in: "1d", bad: true},
		{in: "01:30", bad: true},
		{in: "٣m", bad: true},
	} {
		t.Run(tt.in, func(t *testing.T) {
			got, err := ParseDuration(tt.in)
			if got != tt.want || (err != nil) != tt.bad {
				t.Errorf("ParseDuration(%q) = %v, %v; want %v, error: %v", tt.in, got, err, tt.want, tt.bad)
			}
			if tt.bad && CodeOf(err) != CodeInvalid {
				t.Errorf("code of %v = %s, want %s", err, CodeOf(err), CodeInvalid)
			}
			if pattern.MatchString(tt.in) == tt.bad {
				t.Errorf("DurationPattern matches %q: %v, want %v", tt.in, tt.bad, !tt.bad)
			}
		})
	}
}

func TestParseClock(t *testing.T) {
	pattern := regexp.MustCompile(ClockPattern)
	for _, tt := range []struct {
		in   string
		want time.Duration
		bad  bool
	}{
		{in: "00:30", want: 30 * time.Minute},
		{in: "01:30", want: 90 * time.Minute},
		{in: "1:30", want: 90 * time.Minute},
		{in: "24:00", want: 24 * time.Hour},
		{in: "100:59", want: 100*time.Hour + 59*time.Minute},
		{in: "00:00", want: 0},
		{in: "", bad: true},
		{in: ":", bad: true},
		{in: "01:60", bad: true},
		{in: "01:3", bad: true},
		{in: ":30", bad: true},
		{in: "1000:00", bad: true},
		{in: "-1:30", bad: true},
		{in: "+1:30", bad: true},
		{in: "01:+3", bad: true},
		{in: "01:30:00", bad: true},
		{in: "1h", bad: true},
	} {
		t.Run(tt.in, func(t *testing.T) {
			got, err := ParseClock(tt.in)
			if got != tt.want || (err != nil) != tt.bad {
				t.Errorf("ParseClock(%q) = %v, %v; want %v, error: %v", tt.in, got, err, tt.want, tt.bad)
			}
			if tt.bad && CodeOf(err) != CodeInvalid {
				t.Errorf("code of %v = %s, want %s", err, CodeOf(err), CodeInvalid)
			}
			if pattern.MatchString(tt.in) == tt.bad {
				t.Errorf("ClockPattern matches %q: %v, want %v", tt.in, tt.bad, !tt.bad)
			}
		})
	}
}

func TestFormatDuration(t *testing.T) {
	for _, tt := range []struct {
		in   time.Duration
		want string
	}{
		{0, "0 seconds"},
		{-time.Hour, "0 seconds"},
		{999 * time.Millisecond, "0 seconds"},
		{time.Second, "1 second"},
		{1500 * time.Millisecond, "1 second"},
		{45 * time.Second, "45 seconds"},
		{time.Minute, "1 minute"},
		{90 * time.Second, "1 minute 30 seconds"},
		{time.Hour, "1 hour"},
		{90 * time.Minute, "1 hour 30 minutes"},
		{time.Hour + time.Second, "1 hour 1 second"},
		{24 * time.Hour, "24 hours"},
		{47*time.Hour + 59*time.Minute, "47 hours 59 minutes"},
		{48 * time.Hour, "2 days"},
		{49*time.Hour + 30*time.Minute, "2 days 1 hour 30 minutes"},
		{300 * 24 * time.Hour, "300 days"},
	} {
		t.Run(tt.want, func(t *testing.T) {
			if got := FormatDuration(tt.in); got != tt.want {
				t.Errorf("FormatDuration(%v) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}
