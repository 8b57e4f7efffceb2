package people_test

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/people"
	"sso-elevator/slack"
)

// world is a workspace and an identity store.
type world struct {
	members []slack.User
	users   map[string]string // email to Identity Center user id
	off     map[string]bool   // ids of users who are disabled

	unconfirmed map[string]bool // Slack ids of users whose email isn't confirmed

	asked   atomic.Int32
	mu      sync.Mutex
	running int
	most    int // lookups by email in progress
	err     error
}

func (w *world) User(_ context.Context, id string) (slack.User, error) {
	w.asked.Add(1)
	for _, u := range w.members {
		if u.ID == id {
			u.EmailConfirmed = !w.unconfirmed[id]
			return u, w.err
		}
	}
	return slack.User{}, access.Errorf(access.CodeNotFound, "user_not_found")
}

func (w *world) UserByEmail(_ context.Context, email string) (slack.User, bool, error) {
	w.mu.Lock()
	w.running++
	w.most = max(w.most, w.running)
	w.mu.Unlock()
	time.Sleep(2 * time.Millisecond)
	w.mu.Lock()
	w.running--
	w.mu.Unlock()
	w.asked.Add(1)
	for _, u := range w.members {
		if u.Email == email {
			u.EmailConfirmed = !w.unconfirmed[u.ID]
			return u, true, w.err
		}
	}
	return slack.User{}, false, w.err
}

type users struct{ *world }

func (d users) UserByEmail(_ context.Context, email string) (access.User, bool, error) {
	id, ok := d.users[email]
	if email == "shared@example.com" || email == "shared@nobody.example" {
		return access.User{}, false, access.Errorf(access.CodeAmbiguous, "two users")
	}
	return access.User{ID: id, UserName: "name of " + id, DisplayName: "Name of " + id, Emails: []string{email}, Disabled: d.off[id]}, ok, nil
}

func (d users) Warm(context.Context) {}

func newWorld() *world {
	return &world{
		members: []slack.User{
			{ID: "UJANE", TeamID: "T1", Email: "jane@example.com", Name: "Jane"},
			{ID: "UOLD", TeamID: "T1", Email: "old@legacy.example", Name: "Old"},
			{ID: "UNEW", TeamID: "T1", Email: "new@example.com"},
			{ID: "UGUEST", TeamID: "T1", Email: "guest@example.com", Guest: true},
			{ID: "UGONE", TeamID: "T1", Email: "gone@example.com", Deleted: true},
			{ID: "UBOT", TeamID: "T1", Bot: true},
			{ID: "UOTHER", TeamID: "T2", Email: "other@example.com", Stranger: true},
			{ID: "UNOMAIL", TeamID: "T1"},
			{ID: "UOFF", TeamID: "T1", Email: "off@legacy.example"},
			{ID: "UOFFTOO", TeamID: "T1", Email: "offtoo@legacy.example"},
			{ID: "UDOUBT", TeamID: "T1", Email: "doubt@example.com"},
			{ID: "USHARED", TeamID: "T1", Email: "shared@example.com"},
			{ID: "USHAREDTOO", TeamID: "T1", Email: "shared@legacy.example"},
			{ID: "UCAPITAL", TeamID: "T1", Email: "Capital@Example.com"},
			{ID: "UCAPITALTOO", TeamID: "T1", Email: "Capital.Too@legacy.example"},
		},
		off:         map[string]bool{"p-off": true},
		unconfirmed: map[string]bool{"UDOUBT": true},
		users: map[string]string{
			"jane@example.com": "p-jane", "old@example.com": "p-old", "guest@example.com": "p-guest",
			"gone@example.com": "p-gone", "other@example.com": "p-other", "doubt@example.com": "p-doubt",
			"shared@example.com": "p-shared", "Capital@Example.com": "p-capital", "Capital.Too@example.com": "p-capital-too",
			"off@legacy.example": "p-off", "off@example.com": "p-namesake", "offtoo@example.com": "p-off",
		},
	}
}

