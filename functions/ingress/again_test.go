package ingress

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// endedRequest is jane's request for Admin in production, after its end.
func endedRequest() access.Request {
	r := active()
	r.Duration, r.Reason, r.Ticket = 7200, "Incident 12", "OPS-1"
	r.Target.AccountName = "Production"
	r.RevokingAt, r.RevokedAt, r.Removal, r.ClosedAt = now, now, access.RemovalDone, now
	return r
}

func TestAskAgain(t *testing.T) {
	const approvers = "Approvers (any one can approve): ann@example.com, twin@example.com"
	target := access.Target{Kind: access.KindAccount, AccountID: production, AccountName: "Production", PermissionSetARN: admin, PermissionSet: "Admin"}
	whole := slack.Form{Kind: access.KindAccount, Chosen: target, Durations: offered, Duration: 2 * time.Hour, Reason: "Incident 12", Ticket: "OPS-1", Preview: approvers}
	with := func(change func(*slack.Form)) slackgo.ModalViewRequest {
		f := whole
		change(&f)
		return slack.FormView(f)
	}
	unavailable := access.Errorf(access.CodeUnavailable, "no answer")
	const busy = "Something went wrong. Please try again in a moment."
	// beside adds another request for the same access, which keeps the first one's.
	beside := func(change func(*access.Request)) func(*world, *access.Request) {
		return func(w *world, r *access.Request) {
			w.beside("r2", change)
			r.Removal, r.ClosedAt = access.RemovalKept, now
		}
	}
	extends := func(f *slack.Form) { f.Extends = &slack.Extension{Since: now, Until: now.Add(time.Hour)} }
	tests := []struct {
		name   string
		user   string
		action string
		change func(*world, *access.Request)
		want   slackgo.ModalViewRequest
		kind   access.Kind
		told   string
	}{
		{name: "the same again", want: slack.FormView(whole)},
		{name: "a ticket that is still asked for", change: func(w *world, _ *access.Request) {
			w.policy.Accounts[1].Ticket = &access.Ticket{Required: true, Hint: "An issue"}
		}, want: with(func(f *slack.Form) { f.Tickets = []access.Ticket{{Required: true, Hint: "An issue"}} })},
		{name: "a renamed account", change: func(_ *world, r *access.Request) { r.Target.AccountName = "Old name" }, want: slack.FormView(whole)},
		{name: "a row without a permission set's ARN", change: func(_ *world, r *access.Request) { r.Target.PermissionSetARN = "" }, want: slack.FormView(whole)},
		{name: "hostile texts", change: func(_ *world, r *access.Request) { r.Reason = "<!channel> *x*" }, want: with(func(f *slack.Form) { f.Reason = "<!channel> *x*" })},
		{name: "a duration that is no longer offered", change: func(_ *world, r *access.Request) { r.Duration = 3 * 3600 },
			want: with(func(f *slack.Form) {
				f.Duration, f.Note = 3*time.Hour, "You can't request this for 3 hours anymore. Choose a duration."
			})},
		{name: "a duration that the policy no longer allows", change: func(w *world, _ *access.Request) { w.policy.Accounts[1].MaxDuration = 3600 },
			want: with(func(f *slack.Form) {
				f.Longest, f.Note = time.Hour, "You can't request this for 2 hours anymore. Choose a duration."
			})},
		{name: "a permission set that is no longer offered", change: func(_ *world, r *access.Request) {
			r.Target.PermissionSetARN, r.Target.PermissionSet = billing, "Billing"
		}, want: with(func(f *slack.Form) {
			f.Chosen.PermissionSetARN, f.Chosen.PermissionSet, f.Preview = "", "", ""
			f.Note = "You can't request Billing in Production (111111111111) anymore. Choose another permission set."
		})},
		{name: "a permission set that is gone", change: func(_ *world, r *access.Request) {
			r.Target.PermissionSetARN, r.Target.PermissionSet = admin+"x", "Old"
		}, want: with(func(f *slack.Form) {
			f.Chosen.PermissionSetARN, f.Chosen.PermissionSet, f.Preview = "", "", ""
			f.Note = "You can't request Old in Production (111111111111) anymore. Choose another permission set."
		})},
		{name: "an account that is not offered", change: func(_ *world, r *access.Request) {
			r.Target.AccountID, r.Target.AccountName = "333333333333", "Secret"
		}, want: with(func(f *slack.Form) {
			f.Chosen, f.Preview = access.Target{Kind: access.KindAccount}, ""
			f.Note = "You can't request Admin in Secret (333333333333) anymore. Choose from the lists."
		})},
		{name: "an account that is gone", change: func(_ *world, r *access.Request) {
			r.Target.AccountID, r.Target.AccountName = "999999999999", "Gone"
		}, want: with(func(f *slack.Form) {
			f.Chosen, f.Preview = access.Target{Kind: access.KindAccount}, ""
			f.Note = "You can't request Admin in Gone (999999999999) anymore. Choose from the lists."
		})},
		{name: "a group", kind: access.KindGroup, change: func(_ *world, r *access.Request) {
			r.Target = access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: "Old auditors"}
		}, want: with(func(f *slack.Form) {
			f.Kind, f.Chosen = access.KindGroup, access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: "Auditors"}
			f.Preview = "This will be granted automatically: the policy lets you approve this yourself."
		})},
		{name: "a group that is not offered", kind: access.KindGroup, change: func(_ *world, r *access.Request) {
			r.Target = access.Target{Kind: access.KindGroup, GroupID: "g-2", GroupName: "Owners"}
		}, want: with(func(f *slack.Form) {
			f.Kind, f.Chosen, f.Preview = access.KindGroup, access.Target{Kind: access.KindGroup}, ""
			f.Note = "You can't request the group Owners anymore. Choose another group."
		})},
		{name: "the management account", change: func(w *world, _ *access.Request) { w.management = production },
			want: with(func(f *slack.Form) { f.Preview = "This would be refused. " + slack.ManagementAccount })},
		{name: "no policy", change: func(w *world, _ *access.Request) { w.policyErr = unavailable },
			want: with(func(f *slack.Form) { f.Chosen, f.Preview = access.Target{Kind: access.KindAccount}, busy })},
		{name: "no catalog", change: func(w *world, _ *access.Request) { w.catalogErr = access.Errorf(access.CodeNotFound, "no object") },
			want: with(func(f *slack.Form) {
				f.Chosen, f.Preview = access.Target{Kind: access.KindAccount}, "The list is being prepared. Please try again in a minute."
			})},
		{name: "the requester left", change: func(w *world, _ *access.Request) { delete(w.people, "UJANE") }, want: slack.NoticeView("Sorry", "No guests.")},
		{name: "the requester can't be looked up", change: func(w *world, _ *access.Request) { w.peopleErr = unavailable }, want: slack.NoticeView("Sorry", busy)},
		{name: "someone else", user: "UANN", told: "This button is for the requester. To request this access yourself, use /access."},
		{name: "the requester's second Slack user", user: "UTWIN", told: "This button is for the requester. To request this access yourself, use /access."},
		{name: "a group, someone else", user: "UANN", change: func(_ *world, r *access.Request) {
			r.Target = access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: "Auditors"}
		}, told: "This button is for the requester. To request this access yourself, use /group-access."},
		{name: "Slack doesn't open it", change: func(w *world, _ *access.Request) { w.openErr = unavailable },
			told: "The form didn't open. Please press the button again."},
		{name: "more time after the end", action: "more_time", told: "This access has already ended. To request it again, press Ask again in its message."},
		{name: "more time", action: "more_time", change: func(_ *world, r *access.Request) {
			r.RevokingAt, r.RevokedAt, r.ClosedAt = time.Time{}, time.Time{}, time.Time{}
		}, want: slack.FormView(whole)},
		{name: "more time during the removal", action: "more_time", change: func(_ *world, r *access.Request) { r.RevokedAt, r.ClosedAt = time.Time{}, time.Time{} },
			told: "This access is already being removed. To request it again, use /access."},
		{name: "more time after a press of End now", action: "more_time", change: func(_ *world, r *access.Request) {
			r.EndRequest, r.RevokingAt, r.RevokedAt, r.ClosedAt = &access.EndRequest{By: jane, At: now}, time.Time{}, time.Time{}, time.Time{}
		}, told: "This access is already being removed. To request it again, use /access."},
		{name: "more time after the removal, before the message shows it", action: "more_time", change: func(_ *world, r *access.Request) { r.ClosedAt = time.Time{} },
			told: "This access has already ended. To request it again, use /access."},
		{name: "more time after the end, of a membership", action: "more_time", change: func(_ *world, r *access.Request) {
			r.ClosedAt = time.Time{}
			r.Target = access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: "Auditors"}
		}, told: "This access has already ended. To request it again, use /group-access."},
		{name: "more time, not granted yet", action: "more_time", change: func(_ *world, r *access.Request) { *r = waiting() },
			told: "This access isn't active yet. Please try again in a moment."},
		{name: "more time after the end, and another request has ended since", action: "more_time", change: beside(func(r *access.Request) { r.RevokingAt, r.RevokedAt, r.Removal = now, now, access.RemovalDone }),
			told: "This access has already ended. To request it again, use /access."},
		{name: "more time after the end, and another request is ending", action: "more_time", change: beside(func(r *access.Request) { r.EndRequest = &access.EndRequest{By: jane, At: now} }),
			told: "This access is already being removed. To request it again, use /access."},
		{name: "more time after the end, and nobody knows whether another request keeps it", action: "more_time", change: func(w *world, _ *access.Request) { w.leaseErr = unavailable }, told: busy},
		// The new request extends the other one, as the form says.
		{name: "more time after the end, and another request keeps it", action: "more_time", change: beside(func(*access.Request) {}), want: with(extends)},
		{name: "more time during the removal, and another request keeps it", action: "more_time", change: func(w *world, r *access.Request) {
			beside(func(*access.Request) {})(w, r)
			r.RevokedAt = time.Time{}
		}, want: with(extends)},
		{name: "more time after the end, someone else", action: "more_time", user: "UBOB", told: "This button is for the requester. To request this access yourself, use /access."},
		{name: "more time, someone else", action: "more_time", user: "UBOB", told: "This button is for the requester. To request this access yourself, use /access."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, r := newWorld(), endedRequest()
			if tt.change != nil {
				tt.change(w, &r)
			}
			w.rows["r1"] = r
			user, action, kind := "UJANE", "ask_again", access.KindAccount
			if tt.user != "" {
				user = tt.user
			}
			if tt.action != "" {
				action = tt.action
			}
			if tt.kind != "" {
				kind = tt.kind
			}
			if got := w.send(t, pressBy(user, action, "r1")); got.StatusCode != http.StatusOK || got.Body != "" {
				t.Errorf("got %d %q", got.StatusCode, got.Body)
			}
			var want []shown
			if tt.told == "" {
				want = []shown{{trigger: "t-10", view: slack.LoadingView(kind)}, {id: "V1", hash: "h1", view: tt.want}}
			}
			if !reflect.DeepEqual(w.views, want) {
				got, _ := json.Marshal(w.views)
				wanted, _ := json.Marshal(want)
				t.Errorf("views\n%s, want\n%s", got, wanted)
			}
			if got := strings.Join(w.told, "; "); got != tt.told {
				t.Errorf("told %q, want %q", got, tt.told)
			}
			if len(w.started)+len(w.resumed)+len(w.updated) > 0 || !reflect.DeepEqual(w.rows["r1"], r) {
				t.Errorf("started %q, resumed %q, updated %q, row %+v", w.started, w.resumed, w.updated, w.rows["r1"])
			}
		})
	}
}

