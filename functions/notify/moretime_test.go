package notify

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// nearEnd is jane's access, ten minutes before its end.
func nearEnd() *world {
	w := newWorld()
	w.approve()
	w.grant()
	w.row.Requester.PrincipalID = "p-jane"
	w.row.Posts["announce"] = access.Post{Channel: "C1", TS: "0.1"}
	w.lease = access.Lease{Holders: map[string]access.Holder{"r1": {End: w.row.End}}}
	w.offer, w.at = 30*time.Minute, now.Add(50*time.Minute)
	return w
}

func TestOfferMoreTime(t *testing.T) {
	unavailable := access.Errorf(access.CodeUnavailable, "no answer")
	longer := func(w *world) { w.lease.Holders["r2"] = access.Holder{End: w.row.End.Add(time.Hour)} }
	for _, test := range []struct {
		name   string
		before func(*world)
		want   []string // of two tasks
	}{
		{name: "once", want: []string{"post DUJANE dm-more_time"}},
		{name: "to a requester outside the channel", before: func(w *world) { w.inChannel = false }, want: []string{"post DUJANE dm-more_time"}},
		{name: "too early", before: func(w *world) { w.at = now.Add(29 * time.Minute) }},
		{name: "after the end", before: func(w *world) { w.at = now.Add(time.Hour) }},
		{name: "off", before: func(w *world) { w.offer = 0 }},
		{name: "ended early", before: func(w *world) { w.row.EndRequest = &access.EndRequest{At: now} }},
		{name: "being removed", before: func(w *world) { w.row.RevokingAt = now }},
		{name: "extended", before: longer},
		{name: "no lease anymore", before: func(w *world) { w.lease = access.Lease{} }, want: []string{"post DUJANE dm-more_time"}},
		{name: "the lease can't be read", before: func(w *world) { w.leaseErr = unavailable }},
		{name: "the requester left Slack", before: func(w *world) { w.failing = []string{"UJANE"} }},
		{name: "Slack is away", before: func(w *world) { w.dmErr = unavailable }},
		{name: "Slack doesn't post", before: func(w *world) { w.postErr = unavailable }, want: []string{"find DUJANE dm-more_time"}},
		{name: "Slack's answer is lost", before: func(w *world) { w.lostAnswer = unavailable },
			want: []string{"post DUJANE dm-more_time", "find DUJANE dm-more_time", "update DUJANE 1"}},
		{name: "the row was rebuilt", before: func(w *world) { w.row.Rebuilt = &access.Rebuilt{ID: "r1"}; w.row.Posts = nil }, want: []string{"find C1 announce", "find C1 announce"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := nearEnd()
			if test.before != nil {
				test.before(w)
			}
			if err := w.handle(t, host.OperationMoreTime, false, true, 2); err != nil {
				t.Error(err)
			}
			if !slices.Equal(w.did, test.want) {
				t.Errorf("did %q, want %q", w.did, test.want)
			}
		})
	}
}

// offerText returns the latest text of the offer, and whether it has the button.
func (w *world) offerText(t *testing.T) (text string, button bool) {
	t.Helper()
	for _, m := range slices.Backward(w.said) {
		if m.Purpose == "dm-more_time" {
			blocks, err := json.Marshal(m.Blocks)
			if err != nil {
				t.Fatal(err)
			}
			return m.Text, strings.Contains(string(blocks), `"action_id":"more_time"`)
		}
	}
	return "", false
}

// At the end of the access, the offer loses its button.
func TestOfferEndsWithTheAccess(t *testing.T) {
	for _, postRevoke := range []bool{true, false} {
		w := nearEnd()
		if err := w.handle(t, host.OperationMoreTime, true, postRevoke, 1); err != nil {
			t.Fatal(err)
		}
		if text, button := w.offerText(t); !button || !strings.HasPrefix(text, "⏰ Your access ends <!date^") {
			t.Fatalf("offer %q, button %t", text, button)
		}
		w.row.RevokingAt = w.row.End
		w.end()
		if err := w.handle(t, "revoked", true, postRevoke, 1); err != nil {
			t.Fatal(err)
		}
		if text, button := w.offerText(t); button || !strings.HasPrefix(text, "⚪ Access has ended") {
			t.Errorf("offer %q, button %t", text, button)
		}
	}
}

// When another request is granted that keeps the access longer, the earlier offer loses its
// button, for good.
func TestOfferEndsWithAnExtension(t *testing.T) {
	w := nearEnd()
	if err := w.handle(t, host.OperationMoreTime, true, true, 1); err != nil {
		t.Fatal(err)
	}
	earlier := w.row
	offer := earlier.Posts["dm-more_time"]
	shorter, later := earlier, earlier
	shorter.ID, later.ID = "r0", "r9"
	shorter.End, later.End = now.Add(time.Minute), now.Add(9*time.Hour)
	w.others = map[string]access.Request{"r1": earlier, "r0": shorter, "r9": later}
	w.row.ID, w.row.End = "r2", now.Add(2*time.Hour)
	w.row.Posts = map[string]access.Post{"announce": {Channel: "C1", TS: "0.2"}}
	w.lease.Holders = map[string]access.Holder{"r0": {}, "r1": {End: earlier.End}, "r2": {End: w.row.End}, "r9": {End: later.End}}
	w.did = nil
	if err := w.handle(t, "granted", true, true, 1); err != nil {
		t.Fatal(err)
	}
	if text, button := w.offerText(t); button || text == "" {
		t.Errorf("offer %q, button %t", text, button)
	}
	want := "update " + offer.Channel + " " + offer.TS
	if !slices.Contains(w.did, want) || !w.others["r1"].Posts["dm-more_time"].Over {
		t.Errorf("did %q, want %q; post %+v", w.did, want, w.others["r1"].Posts["dm-more_time"])
	}
	if w.others["r0"].Posts["dm-more_time"].Over || w.others["r9"].Posts["dm-more_time"].Over {
		t.Error("another offer is over, too")
	}
}

// A failure to update the earlier offer doesn't fail the task: it has told the requester.
func TestGrantedDoesNotNeedTheOffer(t *testing.T) {
	w := nearEnd()
	w.leaseErr = access.Errorf(access.CodeUnavailable, "no answer")
	if err := w.handle(t, "granted", true, true, 1); err != nil || !slices.Contains(w.did, "post C1/0.1 granted") {
		t.Errorf("did %q, %v", w.did, err)
	}
}