func finder(w *world, now func() time.Time) *people.Finder {
	return people.New(w, users{w}, people.Settings{Team: "T1", SecondaryDomains: []string{"nobody.example", "@example.com"}}, now)
}

func TestWho(t *testing.T) {
	tests := []struct {
		name, id     string
		want         access.Person // as requester
		wantCode     access.Code
		approverCode access.Code
	}{
		{name: "member", id: "UJANE", want: access.Person{SlackID: "UJANE", Email: "jane@example.com", Name: "Jane", PrincipalID: "p-jane"}},
		{name: "member under a secondary domain", id: "UOLD", approverCode: access.CodeNotFound,
			want: access.Person{SlackID: "UOLD", Email: "old@legacy.example", Name: "Old", PrincipalID: "p-old", SecondaryDomain: true,
				FoundAs: access.DirectoryUser{UserName: "name of p-old", DisplayName: "Name of p-old", Email: "old@example.com"}}},
		{name: "whose email is not confirmed", id: "UDOUBT", wantCode: access.CodeRefused, approverCode: access.CodeRefused},
		{name: "of an email that two users have", id: "USHARED", wantCode: access.CodeRefused, approverCode: access.CodeRefused},
		{name: "of an email that two users have under a secondary domain, with a namesake under the next", id: "USHAREDTOO", wantCode: access.CodeRefused, approverCode: access.CodeNotFound},
		{name: "asked for as Slack spells it", id: "UCAPITAL", want: access.Person{SlackID: "UCAPITAL", Email: "capital@example.com", PrincipalID: "p-capital"}},
		{name: "asked for as Slack spells it under a secondary domain", id: "UCAPITALTOO", approverCode: access.CodeNotFound,
			want: access.Person{SlackID: "UCAPITALTOO", Email: "capital.too@legacy.example", PrincipalID: "p-capital-too", SecondaryDomain: true,
				FoundAs: access.DirectoryUser{UserName: "name of p-capital-too", DisplayName: "Name of p-capital-too", Email: "Capital.Too@example.com"}}},
		{name: "not in Identity Center", id: "UNEW", wantCode: access.CodeNotFound, approverCode: access.CodeNotFound},
		{name: "guest", id: "UGUEST", wantCode: access.CodeRefused, approverCode: access.CodeRefused},
		{name: "deactivated", id: "UGONE", wantCode: access.CodeRefused, approverCode: access.CodeRefused},
		{name: "bot", id: "UBOT", wantCode: access.CodeRefused, approverCode: access.CodeRefused},
		{name: "from another workspace", id: "UOTHER", wantCode: access.CodeRefused, approverCode: access.CodeRefused},
		{name: "unknown", id: "UNOBODY", wantCode: access.CodeRefused, approverCode: access.CodeRefused},
		{name: "disabled, with a namesake under a secondary domain", id: "UOFF", wantCode: access.CodeRefused, approverCode: access.CodeRefused},
		{name: "disabled under a secondary domain", id: "UOFFTOO", wantCode: access.CodeRefused, approverCode: access.CodeNotFound},
		{name: "without an email", id: "UNOMAIL", wantCode: access.CodeNotFound, approverCode: access.CodeNotFound},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := finder(newWorld(), time.Now)
			got, err := f.Requester(t.Context(), test.id)
			if got != test.want || access.CodeOf(err) != test.wantCode {
				t.Errorf("requester: got %+v, %v; want %+v, code %q", got, err, test.want, test.wantCode)
			}
			for _, email := range []string{test.want.Email, "jane@example.com", "shared@example.com", "gone@example.com", ""} {
				f := finder(newWorld(), time.Now)
				again, againErr := f.RequesterAgain(t.Context(), access.Person{SlackID: test.id, Email: email, PrincipalID: "p-other"})
				if again != got || access.ErrorMessage(againErr) != access.ErrorMessage(err) || access.CodeOf(againErr) != test.wantCode {
					t.Errorf("found with %q before: got %+v, %v; want %+v, %v", email, again, againErr, got, err)
				}
			}
			if _, err := f.Approver(t.Context(), test.id); access.CodeOf(err) != test.approverCode {
				t.Errorf("approver: got %v, want code %q", err, test.approverCode)
			}
		})
	}
}

