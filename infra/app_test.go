package main

import (
	"testing"

	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/infra/settings"
)

// The ids that infra/deploy found are used together, and never against the settings.
func TestCenterOf(t *testing.T) {
	const one, other = "arn:aws:sso:::instance/ssoins-1", "arn:aws:sso:::instance/ssoins-2"
	for _, test := range []struct {
		name, setting, instance, store string
		want                           identitycenter.Settings
	}{
		{"found", "", one, "d-1", identitycenter.Settings{InstanceARN: one, Region: "eu-west-1", IdentityStore: "d-1"}},
		{"found, and set", one, one, "d-1", identitycenter.Settings{InstanceARN: one, Region: "eu-west-1", IdentityStore: "d-1"}},
		{"another one is set", other, one, "d-1", identitycenter.Settings{InstanceARN: other, Region: "eu-west-1"}},
		{"only set", one, "", "", identitycenter.Settings{InstanceARN: one, Region: "eu-west-1"}},
		{"without its store", "", one, "", identitycenter.Settings{Region: "eu-west-1"}},
		{"neither", "", "", "", identitycenter.Settings{Region: "eu-west-1"}},
	} {
		context := map[string]string{"instance": test.instance, "identity_store": test.store}
		got := centerOf(&settings.Settings{SSOInstanceARN: test.setting, SSORegion: "eu-west-1"}, func(key string) string { return context[key] })
		if got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}
