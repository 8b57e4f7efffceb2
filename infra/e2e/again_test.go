package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
	"sso-elevator/slack/simulator"
)

// pressForForm presses a button that opens a form, and returns the form once it is filled.
func (s *stack) pressForForm(t *testing.T, person string, m post, action string) *form {
	t.Helper()
	f := &form{stack: s, person: person, unlock: s.lockForms(t, person)}
	res := s.untilAnswered(t, person+" opens the form of "+action, func() (res simulator.Result, told bool) {
		res = s.press(t, person, m, action, false)
		f.viewID = res.Opened
		return res, f.viewID != "" && f.view(t).says(notInTime, loading)
	})
	if !res.OK || f.viewID == "" {
		t.Fatalf("%s gets no form for %s: %+v", person, action, res)
	}
	return f
}

// wantForm checks that the form shows these texts.
func (f *form) wantForm(t *testing.T, texts ...string) {
	t.Helper()
	v := f.view(t)
	for _, text := range texts {
		if !v.says(text) {
			t.Errorf("the form does not have %q: %s", text, v.Raw)
		}
	}
}

// askWith submits the form with these values, over those that it has.
func (f *form) askWith(t *testing.T, w wish, values map[string]string) *request {
	t.Helper()
	if res := f.submit(t, values); !res.OK || f.already(t) != "" {
		t.Fatalf("submit: %+v, %s", res, f.already(t))
	}
	return &request{stack: f.stack, wish: w, reason: values["reason"], id: access.RequestID(team, f.viewID)}
}

// TestAskAgain checks that the requester can repeat a request that has ended, with another
// reason: the form has everything else. Nobody else can use the button.
func TestAskAgain(t *testing.T) {
	t.Parallel()
	w := wish{dave, "log-archive", "ReadOnlyAccess", 20}
	first := local.ask(t, w)
	if m := first.message(t); m.has("ask_again") {
		t.Errorf("the button is there before the end: %s", m.Blocks)
	}
	first.waitAssigned(t)
	first.waitGone(t, 20*time.Second+removalLimit)
	first.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	m := first.message(t)
	if !m.has("ask_again") {
		t.Fatalf("the final message has no button: %s", m.Blocks)
	}
	if res := local.press(t, bob, m, "ask_again", false); !res.OK {
		t.Errorf("press: %+v", res)
	}
	local.wantToldAlone(t, bob, "This button is for the requester. To request this access yourself, use /access.")

	// Dave is outside the channel, and finds the button in his direct message.
	f := local.pressForForm(t, dave, first.waitDirect(t, dave, "dm-revoked"), "ask_again")
	defer f.unlock()
	f.wantForm(t, local.accountID(t, w.account), local.permissionSetARN(t, w.permissionSet), first.reason, "20 seconds", "This will be granted automatically")
	second := f.askWith(t, w, map[string]string{"reason": first.reason + ", again"})
	second.waitAssigned(t)
	if row := local.requestRow(t, second.id); row.Duration != 20 || row.Target != local.requestRow(t, first.id).Target {
		t.Errorf("requested %+v for %d s", row.Target, row.Duration)
	}
	second.waitGone(t, 20*time.Second+removalLimit)
	second.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, second, "requested", "approved", "granted", "revoked")
}