func TestAnswersAreKeptForAMinute(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := newWorld()
	f := finder(w, func() time.Time { return now })
	for _, step := range []struct {
		after time.Duration
		asked int32
	}{{0, 1}, {people.MaxAge - time.Second, 1}, {time.Second, 2}} {
		now = now.Add(step.after)
		if _, err := f.Requester(t.Context(), "UJANE"); err != nil || w.asked.Load() != step.asked {
			t.Errorf("after %s: %v, asked Slack %d times, want %d", step.after, err, w.asked.Load(), step.asked)
		}
	}
}

// Each press looks up the person who decides, and the person whose request it is.
func TestPressesUseNoOldAnswers(t *testing.T) {
	jane := access.Person{SlackID: "UJANE", Email: "jane@example.com", PrincipalID: "p-jane"}
	const anew = "The requester now has a different user in IAM Identity Center than when they submitted this request."
	for _, tt := range []struct {
		name     string
		change   func(*world)
		approver string // the result of Approver
		remains  string // the result of Remains
		code     access.Code
	}{
		{name: "nothing changed", change: func(*world) {}},
		{name: "disabled", change: func(w *world) { w.off["p-jane"] = true }, code: access.CodeRefused,
			approver: "Your user in IAM Identity Center is disabled. Please tell the people who run this app.", remains: "The requester's user in IAM Identity Center is disabled."},
		{name: "deleted", change: func(w *world) { delete(w.users, "jane@example.com") }, code: access.CodeRefused,
			approver: "IAM Identity Center has no user with your email address, jane@example.com. Please tell the people who run this app.", remains: "The requester no longer has a user in IAM Identity Center."},
		{name: "deleted and created again", change: func(w *world) { w.users["jane@example.com"] = "p-new" }, code: access.CodeRefused, remains: anew},
		{name: "deleted, with a namesake under a secondary domain", code: access.CodeRefused, remains: anew,
			change:   func(w *world) { delete(w.users, "jane@example.com"); w.users["jane@nobody.example"] = "p-namesake" },
			approver: "IAM Identity Center has no user with your email address, jane@example.com. Please tell the people who run this app."},
		{name: "gone from Slack", change: func(w *world) { w.members[0].Deleted = true }, code: access.CodeRefused,
			approver: "Only full members of this Slack workspace can do this. Guests, apps and people from other workspaces can't.",
			remains:  "The requester is no longer a full member of this Slack workspace."},
		{name: "a guest by now", change: func(w *world) { w.members[0].Guest = true }, code: access.CodeRefused,
			approver: "Only full members of this Slack workspace can do this. Guests, apps and people from other workspaces can't.",
			remains:  "The requester is no longer a full member of this Slack workspace."},
		{name: "without an email by now", change: func(w *world) { w.members[0].Email = "" }, code: access.CodeRefused,
			approver: "Slack doesn't show this app your email address, so it can't find your user in IAM Identity Center. Please ask a Slack administrator.",
			remains:  "Slack no longer shows this app the requester's email address, so it can't find their user in IAM Identity Center."},
		{name: "with an unconfirmed email by now", change: func(w *world) { w.unconfirmed["UJANE"] = true }, code: access.CodeRefused,
			approver: "Your email address in Slack is not confirmed. Confirm it in Slack, then try again. If you sign in to Slack with single sign-on, ask a Slack administrator.",
			remains:  "The requester's email address in Slack is not confirmed."},
		{name: "of an email that two users have by now", change: func(w *world) { w.members[0].Email = "shared@example.com" }, code: access.CodeRefused,
			approver: "Several users in IAM Identity Center have your email address, shared@example.com, so this app can't tell which one you are. Please tell the people who run it.",
			remains:  "Several users in IAM Identity Center have the requester's email address, so this app can't tell which one is the requester."},
		{name: "Slack does not answer", change: func(w *world) { w.err = access.Errorf(access.CodeUnavailable, "no answer") }, code: access.CodeUnavailable,
			approver: "no answer", remains: "no answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			f := finder(w, time.Now)
			if _, err := f.Requester(t.Context(), "UJANE"); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Approver(t.Context(), "UJANE"); err != nil {
				t.Fatal(err)
			}
			tt.change(w)
			text := func(err error) string {
				if err == nil {
					return ""
				}
				return err.Error()
			}
			if _, err := f.Approver(t.Context(), "UJANE"); text(err) != tt.approver {
				t.Errorf("as approver: %v, want %q", err, tt.approver)
			}
			if err := f.CheckRequester(t.Context(), jane); text(err) != tt.remains || access.CodeOf(err) != tt.code {
				t.Errorf("as requester: %v of code %q, want %q of %q", err, access.CodeOf(err), tt.remains, tt.code)
			}
		})
	}
}

