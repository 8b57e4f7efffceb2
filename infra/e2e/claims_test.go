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

// sendForm sends the form until the app responds in time, and returns the result.
func (s *stack) sendForm(t *testing.T, f rawForm) (kind, answer string) {
	account, set := s.accountID(t, f.account), s.permissionSetARN(t, f.set)
	metadata, err := json.Marshal(access.Target{Kind: access.KindAccount, AccountID: account})
	if err != nil {
		t.Error(err)
	}
	body := submission(f.person, f.viewID, string(metadata), account, set, "20", t.Name())
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
	s := local
	n := 0
	form := func(person, account, set string) rawForm {
		n++
		return rawForm{person, fmt.Sprintf("V0CLAIM%03d", n), account, set}
	}
	row := "claims#" + s.principalID(t, quentin)
	// wants sends the form and compares the result.
	wants := func(t *testing.T, f rawForm, want string) *request {
		t.Helper()
		if got, answer := s.sendForm(t, f); got != want {
			t.Fatalf("%s asks for %s in %s: %s, want %s: %s", f.person, f.set, f.account, got, want, answer)
		}
		if want != accepted {
			s.nothingOf(t, want, f.id())
		}
		return &request{stack: s, wish: wish{f.person, f.account, f.set, 20}, reason: t.Name(), id: f.id()}
	}
	waits := func(t *testing.T, r *request) {
		t.Helper()
		eventually(t, soon, "the request waits for approval", func() error {
			if row := s.requestRow(t, r.id); row.ApprovalToken == "" || row.Posts["announce"].TS == "" {
				return errNotYet
			}
			return nil
		})
	}
	press := func(t *testing.T, r *request, person, action string) {
		t.Helper()
		if res := s.press(t, person, r.message(t), action, false); !res.OK {
			t.Fatalf("%s: %+v", action, res)
		}
		eventually(t, soon, "the press counts", func() error {
			if s.requestRow(t, r.id).Outcome == nil {
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
		if got := s.claims(t, row); len(got) != 0 {
			t.Errorf("claimed at the end by %v", got)
		}
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
		var made []string
		for i, f := range forms {
			if (s.row(t, "request#"+f.id()) != nil) != (kinds[i] == accepted) {
				t.Errorf("form %s: %s, and its row is there or not", f.viewID, kinds[i])
			}
			if kinds[i] == accepted {
				made = append(made, f.id())
			}
		}
		if len(made) != 1 {
			t.Fatalf("%d requests came of %d forms: %q", len(made), at, kinds)
		}
		r := &request{stack: s, wish: wish{quentin, "data-lake", "DeveloperAccess", 20}, reason: t.Name(), id: made[0]}
		waits(t, r)
		press(t, r, quentin, "withdraw")
		r.finished(t, sfntypes.ExecutionStatusSucceeded, 2*soon)
	})

	t.Run("too many, and expired ones", func(t *testing.T) {
		var open []*request
		for _, account := range accounts[:10] {
			open = append(open, wants(t, form(quentin, account, "BillingAccess"), accepted))
		}
		for _, person := range []string{quentin, oldQuentin} {
			wants(t, form(person, accounts[0], "AdministratorAccess"), tooMany)
		}
		const last = 9 // it expires last
		wants(t, form(quentin, accounts[last], "BillingAccess"), already)
		waits(t, open[last])
		press(t, open[last], quentin, "withdraw")
		next := wants(t, form(oldQuentin, accounts[0], "DeveloperAccess"), accepted)
		for i, r := range open {
			eventually(t, 3*soon, "the request is closed", func() error {
				if s.requestRow(t, r.id).ClosedAt.IsZero() {
					return errNotYet
				}
				return nil
			})
			want := []string{"requested", "expired"}
			if i == last {
				want[1] = "withdrawn"
			}
			if got := r.events(t); !slices.Equal(got, want) {
				t.Errorf("request %d: records %q, want %q", i, got, want)
			}
		}
		again := wants(t, form(quentin, accounts[0], "BillingAccess"), accepted)
		for _, r := range []*request{next, again} {
			eventually(t, 3*soon, "the request is closed", func() error {
				if s.requestRow(t, r.id).ClosedAt.IsZero() {
					return errNotYet
				}
				return nil
			})
		}
		if got := s.claims(t, row); len(got) != 0 {
			t.Errorf("claimed at the end by %v", got)
		}
	})
}
