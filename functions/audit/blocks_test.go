package audit

import (
	"slices"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// Events about blocks are recorded in order, until the bucket has all of them.
func TestBlocksAreRecorded(t *testing.T) {
	someone := access.Person{SlackID: "UCAROL"}
	w := &world{refuses: -1}
	w.blocks = access.Blocks{}.Add(access.Block{Person: someone}, 5)
	w.blocks = w.blocks.Lift(w.blocks.Blocks[0], someone, w.blocks.Blocks[0].At, "", 6)
	record := func(want access.Code, kinds ...access.EventKind) {
		t.Helper()
		_, err := w.do(t, host.OperationBlocks, "")
		var got []access.EventKind
		for _, e := range w.blocked {
			got = append(got, e.Kind)
		}
		if access.CodeOf(err) != want || !slices.Equal(got, kinds) {
			t.Errorf("got %v and %q, want code %q and %q", err, got, want, kinds)
		}
	}
	w.refuses = 1
	record(access.CodeUnavailable, access.EventBlocked)
	if w.blocks.Recorded != 5 || !slices.Contains(w.counted, "AuditDeferred") {
		t.Errorf("recorded up to %d, counted %q", w.blocks.Recorded, w.counted)
	}
	w.refuses, w.markErr = -1, access.Errorf(access.CodeThrottled, "slow down")
	record(access.CodeThrottled, access.EventBlocked, access.EventUnblocked) // written, and not marked
	w.blocked, w.markErr = nil, nil
	record("", access.EventUnblocked) // written again under the same key
	w.blocked = nil
	record("")
	w.blocks, _ = w.blocks.Refuse(access.BlockEvent{By: someone, Action: "lift"}, 7)
	record("", access.EventPressRefused)
	if w.blocks.Recorded != 7 {
		t.Errorf("recorded up to %d", w.blocks.Recorded)
	}
	w.blocked = nil
	record("")
	w.runsErr = access.Errorf(access.CodeUnavailable, "no answer")
	record(access.CodeUnavailable)
}
