package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	slackgo "github.com/slack-go/slack"
)

// browser is a fresh headless Chromium of a fixed size. Its pictures go to the
// test's artifact directory (go test -artifacts).
type browser struct {
	t   *testing.T
	ctx context.Context
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.WindowSize(1560, 960),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(2 * time.Minute), // to start
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return &browser{t, ctx}
}

// stepLimit is how long one step in the browser may take on a slow machine.
const stepLimit = time.Minute

func (b *browser) run(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepLimit)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.picture("failed")
		b.t.Fatalf("%s: %v", what, err)
	}
}

// open opens the page, and waits until the workspace is drawn.
func (b *browser) open(url string) {
	b.t.Helper()
	b.run("open the page", chromedp.Navigate(url), chromedp.WaitVisible(chromedp.CSS(`body:not([data-version="0"]) :is(#composer, #read-only)`)))
}

func (b *browser) click(selector string) {
	b.t.Helper()
	b.run("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

func (b *browser) wait(selector string) {
	b.t.Helper()
	b.run("wait for "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
}

func (b *browser) gone(selector string) {
	b.t.Helper()
	b.run("wait until gone: "+selector, chromedp.WaitNotPresent(chromedp.CSS(selector)))
}

func (b *browser) typeInto(selector, words string) {
	b.t.Helper()
	b.run("type into "+selector, chromedp.SendKeys(chromedp.CSS(selector), words))
}

// eval returns the value of a JavaScript expression, as JSON.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepLimit)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("evaluate %s: %v", expression, err)
	}
	return v
}

// await returns the value of a JavaScript promise, as JSON.
func await[T any](b *browser, promise string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepLimit)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](promise, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("await %s: %v", promise, err)
	}
	return v
}

func (b *browser) text(selector string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf("document.querySelector(%q)?.innerText ?? '(none)'", selector))
}

func (b *browser) picture(name string) {
	b.t.Helper()
	time.Sleep(400 * time.Millisecond) // until animations have ended
	ctx, cancel := context.WithTimeout(b.ctx, stepLimit)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Logf("picture %s: %v", name, err)
		return
	}
	path := filepath.Join(b.t.ArtifactDir(), name+".png")
	if err := os.WriteFile(path, png, 0o644); err != nil {
		b.t.Logf("picture %s: %v", name, err)
	}
}

// newPageWorld returns a world for a test with a browser. Trigger ids don't expire there,
// because the clock stands still.
func newPageWorld(t *testing.T, change func(*Config)) *world {
	t.Helper()
	w := newWorld(t, change)
	w.pass(0)
	return w
}

func (w *world) postBlocks(channel, thread, blocks string) string {
	w.t.Helper()
	args := map[string]any{"channel": channel, "text": "fallback", "blocks": parse(w.t, blocks)}
	if thread != "" {
		args["thread_ts"] = thread
	}
	a := w.call("chat.postMessage", args)
	if a["ok"] != true {
		w.t.Fatalf("post: %v", a)
	}
	return a["ts"].(string)
}

func quoted(s string) string { b, _ := json.Marshal(s); return string(b) }

// TestPageShowsHostileTextAsText checks that the page shows user text as typed. If the
// app let a forgery through, the page would show it.
func TestPageShowsHostileTextAsText(t *testing.T) {
	w := newPageWorld(t, nil)
	hostile := `<!channel> <@U0BOB> *bold* <https://evil.example|click> :red_circle: <b onmouseover=alert(1)>&amp;`
	escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(hostile)
	blocks := fmt.Sprintf(`[
		{"type":"section","block_id":"escaped","text":{"type":"mrkdwn","text":%s}},
		{"type":"section","block_id":"raw","text":{"type":"mrkdwn","text":%s}},
		{"type":"section","block_id":"plain","text":{"type":"plain_text","emoji":false,"text":%[2]s}},
		{"type":"section","block_id":"emoji","text":{"type":"plain_text","emoji":true,"text":":large_green_circle: ready :no_such_thing:"}},
		{"type":"rich_text","block_id":"rich","elements":[{"type":"rich_text_preformatted","elements":[{"type":"text","text":%[2]s}]}]},
		{"type":"section","block_id":"formats","text":{"type":"mrkdwn","text":"*b* _i_ ~s~ `+"`c`"+` snake_case_name 2*3*4\n&gt; quoted\nhttps://example.com/x. <!date^0^{date_num}|then>"}},
		{"type":"section","block_id":"verbatim","text":{"type":"mrkdwn","verbatim":true,"text":"https://example.com/y"}},
		{"type":"image","image_url":"https://example.com/i.png","alt_text":"i"}
	]`, quoted(escaped), quoted(hostile))
	ts := w.postBlocks(kanal, "", blocks)

	b := newBrowser(t)
	b.open(w.base + "/?person=U0BOB")
	b.wait(`.message[data-ts="` + ts + `"]`)

	at := func(block string) string { return `.message [data-block-id="` + block + `"]` }
	count := func(selector string) int {
		return eval[int](b, fmt.Sprintf("document.querySelectorAll(%q).length", selector))
	}
	const marks = " .mention"
	same(t, "plain text", b.text(at("plain")), hostile)
	same(t, "rich text", b.text(at("rich")), hostile)
	same(t, "escaped text", b.text(at("escaped")), strings.NewReplacer("*bold*", "bold", ":red_circle:", "🔴").Replace(hostile))
	for block, links := range map[string]int{"plain": 0, "rich": 0, "escaped": 1} { // mrkdwn makes links of addresses
		same(t, "mentions in "+block, count(at(block)+marks), 0)
		same(t, "links in "+block, count(at(block)+" a"), links)
		same(t, "elements of the text in "+block, count(at(block)+" b"), 0)
	}
	// If the app doesn't escape the text, the page shows what Slack would.
	same(t, "mentions in what was not escaped", count(at("raw")+marks), 2)
	same(t, "links in what was not escaped", count(at("raw")+" a"), 1)

	same(t, "emoji in plain text", count(at("emoji")+` [data-emoji="large_green_circle"]`), 1)
	same(t, "emoji that is none", strings.HasSuffix(b.text(at("emoji")), ":no_such_thing:"), true)
	same(t, "formats", eval[[]string](b, fmt.Sprintf(
		`["strong","em","s","code","blockquote","a","time"].map(x => [...document.querySelectorAll(%q + " " + x)].map(e => e.innerText).join("|"))`, at("formats"))),
		[]string{"b", "i", "s", "c", "quoted", "https://example.com/x", "1970-01-01"})
	same(t, "verbatim", count(at("verbatim")+" a"), 0)
	same(t, "unknown block", eval[string](b, `document.querySelector(".block-unknown").dataset.unknown`), "image")
	same(t, "loaded from elsewhere", eval[int](b, `performance.getEntriesByType("resource").filter(e => !e.name.startsWith(location.origin)).length`), 0)
	b.picture("hostile")
}

