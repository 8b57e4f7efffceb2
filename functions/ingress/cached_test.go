package ingress

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// opening is a press that only opens a dialog.
type opening struct {
	name     string
	setting  func(*world)
	row      access.Request
	action   string
	press    func(user string) string
	submit   func(user string) string
	callback string
}

func allOpenings() []opening {
	confirms := func(w *world) { w.confirms = true }
	asks := func(w *world) { w.denyReason = DenyReasonRequired }
	press := func(action string) func(string) string {
		return func(user string) string { return pressBy(user, action, "r1") }
	}
	pressAtHome := func(action string) func(string) string {
		return func(user string) string { return pressAtHome(user, action, "r1") }
	}
	confirmed := func(user string) string { return confirmedBy(user, "r1") }
	denied := func(user string) string { return deniedBy(user, "r1", "no") }
	ended := func(user string) string { return submittedBy(user, slack.CallbackEnd, "r1") }
	home := func(submit func(string) string) func(string) string {
		return func(user string) string { return fromHome(submit(user)) }
	}
	return []opening{
		{"approve", confirms, waiting(), "approve", press("approve"), confirmed, slack.CallbackConfirmation},
		{"approve at home", nil, waiting(), "approve", pressAtHome("approve"), home(confirmed), slack.CallbackConfirmation + "-home"},
		{"deny", asks, waiting(), "deny", press("deny"), denied, slack.CallbackDenial},
		{"deny at home", asks, waiting(), "deny", pressAtHome("deny"), home(denied), slack.CallbackDenial + "-home"},
		{"end", nil, active(), "end", press("end"), ended, slack.CallbackEnd},
		{"end at home", nil, active(), "end", pressAtHome("end"), home(ended), slack.CallbackEnd + "-home"},
	}
}

// world returns a world in which everyone was looked up a moment ago.
func (o opening) world() *world {
	w := newWorld()
	if o.setting != nil {
		o.setting(w)
	}
	w.rows["r1"] = o.row
	w.memory = maps.Clone(w.people)
	return w
}

// refusals returns the refused presses in the row.
func refusals(r access.Request) (all []string) {
	for _, e := range r.Events {
		if e.Kind == access.EventPressRefused {
			all = append(all, e.By.SlackID+" "+e.By.PrincipalID+" "+e.Action+" "+e.Reason)
		}
	}
	return all
}

// Opening a dialog takes people from the cache, and doesn't read who is blocked. It changes
// and records nothing.
func TestOpeningUsesTheCache(t *testing.T) {
	for _, o := range allOpenings() {
		t.Run(o.name, func(t *testing.T) {
			w := o.world()
			w.blocksErr = access.Errorf(access.CodeUnavailable, "no answer")
			before := w.state()
			w.send(t, o.press("UANN"))
			if len(w.views) != 1 || w.views[0].view.CallbackID != o.callback || len(w.told) > 0 {
				t.Fatalf("views %+v, told %q", w.views, w.told)
			}
			if w.state() != before || len(refusals(w.rows["r1"])) > 0 {
				t.Errorf("it changed something: %s\nbefore: %s", w.state(), before)
			}
			if w.remembered.Load() == 0 || w.looked.Load() > 0 {
				t.Errorf("%d cached lookups and %d others, want only cached ones", w.remembered.Load(), w.looked.Load())
			}
			// The submission reads the blocks, and nobody from the cache.
			w.remembered.Store(0)
			if w.send(t, o.submit("UANN")); w.state() != before {
				t.Error("it decided without knowing who is blocked")
			}
			w.blocksErr = nil
			w.send(t, o.submit("UANN"))
			if w.state() == before || w.remembered.Load() > 0 || w.looked.Load() == 0 {
				t.Errorf("%d cached lookups and %d others, want only others; %s", w.remembered.Load(), w.looked.Load(), w.state())
			}
		})
	}
}

