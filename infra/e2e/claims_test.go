package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/table/tabletest"
)

// claims returns the requests that the row of a person's claims names.
func (s *stack) claims(t *testing.T, key string) map[string]bool {
	t.Helper()
	named := map[string]bool{}
	all, _ := tabletest.PlainRow(s.row(t, key))["claims"].(map[string]any)
	for _, claim := range all {
		named[fmt.Sprint(claim.(map[string]any)["request_id"])] = true
	}
	return named
}

// rawForm is a form of Quentin's, as Slack sends it.
type rawForm struct{ person, viewID, account, set string }

func (f rawForm) id() string { return access.RequestID(team, f.viewID) }

// These are the kinds of responses to a form.
const (
	accepted = "accepted"
	already  = "already requested"
	tooMany  = "too many"
	tryAgain = "try again"
)

// claimed is how many seconds the forms request: the stacks offer different durations.
func claimed(s *stack) int {
	if s == quiet {
		return 12
	}
	return 20
}

// wantNoClaims checks that nothing claims a target any more. If a claim could not be freed in
// time, the log says so: it doesn't count, and the next reconciliation frees it.
func (s *stack) wantNoClaims(t *testing.T, key string) {
	t.Helper()
	for id := range s.claims(t, key) {
		if s.loggedLate(t, id, "claim of the decided request could not be freed") == 0 {
			t.Errorf("claimed at the end by %s", id)
		}
	}
}

// sendForm sends the form until the app responds in time, and returns the result.
func (s *stack) sendForm(t *testing.T, f rawForm) (kind, answer string) {
	account, set := s.accountID(t, f.account), s.permissionSetARN(t, f.set)
	metadata, err := json.Marshal(access.Target{Kind: access.KindAccount, AccountID: account})
	if err != nil {
		t.Error(err)
	}
	body := submission(f.person, f.viewID, string(metadata), account, set, fmt.Sprint(claimed(s)), t.Name())
	for range 20 {
		timestamp, signature := sign(signingSecret, time.Now(), body)
		began := time.Now()
		var status int
		status, answer = s.send(t, body, timestamp, signature)
		switch took := time.Since(began); {
		case status == http.StatusInternalServerError:
			s.doAgain(t, took, "the form "+f.viewID)
		case status == http.StatusOK && strings.Contains(answer, `"clear"`):
			return accepted, answer
		case strings.Contains(answer, "You already requested this at"):
			return already, answer
		case strings.Contains(answer, "undecided requests"):
			return tooMany, answer
		case status == http.StatusOK && saysAgain(answer):
			time.Sleep(time.Second)
		default:
			t.Errorf("the form %s: status %d, %s", f.viewID, status, answer)
			return tryAgain, answer
		}
	}
	t.Errorf("the form %s: the app never has time for it: %s", f.viewID, answer)
	return tryAgain, answer
}

