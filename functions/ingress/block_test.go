package ingress

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

var dan = access.Person{SlackID: "UDAN", Email: "dan@example.com", PrincipalID: "p-dan"}

// guarded is a besieged world in which ann, bob and the members of g-ir may block people.
// dan is a member of g-ir.
func guarded() *world {
	w := besieged()
	w.policy.IncidentResponders = []string{"Ann@example.com", "bob@example.com", "group:g-ir"}
	w.people["UDAN"] = dan
	w.groups.Members = map[string][]string{"g-ir": {"p-dan"}}
	w.strangers = map[string]access.Person{"UGUEST": {SlackID: "UGUEST", Email: "guest@example.com", Name: "Guest"}}
	return w
}

// blocked is a guarded world in which ann blocked the person.
func blocked(p access.Person) *world {
	w := guarded()
	w.blocks = access.Blocks{}.Add(access.Block{Person: p, By: ann, At: now.Add(-time.Hour), Reason: "stolen laptop"}, 7)
	return w
}

func blockBy(user, person, reason string) string {
	return payload("view_submission", user, object{"view": object{
		"id": "V9", "callback_id": slack.CallbackBlock, "state": object{"values": object{
			slack.BlockBlockedPerson: object{slack.ActionBlockedPerson: object{"type": "users_select", "selected_user": person}},
			slack.BlockBlockReason:   object{slack.ActionBlockReason: object{"type": "plain_text_input", "value": reason}},
		}},
	}})
}

func liftBy(user, id string) string {
	return payload("view_submission", user, object{"view": object{"id": "V9", "callback_id": slack.CallbackLift, "private_metadata": id}})
}

func pressOnHomeBy(user, action, value string) string {
	return payload("block_actions", user, object{
		"actions": []object{{"action_id": action, "value": value}}, "trigger_id": "t-11", "view": object{"id": "VH", "type": "home"},
	})
}

// shownText returns all texts in a value's JSON.
func shownText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var all []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				walk(v[key])
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case string:
			all = append(all, v)
		}
	}
	var tree any
	if json.Unmarshal(text, &tree) == nil {
		walk(tree)
	}
	return strings.Join(all, "\n")
}

func answerText(body string) string {
	var tree any
	if json.Unmarshal([]byte(body), &tree) != nil {
		return body
	}
	return shownText(tree)
}

// A block ends everything the person has, and nothing of others. It is written first.
func TestBlockEndsEverything(t *testing.T) {
	w := guarded()
	w.claims["p-jane"] = access.Claims{PrincipalID: "p-jane", Version: 1, Claims: map[string]access.Claim{"k": {RequestID: "r1", At: now}, "behind": {RequestID: "r-claimed", At: now}}}
	got := w.send(t, blockBy("UANN", "UJANE", " Her laptop was stolen\n"))
	if got.StatusCode != http.StatusOK {
		t.Fatalf("got %d", got.StatusCode)
	}
	block := w.blocks.Of(jane)
	if block == nil || block.By != ann || block.Person != jane || block.Reason != "Her laptop was stolen" || block.PolicyDigest != "d1" || !block.At.Equal(now) || len(w.blocks.Unrecorded()) != 1 {
		t.Fatalf("blocks %+v", w.blocks)
	}
	for _, id := range []string{"r1", "r4"} {
		if o := w.rows[id].Outcome; o == nil || o.Kind != access.OutcomeRefused || o.Reason != "Blocked" || o.By != ann {
			t.Errorf("%s: %+v", id, o)
		}
	}
	if e := w.rows["r2"].EndRequest; e == nil || e.By != ann || e.Reason != access.EndBlocked {
		t.Errorf("r2: %+v", e)
	}
	if w.rows["r3"].Outcome != nil {
		t.Error("bob's request was decided")
	}
	if slices.Sort(w.resumed); len(w.resumed) != 3 || !strings.HasPrefix(w.resumed[0], "approval-token ") || !strings.Contains(w.resumed[0], "refused") || w.resumed[2] != "end-token {}" {
		t.Errorf("resumed %q", w.resumed)
	}
	if _, ok := w.claims["p-jane"].Claims["k"]; ok {
		t.Error("the claim stays")
	}
	text := answerText(got.Body)
	for _, want := range []string{"UJANE", "Requests refused: 2", "Access that ends now: 1", "until an incident responder other than", "Open sessions stay active until they expire", "docs/operate/compromised-account.md", "This app checks again every minute"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %q", want, text)
		}
	}
	if strings.Contains(w.log.String(), "laptop") {
		t.Error("the reason is in the log")
	}
	// The same again, by the same person or by another one, writes no second block.
	before := w.blocks
	for _, user := range []string{"UANN", "UBOB"} {
		text := answerText(w.send(t, blockBy(user, "UJANE", "another reason")).Body)
		if !reflect.DeepEqual(w.blocks, before) || !strings.Contains(text, "was already blocked, by") || !strings.Contains(text, "The first reason stays. Yours wasn't saved.") || !strings.Contains(text, "Access that ends now: 1") {
			t.Errorf("%s: %+v, %q", user, w.blocks, text)
		}
	}
	// A repeated submission loses nothing.
	if text := answerText(w.send(t, blockBy("UANN", "UJANE", " Her laptop was stolen\n")).Body); !strings.Contains(text, "was already blocked, by") || strings.Contains(text, "wasn't saved") {
		t.Errorf("submitted twice: %q", text)
	}
}

