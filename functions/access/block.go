package access

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// MaxBlockReasonLength is the longest reason of a block, in characters.
const MaxBlockReasonLength = 500

// All blocks are in one row, so that one read tells whether any of several people is
// blocked. An item of the table holds at most 400 KB. A block takes 3 KB or less.
const (
	// MaxBlocks is how many people can be blocked at the same time. Slack accepts as many
	// buttons in one block.
	MaxBlocks = 25
	// MaxBlockEvents is how many blocks and lifts can wait for their audit records.
	MaxBlockEvents = 60
)

// RefusedFor is how long the row has a refused press about a block. Until then, the same press
// isn't recorded again.
const RefusedFor = 24 * time.Hour

// Block keeps one person from requesting, approving and getting access, until someone
// lifts it.
type Block struct {
	ID     string    `json:"id"`
	Person Person    `json:"person"` // who is blocked; without PrincipalID if they have no user in Identity Center
	By     Person    `json:"by"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"` // as entered
	// PolicyDigest is that of the policy that let By block people.
	PolicyDigest string `json:"policy_digest,omitempty"`
}

// BlockEvent is that someone was blocked (EventBlocked), that their block was lifted
// (EventUnblocked), or that a press of one of these buttons was refused (EventPressRefused).
type BlockEvent struct {
	Kind EventKind `json:"kind"`
	At   time.Time `json:"at"`
	By   Person    `json:"by"`
	// Block of a refused press has only the ID and the Person of the block that By wanted to
	// lift. It is zero if there is none.
	Block Block `json:"block"`
	// Action is the button of a refused press: "block" or "lift". Message is what Reason
	// doesn't say.
	Action  string  `json:"action,omitempty"`
	Reason  Refusal `json:"reason,omitempty"`
	Message string  `json:"message,omitempty"`
	// PolicyDigest is that of the policy that let By do this, or refused it; "" if the policy
	// didn't refuse it.
	PolicyDigest string `json:"policy_digest,omitempty"`
	// Sequence is the version of the row that has the event first.
	Sequence int64 `json:"sequence"`
}

// Blocks are the blocks in force, and the events about blocks that may not be recorded
// yet. The table has one row of them.
type Blocks struct {
	Blocks []Block      `json:"blocks,omitempty"`
	Events []BlockEvent `json:"events,omitempty"`
	// Refused are refused presses (EventPressRefused): those of the latest RefusedFor, and
	// older ones that may not be recorded yet. There are at most MaxRefusedPresses.
	Refused []BlockEvent `json:"refused,omitempty"`
	// Recorded is the highest Sequence of the events in the audit bucket.
	Recorded int64 `json:"recorded,omitempty"`
	// Version is at least the time of the latest write, in nanoseconds since 1970, so that
	// a row that was lost or restored never repeats a version. Each write is conditional on
	// it.
	Version int64 `json:"version"`
}

// Of returns the block of a person: of their Slack user, or of their user in Identity
// Center; nil if there is none.
func (b Blocks) Of(p Person) *Block {
	for i := range b.Blocks {
		if SamePerson(b.Blocks[i].Person, p) {
			return &b.Blocks[i]
		}
	}
	return nil
}

// ByID returns the block with that id; nil if there is none.
func (b Blocks) ByID(id string) *Block {
	for i := range b.Blocks {
		if b.Blocks[i].ID == id {
			return &b.Blocks[i]
		}
	}
	return nil
}

// Unrecorded returns the events and refused presses that may not be in the audit bucket yet,
// in order.
func (b Blocks) Unrecorded() []BlockEvent {
	all := append(b.unrecorded(b.Events), b.unrecorded(b.Refused)...)
	slices.SortFunc(all, func(x, y BlockEvent) int { return cmp.Compare(x.Sequence, y.Sequence) })
	return all
}

func (b Blocks) unrecorded(events []BlockEvent) (left []BlockEvent) {
	for _, e := range events {
		if e.Sequence > b.Recorded {
			left = append(left, e)
		}
	}
	return left
}

// IsFull reports whether so many blocks and lifts wait for their audit records that there can't
// be another one. Refused presses don't count, so nobody can keep responders from blocking.
func (b Blocks) IsFull() bool { return len(b.unrecorded(b.Events)) >= MaxBlockEvents }

