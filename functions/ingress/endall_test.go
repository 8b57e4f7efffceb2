package ingress

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// beside adds an active request of jane for the same access, and returns it.
func (w *world) beside(id string, change ...func(*access.Request)) {
	r := active()
	r.ID, r.EndToken, r.ExecutionARN = id, id+"-token", stateARN+id
	r.Outcome.At = now.Add(-time.Minute)
	for _, c := range change {
		c(&r)
	}
	w.rows[id] = r
	key := r.Subject().Key()
	if w.leases == nil {
		w.leases = map[string]access.Lease{key: {Key: key, Holders: map[string]access.Holder{"r1": {}}}}
	}
	w.leases[key].Holders[id] = access.Holder{}
}

func (w *world) subjectOf(id string) access.Subject {
	r := w.rows[id]
	return r.Subject()
}

func TestEndNowEndsAll(t *testing.T) {
	const lost = " The access may last until another request for it ends: this app lost the record of that request and can't end it. Please tell the people who run this app."
	const again = "Your press is recorded, but other requests keep this access. Please press End now again."
	broken := access.Errorf(access.CodeUnavailable, "no answer")
	tests := []struct {
		name      string
		user      string
		change    func(*world)
		others    func(*access.Request) // of the request beside it
		wantEnded bool                  // the other, too
		resumed   []string
		told      []string
	}{
		{name: "by the requester", user: "UJANE", wantEnded: true, resumed: []string{"end-token {}", "r2-token {}"}},
		{name: "memberships in a group", user: "UJANE", wantEnded: true, resumed: []string{"end-token {}", "r2-token {}"},
			change: func(w *world) {
				w.leases = nil
				for _, id := range []string{"r1", "r2"} {
					r := w.rows[id]
					r.Target = access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: "Auditors"}
					w.rows[id] = r
				}
				key := w.subjectOf("r1").Key()
				w.leases = map[string]access.Lease{key: {Key: key, Holders: map[string]access.Holder{"r1": {}, "r2": {}}}}
			}},
		{name: "the other is not granted yet", user: "UJANE", wantEnded: true, resumed: []string{"end-token {}"},
			others: func(r *access.Request) { r.GrantedAt, r.End = time.Time{}, time.Time{} }},
		{name: "the other doesn't wait yet", user: "UJANE", wantEnded: true, resumed: []string{"end-token {}"},
			others: func(r *access.Request) { r.EndToken = "" }},
		{name: "the other was approved later", user: "UJANE", resumed: []string{"end-token {}"},
			others: func(r *access.Request) { r.Outcome.At = now.Add(time.Millisecond) }},
		{name: "the other is being removed", user: "UJANE", resumed: []string{"end-token {}"},
			others: func(r *access.Request) { r.RevokingAt = now }},
		{name: "the lease can't be read", user: "UJANE", resumed: []string{"end-token {}"}, told: []string{again},
			change: func(w *world) { w.leaseErr = broken }},
		{name: "a third one can't be read", user: "UJANE", wantEnded: true, resumed: []string{"end-token {}", "r2-token {}"}, told: []string{again},
			change: func(w *world) { w.unreadable = "r3" }},
		{name: "a third one has no row", user: "UJANE", wantEnded: true, resumed: []string{"end-token {}", "r2-token {}"}, told: []string{"Your press is recorded." + lost},
			change: func(w *world) {
				for _, l := range w.leases {
					l.Holders["r0"] = access.Holder{}
				}
			}},
		{name: "the other can't be ended", user: "UJANE", resumed: []string{"end-token {}"}, told: []string{again},
			change: func(w *world) { w.endErr = broken }},
		{name: "the row of the other is gone", user: "UJANE", resumed: []string{"end-token {}"}, told: []string{"Your press is recorded." + lost},
			change: func(w *world) { delete(w.rows, "r2") }},
		{name: "the row of the other is gone, again", user: "UJANE", resumed: []string{"end-token {}"}, told: []string{"This access is already being removed." + lost},
			change: func(w *world) {
				delete(w.rows, "r2")
				w.end("r1", access.EndRequest{By: ann, At: now.Add(-time.Second)})
			}},
		{name: "the row of the other is gone, and a third one can't be read", user: "UJANE", resumed: []string{"end-token {}"}, told: []string{again},
			change: func(w *world) {
				delete(w.rows, "r2")
				w.unreadable = "r3"
			}},
		{name: "the machine of the other can't be resumed", user: "UJANE", wantEnded: true, resumed: []string{"end-token {}", "r2-token {}"},
			change: func(w *world) { w.resumeErr = broken },
			told:   []string{"Your press is recorded, but the removal hasn't started yet. It starts within 150 seconds. To start it sooner, press End now again."}},
		{name: "again, because the first press may have ended only one", user: "UJANE", wantEnded: true, resumed: []string{"end-token {}", "r2-token {}"},
			change: func(w *world) { w.end("r1", access.EndRequest{By: ann, At: now.Add(-time.Second)}) },
			told:   []string{"This access is already being removed."}},
		{name: "again, after it was removed", user: "UJANE", wantEnded: true, resumed: []string{"r2-token {}"},
			change: func(w *world) {
				w.end("r1", access.EndRequest{By: ann, At: now.Add(-time.Second)})
				r := w.rows["r1"]
				r.RevokingAt, r.RevokedAt = now, now
				w.rows["r1"] = r
			},
			told: []string{"This access is already being removed."}}, // r2 may still be there
		{name: "by who may not", user: "UBOB", told: []string{"You can't end this access. The requester, ann@example.com or twin@example.com can."}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.rows["r1"] = active()
			if tt.others == nil {
				tt.others = func(*access.Request) {}
			}
			w.beside("r2", tt.others)
			w.beside("r3", func(r *access.Request) { r.Outcome = nil }) // undecided: not a holder, really
			before := w.rows["r2"]
			if tt.change != nil {
				tt.change(w)
			}
			w.send(t, pressBy(tt.user, "end", "r1"))
			end := w.rows["r2"].EndRequest
			if (end != nil) != tt.wantEnded || w.rows["r3"].EndRequest != nil {
				t.Errorf("r2 ended: %+v, r3: %+v", end, w.rows["r3"].EndRequest)
			}
			other := w.rows["r2"]
			if first := w.rows["r1"].EndRequest; end != nil && (*withoutPress(end) != *withoutPress(first) || (end.ByPress != "") != other.WasGranted()) {
				t.Errorf("r2 has the end %+v, want that of r1, %+v", end, first)
			}
			if !tt.wantEnded && before.EndRequest != end {
				t.Error("r2 changed")
			}
			slices.Sort(w.resumed)
			if !slices.Equal(w.resumed, tt.resumed) || !slices.Equal(w.told, tt.told) {
				t.Errorf("resumed %q, told %q", w.resumed, w.told)
			}
		})
	}
}

