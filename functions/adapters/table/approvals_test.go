package table_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/table"
)

func approver(n int) access.Person {
	return access.Person{SlackID: fmt.Sprint("U", n), Email: fmt.Sprintf("a%d@example.com", n), PrincipalID: fmt.Sprint("p-", n)}
}

// giving is the change by which a person approves r, of which needed are needed.
func giving(r access.Request, p access.Person, needed int) table.ApprovalChange {
	c := table.ApprovalChange{Purposes: []string{"announce"}, Event: &access.Event{Kind: access.EventApprovalGiven, At: monday, By: p, PolicyDigest: "d", Reason: "r", Statements: []int{1}}}
	c.Tally.Approvals = append(slices.Clone(r.Approvals), access.Approval{By: p, At: monday, PolicyDigest: "d", Statements: []int{1}})
	q := access.RequirementProgress{Requirement: access.Requirement{Statement: 1, Needed: needed, Approvers: []string{"a@example.com"}}}
	for i := range c.Tally.Approvals {
		q.Given = append(q.Given, i)
	}
	c.Tally.Requirements = []access.RequirementProgress{q}
	if len(q.Given) >= needed {
		c.Outcome = &access.Outcome{Kind: access.OutcomeApproved, By: p, At: monday, PolicyDigest: "d"}
	}
	return c
}

// approve adds the person's approval, as a press does. It returns the row, and whether
// the press decided.
func approve(t *testing.T, s *table.Table, id string, p access.Person, needed int) (r access.Request, decided bool) {
	t.Helper()
	r, err := s.Get(ctx, id)
	if err != nil {
		t.Error(err)
	}
	for r.Open() && r.ApprovalBy(p) < 0 {
		c := giving(r, p, needed)
		var won bool
		if r, won, err = s.ChangeApprovals(ctx, r, c); err != nil {
			t.Error(err)
			return r, false
		}
		if won {
			return r, c.Outcome != nil
		}
	}
	return r, false
}

func TestChangeApprovals(t *testing.T) {
	s, client, tableName := newStore(t)
	create(t, s, "a")
	if _, err := s.StoreToken(ctx, "a", table.WaitApproval, ownARN("a"), "the-token"); err != nil {
		t.Fatal(err)
	}
	if err := s.CompletePost(ctx, "a", "announce", access.Post{Channel: "C1", TS: "1.1", Digest: "old"}); err != nil {
		t.Fatal(err)
	}

	first, decided := approve(t, s, "a", approver(1), 2)
	if decided || first.Outcome != nil {
		t.Fatalf("the first of two decided: %+v", first.Outcome)
	}
	equal(t, "approvals", first.Approvals, []access.Approval{{By: approver(1), At: monday, PolicyDigest: "d", Statements: []int{1}}})
	equal(t, "progress", first.ApprovalProgress, []access.RequirementProgress{{Requirement: access.Requirement{Statement: 1, Needed: 2, Approvers: []string{"a@example.com"}}, Given: []int{0}}})
	equal(t, "event", first.Events[1], access.Event{Kind: access.EventApprovalGiven, At: monday, By: approver(1), PolicyDigest: "d", Reason: "r", Statements: []int{1}})
	equal(t, "post", first.Posts["announce"], access.Post{Channel: "C1", TS: "1.1"})

	// A check that finds something changes no event.
	checked := access.Tally{Approvals: slices.Clone(first.Approvals), Requirements: first.ApprovalProgress}
	checked.Approvals[0].Lapse = access.LapseGone
	r, won, err := s.ChangeApprovals(ctx, first, table.ApprovalChange{Tally: checked, Purposes: []string{"announce"}})
	if !won || err != nil || r.Approvals[0].Lapse != access.LapseGone || len(r.Events) != 2 {
		t.Fatalf("check: %v, %v, %+v, %d events", won, err, r.Approvals, len(r.Events))
	}

	// Taking the only one back leaves no attribute.
	r, won, err = s.ChangeApprovals(ctx, r, table.ApprovalChange{Tally: r.WithoutApproval(0), Event: &access.Event{Kind: access.EventApprovalTakenBack, At: monday, By: approver(1)}})
	if !won || err != nil || len(r.Approvals) != 0 || r.Events[2].Kind != access.EventApprovalTakenBack {
		t.Fatalf("take back: %v, %v, %+v, %+v", won, err, r.Approvals, r.Events)
	}
	if names(rawRow(t, client, tableName, "request#a"))["approvals"] {
		t.Error("an empty list of approvals is in the row")
	}

	// A row that was read before is of no use.
	if _, won, err := s.ChangeApprovals(ctx, first, giving(first, approver(2), 2)); won || err != nil {
		t.Errorf("a change of an old row: %v, %v", won, err)
	}

	approve(t, s, "a", approver(1), 2)
	last, decided := approve(t, s, "a", approver(2), 2)
	if !decided || last.ApprovalToken != "the-token" || last.Outcome == nil || last.Outcome.By != approver(2) {
		t.Fatalf("the last of two: decided %v, token %q, outcome %+v", decided, last.ApprovalToken, last.Outcome)
	}
	var kinds []access.EventKind
	for _, e := range last.Events {
		kinds = append(kinds, e.Kind)
	}
	equal(t, "events", kinds, []access.EventKind{
		access.EventRequested, access.EventApprovalGiven, access.EventApprovalTakenBack,
		access.EventApprovalGiven, access.EventApprovalGiven, access.EventApproved,
	})

	// After the decision, nothing is given or taken back.
	if _, won, err := s.ChangeApprovals(ctx, last, table.ApprovalChange{Tally: last.WithoutApproval(0), Event: &access.Event{Kind: access.EventApprovalTakenBack, At: monday}}); won || err != nil {
		t.Errorf("take back after the decision: %v, %v", won, err)
	}
}