// Add returns b with a new block, and its event. version is that of the new row, and
// makes the block's id.
func (b Blocks) Add(block Block, version int64) Blocks {
	block.ID = blockID(version)
	b.Blocks = append(slices.Clone(b.Blocks), block)
	return b.withEvent(BlockEvent{Kind: EventBlocked, At: block.At, By: block.By, Block: block, PolicyDigest: block.PolicyDigest}, version)
}

// Lift returns b without the block, and with the event that by lifted it.
func (b Blocks) Lift(block Block, by Person, at time.Time, digest string, version int64) Blocks {
	b.Blocks = slices.DeleteFunc(slices.Clone(b.Blocks), func(has Block) bool { return has.ID == block.ID })
	return b.withEvent(BlockEvent{Kind: EventUnblocked, At: at, By: by, Block: block, PolicyDigest: digest}, version)
}

func blockID(version int64) string { return "block-" + strconv.FormatInt(version, 10) }

func (b Blocks) withEvent(e BlockEvent, version int64) Blocks {
	e.Sequence, b.Version = version, version
	b.Events = append(b.unrecorded(b.Events), e)
	return b
}

// Refuse returns b with the refused press. ok is false if b has the same press of that person
// already, or has no room: for at most maxRefusedByOne of one person, and MaxRefusedPresses in
// all.
func (b Blocks) Refuse(press BlockEvent, version int64) (with Blocks, ok bool) {
	kept, ofOne := []BlockEvent{}, 0
	for _, has := range b.Refused {
		if has.Sequence <= b.Recorded && !press.At.Before(has.At.Add(RefusedFor)) {
			continue
		}
		kept = append(kept, has)
		if has.By.SlackID != press.By.SlackID {
			continue
		}
		if ofOne++; has.Action == press.Action && has.Reason == press.Reason && has.Block.ID == press.Block.ID {
			return b, false
		}
	}
	if ofOne >= maxRefusedByOne || len(kept) >= MaxRefusedPresses {
		return b, false
	}
	press.By, press.Block = recordedPerson(press.By), Block{ID: press.Block.ID, Person: recordedPerson(press.Block.Person)}
	press.Kind, press.Sequence, b.Version = EventPressRefused, version, version
	b.Refused = append(kept, press)
	return b, true
}

// recordedPerson returns the part of p that audit records have. The rest would only take up
// space in the row.
func recordedPerson(p Person) Person {
	return Person{SlackID: p.SlackID, Email: p.Email, PrincipalID: p.PrincipalID, SecondaryDomain: p.SecondaryDomain}
}

// NextVersion returns the version of the row that is written next, at now.
func (b Blocks) NextVersion(now time.Time) int64 { return max(b.Version+1, now.UnixNano()) }

// MayLift reports whether the person may lift the block: they are neither the person who
// wrote it nor the one who is blocked, under any Slack user or Identity Center user.
func (b *Block) MayLift(by Person) bool { return !SamePerson(b.By, by) && !SamePerson(b.Person, by) }

// IsResponder reports whether the policy lets the person block others and lift blocks.
// groups are those of the ResponderGroups that they are a member of. The same rules as
// for approvers hold: they need an ASCII email, and a user in Identity Center that has it.
func (x *Index) IsResponder(who Person, groups []string) bool {
	if who.PrincipalID == "" || who.SecondaryDomain || !IsASCII(who.Email) {
		return false
	}
	i := Identity{Email: NormalizeEmail(who.Email), Groups: groups}
	return slices.ContainsFunc(x.policy.IncidentResponders, i.isNamedBy)
}

// HasResponders reports whether the policy names anyone who may block people.
func (x *Index) HasResponders() bool { return len(x.policy.IncidentResponders) > 0 }

// ResponderGroups returns the ids of the groups whose members may block people.
func (x *Index) ResponderGroups() []string {
	var ids []string
	for _, r := range x.policy.IncidentResponders {
		if id, ok := GroupOf(r); ok {
			ids = append(ids, id)
		}
	}
	return ids
}
