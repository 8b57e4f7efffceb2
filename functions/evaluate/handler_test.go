package evaluate

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/cases"
	"sso-elevator/functions/adapters/cases/casestest"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/table"
)

var (
	now  = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	jane = access.Person{SlackID: "UJANE", Email: "jane@example.com", PrincipalID: "p-jane"}
	ann  = access.Person{SlackID: "UANN", Email: "ann@example.com"}
	prod = access.Target{Kind: access.KindAccount, AccountID: "111111111111", AccountName: "Production", PermissionSet: "Admin", PermissionSetARN: "arn:ps/1"}
)

const own = "arn:aws:states:us-east-1:123456789012:execution:m:own"

// world is a table with one row, the people and the policy.
type world struct {
	cases     cases.Reader
	row       access.Request
	requester access.Person
	whoErr    error
	known     []access.Person
	unknown   []string
	slackErr  error
	asked     []string // emails that were looked up in Slack
	groups    casestest.Groups
	names     map[string]string // of groups, in the catalog
	members   map[string]catalog.Members
	policy    access.Policy
	policyErr error
	// management is the management account as the catalog has it.
	management string
	portal     string                   // in the catalog
	sessions   map[string]time.Duration // in the catalog, by ARN
	settings   access.Portal            // in the settings

	descriptions map[string]string // by permission set ARN

	others    []access.Request // of the requester, as the index has them
	more      bool
	othersErr error

	requesterErr error
	approverErrs map[string]error // by Slack id
	changes      int              // of approvals

	longest  time.Duration
	lease    access.Lease // of the access; empty if there is none
	leaseErr error
	holders  map[string]access.Request // rows of the lease's holders

	evaluated *table.Evaluation
	counted   []int
	freed     []string // the outcomes of requests when their claims were freed
	freeErr   error

	blocks    access.Blocks
	blocksErr error

	approversErr error           // approvers can't be looked up in Slack
	rival        *access.Outcome // written by someone else just before Decide

	previous bool          // the state machine is that of the previous release
	lifetime time.Duration // of requests; zero: eight hours
}

func (w *world) Blocks(context.Context) (access.Blocks, error) { return w.blocks, w.blocksErr }

func (w *world) Get(_ context.Context, id string) (access.Request, error) {
	if r, ok := w.holders[id]; ok {
		return r, nil
	}
	return w.row, nil
}

func (w *world) Lease(_ context.Context, key string) (access.Lease, bool, error) {
	return w.lease, len(w.lease.Holders) > 0 && w.lease.Key == key, w.leaseErr
}

func (w *world) RequestsOf(ctx context.Context, principalID string, limit int) ([]access.Request, bool, error) {
	if _, ok := ctx.Deadline(); !ok || principalID != jane.PrincipalID || limit != mostRequests {
		return nil, false, access.Errorf(access.CodeInternal, "asked for %d requests of %s", limit, principalID)
	}
	return w.others, w.more, w.othersErr
}

func (w *world) Evaluate(_ context.Context, _ string, e table.Evaluation) (access.Request, error) {
	w.evaluated = &e
	w.row.Requester, w.row.Approvers, w.row.UnknownApprovers, w.row.ExpiresAt = e.Requester, e.Approvers, e.UnknownApprovers, e.ExpiresAt
	w.row.ApproverGroups = e.ApproverGroups
	return w.row, nil
}

func (w *world) Decide(_ context.Context, _ string, o access.Outcome) (access.Request, bool, error) {
	if w.rival != nil {
		w.row.Outcome = w.rival
		return w.row, false, nil
	}
	w.row.Outcome = &o
	return w.row, true, nil
}

func (w *world) ChangeApprovals(_ context.Context, r access.Request, c table.ApprovalChange) (access.Request, bool, error) {
	if w.rival != nil {
		w.row.Outcome = w.rival
		return w.row, false, nil
	}
	w.changes++
	w.row.Approvals, w.row.ApprovalProgress = c.Tally.Approvals, c.Tally.Requirements
	if c.Outcome != nil {
		w.row.Outcome = c.Outcome
	}
	return w.row, true, nil
}

func (w *world) CheckRequester(context.Context, access.Person) error { return w.requesterErr }

