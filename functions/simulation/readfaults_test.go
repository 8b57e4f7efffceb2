package simulation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/statemachine"
)

// readPlace is where a decision reads memberships or units, or writes an approval.
type readPlace struct {
	name, function, operation string // operation "" is any
	calls                     []string
}

// leaseRead reads whether this app granted the membership that a decision uses.
const leaseRead = "GetItem lease#group#"

var places = []readPlace{
	{"evaluate", "evaluate", "evaluate", []string{"IsMemberInGroups", leaseRead, "ListGroupMemberships", "ListParents"}},
	{"press", "ingress", "", []string{"IsMemberInGroups", leaseRead, "UpdateItem"}},
	{"reminder", "evaluate", "next", []string{"IsMemberInGroups", leaseRead, "ListParents"}},
	{"grant", "grant", "start", []string{"IsMemberInGroups", leaseRead, "ListParents"}},
	{"answer", "ingress", "", []string{"IsMemberInGroups", leaseRead}},
	{"revoke's consent", "revoke", "drift", []string{"IsMemberInGroups", leaseRead}},
}

// callFaults are what happens to the call.
var callFaults = []string{faultThrottled, faultDown, faultLost, faultDenied, faultSlow}

// A fault happens once, outlasts all retries of a state, or outlasts every wait.
const (
	once    = 0
	forLong = 10 * time.Minute
	forGood = 80 * time.Minute
)

// readFaultPolicy makes every place read memberships, and those of requests units.
var readFaultPolicy = access.Policy{Accounts: []access.Statement{{
	Resources: []string{unitWorkloads}, PermissionSets: []string{"Admin"},
	Allowed: []string{"group:g-dev"}, Approvers: []string{"group:g-sec"}, ApprovalsNeeded: 2,
}}}

// TestReadFaults has each call that a decision depends on fail at each place, for one
// attempt, for so long that all retries are spent, or for longer than
// anything waits. After one failure,
// everything happens as if there had been none. While reads fail, nothing is granted,
// refused or removed for good, and requests go on when the reads work again. If evaluate
// and grant can't read for too long, the request ends and says so.
func TestReadFaults(t *testing.T) {
	for _, at := range places {
		for _, name := range at.calls {
			for _, kind := range callFaults {
				for _, length := range []time.Duration{once, forLong, forGood} {
					if length == forGood && (kind == faultSlow || at.name != "evaluate" && at.name != "grant") {
						continue
					}
					if length == forGood && testing.Short() && kind != faultDenied {
						continue
					}
					t.Run(fmt.Sprintf("%s, %s %s, for %v", at.name, name, kind, length), func(t *testing.T) {
						c := readFault{readPlace: at, call: name, kind: kind, length: length}
						synctest.Test(t, func(t *testing.T) { c.play(t) })
					})
				}
			}
		}
	}
}

type readFault struct {
	readPlace
	call, kind string
	length     time.Duration

	hits  int
	until time.Time
}

// fault returns what happens to an attempt of a call.
func (c *readFault) fault(inv *invocation, operation, about string) string {
	is, _ := inv.payload["operation"].(string)
	call, key, _ := strings.Cut(c.call, " ")
	if operation != call || !strings.HasPrefix(about, key) || inv.function != c.function || c.operation != "" && is != c.operation {
		return ""
	}
	if c.name == "answer" != strings.HasPrefix(inv.about, "revoke-") && c.function == "ingress" {
		return ""
	}
	now := inv.world.clock.now()
	if c.function == "ingress" && c.name == "press" && len(inv.world.ledger.request(inv.about).presses) == 0 {
		return "" // the form
	}
	if c.hits++; c.hits == 1 {
		c.until = now.Add(c.length)
	}
	if c.hits > 1 && c.length == once || now.After(c.until) {
		return ""
	}
	return c.kind
}

