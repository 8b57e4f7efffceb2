package ingress

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sso-elevator/functions/access"
)

// asking is a run that asks whether to remove its findings.
func asking() access.Run {
	return access.Run{
		ID: "run1", Mode: access.DriftRevoke, StartedAt: now, ExecutionARN: stateARN + "run1",
		Guard: access.GuardTooMany, Removals: 5, Token: "run-token",
		Posts: map[string]access.Post{"drift_question": {Channel: "C1", TS: "1.1"}},
	}
}

// gone turns the run into one that asks about people who are gone. No execution waits
// for the answer.
func gone(r *access.Run) {
	r.Mode, r.Guard, r.People, r.ExecutionARN, r.Token = access.ModeRecheck, access.GuardGone, 11, "", ""
}

// unasked has three findings in production, which ann and twin approve, and one in the
// sandbox and one in a group, which jane approves. One more is exempt.
func unasked() []access.Finding {
	in := func(account string) access.Target {
		return access.Target{Kind: access.KindAccount, AccountID: account, PermissionSet: "Admin"}
	}
	all := []access.Target{in(production), in(sandbox), in(production), {Kind: access.KindGroup, GroupID: "g-1"}, in(production), in(production)}
	var findings []access.Finding
	for _, t := range all {
		findings = append(findings, access.Finding{Subject: access.Subject{Target: t, PrincipalID: "p-1"}})
	}
	findings[4].Exemption = &access.Spared{}
	return findings
}

var (
	annsPart  = [][2]int{{0, 1}, {2, 3}, {5, 6}}
	janesPart = [][2]int{{1, 2}, {3, 4}}
)

