package slack

import "testing"

func TestVisible(t *testing.T) {
	for text, want := range map[string]bool{
		"deploy": true, "7": true, "!": true, "✅": true, "本番": true, "עברית": true, "ᄀ": true, "é": true, "\u200bx": true, "€": true,
		"": false, " \n\t\u00a0\u2003": false, "\u200b\u200c\u200d\u2060\ufeff\u00ad": false, "\u202e\u2066": false,
		"\u3164": false, "\u115f\u1160\uffa0": false, "\u2800\u2800": false, "\u0301": false, "\U000e0041": false, "\ue000": false,
	} {
		if got := isVisible(text); got != want {
			t.Errorf("visible(%q) = %v", text, got)
		}
	}
}