func TestChangeApprovalsOnlyWhileOpen(t *testing.T) {
	s, _, _ := newStore(t)
	for name, row := range map[string]func(*access.Request){
		"decided":   func(r *access.Request) { r.Outcome = &access.Outcome{Kind: access.OutcomeDenied} },
		"tombstone": func(r *access.Request) { r.Tombstone = true },
		"closed":    func(r *access.Request) { r.ClosedAt = monday },
		"removing":  func(r *access.Request) { r.RevokingAt = monday },
	} {
		t.Run(name, func(t *testing.T) {
			r := request(name)
			row(&r)
			r, _, err := s.Create(ctx, r)
			if err != nil {
				t.Fatal(err)
			}
			got, won, err := s.ChangeApprovals(ctx, r, giving(r, approver(1), 1))
			if won || err != nil || len(got.Approvals) > 0 || len(got.Events) != 1 {
				t.Errorf("ChangeApprovals = %v, %v, %+v", won, err, got)
			}
		})
	}
}

// Of many approvals in the same instant, each person's counts once, and one decides.
func TestSimultaneousApprovals(t *testing.T) {
	s, _, _ := newStore(t)
	for _, needed := range []int{1, 2, 5} {
		id := fmt.Sprint("n", needed)
		create(t, s, id)
		var decided atomic.Int64
		var group sync.WaitGroup
		for press := range 2 * needed {
			group.Go(func() {
				if _, won := approve(t, s, id, approver(press%needed), needed); won {
					decided.Add(1)
				}
			})
		}
		group.Wait()
		r, err := s.Get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if decided.Load() != 1 || r.Outcome == nil || len(r.Approvals) != needed || len(r.Events) != needed+2 {
			t.Errorf("%d needed: %d decided, outcome %+v, %d approvals, %d events", needed, decided.Load(), r.Outcome, len(r.Approvals), len(r.Events))
		}
		if last := r.Approvals[needed-1].By; r.Outcome != nil && r.Outcome.By != last {
			t.Errorf("%d needed: decided by %s, and the last approval is by %s", needed, r.Outcome.By.SlackID, last.SlackID)
		}
	}
}

// A denial beside the last approval: one of the two decides.
func TestApprovalBesideDenial(t *testing.T) {
	s, _, _ := newStore(t)
	for i := range 8 {
		id := fmt.Sprint("d", i)
		create(t, s, id)
		approve(t, s, id, approver(1), 2)
		var approved, denied bool
		var group sync.WaitGroup
		group.Go(func() { _, approved = approve(t, s, id, approver(2), 2) })
		group.Go(func() {
			var err error
			if _, denied, err = s.Decide(ctx, id, access.Outcome{Kind: access.OutcomeDenied, At: monday, By: approver(3)}); err != nil {
				t.Error(err)
			}
		})
		group.Wait()
		r, err := s.Get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if approved == denied || denied != (r.Outcome.Kind == access.OutcomeDenied) {
			t.Errorf("approved %v, denied %v, outcome %+v", approved, denied, r.Outcome)
		}
	}
}
