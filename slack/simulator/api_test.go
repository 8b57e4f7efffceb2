package simulator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"
)

func TestAuth(t *testing.T) {
	w := newWorld(t, nil)
	a, err := w.slack.AuthTest()
	if err != nil {
		t.Fatal(err)
	}
	same(t, "team", a.TeamID, "T0TEAM")
	same(t, "no scopes", a.Header.Get("X-OAuth-Scopes"), "")
	_, err = slackgo.New("xoxb-wrong", slackgo.OptionAPIURL(w.base+"/api/")).AuthTest()
	same(t, "wrong token", errText(err), "invalid_auth")

	r, err := http.PostForm(w.base+"/api/auth.test", url.Values{"token": {token}})
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	same(t, "token in a form", r.StatusCode, 200)
	same(t, "method that is not there", w.call("chat.dance", nil)["error"], any("unknown_method"))
}

// TestInstallation checks what an app can learn about itself and its channel.
func TestInstallation(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Scopes = []string{"chat:write", "commands"} })
	a, err := w.slack.AuthTest()
	if err != nil {
		t.Fatal(err)
	}
	same(t, "scopes", a.Header.Get("X-OAuth-Scopes"), "chat:write,commands")
	b, err := w.slack.GetBotInfo(slackgo.GetBotInfoParameters{Bot: a.BotID})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "app", []string{b.AppID, b.UserID}, []string{"A0APP", a.UserID})
	_, err = w.slack.GetBotInfo(slackgo.GetBotInfoParameters{Bot: "B0OTHER"})
	same(t, "another bot", errText(err), "bot_not_found")

	ch, err := w.slack.GetConversationInfo(&slackgo.GetConversationInfoInput{ChannelID: kanal})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "channel", []any{ch.ID, ch.Name, ch.IsMember, ch.IsArchived}, []any{kanal, "access-requests", true, false})
	_, err = w.slack.GetConversationInfo(&slackgo.GetConversationInfoInput{ChannelID: "C0OTHER"})
	same(t, "another channel", errText(err), "channel_not_found")
}

func TestPeople(t *testing.T) {
	w := newWorld(t, nil)
	u, err := w.slack.GetUserByEmail("ada@EXAMPLE.com")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "by email", []string{u.ID, u.TeamID, u.Profile.Email, u.RealName}, []string{"U0ADA", "T0TEAM", "Ada@example.com", "Ada Byron"})
	_, err = w.slack.GetUserByEmail("gone@example.com")
	same(t, "deactivated, by email", errText(err), "users_not_found")
	u, err = w.slack.GetUserInfo("U0GONE")
	same(t, "deactivated, by id", err == nil && u.Deleted, true)
	u, _ = w.slack.GetUserInfo("U0GUEST")
	same(t, "guest", u.IsRestricted, true)
	_, err = w.slack.GetUserInfo("U0NOBODY")
	same(t, "nobody", errText(err), "user_not_found")
}

func TestConfirmedEmails(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.People = []Person{
			{SlackID: "U0ADA", Name: "Ada Byron", Email: "ada@example.com"},
			{SlackID: "U0DOUBT", Name: "Dot Doubt", Email: "dot@example.com", EmailUnconfirmed: true},
			{SlackID: "U0ELSE", Name: "Els Else", Email: "els@example.org", Stranger: true},
		}
	})
	for id, want := range map[string]bool{"U0ADA": true, "U0DOUBT": false, "U0ELSE": false} {
		u, err := w.slack.GetUserInfo(id)
		if err != nil || u.IsEmailConfirmed != want {
			t.Errorf("%s: confirmed %t, %v; want %t", id, u.IsEmailConfirmed, err, want)
		}
	}
}