func (w *world) CheckApprover(_ context.Context, approver access.Person) error {
	return w.approverErrs[approver.SlackID]
}

func (w *world) Free(_ context.Context, r access.Request) error {
	kind := "undecided"
	if r.Outcome != nil {
		kind = string(r.Outcome.Kind)
	}
	w.freed = append(w.freed, kind)
	return w.freeErr
}

func (w *world) CountReminder(_ context.Context, _ string, m table.Reminder) error {
	w.counted = append(w.counted, m.Number)
	w.row.RemindersSent, w.row.RemindedAt, w.row.FurtherApprovers = m.Number, m.At, m.Further
	return nil
}

func (w *world) TakeOver(_ context.Context, _, execution string) (access.Request, bool, error) {
	won := !w.row.RevokingAt.IsZero() && w.row.ClosedAt.IsZero()
	if won {
		w.row.RevokingExecutionARN = execution
	}
	return w.row, won, nil
}

func (w *world) RequesterAgain(_ context.Context, was access.Person) (access.Person, error) {
	if was.SlackID != "UJANE" {
		return access.Person{}, access.Errorf(access.CodeInternal, "asked for %s", was.SlackID)
	}
	return w.requester, w.whoErr
}

func (w *world) Approvers(_ context.Context, emails []string) ([]access.Person, []string, error) {
	of := func(email string) bool { return slices.Contains(emails, email) }
	var known []access.Person
	for _, email := range emails {
		for _, p := range w.known {
			if p.Email == email {
				known = append(known, p)
			}
		}
	}
	unknown := slices.DeleteFunc(slices.Clone(w.unknown), func(email string) bool { return !of(email) })
	w.asked = append(w.asked, emails...)
	if w.approversErr != nil {
		return nil, nil, w.approversErr
	}
	if len(unknown) == 0 {
		unknown = nil
	}
	return known, unknown, w.slackErr
}

func (w *world) ApproverGroup(_ context.Context, id string) (string, catalog.Members) {
	return w.names[id], w.members[id]
}

func (w *world) ManagementAccount(context.Context) string { return w.management }

func (w *world) PortalURL(context.Context) string { return w.portal }

func (w *world) Description(_ context.Context, arn string) string { return w.descriptions[arn] }

func (w *world) Session(_ context.Context, arn string) time.Duration { return w.sessions[arn] }

func (w *world) Load(context.Context) (access.Policy, string, error) {
	return w.policy, "d1", w.policyErr
}

func newWorld(s access.Statement) *world {
	s.Resources, s.PermissionSets = []string{"*"}, []string{"*"}
	return &world{
		row:       access.Request{ID: "r1", Target: prod, Requester: access.Person{SlackID: "UJANE"}, CreatedAt: now, ExecutionARN: own},
		requester: jane, known: []access.Person{ann}, policy: access.Policy{Accounts: []access.Statement{s}},
	}
}

func (w *world) handle(t *testing.T, operation, execution string, at time.Time) (any, error) {
	t.Helper()
	w.cases.Memberships, w.cases.Leases, w.cases.Members = &w.groups, &w.groups, &w.groups
	h := &Handler{Table: w, Claims: w, People: w, Policy: w, Cases: w.cases, Catalog: w, SlackGroups: map[string]string{"g-slack": "S0SEC"}, Account: "123456789012", Longest: w.longest, Portal: w.settings, Reminders: Reminders{Initial: 15 * time.Minute, Multiplier: 2}, Expiration: cmp.Or(w.lifetime, 8*time.Hour), AnnounceFor: 2 * time.Hour,
		Now: func() time.Time { return at }, Logger: slog.New(slog.DiscardHandler)}
	return h.Handle(t.Context(), Input{Input: host.Input{Operation: operation, RequestID: "r1", Execution: execution}, Error: "Unavailable", Waits: !w.previous})
}

var (
	yes       = true
	byAnn     = access.Statement{Approvers: []string{"ann@example.com"}}
	automatic = access.Statement{ApprovalIsNotRequired: &yes}
	selfOK    = access.Statement{Approvers: []string{"jane@example.com"}, AllowSelfApproval: &yes}
)