// endsOther is what people read if another request kept the access.
const endsOther = "This request had already ended, but another request kept the access. That request is ending now."

// The own end of a request has come, and another one keeps the access: its message may still
// have the button, for hours if Slack was down. A press ends that other request for those who
// may end the access, after the same dialog. Only a refused press has an effect on nothing.
func TestEndNowAfterItsOwnEnd(t *testing.T) {
	const already, removed = "This access is already being removed.", "This access has already ended."
	const lost = " The access may last until another request for it ends: this app lost the record of that request and can't end it. Please tell the people who run this app."
	const later = "Your press is recorded, but the removal hasn't started yet. It starts within 150 seconds. To start it sooner, press End now again."
	broken := access.Errorf(access.CodeUnavailable, "no answer")
	removing := func(r *access.Request) { r.RevokingAt = now }
	states := []struct {
		name   string
		change func(*access.Request)
		told   string // if no other request keeps the access
	}{
		{"removal under way", removing, already},
		{"removed", func(r *access.Request) { r.RevokingAt, r.RevokedAt, r.Removal = now, now, access.RemovalDone }, removed},
		{"kept", func(r *access.Request) { r.RevokingAt, r.RevokedAt, r.Removal = now, now, access.RemovalKept }, removed},
		{"closed", func(r *access.Request) {
			r.RevokingAt, r.RevokedAt, r.Removal, r.ClosedAt = now, now, access.RemovalKept, now
		}, removed},
		{"a person ended it before the other was approved", func(r *access.Request) {
			r.EndRequest = &access.EndRequest{By: ann, At: now.Add(-2 * time.Minute)}
			r.RevokingAt, r.RevokedAt, r.Removal = now.Add(-time.Minute), now.Add(-time.Minute), access.RemovalDone
		}, removed},
		{"a person ended it before the other was approved, and it isn't removed yet", func(r *access.Request) {
			r.EndRequest = &access.EndRequest{By: ann, At: now.Add(-2 * time.Minute)}
		}, already},
		{"the app ended it", func(r *access.Request) { r.EndRequest = &access.EndRequest{At: now, Reason: access.EndRequesterGone} }, already},
	}
	tests := []struct {
		name   string
		change func(*world)
		ended  []string // besides r1, which keeps its end
		told   string   // "" as if there were no other request
	}{
		{name: "another one keeps it", ended: []string{"r2"}, told: endsOther},
		{name: "two others keep it", ended: []string{"r2", "r3"}, told: endsOther, change: func(w *world) { w.beside("r3") }},
		{name: "one that is not granted yet", ended: []string{"r2"}, told: endsOther,
			change: func(w *world) {
				w.beside("r2", func(r *access.Request) { r.GrantedAt, r.End = time.Time{}, time.Time{} })
			}},
		{name: "a granted one and one that is not granted yet", ended: []string{"r2", "r3"}, told: endsOther,
			change: func(w *world) {
				w.beside("r3", func(r *access.Request) { r.GrantedAt, r.End = time.Time{}, time.Time{} })
			}},
		{name: "its execution can't be resumed", ended: []string{"r2"}, told: later, change: func(w *world) { w.resumeErr = broken }},
		{name: "its execution doesn't wait yet", ended: []string{"r2"}, told: later,
			change: func(w *world) { w.beside("r2", func(r *access.Request) { r.EndToken = "" }) }},
		{name: "a third one has no row", ended: []string{"r2"}, told: endsOther + lost, change: func(w *world) {
			for _, l := range w.leases {
				l.Holders["r0"] = access.Holder{}
			}
		}},
		{name: "the other's removal begins at the same time", told: already, change: func(w *world) {
			w.ending = func(id string) { w.change(id, func(r *access.Request) { r.RevokingAt = now }) }
		}},
		{name: "the removal of one of two begins at the same time", ended: []string{"r2"}, told: endsOther, change: func(w *world) {
			w.beside("r3", func(r *access.Request) { r.End = r.End.Add(time.Hour) })
			w.ending = func(string) { w.change("r3", func(r *access.Request) { r.RevokingAt = now }) }
		}},
		{name: "somebody ends the other at the same time", ended: []string{"r2"}, told: already, change: func(w *world) {
			w.ending = func(id string) { w.end(id, access.EndRequest{By: bob, At: now}) }
		}},
		{name: "yet another one enters the lease at the same time", ended: []string{"r2", "r3"}, told: endsOther, change: func(w *world) {
			w.ending = func(string) { w.beside("r3") }
		}},
		{name: "the other can't be written", told: "Something went wrong. Please try again in a moment.", change: func(w *world) { w.endErr = broken }},
		{name: "the lease can't be read", told: "Something went wrong. Please try again in a moment.", change: func(w *world) { w.leaseErr = broken }},
		{name: "a row can't be read", told: "Something went wrong. Please try again in a moment.", change: func(w *world) { w.unreadable = "r2" }},
		{name: "the other is being removed", told: already, change: func(w *world) { w.beside("r2", removing) }},
		{name: "somebody has ended the other", ended: []string{"r2"}, told: already,
			change: func(w *world) { w.end("r2", access.EndRequest{By: bob, At: now}) }},
		{name: "the other is undecided", change: func(w *world) {
			w.beside("r2", func(r *access.Request) { r.Outcome, r.GrantedAt, r.End = nil, time.Time{}, time.Time{} })
		}},
		{name: "the other failed", change: func(w *world) {
			w.beside("r2", func(r *access.Request) {
				r.GrantedAt, r.End, r.Failure = time.Time{}, time.Time{}, &access.Failure{Code: access.CodeRefused}
			})
		}},
		{name: "the other has ended", change: func(w *world) {
			w.beside("r2", func(r *access.Request) { r.RevokingAt, r.RevokedAt = now, now })
		}},
		{name: "there is no other", change: func(w *world) { w.leases = nil }},
	}
	for _, state := range states {
		for _, tt := range tests {
			for _, user := range []string{"UJANE", "UANN"} {
				t.Run(state.name+", "+tt.name+", "+user, func(t *testing.T) {
					w := newWorld()
					r := active()
					r.Outcome.At = now.Add(-time.Hour)
					state.change(&r)
					w.rows["r1"] = r
					w.beside("r2")
					if tt.change != nil {
						tt.change(w)
					}
					w.press(t, user, "end", "r1")
					want := tt.told
					if want == "" {
						want = state.told
					}
					if end := r.EndRequest; end != nil && end.Reason == "" && (w.leaseErr != nil || w.unreadable != "") {
						want = "Your press is recorded, but other requests keep this access. Please press End now again."
					}
					if got := strings.Join(w.told, "; "); strings.TrimSuffix(got, " Close this dialog, then press End now in the message.") != want {
						t.Errorf("told %q, want %q", got, want)
					}
					if got := w.rows["r1"].EndRequest; got != r.EndRequest {
						t.Errorf("the pressed request has the end %+v, want %+v", got, r.EndRequest)
					}
					dialogs := 0
					if end := w.rows["r2"].EndRequest; user == "UANN" && end != nil && end.By == ann {
						dialogs = 1 // as for the access of the pressed request
					}
					if len(w.views) < dialogs {
						t.Error("no dialog opened")
					}
					var resumed []string
					for _, id := range []string{"r2", "r3"} {
						row := w.rows[id]
						end := row.EndRequest
						if (end != nil) != slices.Contains(tt.ended, id) {
							t.Errorf("%s has the end %+v, want one of %q", id, end, tt.ended)
						}
						if end == nil {
							continue
						}
						// The app's reason is no end of another request.
						if by := w.people[user]; end.By != by && end.By != bob || !end.At.Equal(now) || end.Reason != "" {
							t.Errorf("%s has the end %+v, want one by %s", id, end, user)
						}
						if row.HasPendingEnd() && row.EndToken != "" {
							resumed = append(resumed, id+"-token {}")
						}
					}
					if r1 := w.rows["r1"]; r1.HasPendingEnd() {
						resumed = append([]string{"end-token {}"}, resumed...)
					}
					slices.Sort(w.resumed)
					if got := slices.Compact(w.resumed); w.leaseErr == nil && w.unreadable == "" && w.endErr == nil && !slices.Equal(got, resumed) {
						t.Errorf("resumed %q, want %q", got, resumed)
					}
				})
			}
		}
	}
}

