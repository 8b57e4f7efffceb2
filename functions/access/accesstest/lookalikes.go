// Package accesstest provides test data about access for several packages.
package accesstest

// Email is the address that LookAlikes resemble.
const Email = "kim.s@bigbank.com"

// LookAlikes returns addresses that a person, or a comparison that folds Unicode,
// mistakes for Email. Each one is a different address and must match nobody. The
// map's keys say how it differs.
func LookAlikes() map[string]string {
	return map[string]string{
		"Kelvin sign for k":        "\u212Aim.s@bigbank.com",
		"capital I with a dot":     "kim.s@b\u0130gbank.com",
		"small i without a dot":    "kim.s@b\u0131gbank.com",
		"long s":                   "kim.\u017F@bigbank.com",
		"full-width k":             "\uFF4Bim.s@bigbank.com",
		"Cyrillic a":               "kim.s@bigb\u0430nk.com",
		"no-break space around it": "\u00A0kim.s@bigbank.com\u00A0",
		"bytes that are not UTF-8": "kim.s@bigbank.com\xFF",
	}
}
