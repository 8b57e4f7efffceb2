package simulation

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sso-elevator/functions/access"
)

// TestAttacks simulates attacks by someone who can start and stop executions and
// choose their names and inputs. The access must still be removed in time.
func TestAttacks(t *testing.T) {
	const minute = time.Minute
	takeNames := func(input string, until time.Duration) func(*world, string) {
		return func(w *world, id string) {
			for m := time.Duration(0); m <= until; m += minute {
				w.steps.start(reconcileMachineARN, "sweep-"+id+"-"+w.at(m).Truncate(minute).Format("20060102-1504"), input)
			}
		}
	}
	decoys := func(w *world, id string) {
		for _, name := range []string{id + "-x", "x-" + id, "2026-03-02-Production-ReadOnly-" + id} {
			w.park(requestMachineARN, name)
		}
		for _, name := range []string{"sweep-" + id + "-x", "sweep-" + id, "x-" + id} {
			w.park(reconcileMachineARN, name)
		}
	}
	for _, test := range []struct {
		name string
		// attack runs when the request is made. stopIn is the state in which the
		// request's execution is stopped; "" means before the access is confirmed.
		attack func(w *world, id string)
		stopIn string
		sweeps bool // every sweep is stopped as it starts
	}{
		{name: "nothing but a stop", stopIn: "AwaitEnd"},
		{name: "decoys in both machines", attack: decoys, stopIn: "AwaitEnd"},
		{name: "the names of a day are taken", attack: takeNames(`{"mode":"sweep","lease":"none"}`, 24*time.Hour), stopIn: "AwaitEnd"},
		{name: "a run is parked under a sweep's name", stopIn: "AwaitEnd", attack: func(w *world, id string) {
			for m := time.Duration(0); m < 20*minute; m += minute {
				w.park(reconcileMachineARN, "sweep-"+id+"-"+w.at(m).Truncate(minute).Format("20060102-1504"))
			}
		}},
		{name: "a stop between Grant and ConfirmGrant, with a decoy left running", attack: decoys},
		{name: "every sweep is stopped as it starts", stopIn: "AwaitEnd", sweeps: true},
		{name: "every sweep is stopped, and the access was never confirmed", sweeps: true},
		{name: "the removal is stopped, and so is every sweep", stopIn: "ConfirmRevoke", sweeps: true},
		{name: "everything at once", stopIn: "AwaitEnd", sweeps: true, attack: func(w *world, id string) {
			decoys(w, id)
			takeNames(`{"mode":"none"}`, 24*time.Hour)(w, id)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var story strings.Builder
			var broken []string
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1, trouble{name: "attack", stops: 1}, start, &story)
				w.trouble.quietAt = w.at(0)
				w.enforce(policies[3]) // it grants every request of this test automatically
				if test.sweeps {
					w.insider = &insider{world: w, dice: w.source.dice("insider"), stopsSweeps: true}
					w.trouble.quietAt = w.at(time.Hour)
				}
				p := &plan{world: w, dice: w.source.dice("request"), person: people[0], target: targets[1], duration: 2 * minute, view: "V1"}
				p.id = access.RequestID(team, p.view)
				r := w.ledger.request(p.id)
				w.then(w.at(10*time.Second), 1, func() {
					if test.attack != nil {
						test.attack(w, p.id)
					}
					if test.stopIn == "" {
						w.stopOnceCreated(r)
					}
					r.stopIn = test.stopIn
					r.stop = func(e *execution) {
						// This happens after the state's function has returned.
						w.then(w.clock.now().Add(time.Second), 2, e.stop)
					}
					w.sendFromSlack(p.id, p.form(), nil)
				})
				w.every(minute, w.source.dice("look"), func() { w.look() })
				key := access.Subject{Target: p.target, PrincipalID: p.person.PrincipalID}.Key()
				var there []time.Time
				w.every(time.Second, w.source.dice("watch"), func() {
					if has, _ := w.hasAccess(key); has {
						there = append(there, w.clock.now())
					}
				})
				w.clock.run(func() bool { return w.since() > 12*minute })
				w.ledger.checkTimes()
				switch {
				case r.created.IsZero():
					broken = append(broken, "nothing was created, so nothing was shown")
				case r.row.GrantedAt.IsZero() != (test.stopIn == ""):
					broken = append(broken, fmt.Sprintf("the access was confirmed at %v", r.row.GrantedAt))
				case len(there) == 0:
					broken = append(broken, "the access was never there")
				default:
					due := r.row.End
					if due.IsZero() || r.goneAt.After(due) {
						due = r.goneAt
					}
					if last := there[len(there)-1]; last.After(due.Add(onceGone + 10*time.Second)) {
						broken = append(broken, fmt.Sprintf("the access was still there %v after it had to go", last.Sub(due)))
					}
				}
				broken = append(broken, w.violations...)
				w.clock.end()
			})
			if len(broken) > 0 {
				t.Errorf("%s\n%s", strings.Join(broken, "\n"), story.String())
			}
		})
	}
}

// stopOnceCreated stops the request's execution between the creation of its
// access and the confirmation.
func (w *world) stopOnceCreated(r *dossier) {
	if !r.created.IsZero() {
		w.steps.executions[r.row.ExecutionARN].stop()
		return
	}
	w.then(w.clock.now().Add(time.Millisecond), 3, func() { w.stopOnceCreated(r) })
}

// park starts an execution that does nothing and never ends by itself.
func (w *world) park(machine, name string) {
	e, _ := w.steps.start(machine, name, `{"mode":"warn"}`)
	e.root.stop()
}