// Nobody else may end the other request with the button of one that has ended. The refused
// press is recorded in the row that is still open.
func TestEndNowAfterItsOwnEndByOthers(t *testing.T) {
	for _, tt := range []struct {
		user, told string
		reason     access.Refusal
	}{
		{"UBOB", "You can't end this access. The requester, ann@example.com or twin@example.com can.", access.RefusalNotApprover},
		{"UGUEST", "You can't end this access. No guests. The requester, ann@example.com or twin@example.com can.", access.RefusalNotEligible},
	} {
		for _, body := range []string{pressBy(tt.user, "end", "r1"), submittedBy(tt.user, slack.CallbackEnd, "r1")} {
			w := newWorld()
			r := active()
			r.RevokingAt, r.RevokedAt, r.Removal, r.ClosedAt = now, now, access.RemovalKept, now
			w.rows["r1"] = r
			w.beside("r2")
			got := w.send(t, body)
			told := append(w.told, noticeText(got.Body))[0]
			if told != tt.told || w.rows["r2"].EndRequest != nil || len(w.resumed)+len(w.updated)+len(w.views) > 0 {
				t.Errorf("%s was told %q; r2 has the end %+v; resumed %q", tt.user, told, w.rows["r2"].EndRequest, w.resumed)
			}
			events := w.rows["r2"].Events
			if len(events) != 1 || events[0].Kind != access.EventPressRefused || events[0].By.SlackID != tt.user || events[0].Reason != string(tt.reason) || len(w.rows["r1"].Events) > 0 {
				t.Errorf("%s: events %+v", tt.user, events)
			}
		}
	}
	// The requester's other Slack user is an approver here, as for the access of any request.
	w := newWorld()
	w.policy.Accounts[1].Approvers = []string{"ann@example.com"}
	r := active()
	r.RevokingAt, r.RevokedAt, r.Removal = now, now, access.RemovalKept
	w.rows["r1"] = r
	w.beside("r2", func(r *access.Request) { r.Requester = twin })
	w.send(t, pressBy("UTWIN", "end", "r1"))
	if w.rows["r2"].EndRequest != nil || len(w.told) != 1 || len(w.views) > 0 {
		t.Errorf("the other Slack user: end %+v, told %q", w.rows["r2"].EndRequest, w.told)
	}
}