// TestCommandWords checks the words after a slash command.
func TestCommandWords(t *testing.T) {
	t.Parallel()
	says := func(t *testing.T, person, words string) {
		t.Helper()
		res := local.untilAnswered(t, person+" types "+words, func() (res simulator.Result, told bool) {
			before := local.toldToPressAgain(t, person, "")
			if err := local.post("/sim/command", map[string]string{"person": person, "command": "/access", "text": words, "channel": "C0ACCESS01"}, &res); err != nil {
				t.Fatal(err)
			}
			return res, local.toldToPressAgain(t, person, "") > before
		})
		if !res.OK {
			t.Fatalf("/access %s: %+v", words, res)
		}
	}
	open := func(t *testing.T, person, command, words string) *form {
		t.Helper()
		return local.openBy(t, "/sim/command", map[string]string{"person": person, "command": command, "text": words, "channel": "C0ACCESS01"})
	}
	t.Run("help", func(t *testing.T) {
		t.Parallel()
		says(t, kim, "help")
		local.wantToldAlone(t, kim, "shows your active access")
	})
	t.Run("an account and a permission set", func(t *testing.T) {
		t.Parallel()
		w := wish{lena, "playground", "ReadOnlyAccess", 60}
		f := open(t, lena, "/access", "Playground readonly")
		f.wantForm(t, local.accountID(t, w.account), local.permissionSetARN(t, w.permissionSet), "This will be granted automatically")
		r := f.askWith(t, w, map[string]string{"duration": "60", "reason": t.Name()})
		f.unlock()
		r.waitAssigned(t)
		says(t, lena, "list")
		// Identity Center has the access before the row says so.
		local.wantToldAlone(t, lena, "• ReadOnlyAccess in playground ("+local.accountID(t, w.account)+")")
		r.waitGone(t, 60*time.Second+removalLimit)
		r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	})
	t.Run("several accounts", func(t *testing.T) {
		t.Parallel()
		f := open(t, kim, "/access", "payments")
		defer f.unlock()
		f.wantForm(t, "accounts match “payments”. Choose one.")
	})
	t.Run("a group", func(t *testing.T) {
		t.Parallel()
		f := open(t, judy, "/group-access", "incident") // who approves nothing, so no dialog replaces the form
		defer f.unlock()
		f.wantForm(t, local.groupID(t, "Incident Responders"), "This will be granted automatically")
	})
	t.Run("hostile words", func(t *testing.T) {
		t.Parallel()
		f := open(t, mallory, "/access", "<!channel> *x* <https://evil.test|x>")
		defer f.unlock()
		f.wantForm(t, "Nothing that you can request matches “", `"type":"plain_text"`)
	})
}

// look runs the check that a schedule runs every minute.
func (s *stack) look(t *testing.T) {
	t.Helper()
	res, err := http.Post(s.AWSEndpointURL+"/2015-03-31/functions/sso-elevator-reconcile:live/invocations", "application/json", strings.NewReader(`{"operation":"look"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("look: %s", res.Status)
	}
}

// checkExtensionOffer checks on a stack with offers that the requester is offered more time
// once, and not before half of the time is over. The form that the button opens repeats the
// request. The offer ends when a request with a later end is granted.
func checkExtensionOffer(t *testing.T, s *stack) {
	const lasts = 90 // seconds; testdata/management.yaml offers it
	w := wish{kim, "shop", "ReadOnlyAccess", lasts}
	first := s.ask(t, w)
	first.waitAssigned(t)
	first.shows(t, "🟢")
	offers := func() []post { return first.direct(t, kim)["dm-more_time"] }
	granted := s.requestRow(t, first.id).GrantedAt
	half := granted.Add(lasts / 2 * time.Second)
	s.look(t)
	if time.Now().Before(half) && len(offers()) > 0 {
		t.Error("more time is offered before half of the time is over")
	}
	time.Sleep(time.Until(half))
	for range 3 {
		s.look(t)
	}
	offer := first.waitDirect(t, kim, "dm-more_time")
	s.look(t)
	if text := strings.Join(textsOf(t, offer.Blocks), ""); !offer.has("more_time") || !strings.Contains(text, "your access ends ") || !strings.Contains(text, "ReadOnlyAccess in shop") {
		t.Errorf("the offer says %q: %s", text, offer.Blocks)
	}

	f := s.pressForForm(t, kim, offer, "more_time")
	f.wantForm(t, s.accountID(t, w.account), s.permissionSetARN(t, w.permissionSet), first.reason, "1 minute 30 seconds")
	second := f.askWith(t, w, map[string]string{"reason": fmt.Sprintf("%s, %d", t.Name(), time.Now().UnixNano())})
	f.unlock()
	second.shows(t, "🟢")
	if !s.requestRow(t, second.id).End.After(s.requestRow(t, first.id).End) {
		t.Error("the second request ends first")
	}
	eventually(t, soon, "the offer has no button", func() error {
		if all := offers(); len(all) != 1 || all[0].has("more_time") {
			return fmt.Errorf("%d offers: %s", len(all), all[0].Blocks)
		}
		return nil
	})
	if res := s.press(t, kim, second.message(t), "end", false); !res.OK {
		t.Errorf("press: %+v", res)
	}
	first.waitGone(t, lasts*time.Second+removalLimit)
	for _, r := range []*request{first, second} {
		r.finished(t, sfntypes.ExecutionStatusSucceeded, lasts*time.Second+soon)
	}
	if all := offers(); len(all) != 1 {
		t.Errorf("%d offers, want one", len(all))
	}
}
