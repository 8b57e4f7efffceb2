package ingress

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// reported is a run that reported its findings.
func reported() access.Run {
	return access.Run{ID: "run1", Mode: access.DriftWarn, StartedAt: now, ExecutionARN: stateARN + "run1",
		Posts: map[string]access.Post{"drift_report": {Channel: "C1", TS: "1.1"}}}
}

// reportedFindings are one finding in production, which ann and twin approve, one in the
// sandbox, which jane approves, jane's own access in the sandbox, and one that has no
// buttons.
func reportedFindings() ([]access.Finding, map[string]int) {
	in := func(account, user string) access.Finding {
		return access.Finding{FirstSeen: now.Add(-time.Hour), Subject: access.Subject{
			Target: access.Target{Kind: access.KindAccount, AccountID: account, PermissionSet: "Admin", PermissionSetARN: admin}, PrincipalID: user,
		}}
	}
	all := []access.Finding{in(production, "p-kim"), in(sandbox, "p-kim"), in(sandbox, "p-jane"), in(production, "p-lee")}
	decidable := map[string]int{}
	for i, f := range all[:3] {
		decidable[f.Key()] = i
	}
	return all, decidable
}

const (
	foundLate     = "Something went wrong. Please try again in a moment."
	foundGone     = "This app no longer has this report, so you can't decide about it. A later check reports the access again."
	foundRemoving = "This app is removing the access. The report will show the result."
	foundLeft     = "This app leaves the access alone until 2 Jan 2026 12:00 UTC."
	notAnApprover = "You can't decide about this access, because you aren't an approver of this account or group. "
)

// foundRefusals are the recorded refusals, by the beginning of the text that says so. They
// lack who pressed what.
var foundRefusals = map[string]access.RefusedPress{
	"You can't decide about this access, because": {Reason: access.RefusalNotApprover, PolicyDigest: "d1"},
	"You can't decide about this access. No":      {Reason: access.RefusalNotEligible, Message: "No guests."},
	"This is your own access":                     {Reason: access.RefusalOwnAccess},
	"The policy no longer covers":                 {Reason: access.RefusalNotPermitted, Message: "The policy does not cover this access.", PolicyDigest: "d1"},
	"Nobody can decide about this access":         {Reason: access.RefusalNotOffered, Message: "The report has no buttons for this access."},
	"This access was found more than 72 hours":    {Reason: access.RefusalNotOffered, Message: "The access can't be left any longer."},
	"Already decided: ann@example.com":            {Reason: access.RefusalTooLate, Message: "ann@example.com decided first."},
	"Already decided: twin@example.com":           {Reason: access.RefusalTooLate, Message: "twin@example.com decided first."},
}

// wantRefusedPresses checks the refused presses in the row of the only run, and that those were
// given to the execution that records them.
func (w *world) wantRefusedPresses(t *testing.T, want []access.RefusedPress) {
	t.Helper()
	if got := w.runs["run1"].RefusedPresses; len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("refused presses %+v, want %+v", got, want)
	}
	if !slices.Equal(w.refusals, slices.Repeat([]string{"run1"}, len(want))) {
		t.Errorf("refused presses recorded for %q, want %d of run1", w.refusals, len(want))
	}
}