func TestEvaluate(t *testing.T) {
	rules := map[string]string{ // by reason
		"ApprovalNotRequired": "config[0]: no approval needed",
		"SelfApproval":        "config[0]: requesters may approve their own requests",
		"NoApprovers":         "config[0]: approval needed, but nobody else could approve",
	}
	decided := func(kind access.OutcomeKind, reason, message string) *access.Outcome {
		o := &access.Outcome{Kind: kind, Reason: reason, Message: message, At: now, PolicyDigest: "d1", Statements: []int{0}, Rule: rules[reason]}
		if reason == "NoApprovers" && message != "" { // the policy itself asks for an approval
			o.Rule = "config[0]: approval by ann@example.com"
		}
		return o
	}
	tests := []struct {
		name      string
		statement access.Statement
		change    func(*world)
		want      Next
		outcome   *access.Outcome
		wantCode  access.Code
	}{
		{
			name: "automatic", statement: automatic,
			want: Next{"automatic", 1}, outcome: decided(access.OutcomeAutomatic, "ApprovalNotRequired", ""),
		},
		{
			name: "the management account", statement: automatic, change: func(w *world) { w.management = prod.AccountID },
			want: Next{"refused", 1}, outcome: decided(access.OutcomeRefused, "ManagementAccount", ""),
		},
		{
			name: "the management account, to be approved", statement: byAnn,
			change: func(w *world) {
				w.management, w.slackErr = prod.AccountID, access.Errorf(access.CodeInternal, "nobody needs to be asked")
			},
			want: Next{"refused", 1}, outcome: decided(access.OutcomeRefused, "ManagementAccount", ""),
		},
		{
			name: "beside the management account", statement: automatic, change: func(w *world) { w.management = "999999999999" },
			want: Next{"automatic", 1}, outcome: decided(access.OutcomeAutomatic, "ApprovalNotRequired", ""),
		},
		{
			name: "own approval", statement: selfOK,
			want: Next{"automatic", 1}, outcome: decided(access.OutcomeAutomatic, "SelfApproval", ""),
		},
		{
			name: "own approval under a secondary domain", statement: selfOK,
			change: func(w *world) { w.requester.SecondaryDomain = true },
			want:   Next{"refused", 1}, outcome: decided(access.OutcomeRefused, "Refused", "The requester can't approve their own request, because their email addresses in Slack and IAM Identity Center differ."),
		},
		{
			name: "to be approved: until the first reminder", statement: byAnn, want: Next{"approval", 900},
		},
		{
			name: "nobody else may approve", statement: access.Statement{Approvers: []string{"jane@example.com"}},
			want: Next{"refused", 1}, outcome: decided(access.OutcomeRefused, "NoApprovers", ""),
		},
		{
			name: "no approver known to Slack", statement: byAnn,
			change: func(w *world) { w.known, w.unknown = nil, []string{"ann@example.com"} },
			want:   Next{"refused", 1}, outcome: decided(access.OutcomeRefused, "NoApprovers", "None of the approvers is a full member of this Slack workspace with a confirmed email address: ann@example.com."),
		},
		{
			name: "the approver is the requester", statement: byAnn,
			change: func(w *world) { w.known = []access.Person{{SlackID: "UJANE", Email: "ann@example.com"}} },
			want:   Next{"refused", 1}, outcome: decided(access.OutcomeRefused, "NoApprovers", "The only approver is the requester, under another email address."),
		},
		{
			name: "a guest", statement: automatic,
			change: func(w *world) { w.whoErr = access.Errorf(access.CodeRefused, "No guests.") },
			want:   Next{"refused", 1}, outcome: &access.Outcome{Kind: access.OutcomeRefused, Reason: "Refused", Message: "No guests.", At: now},
		},
		{
			name: "nobody in Identity Center", statement: automatic,
			change: func(w *world) { w.whoErr = access.Errorf(access.CodeNotFound, "No user.") },
			want:   Next{"refused", 1}, outcome: &access.Outcome{Kind: access.OutcomeRefused, Reason: "NotFound", Message: "No user.", At: now},
		},
		{
			name: "another user in Identity Center than the one who asked", statement: automatic,
			change: func(w *world) { w.row.Requester.PrincipalID = "p-before" },
			want:   Next{"refused", 1}, outcome: &access.Outcome{Kind: access.OutcomeRefused, Reason: "Refused", At: now,
				Message: "The requester's email address now belongs to another user in IAM Identity Center. Please submit the request again."},
		},
		{
			name: "the user in Identity Center who asked", statement: automatic,
			change: func(w *world) { w.row.Requester.PrincipalID = jane.PrincipalID },
			want:   Next{"automatic", 1}, outcome: decided(access.OutcomeAutomatic, "ApprovalNotRequired", ""),
		},
		{
			name: "the claim can't be freed", statement: automatic,
			change: func(w *world) { w.freeErr = access.Errorf(access.CodeUnavailable, "no answer") },
			want:   Next{"automatic", 1}, outcome: decided(access.OutcomeAutomatic, "ApprovalNotRequired", ""),
		},
		{
			name: "Slack is down while the requester is looked up", statement: automatic,
			change: func(w *world) { w.whoErr = access.Errorf(access.CodeUnavailable, "no answer") }, wantCode: access.CodeUnavailable,
		},
		{
			name: "Slack is down while the approvers are looked up", statement: byAnn,
			change: func(w *world) { w.slackErr = access.Errorf(access.CodeThrottled, "slow down") }, wantCode: access.CodeThrottled,
		},
		{
			name: "the policy can't be read", statement: automatic,
			change: func(w *world) { w.policyErr = access.Errorf(access.CodeMisconfigure, "no pointer") }, wantCode: access.CodeMisconfigure,
		},
		{
			name: "withdrawn in the meantime", statement: automatic,
			change: func(w *world) { w.rival = &access.Outcome{Kind: access.OutcomeWithdrawn} },
			want:   Next{"withdrawn", 1}, outcome: &access.Outcome{Kind: access.OutcomeWithdrawn},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(test.statement)
			if test.change != nil {
				test.change(w)
			}
			got, err := w.handle(t, "evaluate", own, now)
			if access.CodeOf(err) != test.wantCode {
				t.Fatalf("got %v, want code %q", err, test.wantCode)
			}
			if !reflect.DeepEqual(w.row.Outcome, test.outcome) {
				t.Errorf("outcome %+v, want %+v", w.row.Outcome, test.outcome)
			}
			if err != nil {
				return
			}
			if next := got.(Evaluated).Next; next != test.want {
				t.Errorf("next %+v, want %+v", next, test.want)
			}
			var freed []string
			if test.outcome != nil {
				freed = []string{string(test.outcome.Kind)}
			}
			if !slices.Equal(w.freed, freed) {
				t.Errorf("freed the claims of a request that was %q, want %q", w.freed, freed)
			}
		})
	}
}

