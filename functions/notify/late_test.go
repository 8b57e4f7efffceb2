package notify

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/functions/adapters/table/tabletest"
	"sso-elevator/slack"
)

// lateTable is a table that delays the write with the number late, counted from 0, among those
// about the message with that purpose; -1 for none. The caller gets an error.
type lateTable struct {
	tabletest.Rows
	purpose string
	late    int
	held    *dynamodb.UpdateItemInput
}

func (o *lateTable) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, options ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	if in.ExpressionAttributeNames["#purpose0"] == o.purpose && o.late >= 0 {
		if o.late--; o.late < 0 {
			o.held = in
			return nil, errors.New("no answer")
		}
	}
	return o.Rows.UpdateItem(ctx, in, options...)
}

// A write of an attempt that failed may arrive after the next attempt has sent the message.
// The message isn't sent again, whichever write that is.
func TestLateWriteSendsNothingAgain(t *testing.T) {
	const purpose = "approver-UANN"
	noAnswer := access.Errorf(access.CodeUnavailable, "no answer")
	lost := func(w *world) { w.lostAnswer = noAnswer }
	works := func(*world) {}
	for _, tt := range []struct {
		name          string
		before        access.Post // in the row
		first, second func(*world)
		late          int // of the first attempt's writes
	}{
		{"no channel, then a lost answer", access.Post{}, func(w *world) { w.failing = []string{"UANN"} }, lost, 0},
		{"no channel, then sent", access.Post{}, func(w *world) { w.failing = []string{"UANN"} }, works, 0},
		{"begun, then a lost answer", access.Post{}, works, lost, 0},
		{"begun, then sent", access.Post{}, works, works, 0},
		{"begun after no channel, then a lost answer", access.Post{Failed: true}, works, lost, 0},
		{"begun after no channel, then sent", access.Post{Failed: true}, works, works, 0},
		{"rejected, then a lost answer", access.Post{}, func(w *world) { w.postErr = noAnswer }, lost, 2},
		{"rejected, then sent", access.Post{}, func(w *world) { w.postErr = noAnswer }, works, 2},
		{"sent, but not recorded", access.Post{}, works, works, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.outside = []string{"UANN"}
			w.row.Posts[slack.PurposeAnnounce] = access.Post{Channel: "C1", TS: "1"}
			if tt.before != (access.Post{}) {
				w.row.Posts[purpose] = tt.before
			}
			db := &lateTable{Rows: tabletest.Rows{}, purpose: purpose, late: -1}
			rows := table.New(db, "t")
			if _, _, err := rows.Create(t.Context(), w.row); err != nil {
				t.Fatal(err)
			}
			h := &Handler{Table: rows, Slack: w, Channel: "C1", SendDM: true, Logger: discard}
			announce := func(set func(*world)) {
				t.Helper()
				w.failing, w.postErr, w.lostAnswer = nil, nil, nil
				set(w)
				if _, err := h.Handle(t.Context(), Input{Input: host.Input{Operation: "announce", RequestID: "r1"}}); err != nil {
					t.Fatal(err)
				}
			}
			db.late = tt.late
			announce(tt.first)
			if db.held == nil {
				t.Fatal("no write is late")
			}
			announce(tt.second)
			if _, err := db.UpdateItem(t.Context(), db.held); err != nil && !errors.As(err, new(*types.ConditionalCheckFailedException)) {
				t.Fatal(err)
			}
			announce(works)
			announce(works)
			others := slices.DeleteFunc(slices.Clone(w.did), func(did string) bool { return did == "post DUANN "+purpose })
			if posts := len(w.did) - len(others); posts != 1 {
				t.Errorf("the message was sent %d times: %q", posts, w.did)
			}
			r, err := rows.Get(t.Context(), "r1")
			if err != nil {
				t.Fatal(err)
			}
			if post := r.Posts[purpose]; post.Channel != "DUANN" || post.TS == "" || post.Failed {
				t.Errorf("the row says %+v", post)
			}
		})
	}
}
