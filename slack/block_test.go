package slack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// blocks are blocks by name.
func blocks() map[string]access.Block {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	ann := access.Person{SlackID: "U0ANN", Email: "ann@example.com", Name: "Ann"}
	carol := access.Person{SlackID: "U0CAROL", Email: "carol@example.com", Name: "Carol", PrincipalID: "p-carol"}
	usual := access.Block{ID: "block-1", Person: carol, By: ann, At: at, Reason: "Her laptop was stolen (INC-7)"}
	hostileBlock := access.Block{ID: "block-2", Person: access.Person{SlackID: "<!channel>", Email: hostile, Name: hostile}, By: access.Person{SlackID: "no id", Name: hostile}, At: at, Reason: hostile}
	longest := usual
	longest.Reason = strings.Repeat("名", access.MaxBlockReasonLength)
	return map[string]access.Block{"usual": usual, "hostile": hostileBlock, "longest": longest}
}

func TestBlockViews(t *testing.T) {
	all, active := blocks(), requests()["active"]
	group := requests()["pending_group"]
	group.SessionSeconds = 0
	active.SessionSeconds = 4 * 3600
	hostileRequest := requests()["pending_hostile"]
	extension := active
	extension.ID, extension.Extends = "an-extension", active.ID
	many := slices.Repeat([]access.Request{requests()["active_longest"]}, 30)
	for i := range many {
		many[i].Target.AccountID = fmt.Sprintf("%012d", i)
	}
	at := all["usual"].At
	before := func(r access.Request, ago time.Duration, session int64) access.Request {
		r.RevokedAt, r.SessionSeconds = at.Add(-ago), session
		return r
	}
	other := active
	other.Target.PermissionSet, other.Target.PermissionSetARN = "Admin", "arn:ps-admin"
	longer := active
	longer.ID, longer.SessionSeconds = "longer", 5*3600
	grouped := before(requests()["active_portal_group"], time.Hour, 0)
	hostileEarlier := before(requests()["active_portal_hostile"], 0, 3600)
	hostileEarlier.Target.AccountID = "444455556666"
	earlierLongest := slices.Clone(many)
	for i := range earlierLongest {
		earlierLongest[i].Target.AccountID = fmt.Sprintf("9%011d", i)
		earlierLongest[i] = before(earlierLongest[i], time.Minute, int64(3600+i*60))
	}
	views := map[string]slackgo.ModalViewRequest{
		"block":   BlockView(),
		"blocked": BlockedView(Ended{Block: all["usual"], Refused: []access.Request{group}, Ending: []access.Request{active, extension}, At: at}),
		"blocked_earlier": BlockedView(Ended{Block: all["usual"], Ending: []access.Request{active, longer}, At: at, Earlier: []access.Request{
			before(other, 2*time.Hour, 4*3600), before(other, time.Hour, 8*3600), before(other, 3*time.Hour, 4*3600), grouped, before(active, time.Minute, 5*3600),
		}}),
		"blocked_earlier_same": BlockedView(Ended{Block: all["usual"], Ending: []access.Request{active}, At: at, Earlier: []access.Request{before(active, time.Minute, 8*3600)}}),
		"blocked_unsure":       BlockedView(Ended{Block: all["usual"], At: at, Unsure: true, EarlierUnsure: true}),
		"blocked_again":        BlockedView(Ended{Block: all["usual"], Again: true, NotSaved: true, Unsure: true}),
		"blocked_hostile":      BlockedView(Ended{Block: all["hostile"], Refused: []access.Request{hostileRequest}, Ending: []access.Request{hostileRequest}, At: at, Earlier: []access.Request{hostileEarlier}}),
		"blocked_longest":      BlockedView(Ended{Block: all["longest"], Refused: slices.Repeat([]access.Request{requests()["pending_longest"]}, 30), Ending: many, At: at, Earlier: earlierLongest, Unsure: true, EarlierUnsure: true}),
		"lift_usual":           LiftView(all["usual"]),
		"lift_hostile":         LiftView(all["hostile"]),
		"lift_longest":         LiftView(all["longest"]),
	}
	for name, v := range views {
		t.Run(name, func(t *testing.T) {
			for _, p := range checkView(generic(t, v)) {
				t.Error(p)
			}
			if strings.HasPrefix(name, "lift_") && (v.CallbackID != CallbackLift || v.PrivateMetadata != all[strings.TrimPrefix(name, "lift_")].ID) {
				t.Errorf("callback %q, metadata %q", v.CallbackID, v.PrivateMetadata)
			}
			golden(t, "view_"+name, v)
		})
	}
	text := shownWithMentions(t, Message{Blocks: views["blocked"].Blocks.BlockSet})
	for _, want := range []string{"@U0CAROL is blocked.", "an incident responder other than @U0ANN", "Requests refused: 1\n", "Access that ends now: 1\n", "ReadOnly in Sandbox (111122223333), open sessions end up to 4 hours after the removal", "docs/operate/compromised-account.md"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %q", want, text)
		}
	}
	if n := strings.Count(text, "ReadOnly in Sandbox"); n != 1 {
		t.Errorf("access that was extended is listed %d times: %q", n, text)
	}
	if text := shownWithMentions(t, Message{Blocks: views["blocked_longest"].Blocks.BlockSet}); strings.Count(text, "and 10 more") != 3 {
		t.Errorf("the list doesn't say how many more there are: %q", text)
	}
	text = shownWithMentions(t, Message{Blocks: views["blocked_earlier"].Blocks.BlockSet})
	for _, want := range []string{
		"Access that ends now: 1\n• ReadOnly in Sandbox (111122223333), open sessions end up to 5 hours after the removal\n",
		"Access that ended earlier, with sessions that may still be open: 2\n• group ", "\n• Admin in Sandbox (111122223333), open sessions end by ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %q", want, text)
		}
	}
	raw, _ := json.Marshal(views["blocked_earlier"])
	for _, until := range []time.Time{grouped.RevokedAt.Add(12 * time.Hour), at.Add(7 * time.Hour)} {
		if !strings.Contains(string(raw), fmt.Sprintf(`"timestamp":%d`, until.Unix())) {
			t.Errorf("the end %v is missing in %s", until, raw)
		}
	}
	// Sessions of the access that ends now are not always the last ones.
	if raw, _ := json.Marshal(views["blocked_earlier_same"]); !strings.Contains(string(raw), fmt.Sprintf(`"timestamp":%d`, at.Add(8*time.Hour-time.Minute).Unix())) {
		t.Errorf("the longer sessions are missing in %s", raw)
	}
}