func TestEvaluateEntersWhatItFound(t *testing.T) {
	w := newWorld(byAnn)
	w.policy.Accounts[0].Approvers = []string{"ann@example.com", "zoe@example.com"}
	w.unknown = []string{"zoe@example.com"}
	if _, err := w.handle(t, "evaluate", own, now); err != nil {
		t.Fatal(err)
	}
	want := &table.Evaluation{
		Requester: jane, Approvers: []access.Person{ann}, UnknownApprovers: []string{"zoe@example.com"}, ExpiresAt: now.Add(8 * time.Hour),
		Background: &access.Background{},
		Decision:   access.Decision{Outcome: access.DecideApproval, Reason: access.ReasonRequiresApproval, Approvers: []string{"ann@example.com", "zoe@example.com"}, Statements: []int{0}},
	}
	if !reflect.DeepEqual(w.evaluated, want) {
		t.Errorf("got  %+v\nwant %+v", w.evaluated, want)
	}
}

func TestEvaluatedHasEveryField(t *testing.T) {
	w := newWorld(byAnn)
	w.whoErr = access.Errorf(access.CodeNotFound, "No user.")
	got, err := w.handle(t, "evaluate", own, now)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(got)
	const want = `{"request_id":"r1","next":"refused","wait_seconds":1,"subject":{"kind":"account","account_id":"111111111111","account_name":"Production",` +
		`"permission_set":"Admin","permission_set_arn":"arn:ps/1","group_id":"","group_name":"","principal_id":""}}`
	if err != nil || string(text) != want {
		t.Errorf("got  %s, %v\nwant %s", text, err, want)
	}
}