// TestPageDrawsWhatTheAppSends checks that every view and message of the app's
// golden files fits Slack's limits and is drawn in full.
func TestPageDrawsWhatTheAppSends(t *testing.T) {
	read := func(t *testing.T, pattern string) map[string]map[string]any {
		files, err := filepath.Glob(filepath.Join("..", "testdata", pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no golden files %s: %v", pattern, err)
		}
		out := map[string]map[string]any{}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			out[filepath.Base(f)] = parse(t, string(b)).(map[string]any)
		}
		return out
	}
	t.Run("messages", func(t *testing.T) {
		w, messages := newPageWorld(t, nil), read(t, "message_*.json")
		names := slices.Sorted(maps.Keys(messages))
		for _, name := range names {
			a := w.call("chat.postMessage", map[string]any{"channel": kanal, "text": name, "blocks": messages[name]["blocks"]})
			if a["ok"] != true {
				t.Errorf("%s: %v", name, a)
			}
		}
		b := newBrowser(t)
		b.open(w.base + "/?person=U0BOB")
		b.wait(`.message`)
		same(t, "messages", eval[int](b, `document.querySelectorAll(".message").length`), len(names))
		same(t, "unknown blocks", eval[[]string](b, `[...document.querySelectorAll(".block-unknown")].map(e => e.dataset.unknown)`), []string{})
		eval[bool](b, fmt.Sprintf(`(document.querySelectorAll(".message")[%d].scrollIntoView(), true)`, slices.Index(names, "message_request_active.json")))
		b.picture("messages")
	})
	// The page asks for news every 400 ms, so the views come one right after another.
	t.Run("views", func(t *testing.T) {
		w := newPageWorld(t, nil)
		b := newBrowser(t)
		b.open(w.base + "/?person=U0BOB")
		for name, v := range read(t, "view_*.json") {
			w.do("shortcut", map[string]any{"person": "U0BOB", "callback_id": "x"})
			a := w.call("views.open", map[string]any{"trigger_id": w.last().payload(t).TriggerID, "view": v})
			if a["ok"] != true {
				t.Errorf("%s: %v", name, a)
				continue
			}
			id := a["view"].(map[string]any)["id"].(string)
			b.wait(`.modal[data-view-id="` + id + `"]`)
			if name == "view_form_again.json" {
				same(t, "values", eval[[]string](b, `[...document.querySelectorAll(".modal input, .modal textarea")].map(e => e.value)`),
					[]string{"Sandbox (111122223333)", "ReadOnly", "2 hours", "Incident 12:\nread the logs", "OPS-12"})
			}
			same(t, "unknown in "+name, eval[[]string](b, `[...document.querySelectorAll(".modal .block-unknown")].map(e => e.dataset.unknown)`), []string{})
			same(t, "inputs of "+name, eval[int](b, `document.querySelectorAll(".modal .field").length`), inputs(v))
			if name == "view_form_preview.json" {
				b.picture("view")
			}
			w.do("close", map[string]any{"person": "U0BOB", "view_id": id})
		}
		b.gone(`.modal`)
	})
}

func inputs(view map[string]any) int {
	n := 0
	for _, raw := range view["blocks"].([]any) {
		if raw.(map[string]any)["type"] == "input" {
			n++
		}
	}
	return n
}

