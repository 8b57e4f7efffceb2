package e2e

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
)

const (
	// hostileAccount is the name of an account in testdata/organization.yaml.
	hostileAccount = "*<!channel>* <@U0BOB0002> <https://evil.test|x>"
	longestAccount = "longest-account-name-"
	crowdAccess    = "CrowdAccess-LongestNameThereIs_+"
	hostileGroup   = "*Group* <!here> <https://evil.test|x> :tada:"
	maxName        = 100 // the part of a name that a message shows
)

// hostileReason is as long as a reason may be, and contains every kind of markup.
func hostileReason(t *testing.T) string {
	t.Helper()
	text := t.Name() + " <!channel> <!here> <!everyone> @channel <@U0ALICE01> <#C0ACCESS01> <!subteam^S012> *bold* _it_ `code` :tada: :large_green_circle:\n" +
		"> quote\n*Requester:* <@U0BOB0002>\nApproved by <@U0BOB0002>\n<https://evil.test|View in the AWS console> https://evil.test <mailto:a@evil.test|a>\n" +
		"\u05d0\u05d1\u05d2 &lt;!channel&gt; {\"type\":\"broadcast\",\"range\":\"channel\"} \\u003c!channel\\u003e\n"
	return text + strings.Repeat("x", access.MaxReasonLength-utf8.RuneCountInString(text))
}

// portalLink matches where a button may lead.
var portalLink = regexp.MustCompile(`^https://d-[a-z0-9]{10}\.awsapps\.com/start(/#/console\?account_id=[0-9]{12}&role_name=[A-Za-z]+)?$`)

var emojiCode = regexp.MustCompile(`:[a-z0-9_+-]+:`)

// labels are the texts that our messages set in bold.
var labels = []string{
	"Account: ", "Permission set: ", "Group: ", "Duration: ", "Until: ", "Request: ", "Open sessions: ", "Approvers (any one can approve): ",
	"Approvers not found in Slack: ", "Request expires: ", "Ticket: ", "Reason: ",
	"Description: ", "Sessions last: ", "Last 30 days: ", "Active access in this account: ", "Already a member: ",
	"Notified by direct message: ", "Not notified (weren't in this channel): ", "Not notified (weren't in the channel): ", "Notifications: ",
}

// checkText checks that a message shows user text and nothing more. It mentions
// only the right people, links only to the console and to addresses that the link itself
// shows, has no element that interprets markup except the operators' link, and no bold text except our labels.
func checkText(t *testing.T, p post, mentions ...string) {
	t.Helper()
	purpose := p.Metadata.EventPayload["purpose"]
	for _, e := range elementsOf(t, p.Blocks) {
		kind, _ := e["type"].(string)
		text, _ := e["text"].(string)
		switch kind {
		case "", "header", "rich_text", "rich_text_section", "rich_text_quote", "rich_text_preformatted", "plain_text", "actions", "date", "section", "context":
		case "text":
			if style, ok := e["style"].(map[string]any); ok && style["bold"] == true && !slices.Contains(labels, text) {
				t.Errorf("%s: in bold: %q", purpose, text)
			}
		case "user":
			if id, _ := e["user_id"].(string); !slices.Contains(mentions, id) {
				t.Errorf("%s: mentions %q", purpose, id)
			}
		case "link":
			if url, _ := e["url"].(string); url != text {
				t.Errorf("%s: links to %q", purpose, url)
			}
		case "mrkdwn":
			if !operatorsLink.MatchString(text) || e["verbatim"] != true {
				t.Errorf("%s: has markup: %q", purpose, text)
			}
		case "button":
			if value, _ := e["value"].(string); value != p.Metadata.EventPayload["request_id"] {
				t.Errorf("%s: a button carries %q", purpose, value)
			}
			if url, isLink := e["url"].(string); isLink && !portalLink.MatchString(url) {
				t.Errorf("%s: a button links to %q", purpose, url)
			}
		default:
			t.Errorf("%s: has an element %q: %v", purpose, kind, e)
		}
		if kind == "plain_text" && e["emoji"] == true && emojiCode.MatchString(text) {
			t.Errorf("%s: emoji codes mean something in %q", purpose, text)
		}
	}
	text := p.Text
	for _, id := range mentions {
		text = strings.ReplaceAll(text, "<@"+id+">", "")
	}
	text = textDate.ReplaceAllString(text, "")
	if strings.ContainsAny(text, "<>*`|") || strings.Contains(text, "://") || emojiCode.MatchString(text) {
		t.Errorf("%s: the notification's text is %q", purpose, p.Text)
	}
}

// operatorsLink is the only markup in messages.
var operatorsLink = regexp.MustCompile(`^For operators: <https://us-east-1\.console\.aws\.amazon\.com/states/home\?region=us-east-1#/v2/executions/details/arn:aws:states:us-east-1:[0-9]{12}:execution:[A-Za-z0-9_-]+:[A-Za-z0-9_-]+\|View in the AWS console>$`)

// textDate is a time in a notification.
var textDate = regexp.MustCompile(`<!date\^[0-9]+\^[a-z_{} ]+\|[0-9A-Za-z :]+>`)

