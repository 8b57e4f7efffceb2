package slack

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// checkHome checks a Home tab against Slack's documented limits, and this project's rule
// that nothing uses mrkdwn.
func checkHome(v map[string]any) []string {
	var p problems
	if v["type"] != "home" {
		p.add("type", "%v", v["type"])
	}
	p.blocks(list(v["blocks"]), 100, true)
	for i, b := range list(v["blocks"]) {
		ids := map[any]bool{}
		for _, e := range list(object(b)["elements"]) {
			if id := object(e)["action_id"]; id != nil && ids[id] {
				p.add(fmt.Sprintf("blocks/%d", i), "the action id %v is there twice", id)
			} else {
				ids[id] = true
			}
		}
	}
	if raw, _ := json.Marshal(v); len(raw) > 250_000 {
		p.add("view", "%d bytes", len(raw))
	}
	return p
}

var homeTime = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// homeRequest is request number n of a person, with a message in the channel.
func homeRequest(n int, by access.Person) access.Request {
	return access.Request{
		ID: fmt.Sprintf("request%d", n), Target: sandbox, Reason: "deploy", Duration: 3600, Requester: by,
		CreatedAt: homeTime.Add(-time.Duration(n) * time.Minute), ExpiresAt: homeTime.Add(8 * time.Hour), TeamDomain: "example",
		Posts: map[string]access.Post{access.PostAnnounce: {Channel: "C0CHANNEL", TS: fmt.Sprintf("1772444000.%06d", n)}},
	}
}

func homeGranted(r access.Request) access.Request {
	r.Outcome = &access.Outcome{Kind: access.OutcomeApproved, By: access.Person{SlackID: "U0BOB"}, At: homeTime}
	r.GrantedAt, r.End = homeTime, homeTime.Add(time.Hour)
	return r
}

// homeOf returns n requests of each kind. change is applied to all.
func homeOf(n int, change func(*access.Request)) Home {
	h := Home{User: "U0ALICE", Kinds: []access.Kind{access.KindAccount, access.KindGroup}}
	for i := range n {
		mine, others := homeRequest(i+1, access.Person{SlackID: "U0ALICE"}), homeRequest(i+1, access.Person{SlackID: "U0CAROL"})
		change(&mine)
		change(&others)
		h.Access.Requests = append(h.Access.Requests, homeGranted(mine))
		h.Pending.Requests = append(h.Pending.Requests, mine)
		h.Waiting.Requests = append(h.Waiting.Requests, others)
	}
	return h
}

func TestHomeViews(t *testing.T) {
	same := func(*access.Request) {}
	ending := homeOf(1, same)
	ending.Access.Requests[0].EndRequest = &access.EndRequest{By: access.Person{SlackID: "U0ALICE"}, At: homeTime}
	hostileNames := homeOf(2, func(r *access.Request) {
		r.Target = access.Target{Kind: access.KindAccount, AccountID: "1", AccountName: hostile, PermissionSet: hostile}
		r.Reason, r.Ticket, r.Requester = hostile, hostile, access.Person{Name: hostile, SlackID: "<!here>", SecondaryDomain: true}
	})
	hostileNames.Notice, hostileNames.User = hostile, "<!here>"
	hostileNames.Access.Requests[1].Target = access.Target{Kind: access.KindGroup, GroupID: "g", GroupName: hostile}
	failed := Home{Kinds: []access.Kind{access.KindAccount}, Access: HomeSection{Failed: true}, Pending: HomeSection{Failed: true}, Waiting: HomeSection{Failed: true}}
	more := homeOf(1, same)
	more.Access.More, more.Pending.More = true, true
	more.Waiting = HomeSection{More: true}
	tests := []struct {
		name string
		home Home
	}{
		{"empty", Home{Kinds: []access.Kind{access.KindAccount}}},
		{"one_each", homeOf(1, same)},
		{"ending", ending},
		{"full_and_5_more", homeOf(maxHomeRows+5, same)},
		{"hostile", hostileNames},
		{"failed", failed},
		{"more", more},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := HomeView(tt.home)
			for _, p := range checkHome(generic(t, v)) {
				t.Error(p)
			}
			golden(t, "home_"+tt.name, v)
		})
	}
	golden(t, "home_notice", HomeNoticeView("Only full members of this Slack workspace can do this. "+hostile))
}

// homeButtons returns the buttons of a Home tab as "action value".
func homeButtons(v slackgo.HomeTabViewRequest) (all []string) {
	for _, b := range v.Blocks.BlockSet {
		if a, ok := b.(*slackgo.ActionBlock); ok {
			for _, e := range a.Elements.ElementSet {
				button := e.(*slackgo.ButtonBlockElement)
				all = append(all, unnumbered(button.ActionID)+" "+button.Value)
			}
		}
	}
	return all
}