// TestPageAsksAndApproves plays a request on the page: one person requests, another
// approves.
func TestPageAsksAndApproves(t *testing.T) {
	var w *world
	truth := func(context.Context) (Truth, error) { return exampleTruth(w.clock()), nil }
	w = newPageWorld(t, func(c *Config) { c.Truth = truth })
	w.app(func(r received) string {
		if r.form.Get("payload") == "" {
			go w.slack.OpenView(r.form.Get("trigger_id"), form(""))
			return ""
		}
		switch p := r.payload(t); p.Type {
		case slackgo.InteractionTypeBlockSuggestion:
			var hits []string
			for _, name := range []string{"billing-prod", "payments-dev", "payments-prod"} {
				if strings.Contains(name, p.Value) {
					hits = append(hits, name)
				}
			}
			return options(hits...)
		case slackgo.InteractionTypeViewSubmission:
			reason := p.View.State.Values["reason"]["reason"].Value
			if len(reason) < 5 {
				return `{"response_action":"errors","errors":{"reason":"Please say what for."}}`
			}
			ts := w.postBlocks(kanal, "", requestBlocks(reason, "U0BOB"))
			w.postBlocks(kanal, ts, `[{"type":"section","text":{"type":"plain_text","text":"Waiting for an approver."}}]`)
			w.postBlocks("U0ADA", "", `[{"type":"section","text":{"type":"plain_text","text":"Your request is in."}}]`)
		case slackgo.InteractionTypeBlockActions:
			if p.View.ID != "" {
				break
			}
			if p.User.ID != "U0BOB" {
				slackgo.PostWebhook(p.ResponseURL, &slackgo.WebhookMessage{Text: "You can't approve this request."})
				break
			}
			w.slack.UpdateMessage(kanal, p.Message.Timestamp, slackgo.MsgOptionText("approved", false),
				slackgo.MsgOptionBlocks(slackgo.NewHeaderBlock(plain(":large_green_circle: Approved"))))
		}
		return ""
	})

	b := newBrowser(t)
	b.open(w.base + "/?person=U0ADA")
	b.click(`#composer [data-command="/access"]`)
	b.wait(`.modal [data-action-id="account"] input`)
	b.click(`.modal [data-submit]`)
	b.wait(`.field[data-block-id="account"] .field-error`)

	b.typeInto(`.modal [data-action-id="account"] input`, "pay")
	b.wait(`.modal [role="option"][data-value="id-payments-prod"]`)
	b.gone(`.modal [role="option"][data-value="id-billing-prod"]`)
	same(t, "options", eval[int](b, `document.querySelectorAll('.modal [role="option"]').length`), 2)
	b.picture("typeahead")
	b.click(`.modal [role="option"][data-value="id-payments-prod"]`)
	b.typeInto(`.modal textarea[data-action-id="reason"]`, "no")
	b.click(`.modal [data-submit]`)
	b.wait(`.field[data-block-id="reason"] .field-error`)
	same(t, "field error", b.text(`.field[data-block-id="reason"] .field-error`), "Please say what for.")
	b.picture("form")
	b.typeInto(`.modal textarea[data-action-id="reason"]`, "thing burns: <!channel> look")
	b.click(`.modal [data-submit]`)
	b.gone(`.modal`)
	b.wait(`.message [data-action-id="approve"]`)
	b.wait(`.message .replies .message`)

	// Ada may not approve, and only she is told. Her direct messages have the receipt.
	b.click(`.message [data-action-id="approve"]`)
	b.wait(`.message.ephemeral`)
	b.wait(`[data-conversation="D0ADA"] .badge`)
	b.picture("asked")
	b.click(`[data-conversation="D0ADA"]`)
	b.wait(`.message[data-channel="D0ADA"]`)

	b.run("become Bob", chromedp.SetValue(chromedp.CSS("#person"), "U0BOB"))
	eval[bool](b, `document.querySelector("#person").dispatchEvent(new Event("change"))`)
	b.wait(`[data-person="U0BOB"][aria-pressed="true"]`)
	b.wait(`.message [data-action-id="approve"]`)
	same(t, "ephemeral messages for Bob", eval[int](b, `document.querySelectorAll(".message.ephemeral").length`), 0)
	b.click(`.message [data-action-id="approve"]`)
	b.wait(`.message [data-emoji="large_green_circle"]`)
	b.gone(`.message [data-action-id="approve"]`)

	// Cy is not in the channel.
	b.click(`[data-person="U0CY"]`)
	b.wait(`[data-person="U0CY"][aria-pressed="true"]`)
	same(t, "channels of Cy", eval[int](b, `document.querySelectorAll('[data-kind="channel"]').length`), 0)

	b.wait(`#truth [data-assignment="111111111111/ReadOnly/ada"]`)
	same(t, "where the execution is", b.text(`#truth [data-execution] .step.now`)[:6], "Active")
	same(t, "audit records", eval[int](b, `document.querySelectorAll("#truth [data-audit]").length`), 3)
	b.click(`[data-person="U0ADA"]`)
	b.wait(`.message.ephemeral`)
	b.picture("approved")
}

// TestPageConfirms checks that a button opens a dialog without inputs, that it can be
// cancelled, and that its submission changes the message. Another channel is shown, too.
func TestPageConfirms(t *testing.T) {
	w := newPageWorld(t, func(c *Config) { c.Channels = []Channel{{ID: "C0PROD", Name: "prod"}} })
	w.app(func(r received) string {
		switch p := r.payload(t); p.Type {
		case slackgo.InteractionTypeBlockActions:
			if _, err := w.slack.OpenView(p.TriggerID, confirmation()); err != nil {
				t.Errorf("views.open: %v", err)
			}
		case slackgo.InteractionTypeViewSubmission:
			for _, m := range w.ws.selectMessages(func(m *message) bool { return m.Channel == "C0PROD" }) {
				w.slack.UpdateMessage(m.Channel, m.TS, slackgo.MsgOptionText("approved", false), slackgo.MsgOptionBlocks(slackgo.NewHeaderBlock(plain(":large_green_circle: Approved"))))
			}
		}
		return ""
	})
	w.postBlocks("C0PROD", "", requestBlocks("deploy", "U0BOB"))

	b := newBrowser(t)
	b.open(w.base + "/?person=U0BOB")
	b.click(`[data-conversation="C0PROD"]`)
	b.click(`.message [data-action-id="approve"]`)
	b.wait(`.modal[data-callback-id="confirm_approval"]`)
	same(t, "what the dialog says", strings.Contains(b.text(`.modal`), "the access starts at once"), true)
	b.picture("confirmation")
	b.click(`.modal [data-close]`)
	b.gone(`.modal`)
	b.wait(`.message [data-action-id="approve"]`)
	b.click(`.message [data-action-id="approve"]`)
	b.click(`.modal [data-submit]`)
	b.gone(`.modal`)
	b.wait(`.message [data-emoji="large_green_circle"]`)
}

