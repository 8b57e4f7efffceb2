package access

import "strings"

// NormalizeEmail returns the form in which emails are stored and compared: without
// ASCII white space around it, and with the letters A to Z in lower case. It changes
// no other character. Unicode case folding could make two addresses equal: it turns K
// (U+212A, the Kelvin sign) into k.
func NormalizeEmail(s string) string {
	s = TrimEmail(s)
	for i := range len(s) {
		if isUpper(s[i]) {
			return lower(s)
		}
	}
	return s
}

// TrimEmail returns s without the ASCII white space around it.
func TrimEmail(s string) string { return strings.Trim(s, "\t\n\v\f\r ") }

// IsASCII reports whether s has only ASCII characters. An email with other characters
// matches nobody: not as a requester, not as an approver, not in the policy.
func IsASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// SameEmail reports whether a and b are the same address: both ASCII, and equal
// except for the case of the letters A to Z.
func SameEmail(a, b string) bool {
	return IsASCII(a) && IsASCII(b) && lower(a) == lower(b)
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

// lower is s with the letters A to Z in lower case.
func lower(s string) string {
	folded := []byte(s)
	for i, c := range folded {
		if isUpper(c) {
			folded[i] = c + 'a' - 'A'
		}
	}
	return string(folded)
}
