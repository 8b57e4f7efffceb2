package simulation

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
)

// insider may start, stop and redrive executions of both machines, with any name
// and input, and send any output or failure with any task token ever issued. None
// of that may delay a removal, forge a record, or remove access that the system
// didn't give.
type insider struct {
	world *world
	dice  *dice
	// stopsSweeps stops every execution of the reconcile machine as it starts.
	stopsSweeps bool
}

func newInsider(w *world) *insider {
	d := w.source.dice("insider")
	return &insider{world: w, dice: d, stopsSweeps: d.chance(0.3)}
}

// act plans the insider's actions until everything works again.
func (i *insider) act() {
	w, d := i.world, i.dice
	if d.chance(0.3) {
		w.then(w.at(d.between(0, busyFor)), d.next(), i.takeNames)
	}
	for at := d.between(0, 20*time.Second); at < quietFor; at += d.between(time.Second, 90*time.Second) {
		what, order := d.below(12), d.next()
		w.then(w.at(at), order, func() {
			switch what {
			case 0, 1, 2:
				i.startRequest()
			case 3, 4, 5:
				i.startReconcile()
			case 6, 7, 8:
				if e := i.execution("RUNNING"); e != nil {
					e.stop()
				}
			case 9:
				if e := i.execution("FAILED", "ABORTED"); e != nil {
					w.ledger.noteRedrive(e)
					e.redrive()
				}
			default:
				i.sendToken()
			}
		})
	}
}

// started runs when an execution starts.
func (i *insider) started(e *execution) {
	if i.stopsSweeps && e.of == reconcileMachineARN && i.world.trouble.isActive(i.world.clock.now()) {
		i.world.then(i.world.clock.now().Add(i.dice.between(0, 300*time.Millisecond)), i.dice.next(), e.stop)
	}
}

// takeNames starts a harmless execution under each name that a sweep may use in the
// next half hour.
func (i *insider) takeNames() {
	w := i.world
	input := pick(i.dice, []string{`{"mode":"sweep","lease":"none"}`, `{"mode":"none"}`, `{"mode":"warn"}`})
	for minute := range 30 {
		stamp := w.clock.now().Add(time.Duration(minute) * time.Minute).Truncate(time.Minute).Format("20060102-1504")
		for _, prefix := range i.sweepPrefixes() {
			w.steps.start(reconcileMachineARN, prefix+stamp, input)
		}
	}
}

func (i *insider) sweepPrefixes() []string {
	var prefixes []string
	for _, id := range i.requests() {
		prefixes = append(prefixes, "sweep-"+id+"-")
	}
	for _, key := range i.leases() {
		sum := sha256.Sum256([]byte(key))
		prefixes = append(prefixes, "sweep-lease-"+hex.EncodeToString(sum[:8])+"-")
	}
	return prefixes
}

func (i *insider) requests() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(i.world.ledger.requests)), func(id string) bool { return i.world.ledger.requests[id].row.ID == "" })
}

func (i *insider) leases() []string {
	var keys []string
	for key := range i.world.table.rows {
		if k, ok := strings.CutPrefix(key, "lease#"); ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// startRequest starts an execution of the request machine: for a request, or a
// decoy whose name looks like that of a request's own execution.
func (i *insider) startRequest() {
	ids := i.requests()
	if len(ids) == 0 {
		return
	}
	id, d := pick(i.dice, ids), i.dice
	n := d.below(1000)
	name := pick(d, []string{fmt.Sprintf("%s-%d", id, n), fmt.Sprintf("x%d-%s", n, id), fmt.Sprintf("decoy-%d", n)})
	input := pick(d, []string{`{"request_id":"` + id + `"}`, `{"request_id":"` + pick(d, ids) + `"}`, `{"request_id":"none"}`})
	i.world.steps.start(requestMachineARN, name, input)
}

// startReconcile starts an execution of the reconcile machine: a run, a sweep of
// anything, or a sweep that claims to remove a finding.
func (i *insider) startReconcile() {
	d := i.dice
	inputs := []string{`{"mode":"warn"}`, `{"mode":"revoke"}`, `{"mode":"sweep","lease":"none"}`}
	names := []string{fmt.Sprintf("run-%d", d.below(1000))}
	for _, id := range i.requests() {
		inputs = append(inputs, `{"mode":"sweep","request_id":"`+id+`"}`)
	}
	for _, key := range i.leases() {
		text, _ := json.Marshal(key)
		inputs = append(inputs, `{"mode":"sweep","lease":`+string(text)+`}`)
	}
	for _, e := range i.world.steps.inOrder {
		if e.of == reconcileMachineARN {
			finding, _ := json.Marshal(access.FindingRef{Run: e.name, Index: d.below(3)})
			inputs = append(inputs, `{"mode":"sweep","lease":"none","drift":`+string(finding)+`}`)
			inputs = append(inputs, fmt.Sprintf(`{"mode":"press","run":%q,"index":%d}`, e.name, d.below(3)))
		}
	}
	for _, prefix := range i.sweepPrefixes() {
		names = append(names, fmt.Sprintf("%sx%d", prefix, d.below(100)), prefix+i.world.clock.now().Add(d.between(0, 10*time.Minute)).Format("20060102-1504"))
	}
	i.world.steps.start(reconcileMachineARN, pick(d, names), pick(d, inputs))
}

// execution returns an execution with one of these statuses, or nil if there is none.
func (i *insider) execution(states ...string) *execution {
	var all []*execution
	for _, e := range i.world.steps.inOrder {
		if slices.Contains(states, e.status) {
			all = append(all, e)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return pick(i.dice, all)
}

// sendToken resumes a wait with some output, or makes it fail.
func (i *insider) sendToken() {
	w, d := i.world, i.dice
	texts := slices.Sorted(maps.Keys(w.steps.tokens))
	if len(texts) == 0 {
		return
	}
	t := w.steps.tokens[pick(d, texts)]
	if t.state != tokenOpen || t.strand.stopped || t.strand.e.status != "RUNNING" {
		return
	}
	t.state = tokenUsed
	if d.chance(0.4) {
		t.failure = &failure{"Insider", "somebody failed the task"}
	} else {
		t.output = pick(d, []any{
			map[string]any{"next": "approved", "wait_seconds": 1.0}, map[string]any{"next": "denied", "wait_seconds": 1.0},
			map[string]any{}, "nonsense", map[string]any{"next": "automatic"}, map[string]any{"remove": true},
		})
	}
	w.clock.say("an insider uses a token of %s: %v %v", t.strand.e.short(), t.output, t.failure)
	w.clock.wake(t.strand.turn)
}