// People who can't approve anything read who can end the access, unless that needs reads.
func TestWhoCanEndNow(t *testing.T) {
	const unnamed = "The requester or an approver can."
	for name, tt := range map[string]struct {
		user   string
		change func(*world)
		want   string
	}{
		"named":                    {"UGUEST", func(*world) {}, "The requester, ann@example.com or twin@example.com can."},
		"nobody but the requester": {"UGUEST", func(w *world) { w.policy.Accounts[1].Approvers = nil }, "The requester can."},
		"an approver who is gone": {"UANN", func(w *world) {
			delete(w.people, "UANN")
			w.change("r1", func(r *access.Request) { r.Approvers = []access.Person{ann, twin} })
		}, "The requester or twin@example.com can."},
		"approvers in a group": {"UGUEST", func(w *world) { w.policy.Accounts[1].Approvers = []string{"group:g-9", "ann@example.com"} }, unnamed},
		"units": {"UGUEST", func(w *world) {
			w.policy.Accounts = append(w.policy.Accounts, access.Statement{Resources: []string{"ou-a"}, PermissionSets: []string{"Admin"}, Approvers: []string{"bob@example.com"}})
		}, unnamed},
		"no policy": {"UGUEST", func(w *world) { w.policyErr = access.Errorf(access.CodeUnavailable, "no answer") }, unnamed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.rows["r1"] = active()
			tt.change(w)
			w.send(t, pressBy(tt.user, "end", "r1"))
			if want := "You can't end this access. No guests. " + tt.want; !slices.Equal(w.told, []string{want}) || w.groups.Calls > 0 || w.rows["r1"].EndRequest != nil {
				t.Errorf("told %q, want %q; %d reads of memberships", w.told, want, w.groups.Calls)
			}
		})
	}
}

