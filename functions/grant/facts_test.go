package grant

import (
	"sync"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/cases/casestest"
	"sso-elevator/functions/adapters/host"
)

// join makes the reads of a handler answer only when all of them are in flight: the row and
// the policy first, and then who is blocked, both users, the permission set and the access.
func join(h *Handler, s *scene) {
	meet := func(n int) func() {
		var all sync.WaitGroup
		all.Add(n)
		return func() {
			all.Done()
			all.Wait()
		}
	}
	first, second := meet(2), meet(5)
	table, directory := h.Table.(*mockTable), h.Directory.(mockDirectory)
	get, name, status, blocks := table.get, directory.name, directory.status, table.blocks
	table.get = func(id string) (access.Request, error) { first(); return get(id) }
	h.Policy = mockPolicy(func() (access.Policy, error) { first(); return s.policy, s.errs["policy"] })
	read := 0
	table.blocks = func() (access.Blocks, error) {
		if read++; read == 1 { // the second read comes after the lease is written
			second()
		}
		return blocks()
	}
	directory.name = func(arn string) (string, error) { second(); return name(arn) }
	directory.status = func(id string) (access.UserStatus, error) { second(); return status(id) }
	h.Directory = directory
	h.Leases.(*mockLeases).look = second
}

func start(t *testing.T, h *Handler) error {
	_, err := h.Handle(t.Context(), Input{Input: host.Input{Operation: "start", RequestID: "one", Execution: execution}, Waits: true})
	return err
}

func TestFactsAreReadAtOnce(t *testing.T) {
	s := inOrder()
	h := s.handler()
	join(h, s)
	if err := start(t, h); err != nil || len(s.acquired) != 1 {
		t.Errorf("%v, acquired %d", err, len(s.acquired))
	}
}

// Whichever read fails first, the error is the first in this order: the row, who is
// blocked, the policy, the decision, the users and the permission set. Nothing is granted.
func TestFirstFailedFact(t *testing.T) {
	failing := []struct {
		name string
		fail func(*scene)
		want access.Code
	}{
		{"row", func(s *scene) { s.errs["get"] = access.Errorf(access.CodeNotReady, "x") }, access.CodeNotReady},
		{"blocks", func(s *scene) { s.errs["blocks"] = access.Errorf(access.CodeUnavailable, "x") }, access.CodeUnavailable},
		{"policy", func(s *scene) { s.errs["policy"] = access.Errorf(access.CodeInternal, "x") }, access.CodeInternal},
		{"decision", func(s *scene) { s.policy = listing("carol@example.com") }, access.CodeRefused},
		{"requester", func(s *scene) { s.errs["p-alice"] = access.Errorf(access.CodeThrottled, "x") }, access.CodeThrottled},
	}
	for i, first := range failing {
		for range 20 { // in different orders
			s := inOrder()
			for _, f := range failing[i:] {
				f.fail(s)
			}
			err := start(t, s.handler())
			if access.CodeOf(err) != first.want || len(s.acquired) > 0 {
				t.Fatalf("%s: %v, acquired %d", first.name, err, len(s.acquired))
			}
		}
	}
}

// A policy that can't be decided comes before the users of the approvers.
func TestUndecidableBesideApprovers(t *testing.T) {
	s := inOrder()
	two(s)
	s.row.Outcome.At = monday
	s.policy.Accounts[0].Approvers = append(s.policy.Accounts[0].Approvers, "group:g-1")
	s.groups = casestest.Groups{Err: access.Errorf(access.CodeUnavailable, "no answer")}
	s.errs["p-bob"] = access.Errorf(access.CodeThrottled, "x")
	err := start(t, s.handler())
	if access.CodeOf(err) != access.CodeUndecidable || len(s.acquired) > 0 {
		t.Errorf("%v, acquired %d", err, len(s.acquired))
	}
}

// A row that alone shows that nothing can be granted makes no calls of Identity Center.
func TestRefusedRowAsksNobody(t *testing.T) {
	s := inOrder()
	s.row.Outcome.Kind = access.OutcomeDenied
	h := s.handler()
	asked := false
	h.Leases.(*mockLeases).look = func() { asked = true }
	h.Directory = mockDirectory{
		name:   func(string) (string, error) { asked = true; return "", nil },
		status: func(string) (access.UserStatus, error) { asked = true; return "", nil },
	}
	if err := start(t, h); access.CodeOf(err) != access.CodeRefused || asked {
		t.Errorf("%v, asked: %t", err, asked)
	}
}