func TestBlockSubmission(t *testing.T) {
	view := func(user, reason string) *View {
		return &View{State: FormState{BlockBlockedPerson: {ActionBlockedPerson: {SelectedUser: user}}, BlockBlockReason: {ActionBlockReason: {Value: reason}}}}
	}
	for _, tt := range []struct {
		name, user, reason string
		wantReason         string
		mistakes           []string
	}{
		{"both", "U0CAROL", " stolen\r\n laptop \u202e", "stolen\n laptop", nil},
		{"as long as it may be", "U0CAROL", strings.Repeat("名", 500), strings.Repeat("名", 500), nil},
		{"too long", "U0CAROL", strings.Repeat("x", 501), "", []string{BlockBlockReason}},
		{"nothing visible", "U0CAROL", " \u200b\u3164", "", []string{BlockBlockReason}},
		{"nobody", "", "stolen", "", []string{BlockBlockedPerson}},
		{"no id of Slack", "<!channel>", "stolen", "", []string{BlockBlockedPerson}},
		{"neither", "", "", "", []string{BlockBlockedPerson, BlockBlockReason}},
	} {
		user, reason, mistakes := view(tt.user, tt.reason).BlockSubmission()
		if reason != tt.wantReason || len(mistakes) != len(tt.mistakes) || mistakes == nil && user != tt.user || mistakes != nil && user != "" {
			t.Errorf("%s: %q, %q, %v", tt.name, user, reason, mistakes)
		}
		for _, block := range tt.mistakes {
			if mistakes[block] == "" {
				t.Errorf("%s: no mistake at %s", tt.name, block)
			}
		}
	}
	if _, _, mistakes := (&View{}).BlockSubmission(); len(mistakes) != 2 {
		t.Errorf("an empty view: %v", mistakes)
	}
}

// mostBlocks returns as many blocks as there can be, with the longest texts.
func mostBlocks() []access.Block {
	most := slices.Repeat([]access.Block{blocks()["longest"]}, access.MaxBlocks)
	for i := range most {
		most[i].ID = fmt.Sprint("block-", i)
	}
	return most
}

// The Home tab stays within Slack's limits with as many blocks as there can be.
func TestHomeBlocks(t *testing.T) {
	all, most := blocks(), mostBlocks()
	for name, h := range map[string]*HomeBlocks{
		"none": {}, "failed": {Failed: true}, "some": {Blocks: []access.Block{all["usual"], all["hostile"]}}, "most": {Blocks: most},
	} {
		t.Run(name, func(t *testing.T) {
			v := HomeView(Home{Responder: h})
			golden(t, "home_blocks_"+name, v)
			if n := len(v.Blocks.BlockSet); n > maxHomeBlocks {
				t.Errorf("%d blocks", n)
			}
			ids := map[string]bool{}
			for _, b := range list(generic(t, v)["blocks"]) {
				for _, e := range list(object(b)["elements"]) {
					id, _ := object(e)["action_id"].(string)
					if id == "" {
						continue
					}
					if value, _ := object(e)["value"].(string); unnumbered(id) == ActionLift && !strings.HasPrefix(value, "block-") {
						t.Errorf("%s has the value %q", id, value)
					}
					if ids[id] {
						t.Errorf("there are two elements with the id %q", id)
					}
					ids[id] = true
				}
			}
			if want := 1 + len(h.Blocks); len(ids) != want {
				t.Errorf("%d buttons, want %d", len(ids), want)
			}
		})
	}
}