func TestPressOnAFinding(t *testing.T) {
	remove := func(by access.Person, finding int) access.FindingPress {
		return access.FindingPress{Finding: finding, Remove: true, By: by, At: now}
	}
	leave := func(by access.Person, finding int, until time.Time) access.FindingPress {
		return access.FindingPress{Finding: finding, By: by, At: now, Until: until}
	}
	day := now.Add(24 * time.Hour)
	later := func(p access.FindingPress) access.FindingPress { p.At = p.At.Add(time.Millisecond); return p }
	leftBefore := func(_ *world, r *access.Run) { r.Presses = []access.FindingPress{leave(ann, 0, day)} }
	unavailable := access.Errorf(access.CodeUnavailable, "no answer")
	tests := []struct {
		name, user, action, value string // the action without its prefix
		change                    func(*world, *access.Run)
		want                      []access.FindingPress // in the row
		carried                   []int                 // findings
		told                      string
	}{
		{name: "remove", user: "UANN", action: "remove", value: "run1.0", want: []access.FindingPress{remove(ann, 0)}, carried: []int{0}, told: foundRemoving},
		{name: "leave", user: "UANN", action: "leave", value: "run1.0", want: []access.FindingPress{leave(ann, 0, day)}, carried: []int{0}, told: foundLeft},
		{name: "leave at the end of its time", user: "UANN", action: "leave", value: "run1.0",
			change: func(w *world, _ *access.Run) { w.findings[0].FirstSeen = now.Add(-70 * time.Hour) },
			want:   []access.FindingPress{leave(ann, 0, now.Add(2*time.Hour))}, carried: []int{0}, told: "This app leaves the access alone until 1 Jan 2026 14:00 UTC."},
		{name: "leave after its time", user: "UANN", action: "leave", value: "run1.0",
			change: func(w *world, _ *access.Run) { w.findings[0].FirstSeen = now.Add(-72 * time.Hour) },
			told:   "This access was found more than 72 hours ago, so it can't be left any longer. Press Remove now. If its owner still needs it, they can request it after the removal."},
		{name: "remove after that time", user: "UANN", action: "remove", value: "run1.0",
			change: func(w *world, _ *access.Run) { w.findings[0].FirstSeen = now.Add(-100 * time.Hour) },
			want:   []access.FindingPress{remove(ann, 0)}, carried: []int{0}, told: foundRemoving},

		{name: "someone who approves other accounts", user: "UJANE", action: "remove", value: "run1.0",
			told: notAnApprover + "These people can: ann@example.com, twin@example.com."},
		{name: "someone who approves nothing", user: "UBOB", action: "leave", value: "run1.1", told: notAnApprover + "These people can: jane@example.com."},
		{name: "a guest", user: "UGUEST", action: "remove", value: "run1.0", told: "You can't decide about this access. No guests. Its approvers can."},
		{name: "an approver under a secondary domain", user: "UANN", action: "remove", value: "run1.0",
			change: func(w *world, _ *access.Run) { p := ann; p.SecondaryDomain = true; w.people["UANN"] = p },
			told:   notAnApprover + "These people can: twin@example.com."},
		{name: "one's own access", user: "UJANE", action: "leave", value: "run1.2",
			told: "This is your own access, so you can't decide about it. The policy names no one else who can. Add an approver to the policy, or remove the access in IAM Identity Center."},
		{name: "one's own access, with a second Slack user", user: "UTWIN", action: "remove", value: "run1.2",
			change: func(w *world, _ *access.Run) { w.policy.Accounts[2].Approvers = []string{"twin@example.com"} },
			told:   "This is your own access, so you can't decide about it. The policy names no one else who can. Add an approver to the policy, or remove the access in IAM Identity Center."},
		{name: "one's own access by email, with another user", user: "UJANE", action: "remove", value: "run1.1",
			change: func(w *world, _ *access.Run) { w.findings[1].Email = "Jane@Example.com" },
			told:   "This is your own access, so you can't decide about it. The policy names no one else who can. Add an approver to the policy, or remove the access in IAM Identity Center."},
		{name: "one's own access by user name", user: "UJANE", action: "remove", value: "run1.1",
			change: func(w *world, _ *access.Run) { w.findings[1].UserName = "jane@example.com" },
			told:   "This is your own access, so you can't decide about it. The policy names no one else who can. Add an approver to the policy, or remove the access in IAM Identity Center."},
		{name: "the policy no longer covers it", user: "UANN", action: "remove", value: "run1.0",
			change: func(w *world, _ *access.Run) { w.policy.Accounts = w.policy.Accounts[2:] },
			told:   "The policy no longer covers this access, so this app leaves it alone."},
		{name: "the policy names other approvers by now", user: "UANN", action: "remove", value: "run1.0",
			change: func(w *world, _ *access.Run) { w.policy.Accounts[1].Approvers = []string{"bob@example.com"} },
			told:   notAnApprover + "These people can: bob@example.com."},
		{name: "a protected account that only * covers", user: "UANN", action: "remove", value: "run1.0",
			change: func(w *world, _ *access.Run) {
				w.policy.ProtectedAccounts = []string{production}
				w.policy.Accounts = []access.Statement{{Resources: []string{"*"}, PermissionSets: []string{"*"}, Approvers: []string{"ann@example.com"}}}
			}, told: "The policy no longer covers this access, so this app leaves it alone."},

		{name: "a finding without buttons", user: "UANN", action: "remove", value: "run1.3", told: "Nobody can decide about this access with a button."},
		{name: "the index of another run's report", user: "UANN", action: "remove", value: "run1.0",
			change: func(w *world, _ *access.Run) { w.decidable[w.findings[0].Key()] = 7 }, told: "Nobody can decide about this access with a button."},
		{name: "a report of the previous release", user: "UANN", action: "remove", value: "run1.0",
			change: func(w *world, _ *access.Run) { w.decidable = nil }, told: "Nobody can decide about this access with a button."},
		{name: "an index that does not exist", user: "UANN", action: "remove", value: "run1.4", told: foundGone},
		{name: "a negative index", user: "UANN", action: "remove", value: "run1.-1", told: foundGone},
		{name: "an index in another form", user: "UANN", action: "remove", value: "run1.00", told: foundGone},
		{name: "an index with more after it", user: "UANN", action: "remove", value: "run1.0.0", told: foundGone},
		{name: "no index", user: "UANN", action: "remove", value: "run1", told: foundGone},
		{name: "no run", user: "UANN", action: "remove", value: ".0", told: foundGone},
		{name: "a key of another row", user: "UANN", action: "remove", value: "x#run1.0", told: foundGone},
		{name: "another run", user: "UANN", action: "remove", value: "run2.0", told: foundGone},
		{name: "a value with a finding for the question's button", user: "UANN", action: "", value: "run1.0",
			told: "This app no longer has this question, so you can't answer it. A later check asks again if needed."},

		{name: "decided before", user: "UTWIN", action: "leave", value: "run1.0",
			change: func(_ *world, r *access.Run) { r.Presses = []access.FindingPress{remove(ann, 0)} },
			want:   []access.FindingPress{remove(ann, 0)}, carried: []int{0}, told: "Already decided: ann@example.com chose to remove this access."},
		{name: "removed before", user: "UTWIN", action: "remove", value: "run1.0",
			change: func(_ *world, r *access.Run) { r.Presses = []access.FindingPress{remove(ann, 0)} },
			want:   []access.FindingPress{remove(ann, 0)}, carried: []int{0}, told: "Already decided: ann@example.com chose to remove this access."},
		{name: "left before", user: "UTWIN", action: "leave", value: "run1.0", change: leftBefore,
			want: []access.FindingPress{leave(ann, 0, day)}, carried: []int{0}, told: "Already decided: ann@example.com chose to leave this access until 2 Jan 2026 12:00 UTC."},
		{name: "left a moment before", user: "UANN", action: "leave", value: "run1.0",
			change: func(w *world, _ *access.Run) {
				w.rivals = []func(*access.Run){func(r *access.Run) { r.Presses = []access.FindingPress{leave(twin, 0, day)} }}
			}, want: []access.FindingPress{leave(twin, 0, day)}, carried: []int{0}, told: "Already decided: twin@example.com chose to leave this access until 2 Jan 2026 12:00 UTC."},
		{name: "removed a moment before", user: "UANN", action: "leave", value: "run1.0",
			change: func(w *world, _ *access.Run) {
				w.rivals = []func(*access.Run){func(r *access.Run) { r.Presses = []access.FindingPress{remove(twin, 0)} }}
			}, want: []access.FindingPress{remove(twin, 0)}, carried: []int{0}, told: "Already decided: twin@example.com chose to remove this access."},
		{name: "removed a moment before, twice", user: "UANN", action: "remove", value: "run1.0",
			change: func(w *world, _ *access.Run) {
				w.rivals = []func(*access.Run){func(r *access.Run) { r.Presses = []access.FindingPress{remove(twin, 0)} }}
			}, want: []access.FindingPress{remove(twin, 0)}, carried: []int{0}, told: "Already decided: twin@example.com chose to remove this access."},

		{name: "removed before, by someone who can't be looked up", user: "UTWIN", action: "remove", value: "run1.0",
			change: func(w *world, r *access.Run) {
				r.Presses = []access.FindingPress{remove(ann, 0)}
				w.people["UTWIN"], w.peopleErr = access.Person{}, unavailable
			},
			want: []access.FindingPress{remove(ann, 0)}, carried: []int{0}, told: "Already decided: ann@example.com chose to remove this access."},
		{name: "removed before, by the same person", user: "UBOB", action: "remove", value: "run1.0",
			change: func(_ *world, r *access.Run) { r.Presses = []access.FindingPress{remove(bob, 0)} },
			want:   []access.FindingPress{remove(bob, 0)}, carried: []int{0}, told: "Already decided: bob@example.com chose to remove this access."},
		{name: "left before, by the same person", user: "UBOB", action: "leave", value: "run1.0",
			change: func(_ *world, r *access.Run) { r.Presses = []access.FindingPress{leave(bob, 0, day)} },
			want:   []access.FindingPress{leave(bob, 0, day)}, carried: []int{0}, told: "Already decided: bob@example.com chose to leave this access until 2 Jan 2026 12:00 UTC."},
		{name: "leave, if no removal is scheduled", user: "UANN", action: "leave", value: "run1.0", change: func(w *world, _ *access.Run) { w.unscheduled = true },
			want: []access.FindingPress{leave(ann, 0, day)}, carried: []int{0}, told: "This app doesn't report this access again until 2 Jan 2026 12:00 UTC."},

		{name: "remove what someone left", user: "UTWIN", action: "remove", value: "run1.0", change: leftBefore,
			want: []access.FindingPress{leave(ann, 0, day), later(remove(twin, 0))}, carried: []int{0}, told: foundRemoving},
		{name: "remove what one left oneself", user: "UANN", action: "remove", value: "run1.0", change: leftBefore,
			want: []access.FindingPress{leave(ann, 0, day), later(remove(ann, 0))}, carried: []int{0}, told: foundRemoving},
		{name: "remove after the end of a leave", user: "UTWIN", action: "remove", value: "run1.0",
			change: func(w *world, r *access.Run) {
				leftBefore(w, r)
				r.Presses[0].At, r.Presses[0].Until = now.Add(-25*time.Hour), now.Add(-time.Hour)
			}, want: []access.FindingPress{{By: ann, At: now.Add(-25 * time.Hour), Until: now.Add(-time.Hour)}, remove(twin, 0)}, carried: []int{0}, told: foundRemoving},
		{name: "remove what someone left, with a clock that is ahead", user: "UTWIN", action: "remove", value: "run1.0",
			change: func(w *world, r *access.Run) { leftBefore(w, r); r.Presses[0].At = now.Add(time.Minute) },
			want:   []access.FindingPress{{By: ann, At: now.Add(time.Minute), Until: day}, {Remove: true, By: twin, At: now.Add(time.Minute + time.Millisecond)}}, carried: []int{0}, told: foundRemoving},
		{name: "remove what someone leaves at the same moment", user: "UANN", action: "remove", value: "run1.0",
			change: func(w *world, _ *access.Run) {
				w.rivals = []func(*access.Run){func(r *access.Run) { r.Presses = []access.FindingPress{leave(twin, 0, day)} }}
			}, want: []access.FindingPress{leave(twin, 0, day), later(remove(ann, 0))}, carried: []int{0}, told: foundRemoving},
		{name: "leave what someone overruled", user: "UTWIN", action: "leave", value: "run1.0",
			change: func(w *world, r *access.Run) { leftBefore(w, r); r.Presses = append(r.Presses, later(remove(ann, 0))) },
			want:   []access.FindingPress{leave(ann, 0, day), later(remove(ann, 0))}, carried: []int{0}, told: "Already decided: ann@example.com chose to remove this access."},
		{name: "remove what someone overruled", user: "UTWIN", action: "remove", value: "run1.0",
			change: func(w *world, r *access.Run) { leftBefore(w, r); r.Presses = append(r.Presses, later(remove(ann, 0))) },
			want:   []access.FindingPress{leave(ann, 0, day), later(remove(ann, 0))}, carried: []int{0}, told: "Already decided: ann@example.com chose to remove this access."},
		{name: "remove what someone left, without being an approver", user: "UJANE", action: "remove", value: "run1.0", change: leftBefore,
			want: []access.FindingPress{leave(ann, 0, day)}, told: notAnApprover + "These people can: ann@example.com, twin@example.com."},
		{name: "remove what one left, no longer an approver", user: "UANN", action: "remove", value: "run1.0",
			change: func(w *world, r *access.Run) {
				leftBefore(w, r)
				w.policy.Accounts[1].Approvers = []string{"bob@example.com"}
			},
			want: []access.FindingPress{leave(ann, 0, day)}, told: notAnApprover + "These people can: bob@example.com."},
		{name: "remove one's own access that someone left", user: "UJANE", action: "remove", value: "run1.2",
			change: func(_ *world, r *access.Run) { r.Presses = []access.FindingPress{leave(ann, 2, day)} },
			want:   []access.FindingPress{leave(ann, 2, day)}, told: "This is your own access, so you can't decide about it. The policy names no one else who can. Add an approver to the policy, or remove the access in IAM Identity Center."},
		{name: "another finding is decided a moment before", user: "UANN", action: "remove", value: "run1.0",
			change: func(w *world, _ *access.Run) {
				w.rivals = []func(*access.Run){func(r *access.Run) { r.Presses = []access.FindingPress{leave(jane, 1, day)} }}
			}, want: []access.FindingPress{leave(jane, 1, day), remove(ann, 0)}, carried: []int{0}, told: foundRemoving},
		{name: "others decide all the time", user: "UANN", action: "remove", value: "run1.0",
			change: func(w *world, _ *access.Run) {
				for range 9 {
					w.rivals = append(w.rivals, func(r *access.Run) { r.Presses = append(r.Presses, access.FindingPress{Finding: 9}) })
				}
			}, want: slices.Repeat([]access.FindingPress{{Finding: 9}}, 5), told: foundLate},

		{name: "nothing can act on it now", user: "UANN", action: "remove", value: "run1.0",
			change: func(w *world, _ *access.Run) { w.carryErr = unavailable }, want: []access.FindingPress{remove(ann, 0)}, carried: []int{0},
			told: "The decision is recorded, but this app can't act on it right now. Press the button again in a moment."},
		{name: "Slack does not say who", user: "UANN", action: "remove", value: "run1.0", change: func(w *world, _ *access.Run) { w.peopleErr = unavailable }, told: foundLate},
		{name: "the policy can't be read", user: "UANN", action: "remove", value: "run1.0", change: func(w *world, _ *access.Run) { w.policyErr = unavailable }, told: foundLate},
		{name: "the findings can't be read", user: "UANN", action: "remove", value: "run1.0", change: func(w *world, _ *access.Run) { w.findingsErr = unavailable }, told: foundLate},
		{name: "the report can't be read", user: "UANN", action: "remove", value: "run1.0", change: func(w *world, _ *access.Run) { w.reportErr = unavailable }, told: foundLate},
		{name: "the report is gone", user: "UANN", action: "remove", value: "run1.0",
			change: func(w *world, _ *access.Run) { w.reportErr = access.Errorf(access.CodeNotFound, "no object") }, told: foundGone},
		{name: "the table does not answer", user: "UANN", action: "remove", value: "run1.0", change: func(w *world, _ *access.Run) { w.pressErr = unavailable }, told: foundLate},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			w.findings, w.decidable = reportedFindings()
			run := reported()
			if test.change != nil {
				test.change(w, &run)
			}
			if w.decidable != nil && test.name != "the index of another run's report" {
				for i, f := range w.findings[:3] { // change may have changed the keys
					w.decidable[f.Key()] = i
				}
			}
			w.runs["run1"] = run
			action := "finding_" + test.action
			if test.action == "" {
				action = "drift_remove"
			}
			got := w.send(t, pressBy(test.user, action, test.value))
			if got.StatusCode != http.StatusOK || got.Body != "" {
				t.Errorf("got %d %q, want 200 without a body", got.StatusCode, got.Body)
			}
			if got := w.runs["run1"].Presses; len(got)+len(test.want) > 0 && !reflect.DeepEqual(got, test.want) {
				t.Errorf("presses %+v, want %+v", got, test.want)
			}
			var carried []int
			for _, ref := range w.pressed {
				if ref.Run != "run1" {
					t.Errorf("carried out for the run %q", ref.Run)
				}
				carried = append(carried, ref.Index)
			}
			if !slices.Equal(carried, test.carried) {
				t.Errorf("carried out %v, want %v", carried, test.carried)
			}
			if !slices.Equal(w.told, []string{test.told}) {
				t.Errorf("told %q, want %q", w.told, test.told)
			}
			var refused []access.RefusedPress
			for text, press := range foundRefusals {
				if strings.HasPrefix(test.told, text) {
					press.Action, press.At = action, now
					press.Finding = slices.Index([]string{"run1.0", "run1.1", "run1.2", "run1.3"}, test.value)
					press.By = w.people[test.user]
					press.By.SlackID = test.user
					refused = []access.RefusedPress{press}
				}
			}
			w.wantRefusedPresses(t, refused)
			if len(w.started)+len(w.resumed)+len(w.updated) > 0 {
				t.Error("it did something else, too")
			}
		})
	}
}

