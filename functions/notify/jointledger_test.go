package notify

import (
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// One write notes that the channel's message was updated, and begins the message in the
// thread. If that message was begun before, or can't be begun, the update is noted anyway.
func TestUpdateIsNotedWithTheNextMessage(t *testing.T) {
	sent := access.Post{Channel: "C1", TS: "1", Digest: "old"}
	for _, tt := range []struct {
		name  string
		posts map[string]access.Post
		joint int
	}{
		{name: "the first time", joint: 1},
		{name: "the message in the thread is posted", posts: map[string]access.Post{slack.PurposeGranted: {Channel: "C1", TS: "2"}}},
		{name: "the message in the thread was begun", posts: map[string]access.Post{slack.PurposeGranted: {Channel: "C1"}}},
	} {
		w := newWorld()
		w.grant()
		w.row.Posts = map[string]access.Post{slack.PurposeAnnounce: sent}
		for purpose, p := range tt.posts {
			w.row.Posts[purpose] = p
		}
		if err := w.handle(t, "granted", false, false, 1); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		announce, granted := w.row.Posts[slack.PurposeAnnounce], w.row.Posts[slack.PurposeGranted]
		if announce.Digest == "old" || granted.TS == "" || w.joint != tt.joint {
			t.Errorf("%s: %+v, %+v, %d joint writes", tt.name, announce, granted, w.joint)
		}
	}
}

// A new message is noted at once. Otherwise a failure of the next one could lose it.
func TestNewMessageIsNotHeldBack(t *testing.T) {
	w := newWorld()
	w.row.Posts = map[string]access.Post{}
	l := &jointLedger{Table: w, known: w.row.Posts}
	if err := l.CompletePost(t.Context(), "r1", slack.PurposeAnnounce, access.Post{Channel: "C1", TS: "1"}); err != nil || w.row.Posts[slack.PurposeAnnounce].TS != "1" {
		t.Errorf("%v, posts %+v", err, w.row.Posts)
	}
	if err := l.writeHeld(t.Context(), "r1"); err != nil || len(w.row.Posts) != 1 {
		t.Errorf("%v, posts %+v", err, w.row.Posts)
	}
}
