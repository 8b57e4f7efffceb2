package doctor

import (
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/infra/settings"
)

func TestRemovals(t *testing.T) {
	until := time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC)
	exemptions := []access.Exemption{
		{AccountID: "111111111111", PermissionSet: "Admin", Email: "ann@example.com", Until: until, Reason: "Slack is down"},
		{GroupID: "g-1", Email: "bob@example.com", Until: until, Reason: "x"},
	}
	const removed = "ready: unknown access is removed at cron(0 23 * * ? *). Removing more than 25 within 24 hours needs someone's consent in Slack"
	for _, test := range []struct {
		name string
		s    settings.Settings
		want []string
	}{
		{"by schedule", settings.Settings{AllowRemovals: true, RevokeSchedule: "cron(0 23 * * ? *)", MaxRemovals: 25}, []string{removed}},
		{"without a schedule", settings.Settings{AllowRemovals: true}, []string{"ready: schedule_expression is empty, so unknown access is removed only if someone starts a reconciliation"}},
		{"switched off", settings.Settings{RevokeSchedule: "cron(0 23 * * ? *)"}, []string{"warning: allow_reconcile_removals is false, so no reconciliation removes unknown access"}},
		{"exemptions", settings.Settings{AllowRemovals: true, RevokeSchedule: "cron(0 23 * * ? *)", MaxRemovals: 25, Policy: access.Policy{Exemptions: exemptions}},
			[]string{removed, "warning: reconcile_exemptions protects this unknown access from removal"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, f := range checkRemovals(&test.s) {
				got = append(got, string(f.Status)+": "+f.Found)
				if (f.Status == ready) != (f.Fix == "") {
					t.Errorf("%s: the fix is %q", f.Found, f.Fix)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	items := checkRemovals(&settings.Settings{Policy: access.Policy{Exemptions: exemptions}})[1].Items
	if want := []string{"ann@example.com, 111111111111 Admin, until 2026-03-03T09:00:00Z: Slack is down", "bob@example.com, group g-1, until 2026-03-03T09:00:00Z: x"}; !slices.Equal(items, want) {
		t.Errorf("items %q, want %q", items, want)
	}
}