func TestApprovers(t *testing.T) {
	w := newWorld()
	f := finder(w, time.Now)
	emails := []string{"old@legacy.example", "gone@example.com", "jane@example.com", "nobody@example.com", "guest@example.com", "doubt@example.com"}
	for range 3 {
		emails = append(emails, strings.Repeat("x", len(emails))+"@example.com", strings.Repeat("y", len(emails))+"@example.com")
	}
	known, unknown, err := f.Approvers(t.Context(), emails)
	if err != nil {
		t.Fatal(err)
	}
	wantKnown := []access.Person{{SlackID: "UOLD", Email: "old@legacy.example", Name: "Old"}, {SlackID: "UJANE", Email: "jane@example.com", Name: "Jane"}}
	if !reflect.DeepEqual(known, wantKnown) {
		t.Errorf("known %+v, want %+v", known, wantKnown)
	}
	wantUnknown := append([]string{"gone@example.com", "nobody@example.com", "guest@example.com", "doubt@example.com"}, emails[6:]...)
	if !reflect.DeepEqual(unknown, wantUnknown) {
		t.Errorf("unknown %q, want %q", unknown, wantUnknown)
	}
	if w.most > 5 {
		t.Errorf("%d lookups at the same time, want at most 5", w.most)
	}
	asked := w.asked.Load()
	if _, _, err := f.Approvers(t.Context(), emails); err != nil || w.asked.Load() != asked {
		t.Errorf("second time: %v, %d more lookups, want none", err, w.asked.Load()-asked)
	}
}

// KnownApprovers has the answers of Approvers, as long as those are used, and asks nobody.
func TestKnownApprovers(t *testing.T) {
	w, at := newWorld(), time.Now()
	f := finder(w, func() time.Time { return at })
	emails := []string{"jane@example.com", "nobody@example.com", "guest@example.com"}
	if _, _, ok := f.KnownApprovers(emails); ok {
		t.Error("it knows people whom nobody looked up")
	}
	known, unknown, err := f.Approvers(t.Context(), emails)
	if err != nil {
		t.Fatal(err)
	}
	asked := w.asked.Load()
	at = at.Add(10*time.Minute - 1)
	gotKnown, gotUnknown, ok := f.KnownApprovers(emails)
	if !ok || !reflect.DeepEqual(gotKnown, known) || !reflect.DeepEqual(gotUnknown, unknown) || len(known) != 1 {
		t.Errorf("got %v, %v, %t; want %v, %v", gotKnown, gotUnknown, ok, known, unknown)
	}
	if _, _, ok := f.KnownApprovers(append(emails, "old@legacy.example")); ok {
		t.Error("it knows someone whom nobody looked up")
	}
	at = at.Add(1)
	if _, _, ok := f.KnownApprovers(emails); ok {
		t.Error("it uses old answers")
	}
	if w.asked.Load() != asked {
		t.Error("it asks Slack")
	}
}