// The posts of the requests whose access a block ends show that at once.
func TestBlockShowsTheEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want []string
	}{
		"it does":     {nil, []string{"🟠 Removing access"}},
		"Slack fails": {access.Errorf(access.CodeUnavailable, "no answer"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := guarded()
			w.updateErr = tt.err
			for _, id := range []string{"r1", "r2", "r3"} {
				r := w.rows[id]
				r.Posts = postsOf(id)
				w.rows[id] = r
			}
			h := w.handler()
			h.Slack = afterResume{w, t}
			got, err := handle(t, h, sign(blockBy("UANN", "UJANE", "stolen"), now))
			if text := answerText(got.Body); err != nil || !strings.Contains(text, "Access that ends now: 1") {
				t.Errorf("%v, %q", err, text)
			}
			w.checkShown(t, tt.want, "C1 1.r2", "DANN 2.r2", "DJANE 3.r2")
		})
	}
}

// A block updates no post of access that ends or begins without it: nothing would follow an
// update that Slack applies late.
func TestBlockShowsOnlyItsEnds(t *testing.T) {
	for name, change := range map[string]func(*access.Request){
		"the removal has begun":            func(r *access.Request) { r.End, r.RevokingAt = now, now },
		"the access is just being created": func(r *access.Request) { r.GrantedAt, r.End = time.Time{}, time.Time{} },
	} {
		t.Run(name, func(t *testing.T) {
			w := guarded()
			r := w.rows["r2"]
			r.Posts = postsOf("r2")
			change(&r)
			w.rows["r2"] = r
			text := answerText(w.send(t, blockBy("UANN", "UJANE", "stolen")).Body)
			if len(w.updated) > 0 || !strings.Contains(text, "Access that ends now: 1") {
				t.Errorf("updated %q, told %q", w.updated, text)
			}
		})
	}
}

// Slack accepts fifty updates a minute. So a block updates one post of each of the first
// requests, and leaves the others to notify. None of the others waits for an update.
func TestBlockShowsFewEnds(t *testing.T) {
	w := guarded()
	w.rows = map[string]access.Request{}
	for i := range 40 {
		r := active()
		r.ID = fmt.Sprintf("many%02d", i)
		r.Posts = postsOf(r.ID)
		w.rows[r.ID] = r
	}
	w.send(t, blockBy("UANN", "UJANE", "stolen"))
	shown := map[string]bool{}
	for _, m := range w.shows {
		shown[m.RequestID] = true
	}
	if len(w.updated) != showPosts || len(shown) != showPosts {
		t.Errorf("updated %q, want one post of each of %d requests", w.updated, showPosts)
	}
	for id, r := range w.rows {
		if until := lateUpdates(r); r.EndRequest == nil || !until.IsZero() {
			t.Errorf("%s: end %+v, updates until %v", id, r.EndRequest, until)
		}
	}
}

// A block ends memberships in groups, too.
func TestBlockEndsMemberships(t *testing.T) {
	w := guarded()
	for _, id := range []string{"r1", "r2"} {
		r := w.rows[id]
		r.Target = access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: "Auditors"}
		w.rows[id] = r
	}
	text := answerText(w.send(t, blockBy("UANN", "UJANE", "stolen")).Body)
	if o := w.rows["r1"].Outcome; o == nil || o.Reason != "Blocked" {
		t.Errorf("the undecided request: %+v", o)
	}
	if e := w.rows["r2"].EndRequest; e == nil || e.By != ann || e.Reason != access.EndBlocked || !slices.Contains(w.resumed, "end-token {}") {
		t.Errorf("the membership ends with %+v, resumed %q", e, w.resumed)
	}
	if !strings.Contains(text, "Access that ends now: 1") {
		t.Errorf("told %q", text)
	}
}

// A block ends what the index of requesters lacks, too, and no one else's requests.
func TestBlockEndsWhatTheIndexLacks(t *testing.T) {
	w := guarded()
	w.unindexed = map[string]bool{"r1": true, "r2": true, "r4": true}
	w.send(t, blockBy("UANN", "UJANE", "stolen"))
	for _, id := range []string{"r1", "r4"} {
		if o := w.rows[id].Outcome; o == nil || o.Reason != "Blocked" {
			t.Errorf("%s: %+v", id, o)
		}
	}
	if e := w.rows["r2"].EndRequest; e == nil || e.Reason != access.EndBlocked {
		t.Errorf("r2: %+v", e)
	}
	if w.rows["r3"].Outcome != nil {
		t.Error("bob's request was decided")
	}
}

