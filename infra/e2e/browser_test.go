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
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(2*time.Minute), // to start
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

// try does something, and reports whether that worked within a short time.
func (b *browser) try(actions ...chromedp.Action[chromedp.Void]) bool {
	ctx, cancel := context.WithTimeout(b.ctx, 15*time.Second)
	defer cancel()
	return chromedp.Do(ctx, actions...) == nil
}

// tryClick clicks an element, if it is there.
func (b *browser) tryClick(css string) bool { return b.try(chromedp.Click(chromedp.CSS(css))) }

// again does something, and waits until a JavaScript expression gives a text that is not
// empty. It does the same thing again only as a person would: if the app waited too long for
// something, or if the action has not reached the app.
func (b *browser) again(what, expression string, act func()) (found string) {
	b.t.Helper()
	for range patience {
		began := time.Now()
		act()
		acted, why := time.Now(), ""
		eventually(b.t, 2*soon, what, func() (err error) {
			if found, err = chromedp.Run(b.ctx, chromedp.Evaluate[string](expression+` ?? ""`)); err != nil || found != "" {
				return err
			}
			if time.Since(acted) > showsEffect {
				if why, err = b.reasonToRepeat(began); err != nil || why != "" {
					return err
				}
			}
			return errNotYet
		})
		if found != "" {
			return found
		}
		b.t.Logf("%s: %s; once more", what, why)
	}
	b.picture("failed")
	b.t.Fatalf("%s: not after %d times", what, patience)
	return ""
}

// showsEffect is how long again waits for an effect before it looks for a reason to repeat.
const showsEffect = 15 * time.Second

// reasonToRepeat returns why a person does something again that they began at a time; "" if
// there is no reason. As in doAgain, a process may remember the error of an earlier wait.
func (b *browser) reasonToRepeat(began time.Time) (why string, err error) {
	origin, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("location.origin"))
	if err != nil {
		return "", err
	}
	var log struct {
		Deliveries []struct {
			Kind   string    `json:"kind"`
			At     time.Time `json:"at"`
			Millis int64     `json:"millis"`
		} `json:"deliveries"`
	}
	if err := (&stack{ready: ready{Page: origin}}).get("/sim/deliveries", &log); err != nil {
		return "", err
	}
	why = "the app was sent nothing"
	for _, d := range log.Deliveries {
		took := time.Duration(d.Millis) * time.Millisecond
		if ended := d.At.Add(took); took >= waitsAtLeast && ended.After(began.Add(-remembers)) {
			return fmt.Sprintf("the app answered after %s", took), nil
		}
		if d.At.After(began) && d.Kind != "block_suggestion" { // which is sent while a person types
			why = ""
		}
	}
	return why, nil
}

// openForm opens the form by a click. A form that has not loaded is closed first.
func (b *browser) openForm(css string) {
	b.t.Helper()
	b.again("the form opens", `document.querySelector('.modal [data-action-id="account"]')?.dataset.actionId`, func() {
		if b.isThere(".modal") {
			b.tryClick(`.modal [data-close]`)
			b.find("no form", `document.querySelector(".modal") ? "" : "none"`)
		}
		b.tryClick(css)
	})
}

// submitForm submits the form, and waits until it is closed.
func (b *browser) submitForm() {
	b.t.Helper()
	b.again("the form closes", `document.querySelector(".modal") ? "" : "closed"`, func() { b.tryClick(`.modal [data-submit]`) })
}

func (b *browser) isThere(css string) bool {
	b.t.Helper()
	is, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](fmt.Sprintf(`document.querySelector(%q) !== null`, css)))
	if err != nil {
		b.t.Fatalf("look for %s: %v", css, err)
	}
	return is
}

// choose enters text in a select of the form, takes the option with that text, and waits
// until the app has updated the form.
func (b *browser) choose(action, typed string) {
	b.t.Helper()
	before := b.find("the form", `document.querySelector(".modal")?.dataset.hash`)
	b.again(typed+" is chosen", fmt.Sprintf(`(m => m && m.dataset.hash !== %q && m.querySelector('[data-action-id="%s"] input')?.value.includes(%q) &&
		![%q, %q].some(text => m.textContent.includes(text)) ? m.dataset.hash : "")(document.querySelector(".modal"))`,
		before, action, typed, notInTime, loading), func() { b.tryClick(b.search(action, typed)) })
}

// search enters text in a select of the form, and returns the selector of the option with
// the text. If the app does not answer in time, the person types again.
func (b *browser) search(action, typed string) (option string) {
	b.t.Helper()
	list := fmt.Sprintf(`.modal [data-action-id="%s"]`, action)
	field := list + " input"
	for range patience {
		b.click(field)
		if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](fmt.Sprintf(`(document.querySelector(%q).select(), true)`, field))); err != nil {
			b.t.Fatalf("select what is in %s: %v", field, err)
		}
		b.typeInto(field, typed)
		// Once every option has the text, the list isn't that of an earlier one.
		value := b.find("the option "+typed, fmt.Sprintf(`((options, failed) => failed || options.some(o => o.textContent.includes(%q)) ? "again" :
			options.every(o => o.textContent.includes(%q)) ? options[0]?.dataset.value : "")([...document.querySelectorAll(%q)], document.querySelector(%q))`,
			notInTime, typed, list+` [role="option"]`, list+" .failed"))
		if value != "again" {
			return fmt.Sprintf(`%s [role="option"][data-value="%s"]`, list, value)
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
// approves, and the access comes and goes. It does not run in parallel, so that moto is
// not busy with other tests.
func TestPage(t *testing.T) {
	b := newBrowser(t)
	const reason = "Roll back release 2.14, see the incident channel"
	assignment := `[...document.querySelectorAll('#truth [data-assignment]')].find(e => e.textContent.includes("payments-production") && e.textContent.includes("DeveloperAccess") && e.textContent.toLowerCase().includes("erin"))`

	unlock := local.lockForms(t, erin)
	defer unlock()
	b.do("open the page", soon, chromedp.Navigate(local.Page+"?person="+erin))
	b.openForm(`#composer [data-command="/access"]`)
	b.choose("account", "payments-production")
	b.do("see the account's permission sets", soon, chromedp.WaitVisible(chromedp.CSS(`.modal [data-block-id^="permission_set-"] input`)))
	b.choose("permission_set", "DeveloperAccess")
	b.find("who will be asked, before it is submitted", `[...document.querySelectorAll('.modal')].find(m => m.textContent.includes("carol@example.com"))?.dataset.viewId`)
	b.click(b.search("duration", "20 seconds")) // the app isn't told of this choice
	b.typeInto(`.modal textarea[data-action-id="reason"]`, reason)
	b.picture("form")
	b.submitForm()
	unlock()

	b.do("become an approver", soon, chromedp.Navigate(local.Page+"?person="+carol))
	ts := b.find("the request in the channel", fmt.Sprintf(`[...document.querySelectorAll('.message[data-ts]')].find(m => m.textContent.includes(%q) && m.querySelector('[data-action-id="approve"]'))?.dataset.ts`, reason))
	message := fmt.Sprintf(`.message[data-ts="%s"]`, ts)
	b.do("scroll to it", soon, chromedp.ScrollIntoView(chromedp.CSS(message)))
	b.picture("pending")
	b.again("the assignment on the page", assignment+`?.dataset.assignment`, func() { b.tryClick(message + ` [data-action-id="approve"]`) })
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