// TestPageAsksAgain checks that a button with a confirm dialog does nothing before the
// person confirms.
func TestPageAsksAgain(t *testing.T) {
	w := newPageWorld(t, nil)
	text, err := os.ReadFile(filepath.Join("..", "testdata", "message_drift_question_too_many.json"))
	if err != nil {
		t.Fatal(err)
	}
	blocks, _ := json.Marshal(parse(t, string(text)).(map[string]any)["blocks"])
	w.postBlocks(kanal, "", string(blocks))
	b := newBrowser(t)
	b.open(w.base + "/?person=U0BOB")
	b.wait(`.message [data-action-id="drift_remove"]`)
	b.click(`.message [data-action-id="drift_remove"]`)
	b.wait(`.confirm [data-confirm]`)
	same(t, "what it asks", b.text(`.confirm h3`)+" / "+b.text(`.confirm [data-confirm]`)+" / "+b.text(`.confirm [data-deny]`), "Remove access? / Remove / Cancel")
	b.picture("confirm")
	b.click(`.confirm [data-deny]`)
	b.gone(`.confirm`)
	same(t, "what the app was sent after going back", w.count(), 0)

	b.click(`.message [data-action-id="drift_remove"]`)
	b.click(`.confirm [data-confirm]`)
	b.gone(`.confirm`)
	b.wait(`.message [data-action-id="drift_remove"]:not(.busy)`)
	action := w.last().payload(t).ActionCallback.BlockActions[0]
	same(t, "what the app was sent", action.ActionID+" "+action.Value, "drift_remove 2026-03-02-0930-revoke-abcdefgh")
	b.click(`.message [data-action-id="drift_leave"]`) // which asks nothing
	b.wait(`.message [data-action-id="drift_leave"]:not(.busy)`)
	same(t, "what was pressed", w.last().payload(t).ActionCallback.BlockActions[0].ActionID, "drift_leave")
	same(t, "times that the app was asked", w.count(), 2)
}

// TestPageShowsWhereALinkLeads checks that a link button tells the app about the press,
// as in Slack, and that the page shows the address instead of opening it.
func TestPageShowsWhereALinkLeads(t *testing.T) {
	w := newPageWorld(t, nil)
	text, err := os.ReadFile(filepath.Join("..", "testdata", "message_thread_granted_active_portal.json"))
	if err != nil {
		t.Fatal(err)
	}
	blocks, _ := json.Marshal(parse(t, string(text)).(map[string]any)["blocks"])
	w.postBlocks(kanal, "", string(blocks))
	b := newBrowser(t)
	b.open(w.base + "/?person=U0BOB")
	b.wait(`.message pre`)
	if lines := strings.Split(b.text(`.message pre`), "\n"); len(lines) != 2 || !strings.HasPrefix(lines[1], "aws sso login --profile ") {
		t.Errorf("lines for a terminal: %q", lines)
	}
	b.click(`.message [data-action-id="open_portal"]`)
	b.wait(`.confirm [data-close]`)
	same(t, "where it leads", b.text(`.confirm [data-address]`), "https://example.awsapps.com/start/#/console?account_id=111122223333&role_name=ReadOnly")
	same(t, "what the app was sent", w.last().payload(t).ActionCallback.BlockActions[0].ActionID, "open_portal")
	b.picture("link")
	b.click(`.confirm [data-close]`)
	b.gone(`.confirm`)
	same(t, "pages that are open", eval[string](b, `location.pathname`), "/")
}

// TestPageOfTruthAlone checks the page without a workspace, where it has only the
// panel. Access that goes away is shown as gone.
func TestPageOfTruthAlone(t *testing.T) {
	var ended atomic.Bool
	srv := httptest.NewServer(TruthPage(func(context.Context) (Truth, error) {
		truth := exampleTruth(time.Now())
		if ended.Load() {
			truth.Assignments = nil
		}
		return truth, nil
	}))
	defer srv.Close()
	b := newBrowser(t)
	b.run("open the page", chromedp.Navigate(srv.URL))
	b.wait(`#truth [data-assignment="111111111111/ReadOnly/ada"]`)
	same(t, "workspace", eval[int](b, `document.querySelectorAll("#workspace").length`), 0)
	// The page shows the row for 4 s, which a slow test may miss. So the page notes it.
	eval[bool](b, `(new MutationObserver(() => {
		if (document.querySelector('#truth [data-gone="111111111111/ReadOnly/ada"]')?.checkVisibility())
			window.assignmentsOnceGone ??= document.querySelectorAll("#truth [data-assignment]").length;
	}).observe(document.querySelector("#truth"), { childList: true, subtree: true, attributes: true }), true)`)
	ended.Store(true)
	b.run("see the removed access", chromedp.Poll[chromedp.Void](`window.assignmentsOnceGone !== undefined`))
	same(t, "assignments", eval[int](b, `window.assignmentsOnceGone`), 0)
	b.picture("truth")
	b.gone(`#truth [data-gone]`)
}

func requestBlocks(reason, approver string) string {
	return `[
	{"type":"header","text":{"type":"plain_text","text":":large_yellow_circle: Access request"}},
	{"type":"section","fields":[
		{"type":"mrkdwn","text":"*Who*\n<@U0ADA>"},{"type":"mrkdwn","text":"*Account*\npayments-prod"},
		{"type":"mrkdwn","text":"*Permission set*\nReadOnly"},{"type":"mrkdwn","text":"*For*\n1 hour"}]},
	{"type":"rich_text","elements":[
		{"type":"rich_text_section","elements":[{"type":"text","text":"Reason","style":{"bold":true}}]},
		{"type":"rich_text_quote","elements":[{"type":"text","text":` + quoted(reason) + `}]},
		{"type":"rich_text_section","elements":[{"type":"text","text":"Approvers: "},{"type":"user","user_id":` + quoted(approver) + `}]}]},
	{"type":"actions","elements":[
		{"type":"button","action_id":"approve","style":"primary","value":"r1","text":{"type":"plain_text","text":"Approve"}},
		{"type":"button","action_id":"deny","style":"danger","value":"r1","text":{"type":"plain_text","text":"Deny"}}]},
	{"type":"context","elements":[{"type":"plain_text","text":"Expires in 8 hours"},{"type":"mrkdwn","text":"<https://example.com/execution|execution>"}]}]`
}