// The dialog also lists access that ended before, while its sessions may be open. The row
// says how long they last; the index doesn't.
func TestBlockShowsEarlierSessions(t *testing.T) {
	const title, unsure = "Access that ended earlier, with sessions that may still be open: ", "Some of this person's earlier requests couldn't be read."
	down := access.Errorf(access.CodeUnavailable, "no answer")
	ended := func(id string, ago time.Duration, session int64, change ...func(*access.Request)) func(*world) {
		return func(w *world) {
			r := active()
			r.ID, r.SessionSeconds, r.Target.AccountName = id, session, "Account-"+id
			r.Target.AccountID = fmt.Sprintf("%012d", len(w.rows))
			r.RevokingAt, r.RevokedAt, r.Removal, r.ClosedAt = now.Add(-ago), now.Add(-ago), access.RemovalDone, now.Add(-ago)
			for _, c := range change {
				c(&r)
			}
			w.rows[id] = r
		}
	}
	h := int64(3600)
	for _, tt := range []struct {
		name   string
		change []func(*world)
		shown  map[string]time.Time
		unsure bool
	}{
		{"nothing", nil, nil, false},
		{"sessions of 8 hours, ended 30 minutes ago", []func(*world){ended("e1", 30*time.Minute, 8*h)}, map[string]time.Time{"e1": now.Add(450 * time.Minute)}, false},
		{"its sessions have ended", []func(*world){ended("e1", time.Hour, h)}, nil, false},
		{"the session is not known", []func(*world){ended("e1", 2*time.Hour, 0)}, map[string]time.Time{"e1": now.Add(10 * time.Hour)}, false},
		{"not known, and long ago", []func(*world){ended("e1", 12*time.Hour, 0)}, nil, false},
		{"several", []func(*world){ended("e1", 30*time.Minute, 2*h), ended("e2", time.Minute, h), ended("e3", 2*time.Hour, h)},
			map[string]time.Time{"e1": now.Add(90 * time.Minute), "e2": now.Add(59 * time.Minute)}, false},
		{"never granted", []func(*world){ended("e1", time.Minute, h, func(r *access.Request) { r.GrantedAt = time.Time{} })}, nil, false},
		{"someone else's", []func(*world){ended("e1", time.Minute, h, func(r *access.Request) { r.Requester = bob })}, nil, false},
		{"the index says that it is active", []func(*world){ended("e1", time.Minute, h), func(w *world) {
			r := w.rows["e1"]
			r.RevokingAt, r.RevokedAt, r.ClosedAt = time.Time{}, time.Time{}, time.Time{}
			w.behind = map[string]access.Request{"e1": r}
		}}, map[string]time.Time{"e1": now.Add(59 * time.Minute)}, false},
		{"the index can't be read", []func(*world){ended("e1", time.Minute, h), func(w *world) { w.indexErr = down }}, nil, true},
		{"more requests than are read", []func(*world){ended("e1", time.Minute, h), func(w *world) {
			for i := range mostOfBlocked {
				ended(fmt.Sprint("old", i), 24*time.Hour, h)(w)
			}
		}}, map[string]time.Time{"e1": now.Add(59 * time.Minute)}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := guarded()
			for _, change := range tt.change {
				change(w)
			}
			body := w.send(t, blockBy("UANN", "UJANE", "stolen")).Body
			text := answerText(body)
			if got := strings.Contains(text, title); got != (len(tt.shown) > 0) || got && !strings.Contains(text, fmt.Sprint(title, len(tt.shown))) {
				t.Errorf("the dialog says %q", text)
			}
			if strings.Contains(text, unsure) != tt.unsure {
				t.Errorf("that some may be missing, want %t: %q", tt.unsure, text)
			}
			if n := strings.Count(text, "Account-"); n != len(tt.shown) {
				t.Errorf("%d accounts, want %d: %q", n, len(tt.shown), text)
			}
			for id, until := range tt.shown {
				if _, after, found := strings.Cut(body, "Account-"+id); !found || !strings.Contains(after, fmt.Sprintf(`"timestamp":%d`, until.Unix())) {
					t.Errorf("%s doesn't have the end %v: %s", id, until, body)
				}
			}
			if w.blocks.Of(jane) == nil {
				t.Error("nobody is blocked")
			}
		})
	}
}

// A row that can't be read has sessions of unknown duration.
func TestBlockWithoutAnEarlierRow(t *testing.T) {
	w := guarded()
	r := active()
	r.ID, r.SessionSeconds, r.Target.AccountID = "e1", 3600, "999999999999"
	r.RevokingAt, r.RevokedAt, r.ClosedAt = now.Add(-2*time.Hour), now.Add(-2*time.Hour), now.Add(-2*time.Hour)
	w.rows["e1"] = r
	handler := w.handler()
	handler.Table = failingGet{w, "e1"}
	got, err := handle(t, handler, sign(blockBy("UANN", "UJANE", "stolen"), now))
	if want := fmt.Sprintf(`"timestamp":%d`, now.Add(10*time.Hour).Unix()); err != nil || !strings.Contains(got.Body, want) {
		t.Errorf("want %s in %s, %v", want, got.Body, err)
	}
}