// The removal may begin between the first read of a press and its write. Then the press ends
// the request that keeps the access.
func TestEndNowAtItsOwnEnd(t *testing.T) {
	for _, user := range []string{"UJANE", "UANN"} {
		w := newWorld()
		r := active()
		r.Outcome.At = now.Add(-time.Hour)
		w.rows["r1"] = r
		w.beside("r2")
		w.ending = func(id string) { w.change(id, func(r *access.Request) { r.RevokingAt = now }) }
		w.press(t, user, "end", "r1")
		if end := w.rows["r2"].EndRequest; end == nil || end.By != w.people[user] || w.rows["r1"].EndRequest != nil || !slices.Equal(w.told, []string{endsOther}) {
			t.Errorf("%s: end %+v, told %q", user, end, w.told)
		}
	}
}

// The press shows the end in the messages of the request that it ends, as if that one had been
// pressed. In the Home tab, a dialog says what happened.
func TestEndNowAfterItsOwnEndShowsIt(t *testing.T) {
	w := newWorld()
	r := active()
	r.RevokingAt, r.RevokedAt, r.Removal = now, now, access.RemovalKept
	r.Posts = postsOf("1")
	w.rows["r1"] = r
	w.beside("r2", func(r *access.Request) { r.Posts = postsOf("2") })
	w.send(t, pressBy("UJANE", "end", "r1"))
	w.checkShown(t, []string{"🟠 Removing access"}, "C1 1.2", "DANN 2.2", "DJANE 3.2")
	if !lateUpdates(w.rows["r2"]).IsZero() {
		t.Error("the end is not recorded as shown")
	}
}