func exampleTruth(now time.Time) Truth {
	at := func(s int) time.Time { return now.Truncate(time.Minute).Add(time.Duration(s) * time.Second) }
	var states []State
	for i, name := range []string{"Evaluate", "Announce", "Route", "AwaitApproval", "Decided", "Grant", "ConfirmGrant", "AuditGrant", "Active", "NotifyGranted", "AwaitEnd"} {
		states = append(states, State{Name: name, Status: "succeeded", Entered: at(i)})
	}
	states[len(states)-1].Status = "running"
	record := func(event string, s int) AuditRecord {
		b, _ := json.Marshal(map[string]any{"event": event, "time": at(s), "request_id": "r1", "role_name": "ReadOnly"})
		return AuditRecord{Event: event, At: at(s), Sentence: "Ada: " + event, Record: b}
	}
	done := func(name string, s int) Step { return Step{Name: name, Status: "done", At: at(s)} }
	active := Step{Name: "Active", Status: "now", At: at(6), Until: now.Add(90 * time.Second)}
	return Truth{
		Assignments: []Assignment{{AccountID: "111111111111", AccountName: "payments-prod", PermissionSet: "ReadOnly", UserName: "ada", Email: "ada@example.com",
			Holding: Holding{RequestID: "r1", Until: active.Until}}},
		Memberships: []Membership{{GroupName: "on-call", GroupID: "g1", UserName: "bob", Email: "bob@example.com", Holding: Holding{RequestID: "r2", Granting: true}}, {GroupName: "on-call", GroupID: "g1", UserName: "cy", Email: "cy@example.com"}},
		Executions: []Execution{
			{Name: "c1", Title: "Reconciliation: searches for unknown access", Status: "SUCCEEDED", Started: at(30), Stopped: at(31), Steps: []Step{done("Finished", 31)}},
			{Name: "k3x7", Title: "ada → ReadOnly in payments-prod", IsRequest: true, RequestID: "r1", Requester: "ada@example.com", Status: "RUNNING", Started: at(0), States: states,
				Steps: []Step{done("Requested", 0), done("Approved", 3), done("Granted", 6), active, {Name: "Removed", Status: "todo"}}},
			{Name: "a9s2", Title: "bob → Admin in billing-prod", IsRequest: true, Status: "SUCCEEDED", Started: at(-90), Stopped: at(-20), States: states[:4],
				Steps: []Step{done("Requested", -90), done("Denied", -20)}},
		},
		Audit: []AuditRecord{record("requested", 0), record("approved", 3), record("granted", 6)},
	}
}

// TestPageKeepsFocusInDialogs checks the page without a mouse. Tab stays inside a form
// or a question, Escape closes it, and the focus returns to where it was.
func TestPageKeepsFocusInDialogs(t *testing.T) {
	w := newPageWorld(t, nil)
	w.app(func(r received) string {
		if r.form.Get("payload") == "" {
			go w.slack.OpenView(r.form.Get("trigger_id"), form(""))
		}
		return ""
	})
	text, err := os.ReadFile(filepath.Join("..", "testdata", "message_drift_question_too_many.json"))
	if err != nil {
		t.Fatal(err)
	}
	blocks, _ := json.Marshal(parse(t, string(text)).(map[string]any)["blocks"])
	w.postBlocks(kanal, "", string(blocks))
	b := newBrowser(t)
	b.open(w.base + "/?person=U0BOB")
	focused := func(selector string) bool {
		return eval[bool](b, fmt.Sprintf(`document.activeElement.closest(%q) !== null`, selector))
	}
	for opener, dialog := range map[string]string{`#composer [data-command="/access"]`: ".modal", `.message [data-action-id="drift_remove"]`: ".confirm"} {
		b.wait(opener)
		eval[bool](b, fmt.Sprintf(`(document.querySelector(%q).focus(), true)`, opener))
		b.run("press Enter", chromedp.KeyEvent("\r"))
		b.wait(dialog)
		same(t, dialog+" has the focus", focused(dialog), true)
		for range 12 {
			b.run("press Tab", chromedp.KeyEvent("\t"))
			same(t, "focus after Tab is in "+dialog, focused(dialog), true)
		}
		b.run("press Escape", chromedp.KeyEvent("\x1b"))
		if eval[bool](b, fmt.Sprintf(`document.querySelector(%q + " [aria-expanded=true]") !== null || document.querySelector(%q) !== null`, dialog, dialog)) {
			b.run("press Escape", chromedp.KeyEvent("\x1b")) // the first one closed a list
		}
		b.gone(dialog)
		same(t, "the focus is back at "+opener, focused(opener), true)
	}
}