func TestPressOfARun(t *testing.T) {
	const (
		notYours = "You can't answer, because you aren't an approver of any of these accounts or groups. These people can: ann@example.com, jane@example.com, twin@example.com."
		asks     = "C1 1.1 🟠 Remove access without a request (5)?"
		removing = "C1 1.1 🔵 Removal approved: access without a request"
		left     = "C1 1.1 ⚪ Nothing will be removed: access without a request"
		resumed  = "run-token {}"
		annsHalf = "Your answer counts for 3 of 5. For the rest, these people can answer: jane@example.com."
		late     = "Something went wrong. Please try again in a moment."
	)
	said := func(remove bool, by access.Person, findings ...[2]int) access.RunAnswer {
		return access.RunAnswer{Remove: remove, By: by, At: now, Findings: findings}
	}
	part := func(remove bool) []access.RunAnswer { return []access.RunAnswer{said(remove, ann, annsPart...)} }
	// All findings are in production.
	anns := func(w *world, _ *access.Run) {
		for i := range w.findings {
			w.findings[i].Target = w.findings[0].Target
		}
	}
	all := func(remove bool, by access.Person) []access.RunAnswer {
		return []access.RunAnswer{said(remove, by, [2]int{0, 4}, [2]int{5, 6})}
	}
	before := func(answers ...access.RunAnswer) func(*world, *access.Run) {
		return func(_ *world, r *access.Run) { r.Answers = answers }
	}
	over := func(answers ...access.RunAnswer) func(*world, *access.Run) {
		return func(_ *world, r *access.Run) { r.Answers, r.Answer = answers, &answers[len(answers)-1] }
	}
	and := func(changes ...func(*world, *access.Run)) func(*world, *access.Run) {
		return func(w *world, r *access.Run) {
			for _, change := range changes {
				change(w, r)
			}
		}
	}
	isGone := func(_ *world, r *access.Run) { gone(r) }
	unavailable := access.Errorf(access.CodeUnavailable, "no answer")
	tests := []struct {
		name         string
		user, action string
		change       func(*world, *access.Run)
		answers      []access.RunAnswer
		isOver       bool
		resumed      []string
		updated      []string
		told         []string
	}{
		{name: "remove all, by one who approves all", user: "UANN", action: "drift_remove", change: anns,
			answers: all(true, ann), isOver: true, resumed: []string{resumed}, updated: []string{removing}},
		{name: "leave all, by one who approves all", user: "UANN", action: "drift_leave", change: anns,
			answers: all(false, ann), isOver: true, resumed: []string{resumed}, updated: []string{left}},
		{name: "remove before the wait has begun", user: "UANN", action: "drift_remove",
			change: and(anns, func(_ *world, r *access.Run) { r.Token = "" }), answers: all(true, ann), isOver: true, updated: []string{removing}},
		{name: "remove before the post is known to have arrived", user: "UANN", action: "drift_remove",
			change:  and(anns, func(_ *world, r *access.Run) { r.Posts["drift_question"] = access.Post{Channel: "C1"} }),
			answers: all(true, ann), isOver: true, resumed: []string{resumed}},
		{name: "the machine can't be resumed: the answer stands", user: "UANN", action: "drift_remove",
			change: and(anns, func(w *world, _ *access.Run) { w.resumeErr = unavailable }), answers: all(true, ann), isOver: true, resumed: []string{resumed}, updated: []string{removing}},
		{name: "the message can't be updated: the answer stands", user: "UANN", action: "drift_remove",
			change: and(anns, func(w *world, _ *access.Run) { w.updateErr = unavailable }), answers: all(true, ann), isOver: true, resumed: []string{resumed}},

		{name: "remove: only what one approves, and the rest goes on waiting", user: "UANN", action: "drift_remove",
			answers: part(true), updated: []string{asks}, told: []string{annsHalf}},
		{name: "leave: only what one approves, and the rest goes on waiting", user: "UANN", action: "drift_leave",
			answers: part(false), updated: []string{asks}, told: []string{annsHalf}},
		{name: "the other half ends the question", user: "UJANE", action: "drift_remove", change: before(part(true)...),
			answers: append(part(true), said(true, jane, janesPart...)), isOver: true, resumed: []string{resumed}, updated: []string{removing}},
		{name: "the other half is left: what was let go stays let go", user: "UJANE", action: "drift_leave", change: before(part(true)...),
			answers: append(part(true), said(false, jane, janesPart...)), isOver: true, resumed: []string{resumed}, updated: []string{removing}},
		{name: "the first answer counts", user: "UTWIN", action: "drift_remove", change: before(part(false)...), answers: part(false),
			told: []string{"Everything that you may answer is already answered. These people can: jane@example.com."}},
		{name: "a double click", user: "UANN", action: "drift_remove", change: before(part(true)...), answers: part(true),
			told: []string{"Everything that you may answer is already answered. These people can: jane@example.com."}},
		{name: "the policy has changed since the run asked", user: "UBOB", action: "drift_remove",
			change:  and(anns, func(w *world, _ *access.Run) { w.policy.Accounts[1].Approvers = []string{"bob@example.com"} }),
			answers: all(true, bob), isOver: true, resumed: []string{resumed}, updated: []string{removing}},
		{name: "the policy has changed since: who approves it no more", user: "UANN", action: "drift_remove",
			change: and(anns, func(w *world, r *access.Run) {
				r.Approvers = []string{"ann@example.com"}
				w.policy.Accounts[1].Approvers = []string{"bob@example.com"}
			}), told: []string{"You can't answer, because you aren't an approver of any of these accounts or groups. These people can: bob@example.com."}},
		{name: "what nobody approves holds nothing up", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) {
				w.policy.Accounts, w.policy.Groups = w.policy.Accounts[:2], nil
			}, answers: part(true), isOver: true, resumed: []string{resumed}, updated: []string{removing}},
		{name: "nobody approves anything of it", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) { w.policy = access.Policy{} },
			told:   []string{"You can't answer, because you aren't an approver of any of these accounts or groups. Nobody can answer for the access that is left, because the policy names no approver for it. Add one to the policy, or remove the access in IAM Identity Center."}},
		{name: "nobody approves the sandbox: who approves everywhere", user: "UBOB", action: "drift_remove",
			change: func(w *world, _ *access.Run) {
				w.policy.Accounts[2] = access.Statement{Resources: []string{"*"}, PermissionSets: []string{"Billing"}, Approvers: []string{"bob@example.com"}}
			}, answers: []access.RunAnswer{said(true, bob, [2]int{1, 2})}, updated: []string{asks},
			told: []string{"Your answer counts for 1 of 5. For the rest, these people can answer: ann@example.com, jane@example.com, twin@example.com."}},

		{name: "somebody who approves nothing", user: "UBOB", action: "drift_remove", told: []string{notYours}},
		{name: "somebody who approves nothing leaves them", user: "UBOB", action: "drift_leave", told: []string{notYours}},
		{name: "a guest", user: "UGUEST", action: "drift_remove", told: []string{"You can't answer this. No guests. The approvers of this access can."}},
		{name: "an approver under a secondary domain", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) { p := ann; p.SecondaryDomain = true; w.people["UANN"] = p }, told: []string{notYours}},
		{name: "an approver without a user", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) { p := ann; p.PrincipalID = ""; w.people["UANN"] = p }, told: []string{notYours}},
		{name: "Slack does not say who", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) { w.peopleErr = unavailable }, told: []string{late}},
		{name: "the policy can't be read", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) { w.policyErr = unavailable }, told: []string{late}},
		{name: "what was found can't be read", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) { w.findingsErr = unavailable }, told: []string{late}},
		{name: "what was found is gone", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) { w.findingsErr = access.Errorf(access.CodeNotFound, "no object") },
			told:   []string{"This app no longer has this question, so you can't answer it. A later check asks again if needed."}},
		{name: "the table does not answer", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) { w.decideErr = unavailable }, told: []string{late}},

		{name: "another part is answered a moment before", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) {
				w.rivals = []func(*access.Run){func(r *access.Run) { r.Answers = []access.RunAnswer{said(false, jane, janesPart...)} }}
			}, answers: []access.RunAnswer{said(false, jane, janesPart...), said(true, ann, annsPart...)}, isOver: true, resumed: []string{resumed}, updated: []string{removing}},
		{name: "the same part is answered a moment before", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) {
				w.rivals = []func(*access.Run){func(r *access.Run) { r.Answers = []access.RunAnswer{said(false, twin, annsPart...)} }}
			}, answers: []access.RunAnswer{said(false, twin, annsPart...)},
			told: []string{"Everything that you may answer is already answered. These people can: jane@example.com."}},
		{name: "the time is over a moment before", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) {
				w.rivals = []func(*access.Run){func(r *access.Run) { r.Answer = &access.RunAnswer{At: now} }}
			}, isOver: true, resumed: []string{resumed}, updated: []string{left}, told: []string{"Nobody answered in time."}},
		{name: "others answer all the time", user: "UANN", action: "drift_remove",
			change: func(w *world, _ *access.Run) {
				for range 9 {
					w.rivals = append(w.rivals, func(r *access.Run) { r.Answers = append(r.Answers, access.RunAnswer{}) })
				}
			}, answers: make([]access.RunAnswer, 5), told: []string{late}},

		{name: "answered before", user: "UBOB", action: "drift_leave", change: over(part(true)[0], said(false, jane, janesPart...)),
			answers: append(part(true), said(false, jane, janesPart...)), isOver: true,
			resumed: []string{resumed}, updated: []string{removing}, told: []string{"Already answered: ann@example.com chose to remove 3, jane@example.com chose to keep 2."}},
		{name: "the time is over", user: "UANN", action: "drift_remove",
			change: func(_ *world, r *access.Run) { r.Answer = &access.RunAnswer{At: now} }, isOver: true,
			resumed: []string{resumed}, updated: []string{left}, told: []string{"Nobody answered in time."}},
		{name: "the time is over for the rest", user: "UJANE", action: "drift_remove",
			change:  and(before(part(true)...), func(_ *world, r *access.Run) { r.Answer = &access.RunAnswer{At: now} }),
			answers: part(true), isOver: true, resumed: []string{resumed}, updated: []string{removing},
			told: []string{"Already answered: ann@example.com chose to remove 3. Nobody answered for the rest in time."}},

		{name: "people who are gone: remove", user: "UANN", action: "drift_remove", change: and(anns, isGone),
			answers: all(true, ann), isOver: true, updated: []string{"C1 1.1 🔵 Answered: access of 11 people will be removed"}},
		{name: "people who are gone: leave", user: "UANN", action: "drift_leave", change: and(anns, isGone),
			answers: all(false, ann), isOver: true, updated: []string{"C1 1.1 ⚪ Answered: access of 11 people stays for 24 hours"}},
		{name: "people who are gone: a part", user: "UANN", action: "drift_remove", change: isGone,
			answers: part(true), updated: []string{"C1 1.1 🔴 11 people gone from IAM Identity Center: remove their access?"}, told: []string{annsHalf}},
		{name: "people who are gone: somebody who approves none of it", user: "UBOB", action: "drift_remove", change: isGone, told: []string{notYours}},
		{name: "people who are gone: answered before", user: "UANN", action: "drift_remove", change: and(over(said(false, twin, [2]int{0, 5})), isGone),
			answers: []access.RunAnswer{said(false, twin, [2]int{0, 5})}, isOver: true,
			updated: []string{"C1 1.1 ⚪ Answered: access of 11 people stays for 24 hours"},
			told:    []string{"Already answered: twin@example.com chose to keep 5. We'll ask again while these people are gone."}},
		{name: "people who are gone: confirmed before", user: "UANN", action: "drift_leave", change: and(over(said(true, twin, [2]int{0, 5})), isGone),
			answers: []access.RunAnswer{said(true, twin, [2]int{0, 5})}, isOver: true,
			updated: []string{"C1 1.1 🔵 Answered: access of 11 people will be removed"}, told: []string{"Already answered: twin@example.com chose to remove 5."}},
		{name: "people who are gone: too late", user: "UANN", action: "drift_remove",
			change: and(isGone, func(_ *world, r *access.Run) { r.Answer = &access.RunAnswer{At: now} }), isOver: true,
			updated: []string{"C1 1.1 ⚪ No answer: access of 11 people stays"},
			told:    []string{"Nobody answered in time. We'll ask again while these people are gone."}},
		{name: "a run that asks nothing", user: "UANN", action: "drift_remove",
			change: func(_ *world, r *access.Run) { r.Guard = "" }, told: []string{"This message has no open question."}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			w.findings = unasked()
			run := asking()
			if test.change != nil {
				test.change(w, &run)
			}
			w.runs["run1"] = run
			got := w.send(t, pressBy(test.user, test.action, "run1"))
			if got.StatusCode != http.StatusOK || got.Body != "" {
				t.Errorf("got %d %q, want 200 without a body", got.StatusCode, got.Body)
			}
			if got := w.runs["run1"]; len(got.Answers)+len(test.answers) > 0 && !reflect.DeepEqual(got.Answers, test.answers) || (got.Answer != nil) != test.isOver {
				t.Errorf("answers %+v, over: %t; want %+v, %t", got.Answers, got.Answer != nil, test.answers, test.isOver)
			}
			if !slices.Equal(w.resumed, test.resumed) {
				t.Errorf("resumed %q, want %q", w.resumed, test.resumed)
			}
			if !slices.Equal(w.updated, test.updated) {
				t.Errorf("updated %q, want %q", w.updated, test.updated)
			}
			var refused []access.RefusedPress
			for text, press := range map[string]access.RefusedPress{
				"You can't answer, because":  {Reason: access.RefusalNotApprover, PolicyDigest: "d1"},
				"You can't answer this. No ": {Reason: access.RefusalNotEligible, Message: "No guests."},
			} {
				if len(test.told) == 1 && strings.HasPrefix(test.told[0], text) {
					press.Finding, press.Action, press.At, press.By = access.NoFinding, test.action, now, w.people[test.user]
					press.By.SlackID = test.user
					refused = append(refused, press)
				}
			}
			w.wantRefusedPresses(t, refused)
			if !slices.Equal(w.told, test.told) {
				t.Errorf("told %q, want %q", w.told, test.told)
			}
			if strings.Contains(w.log.String(), "-token") {
				t.Errorf("the log has a task token: %s", &w.log)
			}
			if w.timeLeft() <= 0 || w.timeLeft() > responseTimeout-tellTime {
				t.Errorf("the table is asked with %s left, want at most %s", w.timeLeft(), responseTimeout-tellTime)
			}
		})
	}
}

