package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sso-elevator/functions/adapters/catalog"
)

// browser is a headless Chromium, separate from the developer's own.
type browser struct {
	t   *testing.T
	ctx context.Context
}

func newBrowser(t *testing.T, options ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(options,
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.WindowSize(1560, 960),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
	)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	// The browser ends with the context of its first action, so this context must
	// last.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return &browser{t, ctx}
}

func (b *browser) do(what string, within time.Duration, action chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, within)
	defer cancel()
	if err := chromedp.Do(ctx, action); err != nil {
		b.picture("failed")
		b.t.Fatalf("%s: %v", what, err)
	}
}

func (b *browser) click(css string) {
	b.t.Helper()
	b.use("click "+css, chromedp.Click(chromedp.CSS(css)))
}

func (b *browser) typeInto(css, words string) {
	b.t.Helper()
	b.use("type into "+css, chromedp.SendKeys(chromedp.CSS(css), words))
}

// use does something with an element. If the page draws the element again between finding
// and using it, use finds it again.
func (b *browser) use(what string, action chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, soon)
	defer cancel()
	for {
		err := chromedp.Do(ctx, action)
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "Could not find node") {
			b.picture("failed")
			b.t.Fatalf("%s: %v", what, err)
		}
	}
}

// find waits until a JavaScript expression gives a text that is not empty.
func (b *browser) find(what, expression string) (found string) {
	b.t.Helper()
	defer func() {
		if found == "" {
			b.picture("failed")
		}
	}()
	eventually(b.t, 2*soon, what, func() error {
		v, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](expression+` ?? ""`))
		if err != nil {
			return err
		}
		if v == "" {
			return errNotYet
		}
		found = v
		return nil
	})
	return found
}

// choose enters text in a select of the form, and takes the option with that text.
func (b *browser) choose(action, typed string) {
	b.t.Helper()
	b.click(b.search(action, typed))
}

// search enters text in a select of the form, and returns the selector of the option with
// the text. If the app says that something did not answer in time, the person types again.
func (b *browser) search(action, typed string) (option string) {
	b.t.Helper()
	field := fmt.Sprintf(`.modal [data-action-id="%s"] input`, action)
	for range 3 {
		b.click(field)
		if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](fmt.Sprintf(`(document.querySelector(%q).select(), true)`, field))); err != nil {
			b.t.Fatalf("select what is in %s: %v", field, err)
		}
		b.typeInto(field, typed)
		value := b.find("the option "+typed, fmt.Sprintf(`(options => (options.find(o => o.textContent.includes(%q))?.dataset.value ??
			(options.some(o => o.textContent.includes(%q)) ? "again" : "")))([...document.querySelectorAll('.modal [role="option"]')])`, typed, notInTime))
		if value != "again" {
			return fmt.Sprintf(`.modal [role="option"][data-value="%s"]`, value)
		}
		time.Sleep(catalog.CheckMissingEvery)
	}
	b.t.Fatalf("the options of %s did not come in time", action)
	return ""
}

// picture keeps a screenshot in test-artefacts.
func (b *browser) picture(name string) {
	b.t.Helper()
	time.Sleep(400 * time.Millisecond) // until animations have ended
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(artefacts, "page-"+name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Errorf("picture %s: %v", name, err)
	}
}

// TestPage goes through a request in a real browser: one person requests, another
// approves, and the access comes and goes. It does not run in parallel: nobody
// presses again here if moto is busy with other tests and makes the app wait too
// long.
func TestPage(t *testing.T) {
	b := newBrowser(t)
	const reason = "Roll back release 2.14, see the incident channel"
	assignment := `[...document.querySelectorAll('#truth [data-assignment]')].find(e => e.textContent.includes("payments-production") && e.textContent.includes("DeveloperAccess") && e.textContent.toLowerCase().includes("erin"))`

	unlock := local.lockForms(t, erin)
	defer unlock()
	b.do("open the page", soon, chromedp.Navigate(local.Page+"?person="+erin))
	b.click(`#composer [data-command="/access"]`)
	b.choose("account", "payments-production")
	b.do("see the account's permission sets", soon, chromedp.WaitVisible(chromedp.CSS(`.modal [data-block-id^="permission_set-"] input`)))
	b.choose("permission_set", "DeveloperAccess")
	b.find("who will be asked, before it is submitted", `[...document.querySelectorAll('.modal')].find(m => m.textContent.includes("carol@example.com"))?.dataset.viewId`)
	b.choose("duration", "20 seconds")
	b.typeInto(`.modal textarea[data-action-id="reason"]`, reason)
	b.picture("form")
	b.click(`.modal [data-submit]`)
	b.do("see the form close", soon, chromedp.WaitNotPresent(chromedp.CSS(`.modal`)))
	unlock()

	b.do("become an approver", soon, chromedp.Navigate(local.Page+"?person="+carol))
	ts := b.find("the request in the channel", fmt.Sprintf(`[...document.querySelectorAll('.message[data-ts]')].find(m => m.textContent.includes(%q) && m.querySelector('[data-action-id="approve"]'))?.dataset.ts`, reason))
	message := fmt.Sprintf(`.message[data-ts="%s"]`, ts)
	b.do("scroll to it", soon, chromedp.ScrollIntoView(chromedp.CSS(message)))
	b.picture("pending")
	b.click(message + ` [data-action-id="approve"]`)
	b.find("the assignment on the page", assignment+`?.dataset.assignment`)
	b.do("see that it is active", soon, chromedp.WaitVisible(chromedp.CSS(message+` [data-action-id="end"]`)))
	b.picture("active")
	b.find("the assignment gone from the page", `(`+assignment+`) ? "" : "gone"`)
	b.do("see that it has ended", soon, chromedp.WaitNotPresent(chromedp.CSS(message+` [data-action-id="end"]`)))
	b.picture("ended")

	unknown, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](`document.querySelectorAll(".block-unknown").length`))
	if err != nil || unknown > 0 {
		t.Errorf("%d blocks that the page does not know (%v)", unknown, err)
	}
}