// Blocked people decide about no finding, as whichever Slack user of theirs. If who is
// blocked can't be read, nobody does.
func TestBlockedPersonPressesOnAFinding(t *testing.T) {
	const isBlocked = "You can't decide about this access at the moment. Ask the people who run this app."
	for _, tt := range []struct {
		name, user string
		blocked    access.Person
		err        error
		told       string // "" if the press counts
	}{
		{name: "the person", user: "UANN", blocked: ann, told: isBlocked},
		{name: "the same user in Identity Center", user: "UTWIN", blocked: jane, told: isBlocked},
		{name: "someone else", user: "UANN", blocked: bob},
		{name: "nobody knows", user: "UANN", err: access.Errorf(access.CodeUnavailable, "no answer"), told: foundLate},
	} {
		for _, what := range []string{"finding_remove", "finding_leave", "finding_remove of what someone left"} {
			t.Run(tt.name+" "+what, func(t *testing.T) {
				action, _, isLeft := strings.Cut(what, " of ")
				w := newWorld()
				w.findings, w.decidable = reportedFindings()
				run := reported()
				if isLeft {
					run.Presses = []access.FindingPress{{By: twin, At: now.Add(-time.Hour), Until: now.Add(23 * time.Hour)}}
				}
				before := len(run.Presses)
				w.runs["run1"] = run
				w.blocks = access.Blocks{}.Add(access.Block{Person: tt.blocked, By: dan, At: now, Reason: "x"}, 7)
				w.blocksErr = tt.err
				w.send(t, pressBy(tt.user, action, "run1.0"))
				want := 0
				if tt.told == "" {
					want = 1
				}
				if got := w.runs["run1"].Presses; len(got)-before != want || len(w.pressed) != want {
					t.Errorf("presses %+v, carried out %v; want %d more", got, w.pressed, want)
				}
				if tt.told != "" && !slices.Equal(w.told, []string{tt.told}) {
					t.Errorf("told %q, want %q", w.told, tt.told)
				}
				var refused []access.RefusedPress
				if tt.told == isBlocked {
					by := w.people[tt.user]
					by.SlackID = tt.user
					refused = []access.RefusedPress{{Action: action, By: by, At: now, Reason: access.RefusalBlocked}}
				}
				w.wantRefusedPresses(t, refused)
			})
		}
	}
}

