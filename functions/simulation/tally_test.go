package simulation

import "sso-elevator/functions/access"

// tally counts what happened in histories. A test in which nothing happens proves
// nothing.
type tally struct {
	// BySeveral is how many requests were approved by several people, TakenBack how many
	// approvals were taken back.
	BySeveral, TakenBack int
	// Confirmed is how many approvals people gave in the dialog.
	Confirmed int

	Requests, Approved, Automatic, Denied, Withdrawn, Expired, Refused                          int
	Granted, EndedEarly, Kept, AlreadyGone, RowsDeleted, Tombstones, Sweeps, Runs, DriftRemoved int
	// Overlaps is how often a lease got a second holder. Repeated is how often someone
	// was told that they have requested this already, and TooMany that they have too
	// many undecided requests.
	Overlaps, Repeated, TooMany int
	// GoneEnded is how often access ended because its requester was gone. GoneInTime
	// is how often the time limit for that was checked.
	GoneEnded, GoneInTime int
	// ByMembership is how often access was created that only memberships permit.
	// NotAllowed and NoApprovers are how many requests the policy refused because of
	// those reasons, NotPermitted how many decisions it didn't permit at the grant.
	ByMembership, NotAllowed, NoApprovers, NotPermitted int
	// Extended is how many requests extended others, EndedTogether how many ended because a
	// person ended another one, ChainsTooLong how many needed an approval because they
	// extended others too far. KeptAfterEnd is how many kept access that a person ended.
	// NotShown is how many approved requests counted from their grant, because their approver
	// was not shown access that they would have extended.
	// LatePresses is how often a requester pressed End now of a request that had ended while
	// another one had been granted, EndedLate how many requests such presses ended.
	Extended, EndedTogether, ChainsTooLong, KeptAfterEnd, NotShown, LatePresses, EndedLate int
	// PressRemoved is how often a finding was removed because someone pressed Remove now, Left
	// how often one was left for a day. Overruled is how often someone pressed Remove now
	// after that, LeaveEnded how often its removal ended a leave.
	PressRemoved, Left, Overruled, LeaveEnded int
	// UsedUp is how often a finding was removed although the policy exempts it, because it was
	// found too long ago.
	UsedUp int
	// Moves is how often an account changed its unit.
	Moves int
	// Blocked and Lifted are how many people were blocked, and how many blocks were lifted.
	// BlockEnded is how often access ended because of that, BlockRefused how many requests
	// were refused, and BlockInTime how often the time limit for that was checked.
	// BesideBlocked is how many grants counted without the approval of a blocked person.
	Blocked, Lifted, BlockEnded, BlockRefused, BlockInTime, BesideBlocked int
	Invocations, Executions                                               int
}

