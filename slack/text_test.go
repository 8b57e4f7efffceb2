package slack

import (
	"strings"
	"testing"
)

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

func TestAnyOf(t *testing.T) {
	twelve := strings.Split("a b c d e f g h i j k l", " ")
	for want, names := range map[string][]string{
		"":                                       nil,
		"a":                                      twelve[:1],
		"a or b":                                 twelve[:2],
		"a, b or c":                              twelve[:3],
		"a, b, c, d, e, f, g, h, i or j":         twelve[:10],
		"a, b, c, d, e, f, g, h, i, j or 2 more": twelve,
	} {
		if got := AnyOf(names); got != want {
			t.Errorf("AnyOf(%q) = %q, want %q", names, got, want)
		}
	}
}