// People who could approve a minute ago may see the dialog. If the policy no longer allows
// them, or the requester, the dialog decides nothing, and the refusal is recorded.
func TestStaleLookupsDecideNothing(t *testing.T) {
	block := func(p access.Person) func(*world) {
		return func(w *world) {
			w.blocks = access.Blocks{}.Add(access.Block{Person: p, By: bob, At: now, Reason: "x"}, 7)
		}
	}
	changes := []struct {
		name        string
		change      func(*world)
		onlyApprove bool // the others are safe
		refusal     string
	}{
		{name: "the approver is gone", change: func(w *world) { delete(w.people, "UANN") }, refusal: "UANN  ACTION NotEligible"},
		{name: "the approver has another email", refusal: "UANN p-ann ACTION NotApprover",
			change: func(w *world) {
				w.people["UANN"] = access.Person{SlackID: "UANN", Email: "ann@other.example", PrincipalID: "p-ann"}
			}},
		{name: "the approver is found under a fallback domain", refusal: "UANN p-ann ACTION NotApprover",
			change: func(w *world) {
				w.people["UANN"] = access.Person{SlackID: "UANN", Email: "ann@example.com", PrincipalID: "p-ann", SecondaryDomain: true}
			}},
		{name: "the approver is the requester by now", refusal: "UANN p-jane ACTION NotApprover",
			change: func(w *world) {
				w.people["UANN"] = access.Person{SlackID: "UANN", Email: "ann@example.com", PrincipalID: "p-jane"}
			}},
		{name: "the approver is blocked", change: block(ann), refusal: "UANN p-ann ACTION Blocked"},
		{name: "the approver is blocked as another Slack user", change: block(ann2), refusal: "UANN p-ann ACTION Blocked"},
		{name: "the requester is blocked", change: block(jane), onlyApprove: true, refusal: "UANN p-ann ACTION Blocked"},
		{name: "the requester is gone", change: func(w *world) { delete(w.people, "UJANE") }, onlyApprove: true, refusal: "UANN p-ann ACTION RequesterGone"},
		{name: "the requester has another user", onlyApprove: true, refusal: "UANN p-ann ACTION RequesterGone",
			change: func(w *world) {
				w.people["UJANE"] = access.Person{SlackID: "UJANE", Email: "jane@example.com", PrincipalID: "p-new"}
			}},
	}
	for _, o := range allOpenings() {
		for _, c := range changes {
			if c.onlyApprove && o.action != "approve" {
				continue
			}
			t.Run(o.name+": "+c.name, func(t *testing.T) {
				w := o.world()
				c.change(w)
				before := w.state()
				w.send(t, o.press("UANN"))
				if len(w.views) != 1 || w.views[0].view.CallbackID != o.callback || w.state() != before || len(refusals(w.rows["r1"])) > 0 {
					t.Fatalf("the press: views %+v, told %q, state %s", w.views, w.told, w.state())
				}
				for range 2 {
					if got := w.send(t, o.submit("UANN")); noticeText(got.Body) == "" {
						t.Errorf("the submission is answered with %q", got.Body)
					}
				}
				if w.state() != before {
					t.Errorf("it decided: %s\nbefore: %s", w.state(), before)
				}
				if got, want := refusals(w.rows["r1"]), strings.ReplaceAll(c.refusal, "ACTION", o.action); !slices.Equal(got, []string{want}) {
					t.Errorf("recorded %q, want %q", got, want)
				}
			})
		}
	}
}

// A membership that ended a moment ago opens the dialog, and decides nothing.
func TestStaleMembershipDecidesNothing(t *testing.T) {
	w := adminBy(access.Statement{Approvers: []string{"group:g-2"}})
	w.groups.Members = map[string][]string{"g-2": {"p-ann"}}
	w.confirms = true
	w.rows["r1"] = waiting()
	h := w.handler()
	send := func(body string) {
		t.Helper()
		if _, err := handle(t, h, sign(body, now)); err != nil {
			t.Fatal(err)
		}
	}
	send(pressBy("UANN", "approve", "r1"))
	w.groups.Members = nil
	send(pressBy("UANN", "approve", "r1"))
	if len(w.views) != 2 {
		t.Fatalf("%d dialogs, told %q", len(w.views), w.told)
	}
	send(confirmedBy("UANN", "r1"))
	if got := refusals(w.rows["r1"]); w.rows["r1"].Outcome != nil || !slices.Equal(got, []string{"UANN p-ann approve NotApprover"}) {
		t.Errorf("outcome %+v, recorded %q", w.rows["r1"].Outcome, got)
	}
	// A new membership counts at once.
	w.groups.Members = map[string][]string{"g-2": {"p-bob"}}
	send(pressBy("UBOB", "approve", "r1"))
	if len(w.views) != 3 {
		t.Errorf("%d dialogs, told %q", len(w.views), w.told)
	}
}