// TestPageIsUsableByKeyboard fills in a form without a mouse. The focus is on the first
// field, then on the first wrong field, and finally where it was before. A select takes
// its only match.
func TestPageIsUsableByKeyboard(t *testing.T) {
	w := newPageWorld(t, nil)
	names := []string{"billing-prod", "payments-dev", "payments-prod"}
	w.app(func(r received) string {
		if r.form.Get("payload") == "" {
			go w.slack.OpenView(r.form.Get("trigger_id"), form(""))
			return ""
		}
		p := r.payload(t)
		if p.Type == slackgo.InteractionTypeBlockSuggestion {
			return options(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.Contains(n, p.Value) })...)
		}
		return ""
	})
	b := newBrowser(t)
	b.open(w.base + "/?person=U0BOB")
	press := func(keys string) {
		t.Helper()
		b.run("press keys", chromedp.KeyEvent(keys))
	}
	focused := func(what, selector string) {
		t.Helper()
		same(t, what, eval[bool](b, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)), true)
		same(t, what+": it has a ring", eval[bool](b, `["outlineStyle", "boxShadow"].some(p => getComputedStyle(document.activeElement)[p] !== "none")`), true)
	}
	const (
		opener  = `#composer [data-command="/access"]`
		account = `.modal [data-action-id="account"] input`
		reason  = `.modal textarea[data-action-id="reason"]`
	)
	b.wait(opener)
	eval[bool](b, fmt.Sprintf(`(document.querySelector(%q).focus(), true)`, opener))
	press("\r")
	b.wait(account)
	focused("after opening", account)
	same(t, "the list of the first field is open", eval[bool](b, `!!document.querySelector('.modal [aria-expanded="true"]')`), false)

	press("pay\t")
	focused("after a text with two matches", `.modal [data-action-id="duration"] input`)
	time.Sleep(500 * time.Millisecond) // for an answer that must not come
	same(t, "a text with two matches chooses", eval[string](b, `document.querySelector('.modal [data-action-id="account"]').dataset.selected`), "")
	press("hour\t")
	focused("after a text with one match", reason)
	same(t, "a text with one match chooses", eval[string](b, `document.querySelector('.modal [data-action-id="duration"]').dataset.selected`), "3600")
	press("to look\t\t")
	focused("before submitting", `.modal [data-submit]`)
	press("\r")
	b.wait(`.field[data-block-id="account"] .field-error`)
	focused("after a refusal", account)
	press("bill\t")
	b.wait(`.modal [data-action-id="account"][data-selected="id-billing-prod"]`)
	eval[bool](b, `(document.querySelector(".modal [data-submit]").focus(), true)`)
	press("\r")
	b.gone(`.modal`)
	focused("after the form", opener)
}

// TestPageStaysAtTheEnd checks that the conversation follows new messages, unless the
// visitor reads earlier ones. Their own message always brings them back.
func TestPageStaysAtTheEnd(t *testing.T) {
	w := newPageWorld(t, nil)
	say := func(words string) (ts string) {
		return w.postBlocks(kanal, "", `[{"type":"section","text":{"type":"plain_text","text":`+quoted(words+strings.Repeat("\nand more", 3))+`}}]`)
	}
	last := ""
	for i := range 12 {
		last = say(fmt.Sprint("message ", i))
	}
	b := newBrowser(t)
	b.open(w.base + "/?person=U0BOB")
	isDrawn := func(ts string) {
		t.Helper()
		b.wait(`.message[data-ts="` + ts + `"]`)
	}
	resize := func(height int64) {
		t.Helper()
		b.run("resize", chromedp.EmulateViewport(1280, height), chromedp.Poll[chromedp.Void](fmt.Sprintf(`innerHeight === %d`, height)))
	}
	// Two frames after a change, the page has noticed its size and scrolled.
	toEnd := func() int {
		t.Helper()
		return await[int](b, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(
			(m => Math.round(m.scrollHeight - m.clientHeight - m.scrollTop))(document.querySelector(".messages"))))))`)
	}
	isHinted := func() bool {
		t.Helper()
		return eval[bool](b, `document.querySelector("#new-messages").checkVisibility()`)
	}
	isDrawn(last)
	same(t, "px to the end after loading", toEnd(), 0)
	resize(600)
	same(t, "px to the end in a lower window", toEnd(), 0)
	isDrawn(say("another message"))
	same(t, "px to the end after a message", toEnd(), 0)
	same(t, "hint at the end", isHinted(), false)

	eval[bool](b, `(document.querySelector(".messages").scrollTop = 100, true)`)
	resize(560)
	same(t, "hint before a message", isHinted(), false)
	isDrawn(say("a message below"))
	toEnd()
	same(t, "position of the reader", eval[int](b, `document.querySelector(".messages").scrollTop`), 100)
	same(t, "hint for the reader", isHinted(), true)
	b.click("#new-messages")
	same(t, "px to the end after the hint", toEnd(), 0)
	same(t, "hint after it was used", isHinted(), false)

	eval[bool](b, `(document.querySelector(".messages").scrollTop = 100, true)`)
	b.typeInto("#composer-text", "my own message\r")
	b.wait(`.message[data-user="U0BOB"]`)
	same(t, "px to the end after the visitor's own message", toEnd(), 0)
}

// TestPageShowsExperiments checks that the panel keeps the list of access visible while
// the visitor reads below, and that the workspace says when Slack is down.
func TestPageShowsExperiments(t *testing.T) {
	var state atomic.Value
	state.Store("ready")
	w := newPageWorld(t, func(c *Config) {
		c.Truth = func(context.Context) (Truth, error) { return exampleTruth(time.Now()), nil }
		c.Experiments = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			var all []map[string]any
			for _, id := range []string{"stop", "kill", "slack", "byhand", "twice"} {
				all = append(all, map[string]any{"id": id, "title": "Break " + id, "promise": "A promise that takes one line.", "limit_seconds": 60, "state": state.Load(), "says": "It ends."})
			}
			writeJSON(rw, http.StatusOK, map[string]any{"experiments": all})
		})
	})
	b := newBrowser(t)
	b.run("resize", chromedp.EmulateViewport(1280, 800))
	b.open(w.base + "/?person=U0BOB")
	b.wait(`#break [data-experiment="twice"]`)
	b.wait(`#access .grant-until`)
	same(t, "sections", eval[[]string](b, `[...document.querySelectorAll("#truth .truth-section")].sort((a, b) => a.offsetTop - b.offsetTop).map(e => e.id)`),
		[]string{"access", "executions", "break", "runs", "audit"})
	same(t, "ends of the access", eval[[]string](b, `[...document.querySelectorAll("#access .grant-until")].map(e => e.innerText.split("\n")[0]).slice(1)`), []string{"being granted", "no end"})
	same(t, "members", b.text(".conversation-head p"), "3 of 4 people are members")

	eval[bool](b, `(document.querySelector("#break").scrollIntoView({ block: "start" }), true)`)
	same(t, "below the list of access are", eval[[]string](b, `(() => {
		const at = (s) => document.querySelector(s).getBoundingClientRect();
		return [["#access", at(".truth-head").bottom], ["#break", at("#access").bottom]].filter(([s, y]) => Math.abs(at(s).top - y) < 20).map(([s]) => s);
	})()`), []string{"#access", "#break"})
	same(t, "the list of access is visible", eval[bool](b, `(e => document.elementFromPoint(e.x + 30, e.bottom - 10).closest("#access") !== null)(document.querySelector("#access .grants").getBoundingClientRect())`), true)
	b.picture("experiments")

	same(t, "Slack is up", eval[bool](b, `document.querySelector("#slack-down").checkVisibility()`), false)
	state.Store("running")
	b.wait("#slack-down")
	b.picture("slack-down")
	state.Store("kept")
	b.wait(`#break li[data-state="kept"]`)
	same(t, "the verdict", b.text(`#break li[data-experiment="slack"] .says`), "Promise kept. It ends.")
	same(t, "Slack is up again", eval[bool](b, `document.querySelector("#slack-down").checkVisibility()`), false)
}

