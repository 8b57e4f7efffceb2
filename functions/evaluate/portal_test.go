package evaluate

import (
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// The row gets the portal of the settings or, without one, the one in the catalog, and
// the session of the permission set.
func TestPortalAndSession(t *testing.T) {
	const mine, derived = "https://example.awsapps.com/start", "https://d-0123456789.awsapps.com/start"
	tests := []struct {
		name        string
		change      func(*world)
		wantPortal  access.Portal
		wantSession time.Duration
	}{
		{name: "neither is known", change: func(w *world) { w.settings.Region = "eu-central-1" }},
		{name: "from the settings", change: func(w *world) { w.settings, w.portal = access.Portal{URL: mine, Region: "eu-central-1"}, derived }, wantPortal: access.Portal{URL: mine, Region: "eu-central-1"}},
		{name: "from the catalog", change: func(w *world) { w.settings.Region, w.portal = "eu-central-1", derived }, wantPortal: access.Portal{URL: derived, Region: "eu-central-1"}},
		{name: "a session", change: func(w *world) {
			w.sessions = map[string]time.Duration{prod.PermissionSetARN: 8 * time.Hour, "arn:ps/2": time.Hour}
		}, wantSession: 8 * time.Hour},
		{name: "a group has no session", change: func(w *world) {
			w.sessions = map[string]time.Duration{"": 8 * time.Hour}
			w.row.Target = access.Target{Kind: access.KindGroup, GroupID: "g-1"}
			w.policy.Groups = w.policy.Accounts
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(automatic)
			tt.change(w)
			if _, err := w.handle(t, "evaluate", own, now); err != nil {
				t.Fatal(err)
			}
			if w.evaluated.Portal != tt.wantPortal || w.evaluated.Session != tt.wantSession {
				t.Errorf("portal %+v, session %s; want %+v, %s", w.evaluated.Portal, w.evaluated.Session, tt.wantPortal, tt.wantSession)
			}
		})
	}
}
