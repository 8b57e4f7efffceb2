package ingress

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
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

// extends has jane extend the access of a request, from now on and for that long.
func (w *world) extends(id string, until time.Duration) {
	r := w.rows[id]
	r.ID, r.Extends, r.ChainSince = "r3", id, r.GrantedAt
	r.Outcome = &access.Outcome{Kind: access.OutcomeApproved, At: now}
	r.GrantedAt, r.End = now, now.Add(until)
	w.rows["r3"] = r
	w.leases[r.Subject().Key()].Holders["r3"] = access.Holder{}
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
	const upToAnHour = "An extension of up to 1 hour will be granted automatically: the policy requires no approval here.\n"
	yes := true
	tests := []struct {
		name      string
		change    func(*world)
		secondary bool // the requester was found under a fallback domain
		extends   *slack.Extension
		preview   string
	}{
		{name: "nothing is held", change: func(*world) {}, preview: automatic},
		{name: "some durations need an approval", change: func(w *world) { w.holds(readOnly, 30*time.Minute, 30*time.Minute) },
			extends: &slack.Extension{Since: since, Until: until, Limited: true, Automatic: time.Hour},
			preview: upToAnHour + "A longer one would be refused, because the policy names no other approver. Ask the people who run this app to add one."},
		{name: "some durations need an approval, and someone can give it", change: func(w *world) {
			w.holds(readOnly, 30*time.Minute, 30*time.Minute)
			w.policy.Accounts[0].Approvers = []string{"ann@example.com", "group:g-2"}
		}, extends: &slack.Extension{Since: since, Until: until, Limited: true, Automatic: time.Hour},
			preview: upToAnHour + "Approvers of a longer one (any one can approve): ann@example.com, members of Owners"},
		{name: "some durations need an approval, and nobody is in Slack", change: func(w *world) {
			w.holds(readOnly, 30*time.Minute, 30*time.Minute)
			w.policy.Accounts[0].Approvers, w.notInSlack = []string{"gone@example.com"}, []string{"gone@example.com"}
		}, extends: &slack.Extension{Since: since, Until: until, Limited: true, Automatic: time.Hour},
			preview: upToAnHour + "A longer one would be refused, because none of the approvers is a full member of this Slack workspace with a confirmed email address: gone@example.com. Ask the people who run this app."},
		{name: "some durations need an approval, and no member is in Slack", change: func(w *world) {
			w.holds(readOnly, 30*time.Minute, 30*time.Minute)
			w.policy.Accounts[0].Approvers, w.notInSlack = []string{"group:g-1"}, []string{"gone@example.com"}
			w.members = map[string]catalog.Members{"g-1": {Users: []catalog.Member{{UserID: "p-gone", Email: "gone@example.com"}}}}
		}, extends: &slack.Extension{Since: since, Until: until, Limited: true, Automatic: time.Hour},
			preview: upToAnHour + "Nobody who can approve a longer one was found in Slack, so probably nobody will see the request. You can still submit it. Then tell the people who run this app, or ask an approver yourself." +
				"\nApprovers of a longer one (any one can approve): members of Auditors"},
		{name: "the requester can approve the shorter ones", change: func(w *world) {
			w.holds(readOnly, 30*time.Minute, 30*time.Minute)
			s := &w.policy.Accounts[0]
			s.ApprovalIsNotRequired, s.AllowSelfApproval, s.Approvers = nil, &yes, []string{"ann@example.com", "jane@example.com"}
		}, extends: &slack.Extension{Since: since, Until: until, Limited: true, Automatic: time.Hour},
			preview: "An extension of up to 1 hour will be granted automatically: the policy lets you approve this yourself.\nApprovers of a longer one (any one can approve): ann@example.com"},
		{name: "the requester can't approve the shorter ones, because their emails differ", secondary: true, change: func(w *world) {
			w.holds(readOnly, 30*time.Minute, 30*time.Minute)
			s := &w.policy.Accounts[0]
			s.ApprovalIsNotRequired, s.AllowSelfApproval, s.Approvers = nil, &yes, []string{"ann@example.com", "jane@example.com"}
		}, extends: &slack.Extension{Since: since, Until: until, Limited: true, Automatic: time.Hour},
			preview: "An extension of up to 1 hour would be refused. " + notSelfApproved + "\nApprovers of a longer one (any one can approve): ann@example.com"},
		{name: "the policy allows no duration that needs an approval", change: func(w *world) {
			w.holds(readOnly, 0, 0)
			r := w.rows["r2"]
			r.End = now.Add(time.Second)
			w.rows["r2"] = r
			w.policy.Accounts[0].MaxDuration = 3601
		}, extends: &slack.Extension{Since: now, Until: now.Add(time.Second), Automatic: time.Hour}, preview: automatic},
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
			requester := jane
			requester.SecondaryDomain = tt.secondary
			if err := w.handler().preview(t.Context(), w.inForce, requester, &f); err != nil {
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

// The dialog shows what the request would extend now. The row only has what it would have
// extended when it was evaluated.
func TestConfirmShowsWhatIsExtended(t *testing.T) {
	const over, held = "The earlier request has ended.", "This request doesn't extend it"
	row := waiting()
	row.Chain = &access.Chain{Since: now.Add(-time.Hour), End: now.Add(time.Hour), Extends: "r2"}
	past := row
	past.Chain = &access.Chain{Since: now.Add(-2 * time.Hour), End: now, Extends: "r2"}
	shorter := row
	shorter.Chain = &access.Chain{Since: now.Add(-time.Hour), End: now.Add(30 * time.Minute), Extends: "r2"}
	ended := func(change func(*access.Request)) func(*world) {
		return func(w *world) {
			w.holds(admin, time.Hour, time.Hour)
			r := w.rows["r2"]
			change(&r)
			w.rows["r2"] = r
		}
	}
	tooLong := row
	tooLong.EvaluatedDecision = &access.Decision{Outcome: access.DecideApproval, ChainTooLong: true}
	other := tooLong // the access that was too long has ended, and jane got some anew
	other.Chain = &access.Chain{Since: now.Add(-10 * time.Minute), End: now.Add(20 * time.Minute), Extends: "r2"}
	other.EvaluatedDecision = &access.Decision{Outcome: access.DecideApproval}
	broken, none := access.Errorf(access.CodeUnavailable, "no answer"), time.Time{}
	for _, tt := range []struct {
		name   string
		row    access.Request
		change func(*world)
		shows  access.Request
		over   bool
		held   time.Time
	}{
		{"as in the row", row, func(w *world) { w.holds(admin, time.Hour, time.Hour) }, row, false, none},
		{"shorter by now", row, func(w *world) { w.holds(admin, time.Hour, 30*time.Minute) }, shorter, false, none},
		{"longer by now: grant extends what the row says", row, func(w *world) {
			w.holds(admin, time.Hour, time.Hour)
			w.extends("r2", 3*time.Hour)
		}, row, false, none},
		{"longer by now, and what the row says has ended", past, func(w *world) {
			w.holds(admin, 2*time.Hour, 0)
			w.extends("r2", 3*time.Hour)
		}, past, true, now.Add(3 * time.Hour)},
		{"its requester ended it", row, ended(func(r *access.Request) { r.EndRequest = &access.EndRequest{By: jane, At: now} }), row, true, none},
		{"it is being removed", row, ended(func(r *access.Request) { r.RevokingAt = now }), row, true, none},
		{"it is gone", row, func(*world) {}, row, true, none},
		{"its time is over", past, func(w *world) { w.holds(admin, 2*time.Hour, 0) }, past, true, none},
		{"too long, as in the row", tooLong, func(w *world) { w.holds(admin, time.Hour, time.Hour) }, tooLong, false, none},
		{"too long, and other access by now", tooLong, func(w *world) { w.holds(admin, 10*time.Minute, 20*time.Minute) }, other, false, none},
		{"the table stalls", row, func(w *world) { w.leaseStalls = true }, row, false, none},
		{"the table doesn't answer", row, func(w *world) { w.leaseErr = broken }, row, false, none},
		{"the table doesn't answer, after its end", past, func(w *world) { w.leaseErr = broken }, past, true, none},
	} {
		for _, bySetting := range []bool{false, true} {
			w := confirming()
			w.confirms = bySetting
			w.policy.Accounts[1].Confirm = !bySetting
			tt.change(w)
			w.rows["r1"] = tt.row
			w.send(t, pressBy("UANN", "approve", "r1"))
			want := slack.ConfirmationView(slack.Confirmation{Request: tt.shows, Last: true, ChainOver: tt.over, HeldUntil: tt.held})
			if len(w.views) != 1 || !reflect.DeepEqual(w.views[0].view, want) {
				t.Errorf("%s: told %q, dialogs %+v", tt.name, w.told, w.views)
				continue
			}
			if left := w.timeLeft(); left < time.Second {
				t.Errorf("%s: the dialog opened with %s left", tt.name, left)
			}
			text := shownText(w.views[0].view)
			if isOver, isHeld := strings.Contains(text, over), strings.Contains(text, held); isOver != (tt.over && tt.held.IsZero()) || isHeld == tt.held.IsZero() {
				t.Errorf("%s: it says that it is over: %t, and that it is held: %t", tt.name, isOver, isHeld)
			}
		}
	}
}

// Neither a request that extends nothing nor a press without a dialog reads a lease.
func TestApproveReadsNoLease(t *testing.T) {
	extends := waiting()
	extends.Chain = &access.Chain{Since: now.Add(-time.Hour), End: now.Add(time.Hour), Extends: "r2"}
	for name, tt := range map[string]struct {
		row   access.Request
		world *world
	}{"no extension": {waiting(), confirming()}, "no dialog": {extends, newWorld()}} {
		w := tt.world
		w.rows["r1"] = tt.row
		w.leaseErr = access.Errorf(access.CodeUnavailable, "no answer")
		w.send(t, pressBy("UANN", "approve", "r1"))
		if len(w.views) == 0 && w.rows["r1"].Outcome == nil || strings.Contains(w.log.String(), "no answer") {
			t.Errorf("%s: told %q, log:\n%s", name, w.told, &w.log)
		}
	}
}
