package host

import (
	"strings"
	"testing"
	"time"
)

// A value that is read has the right type. No mistake repeats a value, because someone
// may have put a secret in the wrong place.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"", "true", "1", "-1", "9223372036", "9223372037", "1e309", "NaN", "3600,7200", ",,", " 60 , 90 ", "60,x", "INFO", "xoxb-1-2-3-4-5-6", "\x00", "0x10", "1_000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		var s struct {
			Text      string          `env:"TEXT"`
			Flag      bool            `env:"FLAG"`
			Number    int             `env:"NUMBER"`
			Factor    float64         `env:"FACTOR"`
			Wait      time.Duration   `env:"WAIT"`
			Words     []string        `env:"WORDS"`
			Durations []time.Duration `env:"DURATIONS"`
		}
		err := ReadSettings(&s, func(string) string { return value })
		if s.Text != value || s.Wait < 0 || s.Wait%time.Second != 0 {
			t.Errorf("%q is read as %+v", value, s)
		}
		for _, d := range s.Durations {
			if d < 0 || d%time.Second != 0 {
				t.Errorf("%q has the duration %s", value, d)
			}
		}
		for _, w := range s.Words {
			if w == "" || w != strings.TrimSpace(w) || strings.Contains(w, ",") {
				t.Errorf("%q has the word %q", value, w)
			}
		}
		if err != nil && len(value) > 12 && strings.Contains(err.Error(), value) {
			t.Errorf("the mistake repeats the value: %v", err)
		}
	})
}
