package e2e

import (
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sso-elevator/infra/apng"
)

var takePictures = flag.Bool("pictures", false, "take the pictures of the documentation")

const (
	picturesFolder = repository + "/docs/pictures"
	animation      = "demo.png"
	mostBytes      = 3 << 20 // of the animation
	filmHeight     = 824     // of the page in the animation
)

// TestPictures takes the pictures of the documentation, for make pictures. People,
// texts and times are always the same, so a picture changes only if the product does.
func TestPictures(t *testing.T) {
	if !*takePictures {
		t.Skip("only make pictures takes pictures")
	}
	c := newCamera(t)
	demo := launchForPictures(t, "demo", "demo")
	c.filmDemo(demo)
	c.takeRequest(demo)
	c.takeDenied(demo)
	c.takeMoreTime(demo)
	c.takeHome(demo)
	c.takeUnknownAccess()
	c.keepAnimation()
}

// launchForPictures runs elevator with these arguments until the test ends.
func launchForPictures(t *testing.T, name string, args ...string) *stack {
	t.Helper()
	p, err := launchProgram("pictures-"+name, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	s, err := p.ready()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// filmDemo goes through the three steps of the demo, for the animation. It also takes
// the picture of the whole page.
func (c *camera) filmDemo(demo *stack) {
	step := func(key, state string) {
		c.find("the step "+key+" is "+state, fmt.Sprintf(`document.querySelector('#tour [data-key="%s"][data-state="%s"]')?.ariaLabel`, key, state))
	}
	c.resize(1152, filmHeight) // first: otherwise lines keep the heights of a screen with fewer pixels
	c.open(demo.Page)
	c.find("the first reconciliation", `[...document.querySelectorAll("[data-execution]")].find(e => e.dataset.status === "SUCCEEDED")?.id`)
	c.frame(1200 * time.Millisecond)

	// Alice requests access.
	c.film(`#tour [data-key="request"]`)
	c.find("the form", `document.querySelector('.modal [data-action-id="account"] input')?.type`)
	c.frame(800 * time.Millisecond)
	c.film(c.search("account", "shop-prod"))
	c.do("see the account's permission sets", soon, chromedp.WaitVisible(chromedp.CSS(`.modal [data-block-id^="permission_set-"] input`)))
	c.film(c.search("permission_set", "Dev"))
	c.find("the preview", `[...document.querySelectorAll(".modal")].find(m => m.textContent.includes("bob@example.com"))?.dataset.viewId`)
	c.frame(500 * time.Millisecond)
	for _, words := range []string{"Roll back ", "release 2.14"} {
		c.typeInto(`.modal textarea[data-action-id="reason"]`, words)
		c.frame(400 * time.Millisecond)
	}
	c.film(`.modal [data-submit]`)
	c.do("see the form close", soon, chromedp.WaitNotPresent(chromedp.CSS(`.modal`)))
	step("request", "done")
	c.do("see the request", soon, chromedp.WaitVisible(chromedp.CSS(`.message [data-action-id="approve"]`)))
	c.frame(1500 * time.Millisecond)

	// Bob approves it.
	c.film(`#tour [data-key="approve"]`)
	c.do("become Bob", soon, chromedp.WaitVisible(chromedp.CSS(`.message [data-action-id="approve"]:focus`)))
	c.frame(800 * time.Millisecond)
	c.film(`.message [data-action-id="approve"]`)

	// The access appears, and ends.
	const assignment = `#access [data-assignment$="/DeveloperAccess/Alice Anderson"]`
	c.find("the countdown", `document.querySelector('`+assignment+` [data-until]')?.textContent`)
	c.find("the step that is active", `document.querySelector('[data-step="Active"][data-status="now"] [data-until]')?.textContent`)
	c.do("see the reply", soon, chromedp.WaitVisible(chromedp.CSS(`.message .message.reply`)))
	c.run("camera.hidePointer()")
	for _, shown := range []struct {
		left, seconds int // the time that is really left, and the time on the page
		delay         time.Duration
	}{
		{45, 45, 2500 * time.Millisecond}, {30, 30, 700 * time.Millisecond}, {15, 15, 700 * time.Millisecond},
		{9, 3, 500 * time.Millisecond}, {9, 2, 500 * time.Millisecond}, {9, 1, 500 * time.Millisecond},
	} {
		c.find(fmt.Sprintf("%d seconds left", shown.left), fmt.Sprintf(
			`new Date(document.querySelector('%s [data-until]').dataset.until) - Date.now() <= %d ? "yes" : ""`, assignment, shown.left*1000))
		c.run(fmt.Sprintf("camera.freeze('%s [data-until]', %d)", assignment, shown.seconds))
		c.frame(shown.delay)
		if shown.seconds == 45 {
			c.takePage()
		}
		c.run("camera.thaw()")
	}
	c.find("the access is gone", `document.querySelector('`+assignment+`') ? "" : "gone"`)
	c.frame(1500 * time.Millisecond)
	step("watch", "done")
	c.find("the end in Slack", `[...document.querySelectorAll(".message")].find(m => m.textContent.includes("Access has ended"))?.dataset.ts`)
	c.find("no access", `document.querySelector("#access .truth-empty")?.textContent`)
	c.frame(4 * time.Second)
}

// takePage takes the whole page, with everything in the panel.
func (c *camera) takePage() {
	c.resize(1152, 1280)
	time.Sleep(settles)
	c.keep("page.png", c.decode(chromedp.Run(c.ctx, chromedp.CaptureScreenshot())), someDigits)
	c.resize(1152, filmHeight)
	c.run(`(document.querySelector(".messages").scrollTop = 1e6, true)`)
}

// tall is the height of a page on which the longest message that is taken fits.
const tall = 1500

// takeRequest takes a request's form and messages.
func (c *camera) takeRequest(demo *stack) {
	const reason = "Roll back release 2.15, see the incident channel"
	c.resize(1320, tall)
	c.open(demo.Page + "?person=" + alice)
	c.click(`#composer [data-command="/access"]`)
	c.choose("account", "shop-production")
	c.do("see the account's permission sets", soon, chromedp.WaitVisible(chromedp.CSS(`.modal [data-block-id^="permission_set-"] input`)))
	c.choose("permission_set", "DeveloperAccess")
	c.find("the preview", `[...document.querySelectorAll(".modal")].find(m => m.textContent.includes("bob@example.com"))?.dataset.viewId`)
	c.click(c.search("duration", "1 hour"))
	c.typeInto(`.modal textarea[data-action-id="reason"]`, reason)
	c.take("form.png", ".modal")
	c.click(`.modal [data-submit]`)
	c.do("see the form close", soon, chromedp.WaitNotPresent(chromedp.CSS(`.modal`)))

	c.become(bob)
	ts := c.find("the request", fmt.Sprintf(`[...document.querySelectorAll(".message[data-ts]")].find(m => m.textContent.includes(%q) && m.querySelector('[data-action-id="approve"]'))?.dataset.ts`, reason))
	message := fmt.Sprintf(`.message[data-ts="%s"]`, ts)
	c.take("pending.png", message)
	c.click(message + ` [data-action-id="approve"]`)
	c.do("see that it is active", soon, chromedp.WaitVisible(chromedp.CSS(message+` [data-action-id="end"]`)))
	c.do("see the reply", soon, chromedp.WaitVisible(chromedp.CSS(message+` .message.reply`)))
	c.become(alice)
	c.take("active.png", message)
	c.click(message + ` [data-action-id="end"]`)
	c.find("the end", fmt.Sprintf(`document.querySelector('%s').textContent.includes("Access has ended") ? "yes" : ""`, message))
	c.take("ended.png", message)
}

// takeDenied takes the message about a request that was denied.
func (c *camera) takeDenied(demo *stack) {
	c.open(demo.Page + "?person=" + alice)
	r := demo.askBecause(c.t, wish{grace, "payments-production", "DatabaseAdmin", 3600}, "Look up a refund for a customer", func(string) {})
	message := fmt.Sprintf(`.message[data-ts="%s"]`, r.message(c.t).TS)
	c.become(carol)
	c.click(message + ` [data-action-id="deny"]`)
	c.click(`.modal [data-submit]`)
	c.find("that it is denied", fmt.Sprintf(`document.querySelector('%s').textContent.includes("denied") ? "yes" : ""`, message))
	c.become(grace)
	c.take("denied.png", message)
}

// takeMoreTime takes the direct message that offers to ask for more time.
func (c *camera) takeMoreTime(demo *stack) {
	c.open(demo.Page + "?person=" + grace)
	demo.askBecause(c.t, wish{grace, "analytics-sandbox", "ReadOnlyAccess", 120}, "Look up a report", func(string) {})
	c.openDirectMessages()
	// The minute check sends it in the second half of the two minutes.
	c.do("see the offer", 2*time.Minute+soon, chromedp.WaitVisible(chromedp.CSS(`.message [data-action-id="more_time"]`)))
	ts := c.find("the offer", `document.querySelector('.message [data-action-id="more_time"]').closest(".message").dataset.ts`)
	c.take("more-time.png", fmt.Sprintf(`.message[data-ts="%s"]`, ts))
}

// takeHome takes an extension as approvers see it, an approver's Home tab, and what an
// incident responder sees who blocks the requester.
func (c *camera) takeHome(demo *stack) {
	c.open(demo.Page + "?person=" + bob)
	own := demo.askBecause(c.t, wish{bob, "shop-development", "DeveloperAccess", 3600}, "Check a fix before the release", func(string) {})
	own.shows(c.t, "🟢")
	demo.askBecause(c.t, wish{bob, "payments-staging", "DatabaseAdmin", 900}, "Copy test data", func(string) {}).shows(c.t, "🟡")
	w := wish{erin, "shop-production", "DeveloperAccess", 3600}
	first := demo.askBecause(c.t, w, "Find out why orders are slow", func(string) {})
	if res := demo.press(c.t, bob, first.message(c.t), "approve", false); !res.OK {
		c.t.Fatalf("press: %+v", res)
	}
	first.shows(c.t, "🟢")
	extension := demo.askBecause(c.t, w, "Still looking for the slow query", func(string) {})
	extension.shows(c.t, "🟡")

	ts := extension.message(c.t).TS
	c.find("the extension", fmt.Sprintf(`document.querySelector('.message[data-ts="%s"] [data-action-id="approve"]')?.dataset.value`, ts))
	c.take("extension.png", fmt.Sprintf(`.message[data-ts="%s"]`, ts))

	c.openHome("approve")
	c.take("home.png", "#home")

	c.open(demo.Page + "?person=" + frank)
	c.openHome("block")
	c.click(`#home [data-action-id="block"]`)
	c.click(c.search("blocked_person", "Erin")) // which changes nothing else in the dialog
	c.typeInto(`.modal textarea[data-action-id="block_reason"]`, "Laptop stolen at the station this morning")
	c.take("block.png", ".modal")
	c.click(`.modal [data-submit]`)
	c.find("what the block did", `[...document.querySelectorAll(".modal")].find(m => m.textContent.includes("Access that ends now: 1"))?.dataset.viewId`)
	c.take("blocked.png", ".modal")
}

// openDirectMessages opens the person's conversation with the app.
func (c *camera) openDirectMessages() {
	c.t.Helper()
	c.click(`.conversations [data-kind="im"]`)
}

// openHome opens the app's Home tab, and waits for a button in it.
func (c *camera) openHome(action string) {
	c.t.Helper()
	c.openDirectMessages()
	c.click(`[data-tab-of-app="home"]`)
	c.find("the Home tab", fmt.Sprintf(`document.querySelector('#home [data-action-id="%s"]')?.innerText`, action))
}

// takeUnknownAccess takes the question that a reconciliation asks in a new deployment,
// and a report with a finding that an approver can decide about.
func (c *camera) takeUnknownAccess() {
	text, err := os.ReadFile("testdata/drift.yaml")
	if err != nil {
		c.t.Fatal(err)
	}
	config := filepath.Join(c.t.TempDir(), "drift.yaml")
	// The question must stay open until the picture is taken.
	if err := os.WriteFile(config, []byte(edit(c.t, string(text), "reconcile_question_hours: 45s", "")), 0o644); err != nil {
		c.t.Fatal(err)
	}
	seed, err := filepath.Abs("testdata/drift-organization.yaml")
	if err != nil {
		c.t.Fatal(err)
	}
	s := launchForPictures(c.t, "drift", "local", "-config", config, "-seed", seed)
	c.open(s.Page + "?person=" + alice)
	s.give(c.t, judy, "lake", "DeveloperAccess")
	s.give(c.t, erin, "payments", "ReadOnlyAccess")
	s.join(c.t, kim, "Deployers")
	question := s.run(c.t, "revoke", "").question(c.t)
	c.become(carol)
	c.take("removal.png", fmt.Sprintf(`.message[data-ts="%s"]`, question.TS))
	report := s.runToEnd(c.t, "warn").report(c.t)
	c.take("findings.png", fmt.Sprintf(`.message[data-ts="%s"]`, report.TS))
}

// camera takes pictures of the page in a browser with sharp letters and no motion.
type camera struct {
	*browser
	frames  []apng.Frame
	changed []string // pictures
}

//go:embed testdata/camera.js
var cameraScript string

// newCamera starts a browser for pictures.
func newCamera(t *testing.T) *camera {
	t.Helper()
	return &camera{browser: newBrowser(t, chromedp.Env("TZ=UTC"), chromedp.Flag("lang", "en-US"), chromedp.Flag("force-prefers-reduced-motion", true))}
}

// open opens a page. Its clock starts at 10:30.
func (c *camera) open(page string) {
	c.t.Helper()
	c.do("open "+page, soon, chromedp.Navigate(page))
	c.run(cameraScript + "\ntrue")
}

// run runs a JavaScript expression whose value is true.
func (c *camera) run(expression string) {
	c.t.Helper()
	if ok, err := chromedp.Run(c.ctx, chromedp.Evaluate[bool](expression)); err != nil || !ok {
		c.picture("failed")
		c.t.Fatalf("%s: %v %v", expression, ok, err)
	}
}

// resize sets the size of the page. A picture has twice as many pixels.
func (c *camera) resize(width, height int64) {
	c.t.Helper()
	c.do("resize the page", soon, chromedp.EmulateViewport(width, height, chromedp.EmulateScale(2)))
}

func (c *camera) become(person string) {
	c.t.Helper()
	c.click(fmt.Sprintf(`.rail [data-person="%s"]`, person))
	c.find("to be "+person, fmt.Sprintf(`document.querySelector("#person").value === %q ? "yes" : ""`, person))
}

// film adds a frame in which the pointer is at an element, and clicks on the element.
func (c *camera) film(css string) {
	c.t.Helper()
	time.Sleep(settles)
	c.run(fmt.Sprintf("camera.point(%q)", css))
	c.frame(800 * time.Millisecond)
	c.click(css)
}

// settles is how long the page takes to draw everything after a change.
const settles = 700 * time.Millisecond

// frame adds what the page shows to the animation.
func (c *camera) frame(delay time.Duration) {
	c.t.Helper()
	time.Sleep(settles)
	c.frames = append(c.frames, apng.Frame{Image: c.decode(chromedp.Run(c.ctx, chromedp.CaptureScreenshot())), Delay: delay})
}

// take keeps a picture of one element.
func (c *camera) take(name, css string) {
	c.t.Helper()
	c.do("scroll to "+css, soon, chromedp.ScrollIntoView(chromedp.CSS(css)))
	c.do("move the mouse away", soon, chromedp.MouseEvent(chromedp.MouseMoved, 1, 1))
	c.run(fmt.Sprintf("camera.still(%q)", css))
	time.Sleep(settles)
	c.run("camera.moveTimes()")
	c.keep(name, c.decode(chromedp.Run(c.ctx, chromedp.Screenshot(chromedp.CSS(css)))), 0)
}

func (c *camera) decode(file []byte, err error) image.Image {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

// someDigits is how many of a thousand pixels differ if the panel shows other seconds.
const someDigits = 2

// keep writes a picture to docs/pictures. If only so many of a thousand pixels differ
// from the picture that is there, keep leaves it.
func (c *camera) keep(name string, m image.Image, thousandths int) {
	c.t.Helper()
	path := filepath.Join(picturesFolder, name)
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.t.Fatal(err)
	}
	if err == nil {
		before, n := c.decode(old, nil), m.Bounds().Dx()*m.Bounds().Dy()
		if before.Bounds() == m.Bounds() && difference(before, m)*1000 <= n*thousandths {
			return
		}
	}
	var file bytes.Buffer
	compress := png.Encoder{CompressionLevel: png.BestCompression}
	if err := compress.Encode(&file, m); err != nil {
		c.t.Fatal(err)
	}
	c.write(name, file.Bytes())
}

func (c *camera) write(name string, file []byte) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(picturesFolder, name), file, 0o644); err != nil {
		c.t.Fatal(err)
	}
	c.changed = append(c.changed, name)
	c.t.Logf("docs/pictures/%s is new: %d KB", name, len(file)>>10)
}

// difference counts the pixels that differ between two pictures of the same size.
func difference(a, b image.Image) (n int) {
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			r, g, b1, _ := a.At(x, y).RGBA()
			r2, g2, b2, _ := b.At(x, y).RGBA()
			if r != r2 || g != g2 || b1 != b2 {
				n++
			}
		}
	}
	return n
}

// keepAnimation writes the animation. It shows seconds, so it is written only if another
// picture changed, or if there is none.
func (c *camera) keepAnimation() {
	c.t.Helper()
	if _, err := os.Stat(filepath.Join(picturesFolder, animation)); err == nil && len(c.changed) == 0 {
		c.t.Log("docs/pictures: nothing has changed")
		return
	}
	var file bytes.Buffer
	if err := apng.Encode(&file, c.frames); err != nil {
		c.t.Fatal(err)
	}
	if file.Len() > mostBytes {
		c.t.Errorf("the animation has %d KB, more than %d KB", file.Len()>>10, mostBytes>>10)
	}
	c.write(animation, file.Bytes())
	c.t.Logf("changed: %s", strings.Join(c.changed, ", "))
}