func TestEvaluateFollowsADecidedRow(t *testing.T) {
	approved := &access.Outcome{Kind: access.OutcomeApproved}
	tests := []struct {
		name      string
		row       access.Request
		execution string
		want      string
		wantCode  access.Code
	}{
		{"automatic, not granted yet", access.Request{Outcome: &access.Outcome{Kind: access.OutcomeAutomatic}}, own, "automatic", ""},
		{"approved, not granted yet", access.Request{Outcome: approved}, own, "approved", ""},
		{"granted", access.Request{Outcome: approved, GrantedAt: now}, own, "revoke", ""},
		{"its removal has begun", access.Request{Outcome: approved, RevokingAt: now}, own, "revoke", ""},
		{"revoked", access.Request{Outcome: approved, RevokedAt: now, ClosedAt: now}, own, "revoke", ""},
		{"handed over", access.Request{Outcome: approved, RevokingAt: now}, "arn:other", "revoke", ""},
		{"handed over, removed", access.Request{Outcome: approved, RevokingAt: now, RevokedAt: now}, "arn:other", "revoke", ""},
		{"handed over, closed", access.Request{Outcome: approved, RevokingAt: now, ClosedAt: now}, "arn:other", "other", ""},
		{"approved, another's", access.Request{Outcome: approved}, "arn:other", "other", ""},
		{"granted, another's", access.Request{Outcome: approved, GrantedAt: now}, "arn:other", "other", ""},
		{"tombstoned, another's", access.Request{Outcome: approved, Tombstone: true}, "arn:other", "other", ""},
		{"denied, another's", access.Request{Outcome: &access.Outcome{Kind: access.OutcomeDenied}}, "arn:other", "other", ""},
		{"denied", access.Request{Outcome: &access.Outcome{Kind: access.OutcomeDenied}}, own, "denied", ""},
		{"open, another's", access.Request{}, "arn:other", "other", ""},
		{"tombstoned", access.Request{Tombstone: true}, own, "", access.CodeRefused},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(automatic)
			w.row = test.row
			w.row.ID, w.row.ExecutionARN = "r1", own
			got, err := w.handle(t, "evaluate", test.execution, now)
			if access.CodeOf(err) != test.wantCode {
				t.Fatalf("got %v, want code %q", err, test.wantCode)
			}
			if err == nil && got.(Evaluated).Next != (Next{test.want, 1}) {
				t.Errorf("got %+v, want %s", got, test.want)
			}
			if w.evaluated != nil {
				t.Error("a decided row was evaluated again")
			}
			if took := test.execution == "arn:other" && test.want == "revoke"; took != (w.row.RevokingExecutionARN == "arn:other") {
				t.Errorf("the removal is taken over by %q", w.row.RevokingExecutionARN)
			}
		})
	}
}

