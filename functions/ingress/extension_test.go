package ingress

import (
	"reflect"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// holds has jane hold ReadOnly in production, since that long and for that long.
func (w *world) holds(set string, since, until time.Duration) {
	r := active()
	r.ID, r.Target.PermissionSet, r.Target.PermissionSetARN = "r2", "ReadOnly", set
	r.Outcome.At, r.GrantedAt, r.End = now.Add(-since), now.Add(-since), now.Add(until)
	w.rows["r2"] = r
	key := r.Subject().Key()
	w.leases = map[string]access.Lease{key: {Key: key, Holders: map[string]access.Holder{"r2": {}}}}
}

func TestSubmitExtension(t *testing.T) {
	tests := []struct {
		name   string
		change func(*world)
		want   map[string]string // texts in the form; nil: the request is created
	}{
		{name: "within the limit", change: func(w *world) { w.holds(readOnly, 0, time.Hour) }},
		{name: "longer than the settings allow, and the policy names approvers", change: func(w *world) {
			w.holds(readOnly, time.Hour, time.Hour)
			w.policy.Accounts[0].Approvers = []string{"ann@example.com"}
		}},
		{name: "longer, and nobody can approve it", change: func(w *world) { w.holds(readOnly, time.Hour, time.Hour) },
			want: map[string]string{"duration": "You have this access already. With this extension, it would last 3 hours in all. That needs an approval, and the policy names no other approver."}},
		{name: "what they held has ended", change: func(w *world) { w.holds(readOnly, 2*time.Hour, 0) }},
		{name: "it needs an approval whatever it extends, so the lease isn't read", change: func(w *world) {
			w.policy.Accounts[0].ApprovalIsNotRequired = nil
			w.policy.Accounts[0].Approvers = []string{"ann@example.com"}
			w.leaseErr = access.Errorf(access.CodeUnavailable, "no answer")
		}},
		{name: "the lease can't be read: nothing is decided", change: func(w *world) { w.leaseErr = access.Errorf(access.CodeUnavailable, "no answer") },
			want: map[string]string{"reason": "Something went wrong. Please try again in a moment."}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			tt.change(w)
			got := w.send(t, filled("UJANE", production, readOnly, "3600", "look"))
			if errs := fieldErrors(got.Body); !reflect.DeepEqual(errs, tt.want) {
				t.Errorf("the form says %q, want %q", errs, tt.want)
			}
			if _, created := w.rows[requestID]; created != (tt.want == nil) || len(w.started) > 0 != created {
				t.Errorf("created: %v, started %q", created, w.started)
			}
		})
	}
}

func TestPreviewExtension(t *testing.T) {
	since, until := now.Add(-30*time.Minute), now.Add(30*time.Minute)
	automatic := "This will be granted automatically: the policy requires no approval here."
	tests := []struct {
		name    string
		change  func(*world)
		extends *slack.Extension
		preview string
	}{
		{name: "nothing is held", change: func(*world) {}, preview: automatic},
		{name: "some durations need an approval", change: func(w *world) { w.holds(readOnly, 30*time.Minute, 30*time.Minute) },
			extends: &slack.Extension{Since: since, Until: until, Limited: true, Automatic: time.Hour}, preview: automatic},
		{name: "all do, and nobody can approve it", change: func(w *world) { w.holds(readOnly, 2*time.Hour, 30*time.Minute) },
			extends: &slack.Extension{Since: now.Add(-2 * time.Hour), Until: until, Limited: true},
			preview: "This would be refused, because the policy names no other approver. Ask the people who run this app to add one."},
		{name: "it needs an approval anyway", change: func(w *world) {
			w.holds(readOnly, 30*time.Minute, 30*time.Minute)
			w.policy.Accounts[0].ApprovalIsNotRequired = nil
			w.policy.Accounts[0].Approvers = []string{"ann@example.com"}
		}, extends: &slack.Extension{Since: since, Until: until}, preview: "Approvers (any one can approve): ann@example.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			tt.change(w)
			target := access.Target{Kind: access.KindAccount, AccountID: production, AccountName: "Production", PermissionSetARN: readOnly, PermissionSet: "ReadOnly"}
			f := slack.Form{Kind: access.KindAccount, Chosen: target}
			if err := w.handler().preview(t.Context(), w.inForce, jane, &f); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(f.Extends, tt.extends) || f.Preview != tt.preview {
				t.Errorf("extends %+v, preview %q", f.Extends, f.Preview)
			}
		})
	}
}

// Under self-approval, the requester must not approve an extension that is too long.
func TestRequesterCantApproveALongExtension(t *testing.T) {
	yes := true
	for name, tt := range map[string]struct {
		chain *access.Chain
		told  string
	}{
		"no extension": {nil, ""},
		"too long":     {&access.Chain{Since: now.Add(-2 * time.Hour), End: now.Add(time.Hour)}, "You can deny this request, but you can't approve it. This is your own request. ann@example.com can."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.policy.Accounts[1] = access.Statement{Resources: []string{production}, PermissionSets: []string{"Admin"}, Approvers: []string{"ann@example.com", "jane@example.com"}, AllowSelfApproval: &yes}
			r := waiting()
			r.Duration, r.Chain = 3600, tt.chain
			w.rows["r1"] = r
			w.send(t, pressBy("UJANE", "approve", "r1"))
			if (w.rows["r1"].Outcome != nil) != (tt.chain == nil) || len(w.told) > 0 && w.told[0] != tt.told || len(w.told) == 0 && tt.told != "" {
				t.Errorf("outcome %+v, told %q", w.rows["r1"].Outcome, w.told)
			}
		})
	}
}
