package main

import (
	"path/filepath"
	"slices"
	"testing"

	"sso-elevator/infra/settings"
)

// TestNames checks that the names that the settings report are those in the
// template.
func TestNames(t *testing.T) {
	everything, err := settings.Load(filepath.Join("settings", "testdata", "everything.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	made, err := synthesizeStack(everything, false)
	if err != nil {
		t.Fatal(err)
	}
	properties := map[string]string{
		settings.TypeBucket: "BucketName", settings.TypeFunction: "FunctionName", settings.TypeLogGroup: "LogGroupName",
		settings.TypeMachine: "StateMachineName", settings.TypeParameter: "Name", settings.TypeRole: "RoleName",
	}
	for from, tpl := range map[*settings.Settings]template{goldenSettings(t): sharedStack(t).template, everything: made.template} {
		var got, want []string
		for _, kind := range settings.NamedTypes {
			for _, r := range tpl.of(kind) {
				if name, is := r.Properties[properties[kind]].(string); is {
					want = append(want, kind+" "+name)
				}
			}
		}
		for _, name := range from.ResourceNames() {
			got = append(got, name.Type+" "+name.Name)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("the names are\n%q, in the template are\n%q", got, want)
		}
	}
}

func TestGroupMentions(t *testing.T) {
	got := groupMentions(map[string]string{"g-2": "S2", "g-1": "S1"})
	if want := []string{"g-1=S1", "g-2=S2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
