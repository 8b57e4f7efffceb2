package policytab

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sso-elevator/slack/simulator"
)

// browser is a headless Chromium with the page.
type browser struct {
	t   *testing.T
	ctx context.Context
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	ctx, cancel := chromedp.NewExecAllocator(t.Context(),
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.WindowSize(1280, 860),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(2*time.Minute), // to start
	)
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

func (b *browser) run(what string, action chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepLimit)
	defer cancel()
	if err := chromedp.Do(ctx, action); err != nil {
		b.picture("failed")
		b.t.Fatalf("%s: %v", what, err)
	}
}

// text returns what a JavaScript expression gives.
func (b *browser) text(expression string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepLimit)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf("String(%s)", expression)))
	if err != nil {
		b.t.Fatalf("evaluate %s: %v", expression, err)
	}
	return s
}

// wait waits until the element's text contains words.
func (b *browser) wait(selector, words string) {
	b.t.Helper()
	var text string
	for began := time.Now(); time.Since(began) < stepLimit; {
		if text = b.text(fmt.Sprintf("document.querySelector(%q)?.innerText", selector)); strings.Contains(text, words) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.picture("failed")
	b.t.Fatalf("%s has the text %q, not %q", selector, text, words)
}

// replace replaces a part of the policy's text, as if it were typed.
func (b *browser) replace(old, new string) {
	b.t.Helper()
	b.run("replace "+old, chromedp.Focus(chromedp.CSS("#policy-text")))
	if found := b.text(fmt.Sprintf(`((t, old) => {
		const at = t.value.indexOf(old);
		t.setSelectionRange(at, at + old.length);
		document.execCommand("insertText", false, %[2]q);
		return at >= 0;
	})(document.querySelector("#policy-text"), %[1]q)`, old, new)); found != "true" {
		b.t.Fatalf("the text has no %q", old)
	}
}

func (b *browser) choose(selector, value string) {
	b.t.Helper()
	b.text(fmt.Sprintf(`((e) => { e.value = %q; e.dispatchEvent(new Event("input", { bubbles: true })); })(document.querySelector(%q))`, value, selector))
}

func (b *browser) picture(name string) {
	b.t.Helper()
	time.Sleep(300 * time.Millisecond)
	ctx, cancel := context.WithTimeout(b.ctx, stepLimit)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(b.t.ArtifactDir(), name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Logf("picture %s: %v", name, err)
	}
}

func (b *browser) same(what, expression, want string) {
	b.t.Helper()
	if got := b.text(expression); got != want {
		b.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// TestTab edits the demo's policy on the page, and sees what it decides and what the
// edit changes.
func TestTab(t *testing.T) {
	tab, text := newDemo(t)
	var isDown atomic.Bool
	workspace := simulator.New(simulator.Config{
		TeamID: "T0", AppID: "A0", BotToken: "xoxb-test", SigningSecret: "secret", ChannelID: "C0",
		People: []simulator.Person{{SlackID: "U0", Name: "Alice Anderson", Email: "alice@example.com", InChannel: true}},
		Tour:   &simulator.Tour{Requester: "U0", Approver: "U0", Hint: "Choose something."},
		Policy: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if isDown.Load() {
				panic(http.ErrAbortHandler)
			}
			tab.ServeHTTP(w, r)
		}),
	})
	server := httptest.NewServer(workspace.Page())
	t.Cleanup(server.Close)
	b := newBrowser(t)
	b.run("open the page", chromedp.Navigate(server.URL))
	b.run("see Slack", chromedp.WaitVisible(chromedp.CSS("#composer")))
	b.same("the tabs", `[...document.querySelectorAll("#tabs [role=tab]")].filter((e) => e.checkVisibility()).map((e) => e.innerText + " " + e.ariaSelected + " " + e.tabIndex)`,
		"Slack and who has access true 0,Policy false -1")

	// The arrow keys choose a tab.
	b.run("focus the tabs", chromedp.Focus(chromedp.CSS("#tab-slack")))
	b.run("press the arrow", chromedp.KeyEvent("\u0303")) // ArrowRight
	b.wait("#policy-decision", "Granted after approval")
	b.same("the selected tab", `document.activeElement.id + " " + document.activeElement.ariaSelected`, "tab-policy true")
	b.same("Slack", `document.querySelector("#workspace").checkVisibility()`, "false")
	b.same("the text", `document.querySelector("#policy-text").value`, text)
	b.wait("#policy-decision", "bob@example.com, carol@example.com")
	b.wait("#policy-changes", "You haven’t changed the text.")
	b.picture("start")

	// An edit, while the focus stays in the text.
	b.replace("    Approvers: [bob@example.com, carol@example.com]\n    AllowSelfApproval: true", "    ApprovalIsNotRequired: true\n    MaxDuration: 1h")
	b.wait("#policy-decision", "Granted without approval")
	b.wait("#policy-decision", "1 hour")
	b.wait("#policy-changes", "without approval")
	b.same("the focus", `document.activeElement.id`, "policy-text")
	b.picture("edited")

	// The other fields of a statement.
	b.replace("    MaxDuration: 1h", "    MaxDuration: 1h\n    Ticket: {Required: true, Pattern: 'OPS-\\d+', Hint: An <i>issue</i>}\n    Warning: Customers <b>see</b> this.\n    Channel: C0PAYMENTS\n    Approvers: [bob@example.com, carol@example.com]\n    ApprovalsNeeded: 2")
	b.wait("#policy-decision", "TicketMissing")
	b.run("type a ticket", chromedp.SendKeys(chromedp.CSS("#policy-ticket"), "OPS-12"))
	b.wait("#policy-decision", "Granted after approval")
	b.wait("#policy-decision", "2 approvals for config[1]\nfrom bob@example.com, carol@example.com\nLongest access\n1 hour\n"+
		"Ticket\nRequired. Must match OPS-\\d+. Hint: An <i>issue</i>\nWarning\nCustomers <b>see</b> this.\nPosted in\nC0PAYMENTS\nConfirmation\nApprovers confirm in a dialog.")
	b.picture("fields")

	// Another request.
	b.choose("#policy-duration", "2h")
	b.wait("#policy-decision", "DurationTooLong")
	b.choose("#policy-duration", "")
	b.choose("#policy-target", "group 28c26bb2-3cd7-4cef-af87-466e67eee099")
	b.same("the permission set of a group", `document.querySelector("#policy-set").checkVisibility()`, "false")
	b.choose("#policy-person", "frank@example.com")
	b.wait("#policy-decision", "SelfApproval")
	b.choose("#policy-person", "")
	b.wait("#policy-decision", "Requester is missing")
	b.run("type an email", chromedp.SendKeys(chromedp.CSS("#policy-email"), "zoe@example.org"))
	b.wait("#policy-decision", "Granted after approval")
	b.same("the focus while typing", `document.activeElement.id`, "policy-email")

	// Mistakes are text, whatever they quote. A click leads to their line.
	b.replace("ApprovalIsNotRequired: false", "<img src=x onerror=alert(1)>: \"<b>\"")
	b.wait("#policy-problems", "Error: config[4].<img src=x onerror=alert(1)>: unknown key")
	b.wait("#policy-decision", "Fix the errors in the text first.")
	b.same("elements from the text", `document.querySelectorAll("#policy img, #policy b").length`, "0")
	b.picture("wrong")
	b.run("go to the line", chromedp.Click(chromedp.CSS("#policy-problems .error .line")))
	b.same("the selected text", `((t) => t.value.slice(t.selectionStart, t.selectionEnd))(document.querySelector("#policy-text"))`, `    <img src=x onerror=alert(1)>: "<b>"`)

	// The server stops, and comes back.
	isDown.Store(true)
	b.replace("ResourceType", "ResourceType ")
	b.wait("#policy-failure", "The server does not answer.")
	b.picture("down")
	isDown.Store(false)
	b.run("see it answer again", chromedp.WaitNotVisible(chromedp.CSS("#policy-failure")))

	b.run("reset the text", chromedp.Click(chromedp.CSS("#policy-reset")))
	b.wait("#policy-changes", "You haven’t changed the text.")
	b.same("the text after the reset", `document.querySelector("#policy-text").value`, text)

	// Narrow pages have all three tabs.
	b.replace("PermissionSet: AdministratorAccess", "PermissionSet: [AdministratorAccess, ReadOnlyAccess]")
	for _, width := range []int64{800, 390} {
		b.run("resize", chromedp.EmulateViewport(width, 844))
		b.same("tabs", `[...document.querySelectorAll("#tabs [role=tab]")].filter((e) => e.checkVisibility()).map((e) => e.innerText)`, "Slack,Who has access,Policy")
		b.same("wider than the window", `document.documentElement.scrollWidth > innerWidth`, "false")
		b.picture(fmt.Sprint("narrow-", width))
		b.text(`document.querySelector("#policy").scrollTo(0, 9999)`)
		b.picture(fmt.Sprint("narrow-end-", width))
	}
}