// A block also ends the access of a person who no longer has a user in Identity Center, or
// who shares an email with another user. The dialog says that there may be more.
func TestBlockOfSomeoneWithoutAUser(t *testing.T) {
	w := guarded()
	someone := w.people["UJANE"]
	someone.PrincipalID = ""
	w.people["UJANE"] = someone
	got := w.send(t, blockBy("UANN", "UJANE", "stolen"))
	if o := w.rows["r1"].Outcome; o == nil || o.Reason != "Blocked" {
		t.Errorf("r1: %+v", o)
	}
	if e := w.rows["r2"].EndRequest; e == nil || e.Reason != access.EndBlocked {
		t.Errorf("r2: %+v", e)
	}
	if w.rows["r3"].Outcome != nil {
		t.Error("bob's request was decided")
	}
	if text := answerText(got.Body); !strings.Contains(text, "Not everything could be checked in time.") || !strings.Contains(text, "Some of this person's earlier requests couldn't be read.") {
		t.Errorf("the answer is %q", text)
	}
}

// What can't be ended now is left to the minute check, and the dialog says so. Without the
// block, nothing is ended.
func TestBlockWithFailures(t *testing.T) {
	down := access.Errorf(access.CodeUnavailable, "no answer")
	for _, tt := range []struct {
		name    string
		change  func(*world)
		blocked bool
		text    string
	}{
		{"the open requests can't be listed", func(w *world) { w.openRequestsErr = down }, true, "Not everything could be checked in time."},
		{"the requests can't be listed", func(w *world) { w.indexErr = down }, true, "Not everything could be checked in time."},
		{"the claims can't be read", func(w *world) { w.claimsErr = down }, true, "Not everything could be checked in time."},
		{"a request can't be refused", func(w *world) { w.decideErr = down }, true, "Not everything could be checked in time."},
		{"executions can't be resumed", func(w *world) { w.resumeErr = down }, true, "Requests refused: 2"},
		{"someone else writes first", func(w *world) { w.blockLost = 3 }, true, "Requests refused: 2"},
		{"others always write first", func(w *world) { w.blockLost = 100 }, false, "Please press Block again."},
		{"the blocks can't be read", func(w *world) { w.blocksErr = down }, false, "Nothing has changed."},
		{"the policy can't be read", func(w *world) { w.policyErr = down }, false, "Nothing has changed."},
		{"memberships can't be read", func(w *world) { w.groups.Err = down }, false, "Nothing has changed."},
		{"people can't be looked up", func(w *world) { w.peopleErr = down }, false, "Nothing has changed."},
		{"too many are blocked", func(w *world) {
			for i := range access.MaxBlocks {
				w.blocks = w.blocks.Add(access.Block{Person: access.Person{SlackID: fmt.Sprint("U", i)}}, int64(i+1))
			}
			w.blocks.Recorded = w.blocks.Version
		}, false, "This person isn't blocked: only 25 people can be blocked at once."},
		{"too many events aren't recorded", func(w *world) {
			for i := range access.MaxBlockEvents {
				w.blocks.Events = append(w.blocks.Events, access.BlockEvent{Sequence: int64(i + 1)})
			}
		}, false, "too many blocks are waiting for their audit records"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := guarded()
			tt.change(w)
			before := w.state()
			text := answerText(w.send(t, blockBy("UANN", "UJANE", "stolen")).Body)
			if got := w.blocks.Of(jane) != nil; got != tt.blocked || !strings.Contains(text, tt.text) {
				t.Errorf("blocked %t: %q", got, text)
			}
			if !tt.blocked && w.rows["r1"].Outcome != nil {
				t.Errorf("something was ended without a block: %s, before %s", w.state(), before)
			}
		})
	}
}

