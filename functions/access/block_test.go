package access

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestBlocks(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	ann := Person{SlackID: "UANN", Email: "ann@example.com", PrincipalID: "p-ann"}
	bob := Person{SlackID: "UBOB", Email: "bob@example.com", PrincipalID: "p-bob"}
	carol := Person{SlackID: "UCAROL", Email: "carol@example.com", PrincipalID: "p-carol"}
	var none Blocks
	if none.Of(carol) != nil || none.ByID("") != nil || len(none.Unrecorded()) > 0 {
		t.Error("without a row, someone is blocked")
	}
	first := none.Add(Block{Person: carol, By: ann, At: at, Reason: "stolen laptop", PolicyDigest: "d1"}, none.NextVersion(at))
	if first.Version != at.UnixNano() || first.Blocks[0].ID == "" || len(none.Blocks) > 0 {
		t.Errorf("got %+v from %+v", first, none)
	}
	for who, want := range map[Person]bool{
		carol:               true,
		{SlackID: "UCAROL"}: true,
		{SlackID: "UCAROL", PrincipalID: "p-other"}: true,
		{SlackID: "UOTHER", PrincipalID: "p-carol"}: true,
		{SlackID: "UOTHER", Email: carol.Email}:     false,
		{}:                                          false,
		ann:                                         false,
	} {
		if got := first.Of(who) != nil; got != want {
			t.Errorf("%+v is blocked: %t, want %t", who, got, want)
		}
	}
	block := first.Blocks[0]
	for who, want := range map[Person]bool{
		bob: true, ann: false, carol: false,
		{SlackID: "UANN2", PrincipalID: "p-ann"}: false, {SlackID: "UANN", PrincipalID: "p-new"}: false,
		{SlackID: "UCAROL2", PrincipalID: "p-carol"}: false,
	} {
		if got := block.MayLift(who); got != want {
			t.Errorf("%+v may lift it: %t, want %t", who, got, want)
		}
	}
	// The clock may go back, and the row's number still rises.
	second := first.Lift(block, bob, at.Add(time.Minute), "d2", first.NextVersion(at.Add(-time.Hour)))
	if second.Of(carol) != nil || second.Version != first.Version+1 || len(first.Blocks) != 1 {
		t.Errorf("got %+v", second)
	}
	events := second.Unrecorded()
	if len(events) != 2 || events[0].Kind != EventBlocked || events[1].Kind != EventUnblocked || events[1].By != bob || events[1].Block.Reason != "stolen laptop" ||
		events[0].PolicyDigest != "d1" || events[1].PolicyDigest != "d2" || events[0].Sequence >= events[1].Sequence {
		t.Errorf("events %+v", events)
	}
	second.Recorded = events[0].Sequence
	third := second.Add(Block{Person: carol, By: bob, At: at}, second.NextVersion(at))
	if got := third.Unrecorded(); len(got) != 2 || len(third.Events) != 2 || got[0].Kind != EventUnblocked || third.Blocks[0].ID == block.ID {
		t.Errorf("after one was recorded: %+v", third)
	}
}

func TestRefusedPressesAboutBlocks(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	eve, ann := Person{SlackID: "UEVE", Name: "Eve", Email: "eve@example.com"}, Person{SlackID: "UANN"}
	blocks := Blocks{}.Add(Block{Person: Person{SlackID: "UCAROL", Name: "Carol"}, By: ann, Reason: "stolen laptop"}, 1)
	block := blocks.Blocks[0]
	refuse := func(press BlockEvent, want bool) {
		t.Helper()
		with, ok := blocks.Refuse(press, blocks.Version+1)
		if ok != want {
			t.Errorf("%+v is added: %t, want %t", press, ok, want)
		}
		if ok {
			blocks = with
		}
	}
	press := BlockEvent{By: eve, At: at, Action: "lift", Block: block, Reason: RefusalNotResponder}
	refuse(press, true)
	want := BlockEvent{Kind: EventPressRefused, By: Person{SlackID: "UEVE", Email: "eve@example.com"}, At: at, Action: "lift", Reason: RefusalNotResponder,
		Block: Block{ID: block.ID, Person: Person{SlackID: "UCAROL"}}, Sequence: 2}
	if got := blocks.Refused; len(got) != 1 || got[0] != want || blocks.Version != 2 || len(blocks.Blocks) != 1 || blocks.Blocks[0] != block {
		t.Errorf("got %+v", blocks)
	}
	blocks = blocks.Lift(block, ann, at, "", 3)
	if got := blocks.Unrecorded(); len(got) != 3 || got[0].Kind != EventBlocked || got[1].Kind != EventPressRefused || got[2].Kind != EventUnblocked {
		t.Errorf("unrecorded %+v", got)
	}

	// Each press once, and at most five of one person.
	press.At = at.Add(RefusedFor - 1)
	refuse(press, false)
	for i, change := range []func(*BlockEvent){
		func(e *BlockEvent) { e.Reason = RefusalBlocked }, func(e *BlockEvent) { e.Action = "block" }, func(e *BlockEvent) { e.Block = Block{} },
		func(e *BlockEvent) { e.Block.ID = "block-9" }, func(e *BlockEvent) { e.Block.ID = "block-10" },
	} {
		other := press
		change(&other)
		refuse(other, i < maxRefusedByOne-1)
	}
	// After a day, the first one is gone once it is recorded.
	press.At = at.Add(RefusedFor)
	refuse(press, false)
	blocks.Recorded = blocks.Version
	refuse(press, true)
	// Others have their place, until it is used up. Responders can still block people.
	for i := len(blocks.Refused); i <= MaxRefusedPresses; i++ {
		refuse(BlockEvent{By: Person{SlackID: fmt.Sprint("U", i)}, At: press.At, Action: "block"}, i < MaxRefusedPresses)
	}
	if len(blocks.Refused) != MaxRefusedPresses || blocks.IsFull() {
		t.Errorf("%d refused presses, full %t", len(blocks.Refused), blocks.IsFull())
	}
	for range MaxBlockEvents - 1 {
		blocks = blocks.Lift(block, ann, at, "", blocks.Version+1)
	}
	if blocks.IsFull() {
		t.Error("full too early")
	}
	if blocks = blocks.Lift(block, ann, at, "", blocks.Version+1); !blocks.IsFull() {
		t.Error("not full")
	}
}