func TestNext(t *testing.T) {
	announced := map[string]access.Post{"announce": {TS: "1.1"}}
	waiting := access.Request{CreatedAt: now, ExpiresAt: now.Add(8 * time.Hour), Posts: announced}
	with := func(change func(*access.Request)) access.Request {
		r := waiting
		change(&r)
		return r
	}
	tests := []struct {
		name    string
		row     access.Request
		after   time.Duration
		want    Next
		reason  string // of the outcome, if any
		counted []int
	}{
		{name: "too early for a reminder", row: waiting, after: 14 * time.Minute, want: Next{"approval", 60}},
		{name: "first reminder, then half an hour", row: waiting, after: 15 * time.Minute, want: Next{"remind", 1800}, counted: []int{1}},
		{name: "second reminder, then an hour", row: with(func(r *access.Request) { r.RemindersSent = 1 }), after: 45 * time.Minute,
			want: Next{"remind", 3600}, counted: []int{2}},
		{name: "missed reminders are not made up for", row: waiting, after: 46 * time.Minute, want: Next{"remind", 59 * 60}, counted: []int{2}},
		{name: "counted but not posted", row: with(func(r *access.Request) { r.RemindersSent = 1 }), after: 16 * time.Minute, want: Next{"remind", 29 * 60}},
		{name: "posted already", row: with(func(r *access.Request) {
			r.RemindersSent, r.Posts = 1, map[string]access.Post{"announce": {TS: "1.1"}, "remind-1": {TS: "1.2"}}
		}), after: 16 * time.Minute, want: Next{"approval", 29 * 60}},
		{name: "the expiry before the next reminder", row: waiting, after: 7*time.Hour + 50*time.Minute, want: Next{"remind", 600}, counted: []int{5}},
		{name: "expired, and its row doesn't say when", row: with(func(r *access.Request) { r.ExpiresAt = time.Time{} }), after: 8 * time.Hour, want: Next{"expired", 1}},
		{name: "its row doesn't say when it expires", row: with(func(r *access.Request) { r.ExpiresAt = time.Time{} }), after: 14 * time.Minute, want: Next{"approval", 60}},
		{name: "expired", row: waiting, after: 8 * time.Hour, want: Next{"expired", 1}},
		{name: "not announced yet", row: with(func(r *access.Request) { r.Posts = nil }), after: time.Minute, want: Next{"announce", 14 * 60}},
		{name: "begun and not arrived", row: with(func(r *access.Request) { r.Posts = map[string]access.Post{"announce": {Channel: "C1"}} }), after: time.Minute,
			want: Next{"announce", 14 * 60}},
		{name: "not announced for almost too long", row: with(func(r *access.Request) { r.Posts = nil }), after: 2*time.Hour - time.Second,
			want: Next{"announce", 1 + 105*60}},
		{name: "not announced for too long", row: with(func(r *access.Request) { r.Posts = nil }), after: 2 * time.Hour, want: Next{"refused", 1}, reason: "Unavailable"},
		{name: "expired before it was announced", row: with(func(r *access.Request) { r.Posts, r.ExpiresAt = nil, now.Add(time.Hour) }), after: 2 * time.Hour,
			want: Next{"expired", 1}},
		{name: "approved", row: access.Request{Outcome: &access.Outcome{Kind: access.OutcomeApproved}}, want: Next{"approved", 1}},
		{name: "denied", row: access.Request{Outcome: &access.Outcome{Kind: access.OutcomeDenied}}, want: Next{"denied", 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(byAnn)
			w.row = test.row
			w.row.ID, w.row.ExecutionARN = "r1", own
			got, err := w.handle(t, "next", own, now.Add(test.after))
			if err != nil || got != any(test.want) {
				t.Errorf("got %+v, %v; want %+v", got, err, test.want)
			}
			if !slices.Equal(w.counted, test.counted) {
				t.Errorf("counted %v, want %v", w.counted, test.counted)
			}
			if decided := test.row.Outcome == nil && w.row.Outcome != nil; decided != (len(w.freed) == 1) {
				t.Errorf("decided: %v, and freed the claims of a request that was %q", decided, w.freed)
			}
			if w.row.Outcome != nil && w.row.Outcome.Reason != test.reason {
				t.Errorf("reason %q, want %q", w.row.Outcome.Reason, test.reason)
			}
		})
	}
}

func TestApprovalThatArrivesJustBeforeTheExpiryWins(t *testing.T) {
	w := newWorld(byAnn)
	w.row.ExpiresAt = now
	w.rival = &access.Outcome{Kind: access.OutcomeApproved}
	got, err := w.handle(t, "next", own, now)
	if want := (Next{"approved", 1}); err != nil || got != any(want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestRefuse(t *testing.T) {
	tests := []struct {
		name      string
		outcome   *access.Outcome
		execution string
		want      *access.Outcome
		wantCode  access.Code
	}{
		{"open", nil, own, &access.Outcome{Kind: access.OutcomeRefused, Reason: "Unavailable", At: now}, ""},
		{"decided", &access.Outcome{Kind: access.OutcomeDenied}, own, &access.Outcome{Kind: access.OutcomeDenied}, ""},
		{"another's", nil, "arn:other", nil, access.CodeRefused},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(byAnn)
			w.row.Outcome = test.outcome
			_, err := w.handle(t, "refuse", test.execution, now)
			if access.CodeOf(err) != test.wantCode || !reflect.DeepEqual(w.row.Outcome, test.want) {
				t.Errorf("got %+v, %v; want %+v, code %q", w.row.Outcome, err, test.want, test.wantCode)
			}
			if refused := test.name == "open"; refused != (len(w.freed) == 1) {
				t.Errorf("freed the claims of a request that was %q", w.freed)
			}
		})
	}
}