// These attacks on blocks change nothing.
func TestAttacksOnBlocks(t *testing.T) {
	const notResponder = "Only incident responders can block people and lift blocks."
	id := "block-7"
	tests := []struct {
		name string
		w    func() *world
		body string
		want string
	}{
		{"a block by an approver who is no responder", guarded, blockBy("UTWIN", "UANN", "x"), notResponder},
		{"a block by the requester", guarded, blockBy("UJANE", "UANN", "x"), notResponder},
		{"a block by a guest", guarded, blockBy("UGUEST", "UANN", "x"), "No guests."},
		{"a block by somebody found under a fallback domain", func() *world {
			w := guarded()
			w.people["UANN"] = access.Person{SlackID: "UANN", Email: "ann@example.com", PrincipalID: "p-ann", SecondaryDomain: true}
			return w
		}, blockBy("UANN", "UJANE", "x"), notResponder},
		{"a block by a member whom this app put into the group", func() *world {
			w := guarded()
			w.groups.Granted = []string{"g-ir p-dan"}
			return w
		}, blockBy("UDAN", "UJANE", "x"), notResponder},
		{"a block without the setting", func() *world {
			w := guarded()
			w.policy.IncidentResponders = nil
			return w
		}, blockBy("UANN", "UJANE", "x"), notResponder},
		{"a block of oneself", guarded, blockBy("UANN", "UANN", "x"), "You can't block yourself."},
		{"a block of one's other Slack user", guarded, blockBy("UANN", "UANN2", "x"), "You can't block yourself."},
		{"a block of nobody", guarded, blockBy("UANN", "", "x"), "Choose a person."},
		{"a block of a stranger", guarded, blockBy("UANN", "UNOBODY", "x"), "Slack doesn't know this person."},
		{"a block of markup", guarded, blockBy("UANN", "U1> <!channel>", "x"), "Choose a person."},
		{"a block without a reason", guarded, blockBy("UANN", "UJANE", " \n\u3164"), "Enter a reason."},
		{"a block with a reason that is too long", guarded, blockBy("UANN", "UJANE", strings.Repeat("x", 501)), "Use at most 500 characters."},
		{"a block by a responder who is blocked", func() *world { return blocked(bob) }, blockBy("UBOB", "UANN", "x"), "You can't do this at the moment."},

		{"the blocked person lifts the block", func() *world { return blocked(bob) }, liftBy("UBOB", id), "You can't do this at the moment."},
		{"a blocked responder lifts another block", func() *world {
			w := blocked(jane)
			w.blocks = w.blocks.Add(access.Block{Person: bob, By: ann, At: now}, 8)
			return w
		}, liftBy("UBOB", id), "You can't do this at the moment."},
		{"the blocker lifts the block", func() *world { return blocked(jane) }, liftBy("UANN", id), "another incident responder must lift the block"},
		{"the blocker lifts it as another Slack user", func() *world {
			w := blocked(jane)
			w.policy.IncidentResponders = append(w.policy.IncidentResponders, "annie@example.com")
			return w
		}, liftBy("UANN2", id), "another incident responder must lift the block"},
		{"somebody else lifts it", func() *world { return blocked(jane) }, liftBy("UTWIN", id), notResponder},
		{"the blocked requester lifts it", func() *world { return blocked(jane) }, liftBy("UJANE", id), notResponder},
		{"a guest lifts it", func() *world { return blocked(jane) }, liftBy("UGUEST", id), "No guests."},
		{"an old dialog of a block that was lifted", func() *world { return blocked(jane) }, liftBy("UBOB", "block-6"), noBlock},
		{"a dialog without an id", func() *world { return blocked(jane) }, liftBy("UBOB", ""), noBlock},
		{"a dialog with the row's key", func() *world { return blocked(jane) }, liftBy("UBOB", "blocks#"), noBlock},

		{"the button by somebody else", guarded, pressOnHomeBy("UTWIN", "block", ""), notResponder},
		{"the lift button by somebody else", func() *world { return blocked(jane) }, pressOnHomeBy("UTWIN", "lift", id), notResponder},
		{"the lift button by the blocker", func() *world { return blocked(jane) }, pressOnHomeBy("UANN", "lift", id), "another incident responder must lift the block"},
		{"the lift button with a forged id", func() *world { return blocked(jane) }, pressOnHomeBy("UBOB", "lift", "<!channel>"), noBlock},
		{"the button in a message", guarded, pressBy("UANN", "block", "r1"), "This app doesn't know this button."},
		{"the lift button in a message", func() *world { return blocked(jane) }, pressBy("UBOB", "lift", id), "This app doesn't know this button."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := tt.w()
			w.wantRefused(t, tt.body, tt.want)
		})
	}
}

// wantRefused checks that the payload changes nothing, and that the person reads why.
func (w *world) wantRefused(t *testing.T, body, why string) {
	t.Helper()
	before := w.state()
	got := w.send(t, body)
	if after := w.state(); after != before {
		t.Errorf("it had an effect: %s\nbefore: %s", after, before)
	}
	told := answerText(got.Body) + strings.Join(w.told, "\n")
	for _, v := range w.views {
		told += shownText(v.view)
	}
	if !strings.Contains(told, why) {
		t.Errorf("told %q, want %q", told, why)
	}
}