func (l *ledger) tally() tally {
	t := tally{Invocations: l.world.lambda.count, Executions: len(l.world.steps.inOrder), DriftRemoved: l.counts["DriftRevoked"],
		Overlaps: l.counts["Overlap"], Repeated: l.counts["Repeated"], TooMany: l.counts["TooMany"], RowsDeleted: l.counts["rows deleted"],
		GoneEnded: l.counts["ended, its requester gone"], GoneInTime: l.counts["held to the time of who is gone"],
		ByMembership: l.counts["by membership"], NotAllowed: l.counts["refused: NotAllowed"], NoApprovers: l.counts["refused: NoApprovers"],
		NotPermitted: l.counts["not granted by the policy"], Moves: l.counts["moves"], Confirmed: l.counts["confirmed"],
		Extended: l.counts["extended"], EndedTogether: l.counts["ended together"], ChainsTooLong: l.counts["extension too long"], KeptAfterEnd: l.counts["kept after an end"], PressRemoved: l.counts["PressRemoved"], Left: l.counts["Left"], Overruled: l.counts["Overruled"], LeaveEnded: l.counts["LeaveEnded"], UsedUp: l.counts["removed although exempt, 72 h after it was found"]}
	t.LatePresses, t.EndedLate = l.counts["late presses"], l.counts["ended by a late press"]
	t.NotShown, t.BesideBlocked = l.counts["not extended: not shown"], l.counts["granted beside a blocked approver"]
	t.Blocked, t.Lifted, t.BlockInTime = l.counts["blocked"], l.counts["unblocked"], l.counts["held to the time of a block"]
	for _, function := range []string{"ingress", "evaluate", "grant", "reconcile"} {
		t.BlockEnded += l.counts["ended by a block, "+function]
		t.BlockRefused += l.counts["refused: blocked, "+function]
	}
	for _, d := range l.requests {
		r := d.row
		if r.ID == "" {
			continue
		}
		t.Requests++
		if r.Outcome != nil {
			switch r.Outcome.Kind {
			case "approved":
				t.Approved++
			case "automatic":
				t.Automatic++
			case "denied":
				t.Denied++
			case "withdrawn":
				t.Withdrawn++
			case "expired":
				t.Expired++
			case "refused":
				t.Refused++
			}
		}
		count := func(n *int, yes bool) {
			if yes {
				*n++
			}
		}
		count(&t.BySeveral, r.IsApproved() && len(r.Approvals) > 1)
		t.TakenBack += r.CountEvents(access.EventApprovalTakenBack)
		count(&t.Granted, !r.GrantedAt.IsZero())
		count(&t.EndedEarly, r.EndRequest != nil)
		count(&t.Kept, r.Removal == "kept")
		count(&t.AlreadyGone, r.Removal == "already_gone")
		count(&t.Tombstones, r.Tombstone)
	}
	for _, e := range l.world.steps.inOrder {
		if e.of == reconcileMachineARN {
			if e.name[:5] == "sweep" {
				t.Sweeps++
			} else {
				t.Runs++
			}
		}
	}
	return t
}

func (t *tally) add(o tally) {
	for _, pair := range []struct{ to, from *int }{
		{&t.Requests, &o.Requests}, {&t.Approved, &o.Approved}, {&t.Automatic, &o.Automatic}, {&t.Denied, &o.Denied},
		{&t.Withdrawn, &o.Withdrawn}, {&t.Expired, &o.Expired}, {&t.Refused, &o.Refused}, {&t.Granted, &o.Granted},
		{&t.EndedEarly, &o.EndedEarly}, {&t.Kept, &o.Kept}, {&t.AlreadyGone, &o.AlreadyGone}, {&t.RowsDeleted, &o.RowsDeleted}, {&t.Tombstones, &o.Tombstones}, {&t.Sweeps, &o.Sweeps},
		{&t.Overlaps, &o.Overlaps}, {&t.Repeated, &o.Repeated}, {&t.TooMany, &o.TooMany}, {&t.Runs, &o.Runs}, {&t.DriftRemoved, &o.DriftRemoved}, {&t.PressRemoved, &o.PressRemoved}, {&t.Left, &o.Left}, {&t.Overruled, &o.Overruled}, {&t.LeaveEnded, &o.LeaveEnded}, {&t.UsedUp, &o.UsedUp}, {&t.Invocations, &o.Invocations}, {&t.Executions, &o.Executions},
		{&t.GoneEnded, &o.GoneEnded}, {&t.GoneInTime, &o.GoneInTime}, {&t.BySeveral, &o.BySeveral}, {&t.Confirmed, &o.Confirmed}, {&t.ByMembership, &o.ByMembership}, {&t.NotAllowed, &o.NotAllowed}, {&t.NoApprovers, &o.NoApprovers},
		{&t.NotPermitted, &o.NotPermitted}, {&t.Moves, &o.Moves}, {&t.TakenBack, &o.TakenBack},
		{&t.Extended, &o.Extended}, {&t.EndedTogether, &o.EndedTogether}, {&t.ChainsTooLong, &o.ChainsTooLong}, {&t.KeptAfterEnd, &o.KeptAfterEnd}, {&t.NotShown, &o.NotShown}, {&t.LatePresses, &o.LatePresses}, {&t.EndedLate, &o.EndedLate},
		{&t.Blocked, &o.Blocked}, {&t.Lifted, &o.Lifted}, {&t.BlockEnded, &o.BlockEnded}, {&t.BlockRefused, &o.BlockRefused}, {&t.BlockInTime, &o.BlockInTime}, {&t.BesideBlocked, &o.BesideBlocked},
	} {
		*pair.to += *pair.from
	}
}