// Twenty rows of each section have their buttons, however long they are and however many
// others there are. The values are the requests' ids.
func TestFullHome(t *testing.T) {
	long := strings.Repeat("\U0001F600\"", 2000)
	for _, n := range []int{maxHomeRows, maxHomeRows + 1, 500} {
		h := homeOf(n, func(r *access.Request) {
			r.Target = access.Target{Kind: access.KindGroup, GroupID: "g", GroupName: long}
			r.Reason, r.Ticket = long, long
		})
		h.Notice = long
		h.Responder = &HomeBlocks{Blocks: mostBlocks()}
		v := HomeView(h)
		for _, p := range checkHome(generic(t, v)) {
			t.Errorf("%d: %s", n, p)
		}
		var want []string
		for _, action := range [][]string{{ActionEnd, ActionAskAgain}, {ActionWithdraw}, {ActionApprove, ActionDeny}} {
			for i := range maxHomeRows {
				for _, a := range action {
					want = append(want, fmt.Sprintf("%s request%d", a, i+1))
				}
			}
		}
		want = append(want, ActionBlock+" ")
		for _, b := range h.Responder.Blocks {
			want = append(want, ActionLift+" "+b.ID)
		}
		if got := homeButtons(v); !slices.Equal(got[2:], want) {
			t.Errorf("%d: buttons %q, want %q", n, got[2:], want)
		}
		if raw, _ := json.Marshal(v); strings.Count(string(raw), fmt.Sprintf("and %d more", n-maxHomeRows)) != min(3, 3*(n-maxHomeRows)) {
			t.Errorf("of %d, it doesn't say how many it leaves out", n)
		}
	}
}

// A request that is decided has no button any more, in whatever list it is.
func TestHomeButtonsFitTheState(t *testing.T) {
	pending, active := homeRequest(1, access.Person{SlackID: "U0ALICE"}), homeGranted(homeRequest(2, access.Person{SlackID: "U0ALICE"}))
	over := homeGranted(homeRequest(3, access.Person{SlackID: "U0ALICE"}))
	over.EndRequest = &access.EndRequest{At: homeTime}
	for _, tt := range []struct {
		name string
		home Home
		want []string
	}{
		{"pending", Home{Pending: HomeSection{Requests: []access.Request{pending}}}, []string{"withdraw request1"}},
		{"pending, but approved", Home{Pending: HomeSection{Requests: []access.Request{active}}}, nil},
		{"waiting", Home{Waiting: HomeSection{Requests: []access.Request{pending}}}, []string{"approve request1", "deny request1"}},
		{"waiting, but approved", Home{Waiting: HomeSection{Requests: []access.Request{active}}}, nil},
		{"active", Home{Access: HomeSection{Requests: []access.Request{active}}}, []string{"end request2", "ask_again request2"}},
		{"ending", Home{Access: HomeSection{Requests: []access.Request{over}}}, nil},
	} {
		tt.home.User = "U0ALICE"
		if got := homeButtons(HomeView(tt.home)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: buttons %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Only the Slack user who made a request may press its buttons. Another one of the same person
// sees the request without them, also if the buttons share one block.
func TestHomeButtonsAreForTheRequester(t *testing.T) {
	for _, n := range []int{1, maxHomeRows} {
		h := homeOf(n, func(*access.Request) {})
		h.Waiting.Requests[0].Requester.SlackID = "U0ALICE"
		words := func() string {
			text := shownWithMentions(t, Message{Blocks: HomeView(h).Blocks.BlockSet})
			return strings.Join(strings.Fields(regexp.MustCompile(`(?m)^\d+\. `).ReplaceAllString(text, "")), " ")
		}
		want := words()
		h.User = "U0TWIN"
		if got := homeButtons(HomeView(h))[2:]; len(got) != 2*n || got[0] != "approve request1" {
			t.Errorf("%d: buttons %q", n, got)
		}
		if got := words(); got == "" || got != want {
			t.Errorf("%d: the tab says %q, want %q", n, got, want)
		}
	}
	h := homeOf(maxHomeRows, func(*access.Request) {})
	h.Pending.Requests[4].Requester.SlackID = "U0TWIN"
	if got := homeButtons(HomeView(h)); slices.Contains(got, "withdraw request5") || !slices.Contains(got, "withdraw request6") {
		t.Errorf("buttons %q", got)
	}
}