// A press on access that hasn't ended reads nothing more than it did.
func TestEndNowReads(t *testing.T) {
	for _, user := range []string{"UJANE", "UANN"} {
		w := newWorld()
		w.rows["r1"] = active()
		w.send(t, pressBy(user, "end", "r1"))
		want := map[string]int{"UJANE": 1, "UANN": 0}[user]
		if w.leaseReads != want {
			t.Errorf("%s: %d reads of the lease, want %d", user, w.leaseReads, want)
		}
	}
}

// An approver confirms in the dialog, and ends all of it.
func TestApproverEndsAll(t *testing.T) {
	w := newWorld()
	w.rows["r1"] = active()
	w.beside("r2")
	w.send(t, pressBy("UANN", "end", "r1"))
	if len(w.views) != 1 || w.rows["r1"].EndRequest != nil || w.rows["r2"].EndRequest != nil {
		t.Fatalf("%d views, ended %+v and %+v", len(w.views), w.rows["r1"].EndRequest, w.rows["r2"].EndRequest)
	}
	w.send(t, submittedBy("UANN", "confirm_end", "r1"))
	for _, id := range []string{"r1", "r2"} {
		if end := w.rows[id].EndRequest; end == nil || end.By != ann || !end.At.Equal(now) {
			t.Errorf("%s: %+v", id, end)
		}
	}
}

// The posts of every request that a press ends show that at once. The executions are resumed
// first. If the person has to press again, the button stays.
func TestEndNowShowsEverywhere(t *testing.T) {
	const removing, ended = "🟠 Removing access", "⚪ Access has ended"
	both := []string{"C1 1.1", "DANN 2.1", "DJANE 3.1", "C1 1.2", "DANN 2.2", "DJANE 3.2"}
	broken := access.Errorf(access.CodeUnavailable, "no answer")
	removed := func(_ *world, r *access.Request) { r.RevokingAt, r.RevokedAt = now, now }
	for _, tt := range []struct {
		name   string
		change func(*world)
		want   []string
		posts  []string
		told   bool
		late   bool // whether an update may still arrive
	}{
		{"the request and the other", nil, []string{removing}, both, false, false},
		{"Slack fails", func(w *world) { w.updateErr = broken }, nil, nil, false, true},
		{"notify shows the end meanwhile", func(w *world) {
			w.leases = nil
			w.late = w.byNotify(removed)
		}, []string{removing, ended}, both[:3], false, false},
		{"a press again", func(w *world) { w.end("r1", access.EndRequest{By: ann, At: now, ByPress: "another"}) }, []string{removing}, both[3:], true, true},
		{"a press again, after the end was shown", func(w *world) { w.end("r1", access.EndRequest{By: ann, At: now}) }, []string{removing}, both[3:], true, false},
		{"a press again, after the time to show it", func(w *world) {
			w.end("r1", access.EndRequest{By: ann, At: now.Add(-2 * time.Second), ByPress: "another"})
		}, nil, nil, true, true},
		{"a press after the end", func(w *world) {
			w.leases = nil
			w.end("r1", access.EndRequest{By: ann, At: now})
			r := w.rows["r1"]
			removed(w, &r)
			w.rows["r1"] = r
		}, nil, nil, true, false},
		{"the execution can't be resumed", func(w *world) { w.resumeErr = broken }, []string{removing}, both[3:], true, true},
		{"the execution doesn't wait yet", func(w *world) {
			r := w.rows["r1"]
			r.EndToken = ""
			w.rows["r1"] = r
		}, []string{removing}, both[3:], true, true},
		{"the other can't be ended", func(w *world) { w.endErr = broken }, nil, nil, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			r := active()
			r.Outcome.At = now.Add(-time.Minute)
			r.Posts = postsOf("1")
			w.rows["r1"] = r
			w.beside("r2", func(r *access.Request) { r.Posts = postsOf("2") })
			if tt.change != nil {
				tt.change(w)
			}
			h := w.handler()
			h.Slack = afterResume{w, t}
			if got, err := handle(t, h, sign(pressBy("UJANE", "end", "r1"), now)); err != nil || got.StatusCode != http.StatusOK || got.Body != "" {
				t.Errorf("got %d %q, %v", got.StatusCode, got.Body, err)
			}
			if w.rows["r1"].EndRequest == nil || len(w.told) > 0 != tt.told {
				t.Errorf("end %+v, told %q", w.rows["r1"].EndRequest, w.told)
			}
			w.checkShown(t, tt.want, tt.posts...)
			if lateUpdates(w.rows["r1"]).IsZero() == tt.late {
				t.Errorf("an update may still arrive: %t, want %t", !tt.late, tt.late)
			}
		})
	}
}