// A refused press about blocks is recorded in their row once, with the person, the button and the
// reason. It changes nothing about blocks.
func TestRefusedPressesAboutBlocks(t *testing.T) {
	const blockedPerson = "An incident responder blocked this person."
	ofJane := access.Block{ID: "block-7", Person: jane}
	refused := func(action string, by access.Person, why access.Refusal, message, digest string, about access.Block) []access.BlockEvent {
		return []access.BlockEvent{{Kind: access.EventPressRefused, At: now, By: by, Action: action, Reason: why, Message: message, PolicyDigest: digest, Block: about}}
	}
	down := access.Errorf(access.CodeUnavailable, "no answer")
	tests := []struct {
		name string
		w    func() *world
		body string
		want []access.BlockEvent
	}{
		{"an approver submits the dialog to block", guarded, blockBy("UTWIN", "UANN", "x"), refused("block", twin, access.RefusalNotResponder, "", "d1", access.Block{})},
		{"an approver presses the button to block", guarded, pressOnHomeBy("UTWIN", "block", ""), refused("block", twin, access.RefusalNotResponder, "", "d1", access.Block{})},
		{"a guest blocks", guarded, blockBy("UGUEST", "UANN", "x"), refused("block", access.Person{SlackID: "UGUEST"}, access.RefusalNotEligible, "No guests.", "", access.Block{})},
		{"a blocked responder blocks", func() *world { return blocked(bob) }, blockBy("UBOB", "UANN", "x"), refused("block", bob, access.RefusalBlocked, blockedPerson, "", access.Block{})},
		{"someone else lifts", func() *world { return blocked(jane) }, liftBy("UTWIN", "block-7"), refused("lift", twin, access.RefusalNotResponder, "", "d1", ofJane)},
		{"someone else presses the button to lift", func() *world { return blocked(jane) }, pressOnHomeBy("UTWIN", "lift#1", "block-7"), refused("lift", twin, access.RefusalNotResponder, "", "d1", ofJane)},
		{"someone else lifts what doesn't exist", func() *world { return blocked(jane) }, liftBy("UTWIN", "block-6"), refused("lift", twin, access.RefusalNotResponder, "", "d1", access.Block{})},
		{"someone else presses a forged button to lift", func() *world { return blocked(jane) }, pressOnHomeBy("UTWIN", "lift", "<!channel>"), refused("lift", twin, access.RefusalNotResponder, "", "d1", access.Block{})},
		{"the blocked person lifts", func() *world { return blocked(bob) }, liftBy("UBOB", "block-7"),
			refused("lift", bob, access.RefusalBlocked, blockedPerson, "", access.Block{ID: "block-7", Person: bob})},
		{"the blocker lifts", func() *world { return blocked(jane) }, liftBy("UANN", "block-7"), refused("lift", ann, access.RefusalOwnBlock, "", "", ofJane)},
		{"the blocker presses the button to lift", func() *world { return blocked(jane) }, pressOnHomeBy("UANN", "lift#1", "block-7"), refused("lift", ann, access.RefusalOwnBlock, "", "", ofJane)},
		{"others write first", func() *world { w := blocked(jane); w.blockLost = 3; return w }, liftBy("UTWIN", "block-7"), refused("lift", twin, access.RefusalNotResponder, "", "d1", ofJane)},
		{"others always write first", func() *world { w := guarded(); w.blockLost = 100; return w }, blockBy("UTWIN", "UANN", "x"), nil},

		{"a responder opens the dialog to block", guarded, pressOnHomeBy("UANN", "block", ""), nil},
		{"another responder opens the dialog to lift", func() *world { return blocked(jane) }, pressOnHomeBy("UBOB", "lift#1", "block-7"), nil},
		{"a responder lifts what doesn't exist", func() *world { return blocked(jane) }, liftBy("UBOB", "block-6"), nil},
		{"the person can't be looked up", func() *world { w := guarded(); w.peopleErr = down; return w }, blockBy("UTWIN", "UANN", "x"), nil},
		{"the policy can't be read", func() *world { w := guarded(); w.policyErr = down; return w }, blockBy("UTWIN", "UANN", "x"), nil},
		{"the blocks can't be read", func() *world { w := guarded(); w.blocksErr = down; return w }, blockBy("UGUEST", "UANN", "x"), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := tt.w()
			before := w.state()
			for range 3 {
				w.send(t, tt.body)
			}
			for i := range tt.want {
				tt.want[i].Sequence = w.blocks.Version
			}
			if !reflect.DeepEqual(w.blocks.Refused, tt.want) {
				t.Errorf("recorded %+v\nwant     %+v", w.blocks.Refused, tt.want)
			}
			if after := w.state(); after != before {
				t.Errorf("it had an effect: %s\nbefore: %s", after, before)
			}
		})
	}
	t.Run("the number is bounded", func(t *testing.T) {
		w := guarded()
		for i := range 2 * access.MaxRefusedPresses {
			w.send(t, blockBy(fmt.Sprint("UGUEST", i), "UANN", "x"))
		}
		if got := len(w.blocks.Refused); got != access.MaxRefusedPresses {
			t.Errorf("recorded %d, want %d", got, access.MaxRefusedPresses)
		}
		if w.send(t, blockBy("UANN", "UJANE", "stolen")); w.blocks.Of(jane) == nil || len(w.blocks.Refused) != access.MaxRefusedPresses {
			t.Errorf("after a block: %+v", w.blocks)
		}
	})
}

