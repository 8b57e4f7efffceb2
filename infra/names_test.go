package main

import (
	"path/filepath"
	"slices"
	"testing"

	"sso-elevator/infra/names"
	"sso-elevator/infra/settings"
)

// The names that package names lists are those in the template.
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
		names.Bucket: "BucketName", names.Function: "FunctionName", names.LogGroup: "LogGroupName",
		names.Machine: "StateMachineName", names.Parameter: "Name", names.Role: "RoleName",
	}
	for settings, tpl := range map[*settings.Settings]template{goldenSettings(t): sharedStack(t).template, everything: made.template} {
		var got, want []string
		for _, kind := range names.Types {
			for _, r := range tpl.of(kind) {
				if name, is := r.Properties[properties[kind]].(string); is {
					want = append(want, kind+" "+name)
				}
			}
		}
		for _, name := range names.Of(settings) {
			got = append(got, name.Type+" "+name.Name)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("the names are\n%q, in the template are\n%q", got, want)
		}
	}
}
