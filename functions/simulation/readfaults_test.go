package simulation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sso-elevator/functions/access"
)

// readPlace is where a decision reads memberships or units, or writes an approval.
type readPlace struct {
	name, function, operation string // operation "" is any
	calls                     []string
}

var places = []readPlace{
	{"evaluate", "evaluate", "evaluate", []string{"IsMemberInGroups", "ListGroupMemberships", "ListParents"}},
	{"press", "ingress", "", []string{"IsMemberInGroups", "UpdateItem"}},
	{"reminder", "evaluate", "next", []string{"IsMemberInGroups", "ListParents"}},
	{"grant", "grant", "start", []string{"IsMemberInGroups", "ListParents"}},
	{"answer", "ingress", "", []string{"IsMemberInGroups"}},
	{"revoke's consent", "revoke", "drift", []string{"IsMemberInGroups"}},
}

// callFaults are what happens to the call.
var callFaults = []string{faultThrottled, faultDown, faultLost, faultSlow}

// forLong is how long a lasting fault lasts. It outlasts all retries of a state.
const forLong = 10 * time.Minute

// readFaultPolicy makes every place read memberships, and those of requests units.
var readFaultPolicy = access.Policy{Accounts: []access.Statement{{
	Resources: []string{unitWorkloads}, PermissionSets: []string{"Admin"},
	Allowed: []string{"group:g-dev"}, Approvers: []string{"group:g-sec"}, ApprovalsNeeded: 2,
}}}

// TestReadFaults has each call that a decision depends on fail at each place, for one
// attempt or for so long that all retries are spent. After one failure, everything
// happens as if there had been none. After a long one, nothing was granted or removed
// without the check, and nothing was refused for a reason of the policy.
func TestReadFaults(t *testing.T) {
	for _, at := range places {
		for _, name := range at.calls {
			for _, kind := range callFaults {
				for _, long := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s, %s %s, long: %t", at.name, name, kind, long), func(t *testing.T) {
						c := readFault{readPlace: at, call: name, kind: kind, long: long}
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
	long       bool

	hits  int
	until time.Time
}

// fault returns what happens to an attempt of a call.
func (c *readFault) fault(inv *invocation, operation string) string {
	is, _ := inv.payload["operation"].(string)
	if operation != c.call || inv.function != c.function || c.operation != "" && is != c.operation {
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
		c.until = now.Add(forLong)
	}
	if c.hits > 1 && !c.long || now.After(c.until) {
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
	consent := c.name == "answer" || c.name == "revoke's consent"
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
	w.clock.run(func() bool { return w.since() > 40*time.Minute })
	if !consent {
		w.ledger.checkEnd()
	}
	problems := slices.Clone(w.violations)
	if c.hits == 0 {
		problems = append(problems, "there was no such call")
	}
	row := r.row
	switch there, _ := w.hasAccess(unknown.Key()); {
	case consent && !c.long && there, consent && c.kind == faultSlow && there:
		problems = append(problems, "the finding was not removed")
	case consent:
	case c.long && c.kind != faultSlow && !row.GrantedAt.IsZero() && (c.name == "evaluate" || c.name == "grant"):
		problems = append(problems, "the retries outlasted the fault, so it shows nothing")
	case row.Outcome == nil:
		problems = append(problems, "the request was not decided")
	case (!c.long || c.kind == faultSlow) && row.GrantedAt.IsZero():
		problems = append(problems, fmt.Sprintf("not granted: %+v, %+v", row.Outcome, row.Failure))
	case row.GrantedAt.IsZero() && row.Outcome.Kind == access.OutcomeRefused:
		if code := access.Code(row.Outcome.Reason); !code.Transient() {
			problems = append(problems, fmt.Sprintf("refused for good: %+v", *row.Outcome))
		}
	case row.GrantedAt.IsZero() && row.Failure != nil:
		problems = append(problems, fmt.Sprintf("not granted for good: %+v", *row.Failure))
	}
	w.clock.end()
	if len(problems) > 0 {
		t.Errorf("%s\n%s", strings.Join(problems, "\n"), story.String())
	}
}