// If more requests end than a press shows, it shows the one that was pressed.
func TestEndNowShowsThePressedRequest(t *testing.T) {
	w := newWorld()
	r := active()
	r.Posts = postsOf("1")
	w.rows["r1"] = r
	for i := range 2 * showPosts {
		id := fmt.Sprintf("r2%02d", i)
		w.beside(id, func(r *access.Request) { r.Posts = postsOf(id) })
	}
	w.send(t, pressBy("UJANE", "end", "r1"))
	isPressed := func(m slack.Message) bool { return m.RequestID == "r1" }
	if len(w.updated) != showPosts || !slices.ContainsFunc(w.shows, isPressed) {
		t.Errorf("updated %q", w.updated)
	}
}

// withoutPress returns the end without the press that wrote it.
func withoutPress(e *access.EndRequest) *access.EndRequest {
	if e == nil {
		return nil
	}
	without := *e
	without.ByPress = ""
	return &without
}

// lateUpdates is LateUpdates of a request whose requester was told about the grant.
func lateUpdates(r access.Request) time.Time {
	r.Posts = map[string]access.Post{access.PostGranted: {TS: "1"}}
	return r.LateUpdates()
}

// postsOf returns the posts of a request: in the channel, to ann and to jane.
func postsOf(number string) map[string]access.Post {
	return map[string]access.Post{
		"announce":      {Channel: "C1", TS: "1." + number, Digest: "d"},
		"approver-UANN": {Channel: "DANN", TS: "2." + number, Digest: "d"},
		"dm-granted":    {Channel: "DJANE", TS: "3." + number, Digest: "d"},
	}
}

// afterResume is a world's Slack that fails the test if it is called before the executions are
// resumed.
type afterResume struct {
	*world
	t *testing.T
}

func (s afterResume) Update(ctx context.Context, channel, ts string, m slack.Message) error {
	s.mu.Lock()
	if len(s.resumed) == 0 {
		s.t.Error("Slack was called before an execution was resumed")
	}
	s.mu.Unlock()
	return s.world.Update(ctx, channel, ts, m)
}

// change changes a request's row.
func (w *world) change(id string, change func(*access.Request)) {
	r := w.rows[id]
	change(&r)
	w.rows[id] = r
}

func (w *world) end(id string, e access.EndRequest) {
	r := w.rows[id]
	r.EndRequest = &e
	w.rows[id] = r
}