// Someone double-clicks, and a second approver answers the opposite. Only one answer
// counts.
func TestPressOfARunTwice(t *testing.T) {
	w := newWorld()
	w.findings = unasked()
	w.runs["run1"] = asking()
	w.send(t, pressBy("UANN", "drift_remove", "run1"))
	w.send(t, pressBy("UJANE", "drift_remove", "run1"))
	first := w.runs["run1"]
	w.told = nil
	w.send(t, pressBy("UANN", "drift_remove", "run1"))
	w.send(t, pressBy("UTWIN", "drift_leave", "run1"))
	if got := w.runs["run1"]; !reflect.DeepEqual(got, first) || got.Answer == nil {
		t.Errorf("row %+v, want %+v", got, first)
	}
	want := "Already answered: ann@example.com chose to remove 3, jane@example.com chose to remove 2."
	if !slices.Equal(w.told, []string{want, want}) {
		t.Errorf("told %q, want %q twice", w.told, want)
	}
}

func TestPressOfAnUnknownRun(t *testing.T) {
	w := newWorld()
	w.rows["r1"] = waiting() // a request's id is not a run's id
	w.send(t, pressBy("UANN", "drift_remove", "r1"))
	if want := []string{"This app no longer has this question, so you can't answer it. A later check asks again if needed."}; !slices.Equal(w.told, want) {
		t.Errorf("told %q, want %q", w.told, want)
	}
}

func TestPressOfARunFromElsewhere(t *testing.T) {
	for _, foreign := range []object{{"team": object{"id": "T2"}}, {"api_app_id": "A2"}} {
		w := newWorld()
		w.runs["run1"] = asking()
		fields := object{"actions": []object{{"action_id": "drift_remove", "value": "run1"}}}
		for k, v := range foreign {
			fields[k] = v
		}
		got := w.send(t, payload("block_actions", "UANN", fields))
		if got.StatusCode != http.StatusForbidden || w.runs["run1"].Answer != nil {
			t.Errorf("%v: got %d and the answer %+v, want 403 and none", foreign, got.StatusCode, w.runs["run1"].Answer)
		}
	}
}
