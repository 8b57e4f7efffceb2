package table_test

import (
	"testing"
	"time"

	"sso-elevator/functions/access"
)

func TestBlocks(t *testing.T) {
	s, client, tableName := newStore(t)
	read := func() access.Blocks {
		t.Helper()
		b, err := s.Blocks(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	equal(t, "before", read(), access.Blocks{})
	wantCode(t, s.PutBlocks(ctx, access.Blocks{}, 0), access.CodeInternal) // the version must rise
	wantCode(t, s.MarkBlocksRecorded(ctx, 7), "")                          // no row, so nothing to mark
	equal(t, "marked without a row", read(), access.Blocks{})

	carol := access.Person{SlackID: "UCAROL", PrincipalID: "p-carol"}
	first := access.Blocks{}.Add(access.Block{Person: carol, By: access.Person{SlackID: "UANN"}, At: monday, Reason: "x"}, monday.UnixNano())
	wantCode(t, s.PutBlocks(ctx, first, 0), "")
	equal(t, "blocked", read(), first)
	equal(t, "attributes: no expiry, and in no index", names(rawRow(t, client, tableName, "blocks")), map[string]bool{"pk": true, "blocks": true, "events": true, "version": true})
	wantCode(t, s.PutBlocks(ctx, first, 0), access.CodeLost) // there is a row now

	// Two people write at once: one of them loses.
	second := first.Lift(first.Blocks[0], access.Person{SlackID: "UBOB"}, monday, "", first.NextVersion(monday.Add(time.Second)))
	rival := first.Add(access.Block{Person: access.Person{SlackID: "UDAN"}, At: monday}, first.NextVersion(monday.Add(time.Minute)))
	wantCode(t, s.PutBlocks(ctx, rival, first.Version), "")
	wantCode(t, s.PutBlocks(ctx, second, first.Version), access.CodeLost)
	equal(t, "the rival's", read(), rival)

	// Marking changes only the mark, and never lowers it. The version stays.
	wantCode(t, s.MarkBlocksRecorded(ctx, rival.Events[1].Sequence), "")
	wantCode(t, s.MarkBlocksRecorded(ctx, rival.Events[0].Sequence), "")
	rival.Recorded = rival.Events[1].Sequence
	equal(t, "marked", read(), rival)
}