func (c *readFault) play(t *testing.T) {
	var story strings.Builder
	w := newWorld(1, trouble{name: "read faults", reads: 1}, start, &story)
	w.trouble.quietAt = w.at(0) // only the fault of this test
	w.fault = c.fault
	for _, m := range []access.Subject{membership("g-dev", people[0]), membership("g-sec", people[2]), membership("g-sec", people[3])} {
		w.byHand(m.Target, access.Person{PrincipalID: m.PrincipalID}, true)
	}
	w.enforce(readFaultPolicy)
	p := &plan{world: w, dice: w.source.dice("request"), person: people[0], target: targets[0], duration: 2 * time.Minute, view: "V1"}
	p.id = access.RequestID(team, p.view)
	r := w.ledger.request(p.id)
	consent := c.isConsent()
	unknown := access.Subject{Target: targets[0], PrincipalID: people[1].PrincipalID}
	if consent {
		w.byHand(unknown.Target, people[1], true)
		w.then(w.at(10*time.Second), 1, func() { w.steps.start(reconcileMachineARN, "revoke-1", `{"mode":"revoke"}`) })
	} else {
		w.then(w.at(10*time.Second), 1, func() { w.sendFromSlack(p.id, p.form(), nil) })
	}
	// People press again until it has an effect. For the reminder, one of them pressed
	// before the policy needed only one.
	w.every(20*time.Second, w.source.dice("presses"), func() {
		run, found := w.table.run("revoke-1")
		switch {
		case w.since() < 30*time.Second:
		case consent && found && run.Answer == nil:
			w.sendFromSlack("revoke-1", payload("block_actions", people[2], map[string]any{
				"actions":      []map[string]any{{"action_id": "drift_remove", "value": "revoke-1"}},
				"response_url": "https://hooks.slack.com/actions/T1/1/x",
				"channel":      map[string]any{"id": channel}, "message": map[string]any{"ts": "1.1"},
			}), nil)
		case consent || r.row.Posts["announce"].TS == "" || !r.row.Open():
		case c.name == "reminder" && len(r.row.Approvals) > 0:
			if policy := readFaultPolicy; len(w.ledger.policies) == 1 {
				policy.Accounts = slices.Clone(policy.Accounts)
				policy.Accounts[0].ApprovalsNeeded = 1
				w.enforce(policy)
			}
		default:
			for _, who := range people[2:4] {
				if c.name != "reminder" || who == people[2] {
					p.press(0, who, "approve")
				}
			}
		}
	})
	w.every(time.Minute, w.source.dice("look"), func() { w.look() })
	// A closed request is watched for five more minutes.
	w.clock.run(func() bool {
		closed := r.row.ClosedAt
		return w.since() > 40*time.Minute+c.length || !closed.IsZero() && w.clock.now().After(closed.Add(5*time.Minute))
	})
	if !consent {
		w.ledger.checkEnd()
	}
	problems := slices.Clone(w.violations)
	if c.hits == 0 {
		problems = append(problems, "there was no such call")
	}
	problems = append(problems, c.check(w, r.row, unknown)...)
	w.clock.end()
	if len(problems) > 0 {
		t.Errorf("%s\n%s", strings.Join(problems, "\n"), story.String())
	}
}

// isConsent reports whether the place is about the removal of unknown access.
func (c *readFault) isConsent() bool { return c.name == "answer" || c.name == "revoke's consent" }

// check returns what is wrong with the end of the request, or of the unknown access.
func (c *readFault) check(w *world, row access.Request, unknown access.Subject) (problems []string) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	harmless := c.length == once || c.kind == faultSlow
	if c.isConsent() {
		// A call that is denied is not repeated: the next run finds the access again.
		harmless = harmless && !(c.function == "revoke" && c.kind == faultDenied)
		if there, _ := w.hasAccess(unknown.Key()); there && harmless {
			problem("the finding was not removed")
		}
		return problems
	}
	decides := c.name == "evaluate" || c.name == "grant"
	switch {
	case row.Outcome == nil:
		problem("the request was not decided")
	case c.length == forGood && c.name == "evaluate":
		if o := *row.Outcome; o.Kind != access.OutcomeRefused || o.Reason != string(access.CodeNotDecided) || o.At.After(row.CreatedAt.Add(expiration+5*time.Minute)) {
			problem("want it refused once it had expired: %+v", o)
		}
	case c.length == forGood:
		if f := row.Failure; row.WasGranted() || f == nil || f.Code != access.CodeNotDecided || f.At.After(row.Outcome.At.Add(statemachine.GrantWaitFor+5*time.Minute)) || row.Removal != access.RemovalNothing {
			problem("want it not granted after the wait: %+v, %+v, %q", *row.Outcome, f, row.Removal)
		}
	case c.name == "reminder" && !harmless && row.Outcome.Kind == access.OutcomeExpired:
		// The next reminder would come after the expiry.
	case !row.WasGranted():
		problem("not granted: %+v, %+v", *row.Outcome, row.Failure)
	case decides && !harmless && row.GrantedAt.Before(c.until), c.name == "evaluate" && !harmless && row.Outcome.At.Before(c.until):
		problem("decided at %v and granted at %v, while the reads failed", row.Outcome.At, row.GrantedAt)
	}
	return problems
}
