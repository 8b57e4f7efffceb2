package evaluate

import (
	"reflect"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// The row of a request that needs approval gets the description of its permission set, if
// the catalog has one.
func TestDescription(t *testing.T) {
	for _, tt := range []struct {
		name      string
		statement access.Statement
		target    access.Target
		want      string
	}{
		{"an account", byAnn, prod, "Everything"},
		{"another permission set", byAnn, access.Target{Kind: access.KindAccount, AccountID: "111111111111", PermissionSetARN: "arn:ps/2"}, ""},
		{"nobody needs to know", automatic, prod, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(tt.statement)
			w.row.Target, w.descriptions = tt.target, map[string]string{prod.PermissionSetARN: "Everything"}
			if _, err := w.handle(t, "evaluate", own, now); err != nil || w.evaluated.Description != tt.want {
				t.Errorf("got %q, %v; want %q", w.evaluated.Description, err, tt.want)
			}
		})
	}
}

// The background is in the row of a request that needs approval. A request never fails
// for lack of it, and it changes no decision.
func TestBackground(t *testing.T) {
	yesterday := now.Add(-24 * time.Hour)
	earlier := []access.Request{{
		ID: "r0", Target: prod, CreatedAt: yesterday, GrantedAt: yesterday, End: now.Add(time.Hour),
		Outcome: &access.Outcome{Kind: access.OutcomeApproved, By: ann, At: yesterday},
	}}
	known := &access.Background{Grants: 1, LastAt: yesterday, LastBy: []access.Person{ann}, Held: []access.HeldAccess{{Target: prod, End: now.Add(time.Hour)}}}
	tests := []struct {
		name      string
		statement access.Statement
		change    func(*world)
		want      *access.Background
		next      string
	}{
		{name: "earlier access", statement: byAnn, change: func(w *world) { w.others = earlier }, want: known, next: "approval"},
		{name: "none", statement: byAnn, change: func(*world) {}, want: &access.Background{}, next: "approval"},
		{name: "more than were read", statement: byAnn, change: func(w *world) { w.more = true }, want: &access.Background{MoreGrants: true}, next: "approval"},
		{
			name: "there is no index yet", statement: byAnn, next: "approval",
			change: func(w *world) {
				w.others, w.othersErr = earlier, access.Errorf(access.CodeInternal, "ValidationException: The table does not have the specified index: requester")
			},
		},
		{name: "throttled", statement: byAnn, next: "approval", change: func(w *world) { w.othersErr = access.Errorf(access.CodeThrottled, "slow down") }},
		{name: "not permitted", statement: byAnn, next: "approval", change: func(w *world) { w.othersErr = access.Errorf(access.CodeMisconfigure, "AccessDeniedException") }},
		{name: "an automatic grant doesn't look", statement: automatic, next: "automatic", change: func(w *world) { w.others = earlier }},
		{name: "nobody can approve", statement: byAnn, next: "refused", change: func(w *world) { w.others, w.known, w.unknown = earlier, nil, []string{"ann@example.com"} }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(test.statement)
			test.change(w)
			got, err := w.handle(t, "evaluate", own, now)
			if err != nil {
				t.Fatal(err)
			}
			if next := got.(Evaluated).Next.Next; next != test.next {
				t.Errorf("next %q, want %q", next, test.next)
			}
			if !reflect.DeepEqual(w.evaluated.Background, test.want) {
				t.Errorf("got  %+v\nwant %+v", w.evaluated.Background, test.want)
			}
		})
	}
}