func TestMembersArePaginated(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.People = nil
		for i := range 250 {
			c.People = append(c.People, Person{SlackID: fmt.Sprintf("U%04d", i), Name: fmt.Sprint("P ", i), InChannel: i%2 == 0})
		}
	})
	var all []string
	pages, cursor := 0, ""
	for {
		members, next, err := w.slack.GetUsersInConversation(&slackgo.GetUsersInConversationParameters{ChannelID: kanal, Cursor: cursor, Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		all, pages = append(all, members...), pages+1
		if cursor = next; next == "" {
			break
		}
	}
	same(t, "pages", pages, 3)
	same(t, "members", len(all), 126) // and the app itself
	members, next, _ := w.slack.GetUsersInConversation(&slackgo.GetUsersInConversationParameters{ChannelID: kanal})
	same(t, "page without a limit", len(members), 50)
	same(t, "more to come", next != "", true)
	_, _, err := w.slack.GetUsersInConversation(&slackgo.GetUsersInConversationParameters{ChannelID: kanal, Cursor: "nonsense"})
	same(t, "cursor", errText(err), "invalid_cursor")
	_, _, err = w.slack.GetUsersInConversation(&slackgo.GetUsersInConversationParameters{ChannelID: "C0OTHER"})
	same(t, "channel", errText(err), "channel_not_found")
}

func TestMessagesAndMetadata(t *testing.T) {
	w := newWorld(t, nil)
	meta := slackgo.SlackMetadata{EventType: "sso_elevator", EventPayload: map[string]any{"request_id": "r1"}}
	channel, ts, err := w.slack.PostMessage(kanal, slackgo.MsgOptionText("first", false), slackgo.MsgOptionMetadata(meta))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "channel", channel, kanal)
	_, reply, err := w.slack.PostMessage(kanal, slackgo.MsgOptionText("reply", false), slackgo.MsgOptionTS(ts), slackgo.MsgOptionMetadata(meta))
	if err != nil {
		t.Fatal(err)
	}
	_, second, _ := w.slack.PostMessage(kanal, slackgo.MsgOptionText("second", false))

	h, err := w.slack.GetConversationHistory(&slackgo.GetConversationHistoryParameters{ChannelID: kanal, IncludeAllMetadata: true})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "latest first, without replies", []string{h.Messages[0].Timestamp, h.Messages[1].Timestamp}, []string{second, ts})
	same(t, "metadata", h.Messages[1].Metadata.EventPayload["request_id"], any("r1"))
	same(t, "replies", h.Messages[1].ReplyCount, 1)
	h, _ = w.slack.GetConversationHistory(&slackgo.GetConversationHistoryParameters{ChannelID: kanal})
	same(t, "metadata not asked for", h.Messages[1].Metadata.EventType, "")
	h, _ = w.slack.GetConversationHistory(&slackgo.GetConversationHistoryParameters{ChannelID: kanal, Oldest: ts, Limit: 1})
	same(t, "after the first", []any{len(h.Messages), h.Messages[0].Timestamp, h.HasMore}, []any{1, second, false})

	replies, _, _, err := w.slack.GetConversationReplies(&slackgo.GetConversationRepliesParameters{ChannelID: kanal, Timestamp: ts, IncludeAllMetadata: true})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "thread", []string{replies[0].Timestamp, replies[1].Timestamp}, []string{ts, reply})
	same(t, "metadata in the thread", replies[1].Metadata.EventType, "sso_elevator")
	_, _, _, err = w.slack.GetConversationReplies(&slackgo.GetConversationRepliesParameters{ChannelID: kanal, Timestamp: "1.000000"})
	same(t, "no thread", errText(err), "thread_not_found")

	// An update without metadata or blocks keeps them, and changes the text.
	_, _, _, err = w.slack.UpdateMessage(kanal, ts, slackgo.MsgOptionText("first, changed", false))
	same(t, "update", errText(err), "")
	h, _ = w.slack.GetConversationHistory(&slackgo.GetConversationHistoryParameters{ChannelID: kanal, IncludeAllMetadata: true})
	same(t, "text", h.Messages[1].Text, "first, changed")
	same(t, "metadata after an update", h.Messages[1].Metadata.EventType, "sso_elevator")
	_, _, _, err = w.slack.UpdateMessage(kanal, "1.000000", slackgo.MsgOptionText("x", false))
	same(t, "update of nothing", errText(err), "message_not_found")

	link, err := w.slack.GetPermalink(&slackgo.PermalinkParameters{Channel: kanal, Ts: ts})
	if err != nil || link != w.base+"/archives/"+kanal+"/p"+strings.ReplaceAll(ts, ".", "") {
		t.Errorf("permalink %q, %v", link, err)
	}
}