func TestApproversFailWithSlack(t *testing.T) {
	w := newWorld()
	w.err = access.Errorf(access.CodeThrottled, "slow down")
	if _, _, err := finder(w, time.Now).Approvers(t.Context(), []string{"jane@example.com"}); access.CodeOf(err) != access.CodeThrottled {
		t.Errorf("got %v, want code Throttled", err)
	}
}

func TestPermits(t *testing.T) {
	yes := true
	policy := &access.Policy{Accounts: []access.Statement{
		{Resources: []string{"111111111111"}, PermissionSets: []string{"*"}, Approvers: []string{"ann@example.com", "jane.two@example.com"}},
		{Resources: []string{"222222222222"}, PermissionSets: []string{"*"}, Approvers: []string{"jane@example.com"}, AllowSelfApproval: &yes},
		{Resources: []string{"333333333333"}, PermissionSets: []string{"*"}, Approvers: []string{"jane@example.com", "jane.two@example.com"}, AllowSelfApproval: &yes},
	}}
	jane := access.Person{SlackID: "UJANE", Email: "jane@example.com", PrincipalID: "p-jane"}
	tests := []struct {
		name     string
		account  string
		approver access.Person
		want     bool
	}{
		{"an approver", "111111111111", access.Person{SlackID: "UANN", Email: "ann@example.com", PrincipalID: "p-ann"}, true},
		{"not an approver", "111111111111", access.Person{SlackID: "UBOB", Email: "bob@example.com", PrincipalID: "p-bob"}, false},
		{"an approver under a secondary domain", "111111111111", access.Person{SlackID: "UANN", Email: "ann@example.com", PrincipalID: "p-ann", SecondaryDomain: true}, false},
		{"an approver without a user", "111111111111", access.Person{SlackID: "UANN", Email: "ann@example.com"}, false},
		{"the requester's second Slack user", "111111111111", access.Person{SlackID: "UJANE2", Email: "jane.two@example.com", PrincipalID: "p-jane"}, false},
		{"the requester's second Identity Center user", "111111111111", access.Person{SlackID: "UJANE", Email: "jane.two@example.com", PrincipalID: "p-jane2"}, false},
		{"the requester where the policy allows it", "222222222222", jane, true},
		{"the requester's second user where the policy allows the first", "222222222222", access.Person{SlackID: "UJANE2", Email: "jane.two@example.com", PrincipalID: "p-jane"}, false},
		{"the requester's second user where the policy allows both", "333333333333", access.Person{SlackID: "UJANE2", Email: "jane.two@example.com", PrincipalID: "p-jane"}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := access.Request{Requester: jane, Target: access.Target{Kind: access.KindAccount, AccountID: test.account, PermissionSet: "Admin"}}
			if got := people.Permits(access.NewIndex(policy), asked(r), r, test.approver, test.approver.Identity(nil)); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}

// asked returns the request as a policy without groups sees it.
func asked(r access.Request) *access.Case {
	return &access.Case{Requester: r.Requester.Identity(nil), Target: r.Target}
}

// A requester found under a secondary domain can't approve anything, not even as a
// second Slack user with exactly that email.
func TestPermitsNobodyWhoIsARequesterUnderASecondaryDomain(t *testing.T) {
	yes := true
	policy := &access.Policy{Accounts: []access.Statement{
		{Resources: []string{"*"}, PermissionSets: []string{"*"}, Approvers: []string{"jane@old.example.com", "jane@example.com"}, AllowSelfApproval: &yes},
	}}
	r := access.Request{
		Requester: access.Person{SlackID: "UJANE", Email: "jane@old.example.com", PrincipalID: "p-jane", SecondaryDomain: true},
		Target:    access.Target{Kind: access.KindAccount, AccountID: "111111111111", PermissionSet: "Admin"},
	}
	approver := access.Person{SlackID: "UJANE2", Email: "jane@example.com", PrincipalID: "p-jane"}
	if people.Permits(access.NewIndex(policy), asked(r), r, approver, approver.Identity(nil)) {
		t.Error("permitted, want not")
	}
}
