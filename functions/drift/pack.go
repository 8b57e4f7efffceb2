package drift

import (
	"math"
)

// unit is the smallest part of a batch, with the number of calls that it takes.
type unit struct {
	calls float64
	add   func(*Batch)
}

// units returns everything that the run reads.
func (p *planner) units() []unit {
	var all []unit
	for _, pair := range p.pairs {
		for _, set := range pair.Sets {
			all = append(all, unit{1, func(b *Batch) {
				if last := len(b.AccountSets) - 1; last >= 0 && b.AccountSets[last].Account == pair.Account {
					b.AccountSets[last].Sets = append(b.AccountSets[last].Sets, set)
					return
				}
				b.AccountSets = append(b.AccountSets, AccountSets{Account: pair.Account, Sets: []int{set}})
			}})
		}
	}
	for _, account := range p.undiscovered {
		all = append(all, unit{float64(1 + min(len(p.plan.Sets), maxPerAccount)), func(b *Batch) { b.Accounts = append(b.Accounts, account) }})
	}
	for _, user := range p.users {
		all = append(all, unit{max(1, p.perUser), func(b *Batch) { b.Users = append(b.Users, user) }})
	}
	for group := range p.plan.Groups {
		all = append(all, unit{1, func(b *Batch) { b.Groups = append(b.Groups, group) }})
	}
	return all
}

// pack makes batches: as few as a function's time allows, but enough of them to run
// in parallel.
func (p *planner) pack() []Batch {
	all := p.units()
	total := 0.0
	for _, u := range all {
		total += u.calls
	}
	size := min(batchCalls, max(smallBatch, math.Ceil(total/BatchesAtOnce)))
	if p.engine.mostCalls > 0 {
		size = p.engine.mostCalls
	}
	batches := []Batch{}
	calls := 0.0
	for _, u := range all {
		if len(batches) == 0 || calls+u.calls > size {
			batches, calls = append(batches, Batch{}), 0
		}
		u.add(&batches[len(batches)-1])
		calls += u.calls
	}
	return batches
}