// A refused press is added once for each person, finding and reason. The answer is the
// same if that fails.
func TestRefusedPressesOnFindings(t *testing.T) {
	unavailable := access.Errorf(access.CodeUnavailable, "no answer")
	for _, tt := range []struct {
		name    string
		presses [][2]string // who, and the finding
		change  func(*world, *access.Run)
		rows    int
		begun   int // executions that record them
	}{
		{name: "again", presses: [][2]string{{"UBOB", "run1.0"}, {"UBOB", "run1.0"}}, rows: 1, begun: 2}, // the first execution may have failed
		{name: "again, long after it", presses: [][2]string{{"UBOB", "run1.0"}}, rows: 1,
			change: func(_ *world, r *access.Run) {
				r.RefusedPresses = []access.RefusedPress{{By: access.Person{SlackID: "UBOB"}, Reason: access.RefusalNotApprover, At: now.Add(-recordAgainFor)}}
			}},
		{name: "one person has enough", presses: [][2]string{{"UBOB", "run1.0"}}, rows: 5,
			change: func(_ *world, r *access.Run) {
				for i := range 5 {
					r.RefusedPresses = append(r.RefusedPresses, access.RefusedPress{Finding: i + 1, By: access.Person{SlackID: "UBOB"}, Reason: access.RefusalNotApprover, At: now})
				}
			}},
		{name: "another finding", presses: [][2]string{{"UBOB", "run1.0"}, {"UBOB", "run1.1"}}, rows: 2, begun: 2},
		{name: "another person", presses: [][2]string{{"UBOB", "run1.0"}, {"UGUEST", "run1.0"}}, rows: 2, begun: 2},
		{name: "the row is full", presses: [][2]string{{"UBOB", "run1.0"}}, rows: access.MaxRefusedPresses,
			change: func(_ *world, r *access.Run) {
				r.RefusedPresses = slices.Repeat([]access.RefusedPress{{By: access.Person{SlackID: "UX"}}}, access.MaxRefusedPresses)
			}},
		{name: "the table does not answer", presses: [][2]string{{"UBOB", "run1.0"}}, change: func(w *world, _ *access.Run) { w.refuseErr = unavailable }},
		{name: "no execution starts", presses: [][2]string{{"UBOB", "run1.0"}}, rows: 1, begun: 1, change: func(w *world, _ *access.Run) { w.carryErr = unavailable }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.findings, w.decidable = reportedFindings()
			run := reported()
			if tt.change != nil {
				tt.change(w, &run)
			}
			w.runs["run1"] = run
			for _, p := range tt.presses {
				w.send(t, pressBy(p[0], "finding_remove", p[1]))
			}
			if rows := len(w.runs["run1"].RefusedPresses); rows != tt.rows || len(w.refusals) != tt.begun {
				t.Errorf("%d refused presses in the row, want %d; %d executions, want %d", rows, tt.rows, len(w.refusals), tt.begun)
			}
			for _, told := range w.told {
				if !strings.HasPrefix(told, "You can't decide about this access") {
					t.Errorf("told %q", told)
				}
			}
			if len(w.told) != len(tt.presses) || len(w.pressed) > 0 {
				t.Errorf("told %q, carried out %v", w.told, w.pressed)
			}
		})
	}
}

func TestPressOnAFindingFromElsewhere(t *testing.T) {
	for _, foreign := range []object{{"team": object{"id": "T2"}}, {"api_app_id": "A2"}} {
		w := newWorld()
		w.findings, w.decidable = reportedFindings()
		w.runs["run1"] = reported()
		fields := object{"actions": []object{{"action_id": "finding_remove", "value": "run1.0"}}}
		for k, v := range foreign {
			fields[k] = v
		}
		got := w.send(t, payload("block_actions", "UANN", fields))
		if got.StatusCode != http.StatusForbidden || len(w.runs["run1"].Presses)+len(w.pressed) > 0 {
			t.Errorf("%v: got %d and the presses %+v, want 403 and none", foreign, got.StatusCode, w.runs["run1"].Presses)
		}
	}
}

// The log of a press names the finding, and no email.
func TestPressOnAFindingIsLogged(t *testing.T) {
	w := newWorld()
	w.findings, w.decidable = reportedFindings()
	w.runs["run1"] = reported()
	w.send(t, pressBy("UANN", "finding_remove", "run1.0"))
	if log := w.log.String(); !strings.Contains(log, w.findings[0].Key()) || strings.Contains(log, "ann@example.com") {
		t.Errorf("the log is %s", log)
	}
}