// The row stays below 400 KB however long the texts are.
func TestBlocksFitInOneItem(t *testing.T) {
	at := time.Now()
	long := Person{SlackID: strings.Repeat("U", 20), Email: strings.Repeat("e", 320), Name: strings.Repeat("名", 80), PrincipalID: strings.Repeat("p", 47)}
	var b Blocks
	for range MaxBlocks {
		b = b.Add(Block{Person: long, By: long, At: at, Reason: strings.Repeat("𝕏", MaxBlockReasonLength), PolicyDigest: strings.Repeat("d", 64)}, b.NextVersion(at))
	}
	for !b.IsFull() {
		b = b.Lift(b.Blocks[0], long, at, strings.Repeat("d", 64), b.NextVersion(at)).Add(b.Blocks[0], b.NextVersion(at))
		b.Events = append(b.Events, b.Events[0])
		b.Events[len(b.Events)-1].Sequence = b.Version
	}
	for i := range MaxRefusedPresses {
		press := BlockEvent{By: long, At: at, Action: "block", Reason: RefusalNotResponder, Message: strings.Repeat("m", 200), PolicyDigest: strings.Repeat("d", 64), Block: b.Blocks[0]}
		press.By.SlackID = fmt.Sprint(strings.Repeat("U", 18), i)
		b, _ = b.Refuse(press, b.NextVersion(at))
	}
	if len(b.Refused) != MaxRefusedPresses {
		t.Fatalf("%d refused presses", len(b.Refused))
	}
	text, err := json.Marshal(b)
	if err != nil || len(text) > 390_000 {
		t.Errorf("the row has %d bytes, %v", len(text), err)
	}
}

func TestIsResponder(t *testing.T) {
	x := NewIndex(&Policy{IncidentResponders: []string{"Ann@Example.com", "group:g-1"}})
	ann := Person{SlackID: "UANN", Email: "ANN@example.com", PrincipalID: "p-ann"}
	for _, tt := range []struct {
		name   string
		change func(*Person)
		groups []string
		want   bool
	}{
		{name: "named", want: true},
		{name: "someone else", change: func(p *Person) { p.Email = "bob@example.com" }},
		{name: "a member of the group", change: func(p *Person) { p.Email = "bob@example.com" }, groups: []string{"g-1"}, want: true},
		{name: "of another group", change: func(p *Person) { p.Email = "bob@example.com" }, groups: []string{"g-2"}},
		{name: "without a user in Identity Center", change: func(p *Person) { p.PrincipalID = "" }},
		{name: "under a fallback domain", change: func(p *Person) { p.SecondaryDomain = true }},
		{name: "an email that looks alike", change: func(p *Person) { p.Email = "ann@example.com\u0131" }},
		{name: "a group's entry for an email", change: func(p *Person) { p.Email = "group:g-1" }},
	} {
		p := ann
		if tt.change != nil {
			tt.change(&p)
		}
		if got := x.IsResponder(p, tt.groups); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
	if NewIndex(&Policy{}).IsResponder(ann, []string{"g-1"}) || NewIndex(&Policy{}).HasResponders() || !x.HasResponders() || len(x.ResponderGroups()) != 1 || x.ResponderGroups()[0] != "g-1" {
		t.Error("an empty list names someone, or the groups are wrong")
	}
}

// An approval by someone who is blocked counts for nothing.
func TestBlockedApprovalDoesNotCount(t *testing.T) {
	x := NewIndex(&Policy{Accounts: []Statement{{Resources: []string{"*"}, PermissionSets: []string{"*"}, Approvers: []string{"bob@example.com"}}}})
	r := Request{Requester: Person{SlackID: "UANN", Email: "ann@example.com", PrincipalID: "p-ann"}, Target: Target{Kind: KindAccount, AccountID: "1", PermissionSet: "Admin"}, Duration: 60}
	bob := Person{SlackID: "UBOB", Email: "bob@example.com", PrincipalID: "p-bob"}
	c := &Case{Requester: r.Requester.Identity(nil), Target: r.Target, Duration: 60}
	for lapse, want := range map[Lapse]bool{"": true, LapseNotPermitted: true, LapseGone: false, LapseBlocked: false} {
		got := x.Count(c, r, []Approval{{By: bob, Lapse: lapse}}, []Identity{bob.Identity(nil)})
		if got.Met != want || !want && got.Approvals[0].Lapse != lapse {
			t.Errorf("%q: %+v", lapse, got)
		}
	}
}