func TestAskAgainAboutNothing(t *testing.T) {
	w := newWorld()
	w.send(t, pressBy("UJANE", "ask_again", "r9"))
	if len(w.views) > 0 || len(w.told) != 1 || w.told[0] != aRequest.lost {
		t.Errorf("views %+v, told %q", w.views, w.told)
	}
}

// A choice repeats what the form contains, and chooses the same duration in another list of
// durations.
func TestChooseKeepsTheRest(t *testing.T) {
	w := newWorld()
	w.policy.Accounts[1].MaxDuration = 3 * 3600
	w.send(t, payload("block_actions", "UJANE", object{
		"actions": []object{{"action_id": "permission_set"}},
		"view": view("request_for_access", "", map[string][2]string{
			"account": {"account", production}, "permission_set-" + production: {"permission_set", admin},
			"duration": {"duration", "7200"}, "reason": {"reason", "Incident 12"}, "ticket": {"ticket", "OPS-1"},
		}),
	}))
	want := slack.FormView(slack.Form{
		Kind:      access.KindAccount,
		Chosen:    access.Target{Kind: access.KindAccount, AccountID: production, AccountName: "Production", PermissionSetARN: admin, PermissionSet: "Admin"},
		Durations: offered, Longest: 3 * time.Hour, Duration: 2 * time.Hour, Reason: "Incident 12", Ticket: "OPS-1",
		Preview: "Approvers (any one can approve): ann@example.com, twin@example.com",
	})
	if len(w.views) != 1 || !reflect.DeepEqual(w.views[0].view, want) {
		t.Errorf("views %+v", w.views)
	}
}
