package settings

import (
	"slices"
	"testing"
)

// Nobody may lift a block that they wrote.
func TestWarnOfSingleResponder(t *testing.T) {
	const group = "group:99999999-8888-7777-6666-555555555555"
	for value, want := range map[string]string{
		"[]":                                 "",
		"[ann@example.com]":                  "f:1: incident_responders: names only ann@example.com: nobody could lift a block that this person placed. Add another person, or a group",
		"[ann@example.com, bob@example.com]": "",
		"[ann@example.com, Ann@example.com]": "f:1: incident_responders: names only ann@example.com: nobody could lift a block that this person placed. Add another person, or a group",
		`["` + group + `"]`:                  "",
		`[ann@example.com, "` + group + `"]`: "",
	} {
		s, err := Parse("f", []byte("incident_responders: "+value+"\nconfig: [{Resource: \"111111111111\", PermissionSet: Admin, Approvers: [ann@example.com, bob@example.com]}]\n"+required))
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(s.Warnings, want); got != (want != "") {
			t.Errorf("%s: %q", value, s.Warnings)
		}
	}
}
