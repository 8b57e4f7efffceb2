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

// TestUndecidableGrant plays what must not happen while Grant waits for the policy to
// decide: access stays that an earlier attempt created, or a request is granted that
// someone ended meanwhile. Memberships can't be read from the first attempt of Grant on,
// or from the second if the first creates access.
func TestUndecidableGrant(t *testing.T) {
	for _, tt := range []struct {
		name string
		// first is what happens to the first attempt of Grant. zero: it can't read.
		first   func(c *undecidableGrant, inv *invocation, operation string) string
		created bool // by the first attempt
		waiting func(w *world, r *dossier)
		reads   time.Duration // after which reads work again
		within  time.Duration // after which created access is gone
	}{
		{name: "an attempt dies once it created the access", created: true, reads: 10 * time.Minute, within: 4 * time.Minute,
			first: func(_ *undecidableGrant, _ *invocation, operation string) string {
				if operation == "CreateAccountAssignment" {
					return faultDies
				}
				return ""
			}},
		{name: "an attempt goes on after its answer was given up, and creates the access", created: true, reads: 10 * time.Minute, within: 6 * time.Minute,
			first: func(c *undecidableGrant, inv *invocation, operation string) string {
				if operation == "IsMemberInGroups" {
					inv.answer(nil, &failure{"Lambda.ClientExecutionTimeoutException", ""})
					return faultSlow
				}
				return ""
			}},
		{name: "the execution is stopped while it waits", reads: 10 * time.Minute, waiting: func(w *world, r *dossier) {
			w.steps.executions[r.row.ExecutionARN].stop()
		}},
		{name: "the execution is stopped while it waits, and redriven once reads work", reads: 10 * time.Minute, waiting: func(w *world, r *dossier) {
			e := w.steps.executions[r.row.ExecutionARN]
			e.stop()
			w.then(w.clock.now().Add(12*time.Minute), 3, func() { e.redrive() })
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var story strings.Builder
			var problems []string
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1, trouble{name: "undecidable grant", stops: 1, orphans: 1, reads: 1}, start, &story)
				w.trouble.quietAt = w.at(0)
				for _, m := range []access.Subject{membership("g-dev", people[0]), membership("g-sec", people[2])} {
					w.byHand(m.Target, access.Person{PrincipalID: m.PrincipalID}, true)
				}
				policy := readFaultPolicy
				policy.Accounts = slices.Clone(policy.Accounts)
				policy.Accounts[0].ApprovalsNeeded = 0
				w.enforce(policy)
				p := &plan{world: w, dice: w.source.dice("request"), person: people[0], target: targets[0], duration: 2 * time.Minute, view: "V1"}
				p.id = access.RequestID(team, p.view)
				r := w.ledger.request(p.id)
				c := &undecidableGrant{reads: tt.reads}
				w.fault = func(inv *invocation, operation, _ string) string {
					is, _ := inv.payload["operation"].(string)
					if inv.function != "grant" || is != "start" {
						return ""
					}
					return c.fault(inv, operation, tt.first)
				}
				w.then(w.at(10*time.Second), 1, func() { w.sendFromSlack(p.id, p.form(), nil) })
				w.then(w.at(30*time.Second), 1, func() { p.press(0, people[2], "approve") })
				if tt.waiting != nil {
					w.then(w.at(90*time.Second), 2, func() {
						if at := w.steps.executions[r.row.ExecutionARN].root.at; at != "WaitToGrant" {
							problems = append(problems, "the execution is in "+at)
						}
						tt.waiting(w, r)
					})
				}
				w.every(time.Minute, w.source.dice("look"), func() { w.look() })
				key := access.Subject{Target: p.target, PrincipalID: p.person.PrincipalID}.Key()
				var last time.Time
				w.every(time.Second, w.source.dice("watch"), func() {
					if has, _ := w.hasAccess(key); has {
						last = w.clock.now()
					}
				})
				w.clock.run(func() bool { return w.since() > 40*time.Minute })
				w.ledger.checkEnd()
				switch {
				case c.failed == 0:
					problems = append(problems, "no read failed, so nothing was shown")
				case r.created.IsZero() == tt.created:
					problems = append(problems, fmt.Sprintf("created at %v", r.created))
				case r.row.WasGranted() || !last.IsZero() && last.After(r.created.Add(tt.within)):
					problems = append(problems, fmt.Sprintf("granted at %v, created at %v, last there at %v", r.row.GrantedAt, r.created, last))
				}
				problems = append(problems, w.violations...)
				w.clock.end()
			})
			if len(problems) > 0 {
				t.Errorf("%s\n%s", strings.Join(problems, "\n"), story.String())
			}
		})
	}
}

// undecidableGrant makes the reads of Grant fail.
type undecidableGrant struct {
	reads  time.Duration
	first  *invocation
	failed int
	until  time.Time
}

func (c *undecidableGrant) fault(inv *invocation, operation string, first func(*undecidableGrant, *invocation, string) string) string {
	now := inv.world.clock.now()
	if c.first == nil {
		c.first, c.until = inv, now.Add(c.reads)
	}
	if inv == c.first && first != nil {
		return first(c, inv, operation)
	}
	if operation != "IsMemberInGroups" || now.After(c.until) {
		return ""
	}
	c.failed++
	return faultDown
}