func TestWhoSeesWhat(t *testing.T) {
	w := newWorld(t, nil)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := w.slack.PostMessage(kanal, slackgo.MsgOptionText("to all", false))
	must(err)
	c, _, _, err := w.slack.OpenConversation(&slackgo.OpenConversationParameters{Users: []string{"U0CY"}})
	must(err)
	_, _, err = w.slack.PostMessage(c.ID, slackgo.MsgOptionText("to Cy", false))
	must(err)
	_, err = w.slack.PostEphemeral(kanal, "U0BOB", slackgo.MsgOptionText("to Bob alone", false))
	must(err)
	same(t, "Ada", w.sees("U0ADA"), []string{"to all"})
	same(t, "Bob", w.sees("U0BOB"), []string{"to all", "to Bob alone"})
	same(t, "Cy", w.sees("U0CY"), []string{"to Cy"})

	_, err = w.slack.PostEphemeral(kanal, "U0CY", slackgo.MsgOptionText("x", false))
	same(t, "ephemeral to somebody outside", errText(err), "user_not_in_channel")
	_, _, err = w.slack.PostMessage("C0OTHER", slackgo.MsgOptionText("x", false))
	same(t, "unknown channel", errText(err), "channel_not_found")
	_, _, _, err = w.slack.OpenConversation(&slackgo.OpenConversationParameters{Users: []string{"U0GONE"}})
	same(t, "deactivated", errText(err), "user_disabled")

	h, err := w.slack.GetConversationHistory(&slackgo.GetConversationHistoryParameters{ChannelID: kanal})
	must(err)
	same(t, "history has no ephemeral messages", len(h.Messages), 1)

	var seen struct{ Messages []shownMessage }
	w.get("/sim/messages?person=U0BOB", &seen)
	_, status := w.try("dismiss", map[string]any{"person": "U0ADA", "ts": seen.Messages[1].TS})
	same(t, "Ada dismisses Bob's", status, 404)
	w.do("dismiss", map[string]any{"person": "U0BOB", "ts": seen.Messages[1].TS})
	same(t, "Bob, after dismissing", w.sees("U0BOB"), []string{"to all"})
}

// TestChannels checks that a workspace has several channels, and refuses posts as Slack
// does.
func TestChannels(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Channels = []Channel{{ID: "C0PROD", Name: "prod"}, {ID: "C0OUT", Name: "out", BotOutside: true}, {ID: "C0OLD", Name: "old", Archived: true}, {ID: "C0BOTH", Name: "both", Shared: true}}
	})
	for id, want := range map[string][]any{
		kanal: {"access-requests", true, false, false}, "C0PROD": {"prod", true, false, false}, "C0OUT": {"out", false, false, false},
		"C0OLD": {"old", true, true, false}, "C0BOTH": {"both", true, false, true},
	} {
		ch, err := w.slack.GetConversationInfo(&slackgo.GetConversationInfoInput{ChannelID: id})
		if err != nil {
			t.Fatal(err)
		}
		same(t, id, []any{ch.Name, ch.IsMember, ch.IsArchived, ch.IsExtShared}, want)
	}
	for id, want := range map[string]string{"C0PROD": "", "C0OUT": "not_in_channel", "C0OLD": "is_archived", "C0BOTH": "", "C0OTHER": "channel_not_found"} {
		_, _, err := w.slack.PostMessage(id, slackgo.MsgOptionText("to "+id, false))
		same(t, "post in "+id, errText(err), want)
	}
	seen := w.sees("U0ADA")
	slices.Sort(seen)
	same(t, "Ada sees", seen, []string{"to C0BOTH", "to C0PROD"})
	same(t, "Cy, who is in no channel, sees", len(w.sees("U0CY")), 0)
	_, err := w.slack.PostEphemeral("C0PROD", "U0CY", slackgo.MsgOptionText("x", false))
	same(t, "ephemeral to somebody outside", errText(err), "user_not_in_channel")
	members, _, err := w.slack.GetUsersInConversation(&slackgo.GetUsersInConversationParameters{ChannelID: "C0PROD"})
	same(t, "members", []any{len(members) > 1, err}, []any{true, error(nil)})
	h, err := w.slack.GetConversationHistory(&slackgo.GetConversationHistoryParameters{ChannelID: "C0PROD"})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "history", len(h.Messages), 1)
}

