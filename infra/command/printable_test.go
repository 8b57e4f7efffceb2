package command

import "testing"

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"Zoë Ångström (ops) – 東京":   "Zoë Ångström (ops) – 東京",
		"a\x1b[31mred":              "a�[31mred",
		"one\ntwo\tthree":           "one�two�three",
		"right\u202eleft":           "right�left",
		"not UTF-8: \xff":           "not UTF-8: �",
		"a no-break\u00a0space too": "a no-break�space too",
	} {
		if got := Printable(text); got != want {
			t.Errorf("Printable(%q) = %q, want %q", text, got, want)
		}
	}
}
