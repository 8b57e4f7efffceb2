package revoke

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/cases/casestest"
	"sso-elevator/functions/adapters/host"
)

// TestDriftWithGroups checks whether the person who agreed to a removal still decides
// by a group.
func TestDriftWithGroups(t *testing.T) {
	ann := access.Person{SlackID: "U1", Email: "ann@example.com", PrincipalID: "p-ann"}
	for _, tt := range []struct {
		name   string
		groups casestest.Groups
		want   access.Code
	}{
		{"a member", casestest.Groups{Members: map[string][]string{"g-sec": {"p-ann"}}}, ""},
		{"removed from the group since", casestest.Groups{}, access.CodeRefused},
		{"a member by this app only", casestest.Groups{Members: map[string][]string{"g-sec": {"p-ann"}}, Granted: []string{"g-sec p-ann"}}, access.CodeRefused},
		{"nobody knows", casestest.Groups{Err: access.Errorf(access.CodeUnavailable, "x")}, access.CodeUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			removed := 0
			answer := access.RunAnswer{Remove: true, By: ann, At: nine, Findings: [][2]int{{0, 4}}}
			h := &Handler{
				Leases:   &mockLeases{drift: func(access.Finding, access.FindingRef, func(context.Context) error) error { removed++; return nil }},
				Findings: memoryFindings{"r2": {Subject: subject}},
				Table: &rows{runs: map[string]access.Run{"r": {
					ID: "r", Mode: access.DriftRevoke, Guard: access.GuardTooMany, Answers: []access.RunAnswer{answer}, Answer: &answer,
				}}},
				Policy: inForce{set: subject.PermissionSet, approvers: []string{"group:g-sec"}},
				Cases:  tt.groups.Reader(), Catalog: units{},
				Now:    func() time.Time { return nine },
				Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
			}
			_, err := h.Handle(t.Context(), Input{Input: host.Input{Operation: "drift", Run: "r"}, Index: 2})
			if access.CodeOf(err) != tt.want || removed != 1-min(1, len(tt.want)) {
				t.Errorf("got %v, removed %d; want code %q", err, removed, tt.want)
			}
		})
	}
}