// Whatever a blocked person does from an old message, dialog or the Home tab has no
// effect, unless it only takes access away from themselves.
func TestBlockedPersonDecidesNothing(t *testing.T) {
	tests := []struct {
		name   string
		person access.Person
		body   string
		want   string
	}{
		{"approve", ann, pressBy("UANN", "approve", "r1"), cantDecideNow},
		{"approve as another Slack user", ann, pressBy("UANN2", "approve", "r4"), cantDecideNow},
		// Opening the dialog decides nothing. Its submission is refused.
		{"open the dialog in the Home tab", ann, pressOnHomeBy("UANN", "approve", "r1"), "Approve this request?"},
		{"open the dialog in the Home tab, of a blocked person's request", jane, pressOnHomeBy("UANN", "approve", "r1"), "Approve this request?"},
		{"open the dialog to end somebody's access", ann, pressBy("UANN", "end", "r2"), "End this access?"},
		{"approve in the Home tab's dialog", ann, fromHome(confirmedBy("UANN", "r1")), cantDecideNow},
		{"approve in the Home tab the last of two", bob, pressOnHomeBy("UBOB", "approve", "r4"), cantDecideNow},
		{"approve in the dialog", ann, confirmedBy("UANN", "r1"), cantDecideNow},
		{"approve the last of two", bob, pressBy("UBOB", "approve", "r4"), cantDecideNow},
		{"deny", ann, pressBy("UANN", "deny", "r1"), cantDecideNow},
		{"deny in the dialog", ann, deniedBy("UANN", "r1", "no"), cantDecideNow},
		{"end somebody's access", ann, submittedBy("UANN", slack.CallbackEnd, "r2"), cantEndNow},
		{"answer a question", ann, pressBy("UANN", "drift_remove", "run1"), "You can't answer this at the moment."},
		{"request", jane, filled("UJANE", production, admin, "3600", "deploy"), cantRequestNow},
		{"request as another Slack user", jane, filled("UTWIN", production, admin, "3600", "deploy"), cantRequestNow},
		{"request what needs no approval", jane, filled("UJANE", production, readOnly, "3600", "deploy"), cantRequestNow},
		{"somebody approves the blocked person's request in the Home tab's dialog", jane, fromHome(confirmedBy("UANN", "r1")), "This request can't be approved, because an incident responder blocked the requester."},
		{"somebody approves the blocked person's request", jane, pressBy("UANN", "approve", "r1"), "This request can't be approved, because an incident responder blocked the requester."},
		{"somebody gives the last of two approvals", jane, pressBy("UBOB", "approve", "r4"), "This request can't be approved, because an incident responder blocked the requester."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := guarded()
			w.policy.IncidentResponders = append(w.policy.IncidentResponders, "dan@example.com")
			w.blocks = access.Blocks{}.Add(access.Block{Person: tt.person, By: dan, At: now, Reason: "x"}, 7)
			w.wantRefused(t, tt.body, tt.want)
			// The same with blocks that can't be read.
			w = guarded()
			w.blocksErr = access.Errorf(access.CodeUnavailable, "no answer")
			before := w.state()
			w.send(t, tt.body)
			if after := w.state(); after != before {
				t.Errorf("without knowing who is blocked, it had an effect: %s\nbefore: %s", after, before)
			}
		})
	}
	for name, body := range map[string]string{
		"withdraw": pressBy("UJANE", "withdraw", "r1"), "end their own": pressBy("UJANE", "end", "r2"), "deny a blocked person's request": pressBy("UANN", "deny", "r1"),
		"take an approval back": pressBy("UANN", "take_back", "r4"),
	} {
		w := blocked(jane)
		if name == "take an approval back" {
			w = blocked(ann)
		}
		before := w.state()
		w.send(t, body)
		if w.state() == before {
			t.Errorf("%s had no effect: told %q", name, w.told)
		}
	}
}

// Approvals that a blocked person gave before stop counting at the next press.
func TestBlockedApprovalLapses(t *testing.T) {
	w := guarded()
	w.blocks = access.Blocks{}.Add(access.Block{Person: ann, By: dan, At: now, Reason: "x"}, 7)
	w.send(t, confirmedBy("UBOB", "r4"))
	r := w.rows["r4"]
	if r.Outcome != nil || approvers(r) != "UANN:blocked UBOB" {
		t.Errorf("outcome %+v, approvals %q", r.Outcome, approvers(r))
	}
	w.blocks = access.Blocks{Version: 8}
	w.send(t, confirmedBy("UBOB", "r4"))
	if r := w.rows["r4"]; r.Outcome == nil || r.Outcome.Kind != access.OutcomeApproved || approvers(r) != "UANN UBOB" {
		t.Errorf("after the block was lifted: outcome %+v, approvals %q", r.Outcome, approvers(r))
	}
}