// TestClaims checks that a person has one undecided request for a target, and ten
// in all, whichever of their Slack users submits the form.
func TestClaims(t *testing.T) {
	t.Parallel()
	n := 0
	form := func(person, account, set string) rawForm {
		n++
		return rawForm{person, fmt.Sprintf("V0CLAIM%03d", n), account, set}
	}
	// wants sends the form and compares the result.
	wantsOn := func(t *testing.T, s *stack, f rawForm, want string) *request {
		t.Helper()
		if got, answer := s.sendForm(t, f); got != want {
			t.Fatalf("%s asks for %s in %s: %s, want %s: %s", f.person, f.set, f.account, got, want, answer)
		}
		if want != accepted {
			s.nothingOf(t, want, f.id())
		}
		return &request{stack: s, wish: wish{f.person, f.account, f.set, claimed(s)}, reason: t.Name(), id: f.id()}
	}
	s := local
	row := "claims#" + s.principalID(t, quentin)
	wants := func(t *testing.T, f rawForm, want string) *request {
		t.Helper()
		return wantsOn(t, s, f, want)
	}
	waits := func(t *testing.T, r *request) {
		t.Helper()
		eventually(t, soon, "the request waits for approval", func() error {
			if row := r.stack.requestRow(t, r.id); row.ApprovalToken == "" || row.Posts["announce"].TS == "" {
				return errNotYet
			}
			return nil
		})
	}
	press := func(t *testing.T, r *request, person, action string) {
		t.Helper()
		if res := r.stack.press(t, person, r.message(t), action, false); !res.OK {
			t.Fatalf("%s: %+v", action, res)
		}
		eventually(t, soon, "the press counts", func() error {
			if r.stack.requestRow(t, r.id).Outcome == nil {
				return errNotYet
			}
			return nil
		})
	}

	// The tests below run one after another, because they share the person.
	t.Run("one undecided request for a target", func(t *testing.T) {
		const account, set = "network", "DeveloperAccess"
		first := form(quentin, account, set)
		r := wants(t, first, accepted)
		waits(t, r)
		for _, person := range []string{quentin, oldQuentin} {
			_, answer := s.sendForm(t, form(person, account, set))
			if !strings.Contains(answer, "You already requested this at "+s.requestRow(t, r.id).CreatedAt.Format("15:04 UTC")) || !strings.Contains(answer, "It is waiting for approval.") {
				t.Errorf("%s is told: %s", person, answer)
			}
			m := r.message(t)
			if link := "/archives/" + m.Channel + "/p" + strings.ReplaceAll(m.TS, ".", "") + `"`; !strings.Contains(answer, link) {
				t.Errorf("%s gets no link to the request, %s: %s", person, link, answer)
			}
			wants(t, form(person, account, set), already)
		}
		wants(t, first, accepted) // the same form again is the same request
		if got := s.claims(t, row); len(got) != 1 || !got[r.id] {
			t.Errorf("claimed by %v, want by %s alone", got, r.id)
		}

		press(t, r, quentin, "withdraw")
		second := wants(t, form(oldQuentin, account, set), accepted)
		wants(t, form(quentin, account, set), already)
		waits(t, second)
		press(t, second, bob, "deny")
		third := wants(t, form(quentin, account, set), accepted)
		waits(t, third)
		press(t, third, carol, "approve")
		third.waitAssigned(t)

		// While the access is active, one more request is possible, but no second one.
		// That request outlives the first.
		fourth := wants(t, form(quentin, account, set), accepted)
		wants(t, form(oldQuentin, account, set), already)
		waits(t, fourth)
		press(t, fourth, bob, "approve")
		fourth.shows(t, "🟢")
		third.finished(t, sfntypes.ExecutionStatusSucceeded, 20*time.Second+removalLimit+soon)
		if removal := s.requestRow(t, third.id).Removal; removal != access.RemovalKept && removal != access.RemovalDone {
			t.Errorf("the first of the two ends as %q", removal)
		}
		fourth.finished(t, sfntypes.ExecutionStatusSucceeded, 20*time.Second+removalLimit+soon)
		if fourth.assigned(t) {
			t.Error("access is left behind")
		}
		wantEvents(t, r, "requested", "withdrawn")
		wantEvents(t, second, "requested", "denied")
		wantEvents(t, third, "requested", "approved", "granted", "revoked")
		wantEvents(t, fourth, "requested", "approved", "granted", "revoked")
		s.wantNoClaims(t, row)
	})

	t.Run("forms at the same moment", func(t *testing.T) {
		const at = 12
		var all sync.WaitGroup
		forms, kinds := make([]rawForm, at), make([]string, at)
		for i := range forms {
			forms[i] = form([]string{quentin, oldQuentin}[i%2], "data-lake", "DeveloperAccess")
		}
		for i, f := range forms {
			all.Go(func() { kinds[i], _ = s.sendForm(t, f) })
		}
		all.Wait()
		var made []rawForm
		for i, f := range forms {
			if (s.row(t, "request#"+f.id()) != nil) != (kinds[i] == accepted) {
				t.Errorf("form %s: %s, and its row is there or not", f.viewID, kinds[i])
			}
			if kinds[i] == accepted {
				made = append(made, f)
			}
		}
		if len(made) != 1 {
			t.Fatalf("%d requests came of %d forms: %q", len(made), at, kinds)
		}
		r := &request{stack: s, wish: wish{made[0].person, "data-lake", "DeveloperAccess", claimed(s)}, reason: t.Name(), id: made[0].id()}
		waits(t, r)
		press(t, r, r.wish.person, "withdraw") // the other user may not
		r.finished(t, sfntypes.ExecutionStatusSucceeded, 2*soon)
	})

	closed := func(t *testing.T, r *request) {
		t.Helper()
		eventually(t, 3*soon, "the request is closed", func() error {
			if r.stack.requestRow(t, r.id).ClosedAt.IsZero() {
				return errNotYet
			}
			return nil
		})
	}

	// On the quiet stack, nothing expires while the test sends eleven forms.
	t.Run("too many", func(t *testing.T) {
		asking.Lock()
		unlock := sync.OnceFunc(asking.Unlock)
		defer unlock()
		const set = "DeveloperAccess"
		var open []*request
		for _, account := range accounts[:10] {
			open = append(open, wantsOn(t, quiet, form(quentin, account, set), accepted))
		}
		for _, person := range []string{quentin, oldQuentin} {
			wantsOn(t, quiet, form(person, accounts[10], set), tooMany)
		}
		const last = 9
		wantsOn(t, quiet, form(quentin, accounts[last], set), already)
		waits(t, open[last])
		press(t, open[last], quentin, "withdraw")
		open = append(open, wantsOn(t, quiet, form(oldQuentin, accounts[10], set), accepted))
		unlock()
		for i, r := range open {
			if i != last {
				waits(t, r)
				press(t, r, r.wish.person, "withdraw")
			}
		}
		for i, r := range open {
			closed(t, r)
			if got, want := r.events(t), []string{"requested", "withdrawn"}; !slices.Equal(got, want) {
				t.Errorf("request %d: records %q, want %q", i, got, want)
			}
		}
		quiet.wantNoClaims(t, "claims#"+quiet.principalID(t, quentin))
	})

	t.Run("expired ones", func(t *testing.T) {
		var expires []*request
		for _, account := range accounts[:10] { // as many as may be undecided
			expires = append(expires, wants(t, form(quentin, account, "BillingAccess"), accepted))
		}
		for i, r := range expires {
			closed(t, r)
			if got, want := r.events(t), []string{"requested", "expired"}; !slices.Equal(got, want) {
				t.Errorf("request %d: records %q, want %q", i, got, want)
			}
		}
		again := []*request{
			wants(t, form(quentin, accounts[0], "BillingAccess"), accepted),
			wants(t, form(oldQuentin, accounts[0], "DeveloperAccess"), accepted),
		}
		for _, r := range again {
			waits(t, r)
			press(t, r, r.wish.person, "withdraw")
			closed(t, r)
		}
		s.wantNoClaims(t, row)
	})
}