// TestPageFollowsSlack checks two things that Slack itself does: it rejects unknown
// commands, and nobody can write to an app whose messages are read-only.
func TestPageFollowsSlack(t *testing.T) {
	w := newPageWorld(t, func(c *Config) { c.MessagesReadOnly = true })
	b := newBrowser(t)
	b.open(w.base + "/?person=U0BOB")
	b.typeInto("#composer-text", "/acces\r")
	b.wait(`.message.ephemeral[data-user="USLACKBOT"]`)
	same(t, "what Slack says", strings.Contains(b.text(`.message.ephemeral`), "/acces is not a valid command."), true)
	same(t, "what the app was sent", w.count(), 0)
	same(t, "shortcuts", eval[string](b, `[...document.querySelectorAll("[data-shortcut]")].map(e => e.innerText.trim()).join()`), "Request AWS access,Request group membership")

	b.click(`[data-conversation="D0BOB"]`)
	b.wait(`#read-only`)
	same(t, "the composer is hidden", eval[bool](b, `document.querySelector("#composer").offsetParent === null`), true)
	res, _ := w.try("say", map[string]any{"person": "U0BOB", "channel": "D0BOB", "text": "hello"})
	same(t, "what Slack answers", res.Detail, "Sending messages to this app has been turned off.")
}

// TestPageOpensExecutionsHere checks that a link to the AWS console opens the execution
// in the panel.
func TestPageOpensExecutionsHere(t *testing.T) {
	w := newPageWorld(t, func(c *Config) {
		truth := exampleTruth(time.Now())
		c.Truth = func(context.Context) (Truth, error) { return truth, nil }
	})
	const arn = "arn:aws:states:us-east-1:123456789012:execution:sso-elevator-requests:k3x7"
	w.postBlocks(kanal, "", fmt.Sprintf(`[{"type":"section","text":{"type":"mrkdwn","text":"<https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/v2/executions/details/%s|Open the execution>"}}]`, arn))
	b := newBrowser(t)
	b.open(w.base + "/?person=U0BOB")
	b.wait(`#execution-k3x7`)
	same(t, "states before", eval[bool](b, `document.querySelector("#execution-k3x7 .states").open`), false)
	for range 2 { // a second click works, too
		b.click(`.message a[href="#execution-k3x7"]`)
		b.wait(`#execution-k3x7 .states[open] [data-state="AwaitEnd"]`)
		same(t, "the focus is on the execution", eval[bool](b, `document.activeElement.id === "execution-k3x7"`), true)
	}
	same(t, "steps", eval[string](b, `[...document.querySelectorAll("#execution-k3x7 .step")].map(e => e.dataset.step + " " + e.dataset.status).join(", ")`),
		"Requested done, Approved done, Granted done, Active now, Removed todo")
	// The page draws them one after the other, so a second may pass between them.
	b.run("see the same countdown in the list of access", chromedp.Poll[chromedp.Void](`((execution, access) => (window.countdown = access) && execution === access)(
		...["#execution-k3x7", "[data-assignment]"].map(s => document.querySelector(s + " [data-until]")?.innerText))`))
	b.run("see the countdown change", chromedp.Poll[chromedp.Void](`document.querySelector("[data-assignment] [data-until]").innerText !== window.countdown`))
}

// contrasts is JavaScript that returns each visible text whose contrast with its
// background is below 4.5, the minimum of WCAG 2 for normal text.
const contrasts = `(() => {
	const parse = (c) => { const m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
	const over = (top, under) => under.map((u, i) => i < 3 ? top[i] * top[3] + u * (1 - top[3]) : 1);
	const background = (e) => {
		const layers = [];
		for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0) { layers.unshift(c); if (c[3] === 1) break; } }
		return layers.reduce((under, top) => over(top, under), [255, 255, 255, 1]);
	};
	const luminance = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
	const bad = new Set();
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) {
		const e = walker.currentNode.parentElement;
		if (!walker.currentNode.data.trim() || !e.checkVisibility() || e.closest("button:disabled, svg, option")) continue;
		const under = background(e), a = luminance(over(parse(getComputedStyle(e).color), under)), b = luminance(under);
		const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
		if (ratio < 4.5) bad.add(ratio.toFixed(2) + " " + (e.className || e.tagName) + ": " + walker.currentNode.data.trim().slice(0, 40));
	}
	return [...bad];
})()`