// TestDialogOfAButton checks that a press of a button in a message can open a view, and
// that its submission reaches the app.
func TestDialogOfAButton(t *testing.T) {
	w := newWorld(t, nil)
	_, ts, err := w.slack.PostMessage(kanal, slackgo.MsgOptionText("x", false), slackgo.MsgOptionBlocks(
		slackgo.NewActionBlock("decide", slackgo.NewButtonBlockElement("approve", "r1", plain("Approve")))))
	if err != nil {
		t.Fatal(err)
	}
	w.app(func(r received) string {
		if p := r.payload(t); p.Type == slackgo.InteractionTypeBlockActions {
			if _, err := w.slack.OpenView(p.TriggerID, confirmation()); err != nil {
				t.Errorf("views.open: %v", err)
			}
		}
		return ""
	})
	w.do("press", map[string]any{"person": "U0BOB", "channel": kanal, "ts": ts, "action_id": "approve"})
	var open struct{ Views []struct{ ID string } }
	w.get("/sim/views?person=U0BOB", &open)
	if len(open.Views) != 1 {
		t.Fatalf("Bob has %d dialogs", len(open.Views))
	}
	w.do("submit", map[string]any{"person": "U0BOB", "view_id": open.Views[0].ID})
	p := w.last().payload(t)
	same(t, "submission", []string{string(p.Type), p.User.ID, p.View.CallbackID, p.View.PrivateMetadata}, []string{"view_submission", "U0BOB", "confirm_approval", "r1"})
	w.get("/sim/views?person=U0BOB", &open)
	same(t, "dialogs after it", len(open.Views), 0)
}

// confirmation is a view without inputs.
func confirmation() slackgo.ModalViewRequest {
	return slackgo.ModalViewRequest{
		Type: slackgo.VTModal, Title: plain("Approve this request?"), Submit: plain("Approve"), Close: plain("Cancel"), CallbackID: "confirm_approval", PrivateMetadata: "r1",
		Blocks: slackgo.Blocks{BlockSet: []slackgo.Block{
			slackgo.NewRichTextBlock("request", slackgo.NewRichTextSection(slackgo.NewRichTextSectionTextElement("Requester: ", nil), slackgo.NewRichTextSectionUserElement("U0ADA", nil))),
			slackgo.NewSectionBlock(plain("If you press Approve, the access starts at once."), nil, nil),
		}},
	}
}