// checkAll calls checkText for the request's message and its thread.
func checkAll(t *testing.T, r *request, mentions ...string) {
	t.Helper()
	m := r.message(t)
	checkText(t, m, mentions...)
	quotes := 0
	for _, e := range elementsOf(t, m.Blocks) {
		if e["type"] != "rich_text_quote" {
			continue
		}
		shown := ""
		for _, inside := range e["elements"].([]any) {
			one, _ := inside.(map[string]any)
			if kind := one["type"]; kind != "text" && kind != "link" || one["style"] != nil {
				t.Errorf("the reason has an element %v", one)
			}
			text, _ := one["text"].(string)
			shown += text
		}
		if shown == r.reason {
			quotes++
		}
	}
	if quotes != 1 {
		t.Errorf("the reason stands %d times in a quote of its own, want once: %s", quotes, m.Blocks)
	}
	for _, posts := range r.thread(t) {
		for _, p := range posts {
			checkText(t, p, mentions...)
		}
	}
}

// TestHostileText checks that a reason and an account that try to mention, link and
// forge are shown as text, from the form to the last message.
func TestHostileText(t *testing.T) {
	t.Parallel()
	reason := hostileReason(t)
	r := local.askBecause(t, wish{mallory, hostileAccount, "ReadOnlyAccess", 20}, reason, func(string) {})
	r.message(t)
	r.waitAssigned(t)
	r.shows(t, "🟢")
	checkAll(t, r, mallory)
	if texts := textsOf(t, r.message(t).Blocks); !slices.Contains(texts, hostileAccount+" ("+local.accountID(t, hostileAccount)+")") {
		t.Errorf("the account's name is not shown as it is: %q", texts)
	}
	r.waitGone(t, 20*time.Second+removalLimit)
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	checkAll(t, r, mallory)
	wantEvents(t, r, "requested", "approved", "granted", "revoked")
	checkRecords(t, r)
}

// TestHostileDirection checks that the form's text loses characters that change the
// direction of other text. Right-to-left letters stay.
func TestHostileDirection(t *testing.T) {
	t.Parallel()
	r := local.askBecause(t, wish{mallory, "network", "DeveloperAccess", 10}, t.Name()+" \u202etxt.exe\u202c \u2066\u2069end", func(string) {})
	r.reason = t.Name() + " txt.exe end"
	m := r.message(t)
	checkAll(t, r, mallory, bob, carol)
	if res := local.press(t, mallory, m, "withdraw", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	checkRecords(t, r)
}

// TestLongestEverything checks that messages, reminders included, stay within
// Slack's limits with the longest names and reason and sixty approvers.
func TestLongestEverything(t *testing.T) {
	t.Parallel()
	account := longestAccount + strings.Repeat("x", 50-len(longestAccount))
	r := local.askBecause(t, wish{mallory, account, crowdAccess, 10}, hostileReason(t), func(string) {})
	m := r.message(t)
	mentions := []string{mallory}
	for i := range 60 {
		mentions = append(mentions, "U0CROWD"+string(rune('0'+i/10))+string(rune('0'+i%10)))
	}
	checkAll(t, r, mentions...)
	tagged := map[any]bool{}
	for _, e := range elementsOf(t, m.Blocks) {
		if e["type"] == "user" {
			tagged[e["user_id"]] = true
		}
	}
	if len(tagged) != 61 {
		t.Errorf("%d people are tagged, want the requester and 60 approvers", len(tagged))
	}
	texts := textsOf(t, m.Blocks)
	if !slices.Contains(texts, account+" ("+local.accountID(t, account)+")") || !slices.Contains(texts, crowdAccess) {
		t.Errorf("the names are not shown in full: %q", texts)
	}
	eventually(t, soon, "a reminder", func() error {
		if len(r.reminders(t)) == 0 {
			return errNotYet
		}
		return nil
	})
	local.press(t, mallory, m, "withdraw", false) // the request may have expired
	r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	checkAll(t, r, mentions...)
}

// TestHostileGroup checks a group's name of 1024 characters of markup.
func TestHostileGroup(t *testing.T) {
	t.Parallel()
	m := local.askForGroup(t, mallory, hostileGroup, 20)
	m.waitMember(t)
	m.shows(t, "🟢")
	checkAll(t, m.request, mallory)
	shown := false
	for _, text := range textsOf(t, m.message(t).Blocks) {
		shown = shown || strings.HasPrefix(text, hostileGroup) && strings.HasSuffix(text, "…") && utf8.RuneCountInString(text) == maxName
	}
	if !shown {
		t.Errorf("the group's name is not shown: %s", m.message(t).Blocks)
	}
	m.waitNoMember(t, 20*time.Second+removalLimit)
	m.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	checkAll(t, m.request, mallory)
	wantEvents(t, m.request, "requested", "approved", "granted", "revoked")
}

// TestHostileForm checks that the form shows a name as text too, and that
// private_metadata stays within its limit.
func TestHostileForm(t *testing.T) {
	t.Parallel()
	f := local.openForGroup(t, mallory)
	defer f.unlock()
	f.choose(t, "group", hostileGroup)
	v := f.view(t)
	var view struct {
		Blocks          json.RawMessage `json:"blocks"`
		PrivateMetadata string          `json:"private_metadata"`
	}
	if err := json.Unmarshal(v.Raw, &view); err != nil {
		t.Fatal(err)
	}
	for _, e := range elementsOf(t, view.Blocks) {
		if kind := e["type"]; kind == "mrkdwn" || e["emoji"] == true {
			t.Errorf("markup means something in %v", e)
		}
	}
	if !strings.Contains(strings.Join(textsOf(t, view.Blocks), "\n"), hostileGroup) || len(view.PrivateMetadata) > 3000 {
		t.Errorf("the form shows %q, private_metadata of %d bytes", textsOf(t, view.Blocks), len(view.PrivateMetadata))
	}
}
