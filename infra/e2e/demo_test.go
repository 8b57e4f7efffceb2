package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestDemo tries the demo as a visitor does, in a real browser: the three steps check
// themselves off, and each experiment shows that its promise is kept. It has its own
// stack.
func TestDemo(t *testing.T) {
	t.Parallel()
	functionsLog, err := filepath.Abs(filepath.Join(artefacts, "demo-functions.log"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := launchProgram("demo", "demo", "-log", functionsLog)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	demo, err := p.ready()
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t)
	b.do("open the page", soon, chromedp.Navigate(demo.Page))
	stepIs := func(key, state string) (expression string) {
		return fmt.Sprintf(`document.querySelector('#tour [data-key="%s"][data-state="%s"]')?.ariaLabel`, key, state)
	}
	step := func(key, state string) string {
		return b.find("the step "+key+" is "+state, stepIs(key, state))
	}
	step("request", "current")

	// The system has searched for unknown access once. Nothing needs attention.
	b.find("the first reconciliation", `[...document.querySelectorAll("[data-execution]")].find(e => e.dataset.status === "SUCCEEDED" && e.textContent.includes("searches for unknown access"))?.id`)
	if posts := demo.posts(t, ""); len(posts) > 0 {
		t.Errorf("at the start Slack has the messages %q", textsOf(t, posts[0].Blocks))
	}
	b.find("no access", `document.querySelector("#access .truth-empty")?.textContent`)
	b.picture("demo-start")

	// The tab with the policy knows the organization. TestTab in infra/local/policytab
	// tries the rest.
	b.click(`#tabs [data-show="policy"]`)
	b.find("the decision about Alice's request", `[...document.querySelectorAll("#policy-decision .outcome")].find(e => e.textContent === "Granted after approval")?.textContent`)
	b.find("the approvers", `[...document.querySelectorAll("#policy-decision dd")].find(e => e.textContent === "bob@example.com, carol@example.com")?.textContent`)
	b.picture("demo-policy")
	b.click(`#tabs [data-show="slack"]`)

	// Alice requests access that the policy approves. There is nothing for Bob to do.
	request := func(account, permissionSet string) {
		t.Helper()
		b.openForm(`#tour [data-key="request"]`)
		b.choose("account", account)
		b.do("see the account's permission sets", soon, chromedp.WaitVisible(chromedp.CSS(`.modal [data-block-id^="permission_set-"] input`)))
		b.choose("permission_set", permissionSet)
		if got := b.find("the duration", `document.querySelector('.modal [data-action-id="duration"]').dataset.selected`); got != "60" {
			t.Errorf("the form proposes %s seconds", got)
		}
	}
	submit := func() {
		t.Helper()
		b.typeInto(`.modal textarea[data-action-id="reason"]`, "Try the demo")
		b.submitForm()
	}
	request("shop-development", "ReadOnlyAccess")
	submit()
	b.find("the step approve names the rules", `[...document.querySelectorAll('#tour [data-key="approve"][data-state="done"]')].find(e => e.textContent.includes("Approved automatically, rules 0, 1."))?.ariaLabel`)

	// 1. Alice requests access that needs approval, with the duration that the form proposes.
	request("shop-production", "DeveloperAccess")
	b.find("the preview", `[...document.querySelectorAll(".modal")].find(m => m.textContent.includes("bob@example.com"))?.dataset.viewId`)
	submit()
	step("request", "done")
	step("approve", "current")

	// 2. Bob approves. The step has put the focus on the button.
	b.find("the end of the conversation, after the request", `(m => m.scrollHeight - m.clientHeight - m.scrollTop < 2 ? "visible" : "")(document.querySelector(".messages"))`)
	b.find("the request's message", `document.querySelector('.message [data-action-id="approve"]')?.dataset.value`)
	takePicture := sync.OnceFunc(func() { b.picture("demo-pending") })
	b.again("the step approve is done", stepIs("approve", "done"), func() {
		if b.tryClick(`#tour [data-key="approve"]`) && b.try(chromedp.WaitVisible(chromedp.CSS(`.message [data-action-id="approve"]:focus`))) {
			takePicture()
			b.try(chromedp.KeyEvent("\r"))
		}
	})

	// 3. The access appears with its end, and goes away.
	const assignment = `document.querySelector('#access [data-assignment$="/DeveloperAccess/Alice Anderson"]')`
	left := b.find("how long Alice has access", assignment+`?.querySelector("[data-until]")?.textContent`)
	if minutes, seconds, ok := strings.Cut(left, ":"); !ok || minutes > "1" || len(seconds) != 2 {
		t.Errorf("the countdown shows %q", left)
	}
	b.find("the step that is active", `document.querySelector('[data-step="Active"][data-status="now"] [data-until]')?.textContent`)
	b.picture("demo-active")
	b.click(`.message a[href^="#execution-"]`)
	b.do("see the states of the execution", soon, chromedp.WaitVisible(chromedp.CSS(`[data-execution] .states[open] [data-state="AwaitEnd"]`)))
	if got := b.find("the address", `location.pathname + location.hash.slice(0, 11)`); got != "/#execution-" && got != "/#execution" {
		t.Errorf("the link to the execution leads to %s", got)
	}
	b.find("the access is gone", `(`+assignment+`) ? "" : "gone"`)
	step("watch", "done")
	if bad := b.find("how the execution looks", `([...document.querySelectorAll("[data-execution] .step.failed, [data-execution] .state.failed, .pill.failed")].map(e => e.textContent).join() || "nothing failed")`); bad != "nothing failed" {
		t.Errorf("after a normal end, the panel shows as failed: %s", bad)
	}
	b.find("the record of the approval", `[...document.querySelectorAll('[data-audit="approved"]')].find(e => e.textContent.includes("Bob let Alice have DeveloperAccess in shop-production for 1 minute (rule 1)"))?.dataset.key`)
	b.picture("demo-ended")

	// The visitor tries all experiments at once.
	experiments := []string{"stop", "kill", "slack", "byhand", "twice"}
	b.click(`#tour [data-key="breakIt"]`)
	b.find("the list of access above the experiments", `(a => a.checkVisibility() && a.getBoundingClientRect().bottom <= document.querySelector("#break").getBoundingClientRect().top + 12 ? "visible" : "")(document.querySelector("#access"))`)
	for _, id := range experiments {
		// A row that grows just then moves the button away from a click.
		eventually(t, soon, "the experiment "+id+" starts", func() error {
			if b.isThere(fmt.Sprintf(`#break li[data-experiment="%s"]:not([data-state="ready"])`, id)) {
				return nil
			}
			b.tryClick(fmt.Sprintf(`#break button[data-experiment="%s"]`, id))
			return errNotYet
		})
	}
	b.picture("demo-breaking")
	for _, id := range experiments {
		row := fmt.Sprintf(`document.querySelector('#break li[data-experiment="%s"]')`, id)
		eventually(t, sweepLimit+3*soon, "the experiment "+id+" ends", func() error {
			state, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](row+`.dataset.state`))
			if err == nil && (state == "preparing" || state == "running") {
				err = errNotYet
			}
			return err
		})
		state, said := b.find("its state", row+`.dataset.state`), b.find("what it says", row+`.innerText`)
		t.Logf("%s: %s", id, strings.ReplaceAll(said, "\n", " | "))
		if state != "kept" {
			t.Errorf("the experiment %s is %s: %s", id, state, said)
		}
	}
	b.picture("demo-kept")
	for _, id := range []string{"slack", "kill"} {
		if left := demo.faults(t, id); len(left) > 0 {
			t.Errorf("the experiment %s leaves the faults %v", id, left)
		}
	}
	if err := demo.denialsInLog(); err != nil {
		t.Error(err)
	}

	// The terminal has nothing that hides the address of the page.
	terminal, err := os.ReadFile(p.log)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(functionsLog)
	if err != nil {
		t.Fatal(err)
	}
	for _, noise := range []string{`"_aws":`, "WARNING "} {
		if bytes.Contains(terminal, []byte(noise)) || !bytes.Contains(log, []byte(noise)) {
			t.Errorf("%s: in the terminal %v, in the log %v", noise, bytes.Contains(terminal, []byte(noise)), bytes.Contains(log, []byte(noise)))
		}
	}
}
