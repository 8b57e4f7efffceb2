package ingress

import (
	"fmt"
	"strings"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// The form says so if evaluate would refuse the request because nobody in Slack could
// approve it.
func TestNobodyReachable(t *testing.T) {
	const warning = "This would be refused, because none of the approvers is a full member of this Slack workspace with a confirmed email address: "
	var many []string
	for i := range mostReachLookups + 1 {
		many = append(many, fmt.Sprintf("a%d@example.com", i))
	}
	tests := []struct {
		name      string
		approvers []string
		change    func(*world)
		want      string // of the preview
	}{
		{"nobody", []string{"gone@example.com", "left@example.com"}, func(w *world) { w.notInSlack = []string{"gone@example.com", "left@example.com"} },
			warning + "gone@example.com, left@example.com. Ask the people who run this app."},
		{"one of two", []string{"ann@example.com", "gone@example.com"}, func(w *world) { w.notInSlack = []string{"gone@example.com"} },
			"Approvers (any one can approve): ann@example.com, gone@example.com"},
		{"nobody, but a group", []string{"gone@example.com", "group:g-1"}, func(w *world) { w.notInSlack = []string{"gone@example.com"} },
			"Approvers (any one can approve): gone@example.com"},
		{"Slack doesn't answer", []string{"gone@example.com"}, func(w *world) {
			w.notInSlack, w.approversErr = []string{"gone@example.com"}, access.Errorf(access.CodeUnavailable, "no answer")
		}, "Approvers (any one can approve): gone@example.com"},
		{"too many to look up", many, func(w *world) { w.notInSlack = many }, "Approvers (any one can approve): a0@example.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.policy.Accounts[0].ApprovalIsNotRequired = nil
			w.policy.Accounts[0].Approvers = tt.approvers
			tt.change(w)
			f := slack.Form{Kind: access.KindAccount, Chosen: access.Target{Kind: access.KindAccount, AccountID: production, AccountName: "Production", PermissionSetARN: readOnly, PermissionSet: "ReadOnly"}}
			if err := w.handler().preview(t.Context(), w.inForce, jane, &f); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(f.Preview, tt.want) {
				t.Errorf("the form says %q, want %q", f.Preview, tt.want)
			}
		})
	}
}