// nameless is JavaScript that returns the controls without a name for screen readers.
const nameless = `[...document.querySelectorAll("button,input,select,textarea,a[href],[role=dialog]")].filter((e) =>
	e.checkVisibility() && !(e.innerText.trim() || e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.labels?.length || e.title)).map((e) => e.outerHTML.slice(0, 120))`

// examplePolicy and exampleAnswer are what the policy tab loads, with everything that it
// shows.
const (
	examplePolicy = `{"file": "elevator.yaml", "text": "config:\n- Resource: '*'\n", "people": [{"name": "Ada Byron", "email": "ada@example.com"}],
		"accounts": [{"id": "111111111111", "name": "payments-prod"}], "permission_sets": ["ReadOnly"], "groups": [{"id": "g1", "name": "on-call"}]}`
	exampleAnswer = `{"is_valid": true, "problems": [{"line": 2, "text": "config[0]: is wrong", "is_error": true}, {"line": 2, "text": "config[0]: is odd"}], "more_problems": 3,
		"asks_for_tickets": true, "answer": {"outcome": "needs_approval", "reason": "RequiresApproval", "says": "Granted after approval", "because": "statements match",
		"approvers": ["bob@example.com", "group:g1"], "requirements": [{"statement": 0, "needed": 2, "approvers": ["bob@example.com", "group:g1"]}], "longest": "1 hour",
		"tickets": [{"required": true, "pattern": "OPS-\\d+", "hint": "An issue"}], "warnings": ["Production."], "channel": "C0OTHER", "confirm": true,
		"matching": [{"path": "config[0]", "text": "Resource: *"}]},
		"changes": [{"text": "Ada can get ReadOnly in payments-prod.", "effect": "wider"}, {"text": "Nobody can join on-call.", "effect": "narrower"}, {"text": "Requests show a warning.", "effect": "other"}], "more_changes": 1}`
)

// TestPageIsReadable checks contrast, names and colors at three widths. On a narrow
// page, Slack comes first, and direct messages and the panel are tabs.
func TestPageIsReadable(t *testing.T) {
	w := newPageWorld(t, func(c *Config) {
		c.Truth = func(context.Context) (Truth, error) { return exampleTruth(time.Now()), nil }
		c.Tour = &Tour{Requester: "U0ADA", Approver: "U0BOB", Hint: "Choose something."}
		c.Policy = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			io.WriteString(rw, map[string]string{http.MethodGet: examplePolicy, http.MethodPost: exampleAnswer}[r.Method])
		})
	})
	w.app(func(r received) string {
		if r.form.Get("payload") == "" {
			go w.slack.OpenView(r.form.Get("trigger_id"), form(""))
		}
		return ""
	})
	w.postBlocks(kanal, "", requestBlocks("for a test", "U0ADA"))
	for _, width := range []int64{1280, 800, 390} {
		b := newBrowser(t)
		b.run("resize", chromedp.EmulateViewport(width, 844))
		b.open(w.base + "/?person=U0ADA")
		check := func(what string) {
			t.Helper()
			what = fmt.Sprintf("%s at %d px: ", what, width)
			same(t, what+"contrast below 4.5", eval[[]string](b, contrasts), []string{})
			same(t, what+"without a name", eval[[]string](b, nameless), []string{})
			same(t, what+"wider than the window", eval[bool](b, `document.documentElement.scrollWidth > innerWidth`), false)
		}
		b.wait(`.message [data-action-id="approve"]`)
		check("the channel")
		b.picture(fmt.Sprintf("channel-%d", width))
		b.click(`.sidebar [data-conversation="D0ADA"]`)
		b.wait(`.sidebar [data-conversation="D0ADA"].current`)
		if width < 1000 {
			same(t, "panel before its tab", eval[bool](b, `document.querySelector("#truth").checkVisibility()`), false)
			b.click(`#tabs [data-show="truth"]`)
			same(t, "Slack behind the tab", eval[bool](b, `document.querySelector("#workspace").checkVisibility()`), false)
		}
		b.wait(`#truth [data-assignment]`)
		check("the panel")
		b.picture(fmt.Sprintf("panel-%d", width))
		same(t, "colors of Ada", eval[int](b, `new Set([...document.querySelectorAll('[data-person="U0ADA"] .avatar, [data-user="ada"] .avatar')].map(e => getComputedStyle(e).backgroundColor)).size`), 1)

		b.click(`#tabs [data-show="policy"]`)
		b.wait(`#policy-changes li`)
		same(t, "panel behind the policy", eval[bool](b, `document.querySelector("#truth").checkVisibility()`), false)
		check("the policy")
		b.picture(fmt.Sprintf("policy-%d", width))

		b.click(`#tour [data-key="request"]`) // comes back to Slack
		b.wait(`.modal [data-submit]`)
		check("the form")
		b.picture(fmt.Sprintf("form-%d", width))
		b.click(`.modal [data-close]`)
		b.gone(`.modal`)
		b.click(`#tour [data-key="approve"]`)
		b.wait(`#tour`)
		b.run("wait until the page is Bob's", chromedp.WaitVisible(chromedp.CSS(`.message [data-action-id="approve"]:focus`)))
		same(t, "who the visitor is", eval[string](b, `document.querySelector("#person").value`), "U0BOB")
	}
}