func TestLift(t *testing.T) {
	for user, by := range map[string]access.Person{"UBOB": bob, "UDAN": dan} {
		w := blocked(jane)
		w.blockLost = 1
		if got := w.send(t, liftBy(user, "block-7")); got.StatusCode != http.StatusOK || got.Body != "" {
			t.Errorf("%s: got %d %q", user, got.StatusCode, got.Body)
		}
		events := w.blocks.Unrecorded()
		if w.blocks.Of(jane) != nil || len(events) != 2 || events[1].Kind != access.EventUnblocked || events[1].By != by || events[1].Block.Reason != "stolen laptop" || events[1].PolicyDigest != "d1" {
			t.Errorf("%s: %+v", user, w.blocks)
		}
		if text := answerText(w.send(t, liftBy(user, "block-7")).Body); !strings.Contains(text, noBlock) {
			t.Errorf("%s, again: %q", user, text)
		}
		if got := w.send(t, filled("UJANE", sandbox, admin, "3600", "deploy")); strings.Contains(got.Body, cantRequestNow) {
			t.Errorf("%s: jane still can't request: %q", user, got.Body)
		}
	}
	w := blocked(jane)
	w.blocksErr = access.Errorf(access.CodeUnavailable, "no answer")
	w.send(t, liftBy("UBOB", "block-7"))
	if w.blocks.Of(jane) == nil {
		t.Error("lifted without knowing who is blocked")
	}
}

// Anyone in Slack can be blocked, whether or not they have a user in Identity Center.
func TestBlockGuest(t *testing.T) {
	w := guarded()
	text := answerText(w.send(t, blockBy("UBOB", "UGUEST", "phishing")).Body)
	if b := w.blocks.Of(access.Person{SlackID: "UGUEST"}); b == nil || b.Person.PrincipalID != "" || !strings.Contains(text, "Requests refused: 0") {
		t.Errorf("%+v, %q", w.blocks, text)
	}
}

// unreadable makes the members of groups unknown.
func unreadable(w *world) *world {
	w.groups.Err = access.Errorf(access.CodeThrottled, "x")
	return w
}

// Only responders see the buttons, and only while nobody has blocked them.
func TestHomeShowsBlocks(t *testing.T) {
	for _, tt := range []struct {
		user string
		w    func() *world
		want bool
	}{
		{"UANN", func() *world { return blocked(jane) }, true}, {"UDAN", func() *world { return blocked(jane) }, true},
		{"UTWIN", func() *world { return blocked(jane) }, false}, {"UJANE", func() *world { return blocked(jane) }, false},
		{"UBOB", func() *world { return blocked(bob) }, false},
		{"UANN", func() *world { w := blocked(jane); w.policy.IncidentResponders = nil; return w }, false},
		{"UANN", func() *world { return unreadable(blocked(jane)) }, true}, // by email
	} {
		w := tt.w()
		h := w.handler()
		h.showHome(t.Context(), h.Logger, tt.user, "", true)
		if len(w.homes) != 1 {
			t.Fatalf("%s saw %d tabs", tt.user, len(w.homes))
		}
		text := shownText(w.homes[0].view)
		if got := strings.Contains(text, "Block a person") && strings.Contains(text, "stolen laptop"); got != tt.want || !tt.want && strings.Contains(text, "Incident response") {
			t.Errorf("%s: %t, want %t: %s", tt.user, got, tt.want, text)
		}
	}
	// If it isn't known who belongs to a group of responders, nobody misses the button.
	for _, user := range []string{"UDAN", "UTWIN"} {
		w := unreadable(blocked(jane))
		h := w.handler()
		h.showHome(t.Context(), h.Logger, user, "", true)
		if len(w.homes) != 1 {
			t.Fatalf("%s saw %d tabs", user, len(w.homes))
		}
		text := shownText(w.homes[0].view)
		if !strings.Contains(text, "Block a person") || !strings.Contains(text, "couldn't be read") || strings.Contains(text, "stolen laptop") {
			t.Errorf("%s, without memberships: %s", user, text)
		}
	}
	// Nor does that keep the tab from being shown again after a press.
	w := unreadable(guarded())
	w.rows["r1"] = waiting()
	if w.send(t, pressAtHome("UJANE", "withdraw", "r1")); w.rows["r1"].Outcome == nil || len(w.homes) != 1 {
		t.Errorf("after a press, the tab was shown %d times: %s", len(w.homes), &w.log)
	}
	for user, want := range map[string]string{"UANN": "Block a person", "UBOB": "Lift this block?"} {
		w := blocked(jane)
		action, value := "block", ""
		if user == "UBOB" {
			action, value = "lift#1", "block-7"
		}
		w.send(t, pressOnHomeBy(user, action, value))
		if len(w.views) != 1 || w.views[0].trigger != "t-11" || !strings.Contains(shownText(w.views[0].view), want) {
			t.Errorf("%s saw %+v", user, w.views)
		}
	}
}
