package main

import (
	"strings"
	"testing"

	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/audit"
	awaitfn "sso-elevator/functions/await"
	"sso-elevator/functions/evaluate"
	"sso-elevator/functions/grant"
	"sso-elevator/functions/ingress"
	"sso-elevator/functions/notify"
	"sso-elevator/functions/reconcile"
	"sso-elevator/functions/revoke"
)

// Every function that the benchmarks start finds its settings.
func TestEnvironment(t *testing.T) {
	values := map[string]string{}
	for _, variable := range environment(&stub{}) {
		name, value, _ := strings.Cut(variable, "=")
		values[name] = value
	}
	for name, settings := range map[string]any{
		"audit": &audit.Settings{}, "await": &awaitfn.Settings{}, "evaluate": &evaluate.Settings{}, "grant": &grant.Settings{},
		"ingress": &ingress.Settings{}, "notify": &notify.Settings{}, "reconcile": &reconcile.Settings{}, "revoke": &revoke.Settings{},
	} {
		if err := host.ReadSettings(settings, func(name string) string { return values[name] }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