// People whom the cache refuses are looked up again. So a state that is a minute old
// refuses nobody, and is not recorded.
func TestCacheRefusesNobody(t *testing.T) {
	const refused = "You can't approve or deny this request. "
	for _, o := range allOpenings() {
		for name, change := range map[string]func(*world){
			"was a guest": func(w *world) { delete(w.memory, "UANN") },
			"had another email": func(w *world) {
				w.memory["UANN"] = access.Person{SlackID: "UANN", Email: "x@example.com", PrincipalID: "p-ann"}
			},
			"had the requester's user": func(w *world) {
				w.memory["UANN"] = access.Person{SlackID: "UANN", Email: "ann@example.com", PrincipalID: "p-jane"}
			},
			"the requester was gone": func(w *world) { delete(w.memory, "UJANE") },
		} {
			t.Run(o.name+": "+name, func(t *testing.T) {
				w := o.world()
				change(w)
				before := w.state()
				w.send(t, o.press("UANN"))
				if len(w.views) != 1 || w.views[0].view.CallbackID != o.callback || len(w.told) > 0 || w.state() != before || len(refusals(w.rows["r1"])) > 0 {
					t.Errorf("views %+v, told %q, recorded %q", w.views, w.told, refusals(w.rows["r1"]))
				}
			})
		}
	}
	// What is recorded is the person as they are now, once.
	for _, tt := range []struct {
		name    string
		user    string
		change  func(*world)
		told    string
		refusal []string
	}{
		{"not an approver", "UBOB", func(*world) {}, refused + "ann@example.com or twin@example.com can.", []string{"UBOB p-bob approve NotApprover"}},
		{"not an approver, with another email before", "UBOB", func(w *world) {
			w.memory["UBOB"] = access.Person{SlackID: "UBOB", Email: "x@example.com", PrincipalID: "p-x"}
		}, refused + "ann@example.com or twin@example.com can.", []string{"UBOB p-bob approve NotApprover"}},
		{"a guest by now, and not an approver before", "UGUEST", func(w *world) { w.memory["UGUEST"] = bob },
			refused + "No guests. The request's message names the approvers.", []string{"UGUEST  approve NotEligible"}},
		{"blocked, and not an approver", "UBOB", func(w *world) {
			w.blocks = access.Blocks{}.Add(access.Block{Person: bob, By: ann, At: now}, 7)
		}, cantDecideNow, []string{"UBOB p-bob approve Blocked"}},
		{"the requester's other Slack user", "UTWIN", func(*world) {}, refused + "This is your own request. ann@example.com can.", []string{"UTWIN p-jane approve NotApprover"}},
		{"nothing is known now", "UBOB", func(w *world) { w.peopleErr = access.Errorf(access.CodeUnavailable, "no answer") },
			"Something went wrong. Please try again in a moment.", nil},
		{"it isn't known who is blocked", "UBOB", func(w *world) { w.blocksErr = access.Errorf(access.CodeUnavailable, "no answer") },
			"Something went wrong. Please try again in a moment.", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := allOpenings()[0].world()
			tt.change(w)
			w.send(t, pressBy(tt.user, "approve", "r1"))
			if got := refusals(w.rows["r1"]); !slices.Equal(got, tt.refusal) || !slices.Equal(w.told, []string{tt.told}) || len(w.views) > 0 || w.rows["r1"].Outcome != nil {
				t.Errorf("recorded %q, told %q, want %q, %q; views %+v", got, w.told, tt.refusal, tt.told, w.views)
			}
			if n := strings.Count(w.log.String(), "press refused"); n != len(tt.refusal) {
				t.Errorf("%d lines in the log, want %d:\n%s", n, len(tt.refusal), &w.log)
			}
		})
	}
}