func TestPress(t *testing.T) {
	w := newWorld(t, nil)
	button := slackgo.NewButtonBlockElement("approve", "r1", plain("Approve"))
	_, ts, err := w.slack.PostMessage(kanal, slackgo.MsgOptionText("x", false), slackgo.MsgOptionBlocks(slackgo.NewActionBlock("decide", button)))
	if err != nil {
		t.Fatal(err)
	}
	press := map[string]any{"person": "U0BOB", "channel": kanal, "ts": ts, "action_id": "approve"}
	w.do("press", press)
	p := w.last().payload(t)
	same(t, "type", string(p.Type), "block_actions")
	same(t, "action", []string{p.ActionCallback.BlockActions[0].ActionID, p.ActionCallback.BlockActions[0].Value, p.ActionCallback.BlockActions[0].BlockID},
		[]string{"approve", "r1", "decide"})
	same(t, "container", []string{p.Container.Type, p.Container.ChannelID, p.Container.MessageTs}, []string{"message", kanal, ts})
	same(t, "channel", p.Channel.ID, kanal)
	same(t, "message", p.Message.Timestamp, ts)

	// Someone outside the channel does not see the button.
	_, status := w.try("press", map[string]any{"person": "U0CY", "channel": kanal, "ts": ts, "action_id": "approve"})
	same(t, "press from outside", status, 404)

	// After an update the button is gone, but a slow client still has it.
	w.slack.UpdateMessage(kanal, ts, slackgo.MsgOptionText("done", false), slackgo.MsgOptionBlocks(slackgo.NewDividerBlock()))
	_, status = w.try("press", press)
	same(t, "press of what is gone", status, 404)
	press["stale"] = true
	same(t, "press from a slow client", w.do("press", press).OK, true)

	// This is the reply through response_url.
	answer := func(m *slackgo.WebhookMessage) error { return slackgo.PostWebhook(p.ResponseURL, m) }
	if err := answer(&slackgo.WebhookMessage{Text: "not you"}); err != nil {
		t.Fatal(err)
	}
	same(t, "Bob sees", w.sees("U0BOB"), []string{"done", "not you"})
	var seen struct {
		Messages []struct {
			Text, TS string
			AnswerTo string `json:"answer_to"`
		}
	}
	w.get("/sim/messages?person=U0BOB", &seen)
	same(t, "what the answer is to", seen.Messages[1].AnswerTo, seen.Messages[0].TS)
	same(t, "Ada sees", w.sees("U0ADA"), []string{"done"})
	for i := 2; i <= responseURLUses; i++ {
		if err := answer(&slackgo.WebhookMessage{Text: "again"}); err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
	}
	if err := answer(&slackgo.WebhookMessage{Text: "too often"}); err == nil {
		t.Error("a sixth answer went through")
	}
	w.do("press", press)
	late := w.last().payload(t).ResponseURL
	w.pass(responseURLLife + time.Second)
	if err := slackgo.PostWebhook(late, &slackgo.WebhookMessage{Text: "late"}); err == nil {
		t.Error("an answer after half an hour went through")
	}
}

func TestFaults(t *testing.T) {
	w := newWorld(t, nil)
	post := func() error {
		_, _, err := w.slack.PostMessage(kanal, slackgo.MsgOptionText("hello", false))
		return err
	}
	w.do("faults", map[string]any{"method": "chat.postMessage", "error": "ratelimited", "retry_after": 7, "count": 2})
	for range 2 {
		limited, ok := errors.AsType[*slackgo.RateLimitedError](post())
		if !ok || limited.RetryAfter != 7*time.Second {
			t.Errorf("got %v, want a rate limit of 7 s", limited)
		}
	}
	same(t, "third call", errText(post()), "")

	w.do("faults", map[string]any{"method": "*", "error": "http_503"})
	if status, ok := errors.AsType[slackgo.StatusCodeError](post()); !ok || status.Code != 503 {
		t.Errorf("got %v, want status 503", status)
	}
	w.do("faults", map[string]any{"method": "chat.postMessage", "error": "is_archived"})
	same(t, "error code", errText(post()), "is_archived")

	n := len(w.sees("U0ADA"))
	w.do("faults", map[string]any{"method": "chat.postMessage", "lost": true})
	if post() == nil {
		t.Error("an answer that should be lost arrived")
	}
	same(t, "message whose answer was lost", len(w.sees("U0ADA")), n+1)

	w.do("faults", map[string]any{"method": "chat.postMessage", "lost": true, "delay": "1m"})
	impatient, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if _, _, err := w.slack.PostMessageContext(impatient, kanal, slackgo.MsgOptionText("late", false)); err == nil {
		t.Error("an answer that should be late arrived")
	}
	for range 100 { // the server may still be busy with it
		if len(w.sees("U0ADA")) > n+1 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	same(t, "message whose answer was late", len(w.sees("U0ADA")), n+2)

	w.do("faults", map[string]any{"method": "chat.postMessage", "delay": "200ms"})
	began := time.Now()
	same(t, "after a delay", errText(post()), "")
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("answered after %s, want 200 ms", took)
	}

	w.do("faults", map[string]any{"method": "users.info", "error": "x", "count": -1})
	req, _ := http.NewRequest(http.MethodDelete, w.base+"/sim/faults", nil)
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	_, err = w.slack.GetUserInfo("U0ADA")
	same(t, "after clearing", errText(err), "")
}

func TestConfigNamesWhatIsMissing(t *testing.T) {
	c := Config{TeamID: "T1", BotToken: "x"}
	same(t, "error", errText(c.checkAndSetDefaults()), "simulator config lacks AppID, SigningSecret, ChannelID")
}