// Presses that decide something without a dialog, and those that may change the approvals
// in the row, believe nothing of the cache: in it, everyone is an approver.
func TestDecidingPressesDontBelieveTheCache(t *testing.T) {
	tests := []struct {
		name  string
		row   access.Request
		w     func(*world)
		press string
	}{
		{"approve", waiting(), nil, pressBy("UBOB", "approve", "r1")},
		{"approve where the policy wants a dialog", waiting(), func(w *world) { w.policy.Accounts[1].Confirm = true }, pressBy("UBOB", "approve", "r1")},
		{"deny", waiting(), func(w *world) { w.denyReason = DenyReasonOff }, pressBy("UBOB", "deny", "r1")},
		{"approve with the dialog, after others approved", approvedBy(ann), func(w *world) { w.confirms = true }, pressBy("UMAL", "approve", "r4")},
		{"approve at home, after others approved", approvedBy(ann), nil, pressAtHome("UMAL", "approve", "r4")},
		{"take back", approvedBy(ann), nil, pressBy("UBOB", "take_back", "r4")},
		{"withdraw", waiting(), nil, pressBy("UBOB", "withdraw", "r1")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			if tt.w != nil {
				tt.w(w)
			}
			w.policy.Accounts = append(w.policy.Accounts, twoNeeded)
			w.rows[tt.row.ID] = tt.row
			w.people["UMAL"] = access.Person{SlackID: "UMAL", Email: "mal@example.com", PrincipalID: "p-mal"}
			w.memory = map[string]access.Person{"UJANE": jane, "UBOB": ann, "UMAL": bob, "UANN": ann}
			before := w.state()
			w.send(t, tt.press)
			if len(refusals(w.rows[tt.row.ID])) != 1 || w.state() != before {
				t.Errorf("recorded %q, state %s", refusals(w.rows[tt.row.ID]), w.state())
			}
			for _, v := range w.views {
				if _, ok := slack.ActionOf(v.view.CallbackID); ok {
					t.Errorf("it opened the dialog %q", v.view.CallbackID)
				}
			}
		})
	}
}

// Even if a press with cached lookups got as far as its decision, it would write nothing.
func TestCachedPressWritesNothing(t *testing.T) {
	w := newWorld()
	w.policy.Accounts = append(w.policy.Accounts, twoNeeded)
	w.rows = map[string]access.Request{"r1": waiting(), "r2": active(), "r4": approvedBy()}
	before := w.state()
	h := w.handler()
	for name, decide := range map[string]func(*press) error{
		"approve": func(p *press) error {
			_, err := p.decide(t.Context(), access.Outcome{Kind: access.OutcomeApproved, By: ann, At: now})
			return err
		},
		"end": func(p *press) error {
			p.request, p.confirmed = w.rows["r2"], true
			_, err := p.end(t.Context())
			return err
		},
		"add an approval": func(p *press) error {
			p.request, p.confirmed = w.rows["r4"], true
			p.index = access.NewIndex(&w.policy)
			p.asked, p.by, p.as = &access.Case{Requester: jane.Identity(nil), Target: p.request.Target}, ann, ann.Identity(nil)
			p.approver = &approverReads{}
			if err := p.lookUpApprovers(t.Context()); err != nil {
				return err
			}
			_, err := p.addApproval(t.Context(), p.index.Decide(p.asked))
			return err
		},
	} {
		p := &press{Handler: h, log: h.Logger, action: slack.ActionApprove, cached: true, request: w.rows["r1"]}
		if err := decide(p); !errors.Is(err, errCached) || w.state() != before {
			t.Errorf("%s: %v, state %s", name, err, w.state())
		}
	}
}
