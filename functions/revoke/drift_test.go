package revoke

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/leases"
)

var nine = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// inForce is a policy that covers one permission set, or that can't be read.
type inForce struct {
	set        string
	resources  []string // nil: all accounts
	protected  []string
	approvers  []string
	exemptions []access.Exemption
	err        error
}

func (p inForce) Load(context.Context) (access.Policy, string, error) {
	resources := p.resources
	if resources == nil {
		resources = []string{"*"}
	}
	return access.Policy{
		Accounts:          []access.Statement{{Resources: resources, PermissionSets: []string{p.set}, Approvers: p.approvers}},
		ProtectedAccounts: p.protected,
		Exemptions:        p.exemptions,
	}, "digest", p.err
}

// units are the organizational units above the finding's account.
type units struct {
	above []string
	err   error
}

func (u units) OUsOf(_ context.Context, wanted []string) (func(string) []string, error) {
	return func(string) []string { return u.above }, u.err
}

// rows are the rows of runs, by id, and the number of removals.
type rows struct {
	runs     map[string]access.Run
	err      error
	removals int
	leaves   map[string]access.Leave // by subject
	leaveErr error
	blocks   access.Blocks
	blockErr error
}

func (r *rows) Run(_ context.Context, id string) (access.Run, error) {
	run, found := r.runs[id]
	if r.err == nil && !found {
		return run, access.Errorf(access.CodeNotFound, "there is no run")
	}
	return run, r.err
}

func (r *rows) ReserveRemoval(_ context.Context, _ time.Time, limit int) error {
	if r.removals >= limit {
		return access.Errorf(access.CodeOverLimit, "too many")
	}
	r.removals++
	return nil
}

func (r *rows) Leave(_ context.Context, subject string) (access.Leave, bool, error) {
	l, found := r.leaves[subject]
	return l, found && r.leaveErr == nil, r.leaveErr
}

func (r *rows) Blocks(context.Context) (access.Blocks, error) { return r.blocks, r.blockErr }

// users are by id.
type users struct {
	byID map[string][]string
	err  error
}

func (u users) UserNames(_ context.Context, id string) ([]string, bool, error) {
	names, found := u.byID[id]
	return names, found && u.err == nil, u.err
}

func emergency(change func(*access.Exemption)) access.Exemption {
	e := access.Exemption{
		AccountID: subject.AccountID, PermissionSet: subject.PermissionSet, Email: "jane@example.com", Until: nine.Add(time.Minute), Reason: "Slack is down",
	}
	if change != nil {
		change(&e)
	}
	return e
}

// A removal of unknown access removes only the run's own finding, whatever the payload
// says, and only if the run's row authorizes it. Access that the policy in force
// doesn't cover, or exempts, stays.
func TestDrift(t *testing.T) {
	const drift = `{"operation":"drift","run":"r","index":2}`
	removal := "drift " + subject.Key() + " m-1"
	revoke := access.Run{ID: "r", Mode: access.DriftRevoke}
	asked := func(answers ...access.RunAnswer) access.Run {
		r := access.Run{ID: "r", Mode: access.DriftRevoke, Guard: access.GuardTooMany, Answers: answers, Answer: &access.RunAnswer{At: nine}}
		if len(answers) > 0 {
			r.Answer = &answers[len(answers)-1]
		}
		return r
	}
	open := func(r access.Run) access.Run { r.Answer = nil; return r }
	inScope := asked()
	inScope.Guard, inScope.InScope = access.GuardScopeGrew, [][2]int{{2, 3}}
	ann := access.Person{SlackID: "U1", Email: "ann@example.com", PrincipalID: "p-ann"}
	bob := access.Person{SlackID: "U2", Email: "bob@example.com", PrincipalID: "p-bob"}
	said := func(remove bool, from, to int) access.RunAnswer {
		return access.RunAnswer{Remove: remove, By: ann, At: nine, Findings: [][2]int{{from, to}}}
	}
	by := func(p access.Person) access.Run { a := said(true, 0, 4); a.By = p; return asked(a) }
	unavailable := access.Errorf(access.CodeUnavailable, "x")
	// pressed is a run whose report has buttons, which ann pressed.
	pressed := func(mode access.DriftMode, by access.Person, presses ...access.FindingPress) access.Run {
		r := access.Run{ID: "r", Mode: mode, Partial: true}
		for _, p := range append(presses, access.FindingPress{Finding: 2, Remove: true, At: nine.Add(-time.Minute)}) {
			p.By = by
			r.Presses = append(r.Presses, p)
		}
		return r
	}
	left := func(made, until time.Duration) *access.Leave {
		return &access.Leave{Subject: subject.Key(), By: ann, At: nine.Add(made), Until: nine.Add(until)}
	}
	tests := []struct {
		name       string
		payload    string // "": drift
		run        access.Run
		rowErr     error
		off        bool
		approvers  []string // of the policy in force; nil means ann
		set        string   // permission set that the policy in force covers; "": the one that was found
		resources  []string // that it covers; nil: all accounts
		protected  []string
		units      units
		policyErr  error
		exemptions []access.Exemption
		seen       time.Duration // how long ago the access was first found; 0 if that isn't known
		seenErr    error
		userErr    error
		userGone   bool
		left       *access.Leave
		leaveErr   error
		blocked    access.Person
		blockErr   error
		limit      int
		err        error // of the leases
		want       access.Code
		calls      []string
		reserved   int
	}{
		{name: "drift", run: revoke, limit: 1, calls: []string{removal}, reserved: 1},
		{name: "a request holds it by now", run: revoke, limit: 1, err: access.Errorf(access.CodeHeld, "held"), want: access.CodeHeld, calls: []string{removal}, reserved: 1},
		{name: "the policy covers it no more", run: revoke, set: "Billing", want: access.CodeOutOfScope},
		{name: "the policy can't be read", run: revoke, policyErr: unavailable, want: access.CodeUnavailable},
		{name: "the run has not found it", payload: `{"operation":"drift","run":"r","index":3,"subject":{"principal_id":"p"}}`, run: revoke, want: access.CodeNotFound},
		{name: "no more may be removed for now", run: revoke, limit: 0, want: access.CodeOverLimit, calls: []string{removal}},

		{name: "the account is in a unit", run: revoke, limit: 1, resources: []string{"ou-a"}, units: units{above: []string{"ou-a"}}, calls: []string{removal}, reserved: 1},
		{name: "the account has left the unit", run: revoke, limit: 1, resources: []string{"ou-a"}, want: access.CodeOutOfScope},
		{name: "the units are not known", run: revoke, limit: 1, resources: []string{"ou-a"}, units: units{err: access.Errorf(access.CodeNotReady, "x")}, want: access.CodeNotReady},
		{name: "a protected account", run: revoke, limit: 1, protected: []string{subject.AccountID}, want: access.CodeOutOfScope},
		{name: "a protected account, whatever a person says", run: asked(said(true, 0, 4)), protected: []string{subject.AccountID}, want: access.CodeOutOfScope},
		{name: "a protected account in a unit", run: revoke, limit: 1, protected: []string{subject.AccountID}, resources: []string{"ou-a"}, units: units{above: []string{"ou-a"}}, want: access.CodeOutOfScope},
		{name: "a protected account that a statement names", run: revoke, limit: 1, protected: []string{subject.AccountID}, resources: []string{subject.AccountID}, calls: []string{removal}, reserved: 1},
		{name: "it needs no answer, and counts", run: inScope, limit: 1, calls: []string{removal}, reserved: 1},
		{name: "it needs no answer, but no more may be removed for now", run: inScope, limit: 0, want: access.CodeOverLimit, calls: []string{removal}},
		{name: "others need no answer", run: access.Run{ID: "r", Mode: access.DriftRevoke, Guard: access.GuardScopeGrew, InScope: [][2]int{{0, 2}}, Answer: &access.RunAnswer{At: nine}}, want: access.CodeRefused},

		{name: "a run that only warns", run: access.Run{ID: "r", Mode: access.DriftWarn}, want: access.CodeRefused},
		{name: "a run of an event", run: access.Run{ID: "r", Mode: access.DriftRevoke, Partial: true}, want: access.CodeRefused},
		{name: "a run without a row", payload: `{"operation":"drift","run":"other","index":2}`, run: revoke, want: access.CodeRefused},
		{name: "the row can't be read", run: revoke, rowErr: unavailable, want: access.CodeUnavailable},
		{name: "nobody has answered yet", run: open(asked()), want: access.CodeRefused},
		{name: "nobody answered in time", run: asked(), want: access.CodeRefused},
		{name: "a person leaves it", run: asked(said(false, 0, 4)), want: access.CodeRefused},
		{name: "a person lets it be removed, above the limit", run: asked(said(true, 0, 4)), calls: []string{removal}},
		{name: "a person lets it be removed, another leaves the rest", run: asked(said(false, 0, 2), said(true, 2, 3)), calls: []string{removal}},
		{name: "a person lets others be removed", run: asked(said(true, 0, 2), said(true, 3, 9)), want: access.CodeRefused},
		{name: "a person leaves it, another lets the rest be removed", run: asked(said(true, 0, 2), said(false, 2, 3)), want: access.CodeRefused},
		{name: "a person lets it be removed, and the time was over for the rest", run: func() access.Run {
			r := asked(said(true, 2, 3))
			r.Answer = &access.RunAnswer{At: nine}
			return r
		}(), calls: []string{removal}},
		{name: "a person lets it be removed, and the run still asks", run: open(asked(said(true, 0, 4))), want: access.CodeRefused},
		{name: "who let it go approves it no more", run: asked(said(true, 0, 4)), approvers: []string{"bob@example.com"}, want: access.CodeRefused},
		{name: "nobody approves it any more", run: asked(said(true, 0, 4)), approvers: []string{}, want: access.CodeRefused},
		{name: "who let it go has no user", run: by(access.Person{SlackID: "U1", Email: "ann@example.com"}), want: access.CodeRefused},
		{name: "who let it go has a secondary domain", run: by(access.Person{Email: "ann@example.com", PrincipalID: "p-ann", SecondaryDomain: true}), want: access.CodeRefused},
		{name: "nobody let it go", run: by(access.Person{}), want: access.CodeRefused},
		{name: "removals are switched off", run: revoke, off: true, limit: 9, want: access.CodeRefused},
		{name: "removals are switched off, whatever a person says", run: asked(said(true, 0, 4)), off: true, want: access.CodeRefused},

		{name: "exempt", run: revoke, limit: 1, exemptions: []access.Exemption{emergency(nil)}, want: access.CodeExempt},
		{name: "exempt, though a person lets it be removed", run: asked(said(true, 0, 4)), exemptions: []access.Exemption{emergency(nil)}, want: access.CodeExempt},
		{name: "exempt by another of the user's emails", run: revoke, limit: 1,
			exemptions: []access.Exemption{emergency(func(e *access.Exemption) { e.Email = "JANE.DOE@example.com" })}, want: access.CodeExempt},
		{name: "another person's exemption", run: revoke, limit: 1,
			exemptions: []access.Exemption{emergency(func(e *access.Exemption) { e.Email = "bob@example.com" })}, calls: []string{removal}, reserved: 1},
		{name: "another account's exemption", run: revoke, limit: 1,
			exemptions: []access.Exemption{emergency(func(e *access.Exemption) { e.AccountID = "999999999999" })}, calls: []string{removal}, reserved: 1},
		{name: "an exemption that has ended", run: revoke, limit: 1,
			exemptions: []access.Exemption{emergency(func(e *access.Exemption) { e.Until = nine })}, calls: []string{removal}, reserved: 1},
		{name: "exempt, found less than 72 hours ago", run: revoke, limit: 1, seen: 72*time.Hour - 1, exemptions: []access.Exemption{emergency(nil)}, want: access.CodeExempt},
		{name: "exempt, found 72 hours ago", run: revoke, limit: 1, seen: 72 * time.Hour, exemptions: []access.Exemption{emergency(nil)}, calls: []string{removal}, reserved: 1},
		{name: "exempt, found 72 hours ago, and pressed", run: pressed(access.DriftWarn, ann), seen: 72 * time.Hour, exemptions: []access.Exemption{emergency(nil)}, calls: []string{removal}},
		{name: "exempt, and when it was found can't be read", run: revoke, limit: 1, seenErr: unavailable, exemptions: []access.Exemption{emergency(nil)}, want: access.CodeUnavailable},
		{name: "another person's exemption, and when it was found can't be read", run: revoke, limit: 1, seenErr: unavailable,
			exemptions: []access.Exemption{emergency(func(e *access.Exemption) { e.Email = "bob@example.com" })}, calls: []string{removal}, reserved: 1},
		{name: "an exemption, and who it is can't be read", run: revoke, limit: 1, exemptions: []access.Exemption{emergency(nil)}, userErr: unavailable, want: access.CodeUnavailable},
		{name: "an exemption, and the user is gone", run: revoke, limit: 1, exemptions: []access.Exemption{emergency(nil)}, userGone: true, calls: []string{removal}, reserved: 1},

		{name: "someone pressed Remove now, in a run of an event", run: pressed(access.DriftWarn, ann), calls: []string{removal}},
		{name: "someone pressed it after a run in mode revoke had kept it", run: pressed(access.DriftRevoke, ann), calls: []string{removal}},
		{name: "someone pressed it below another finding", run: access.Run{ID: "r", Mode: access.DriftWarn, Presses: []access.FindingPress{{Finding: 1, Remove: true, By: ann, At: nine}}}, want: access.CodeRefused},
		{name: "someone pressed Leave for a day", run: access.Run{ID: "r", Mode: access.DriftWarn, Presses: []access.FindingPress{{Finding: 2, By: ann, At: nine}}}, want: access.CodeRefused},
		{name: "someone left it before", run: pressed(access.DriftWarn, ann, access.FindingPress{Finding: 2, At: nine.Add(-time.Hour)}), calls: []string{removal}},
		{name: "someone left it before, and the leave is in the table", run: pressed(access.DriftWarn, ann, access.FindingPress{Finding: 2, At: nine.Add(-time.Hour)}),
			left: left(-time.Hour, 23*time.Hour), calls: []string{removal}},
		{name: "someone left it before, and who pressed Remove now approves it no more", run: pressed(access.DriftWarn, ann, access.FindingPress{Finding: 2, At: nine.Add(-time.Hour)}),
			approvers: []string{"bob@example.com"}, left: left(-time.Hour, 23*time.Hour), want: access.CodeRefused},
		{name: "someone left it before, and who pressed Remove now is blocked", run: access.Run{ID: "r", Mode: access.DriftWarn, Presses: []access.FindingPress{
			{Finding: 2, By: ann, At: nine.Add(-time.Hour)}, {Finding: 2, Remove: true, By: bob, At: nine.Add(-time.Minute)}}},
			approvers: []string{"ann@example.com", "bob@example.com"}, left: left(-time.Hour, 23*time.Hour), blocked: bob, want: access.CodeRefused},
		{name: "someone left it before, and it is the own access of who pressed Remove now", run: pressed(access.DriftWarn,
			access.Person{SlackID: "U1", Email: "ann@example.com", PrincipalID: subject.PrincipalID}, access.FindingPress{Finding: 2, At: nine.Add(-time.Hour)}), want: access.CodeRefused},
		{name: "who pressed it approves it no more", run: pressed(access.DriftWarn, ann), approvers: []string{"bob@example.com"}, want: access.CodeRefused},
		{name: "who pressed it has no user", run: pressed(access.DriftWarn, access.Person{SlackID: "U1", Email: "ann@example.com"}), want: access.CodeRefused},
		{name: "nobody pressed it", run: pressed(access.DriftWarn, access.Person{}), want: access.CodeRefused},
		{name: "they pressed it for their own access", run: pressed(access.DriftWarn, access.Person{SlackID: "U1", Email: "ann@example.com", PrincipalID: subject.PrincipalID}), want: access.CodeRefused},
		{name: "pressed, and the policy covers it no more", run: pressed(access.DriftWarn, ann), set: "Billing", want: access.CodeOutOfScope},
		{name: "pressed, and the account is protected", run: pressed(access.DriftWarn, ann), protected: []string{subject.AccountID}, want: access.CodeOutOfScope},
		{name: "pressed, and a request holds it by now", run: pressed(access.DriftWarn, ann), err: access.Errorf(access.CodeHeld, "held"), want: access.CodeHeld, calls: []string{removal}},
		{name: "pressed, and the settings exempt it", run: pressed(access.DriftWarn, ann), exemptions: []access.Exemption{emergency(nil)}, want: access.CodeExempt},
		{name: "pressed, and removals are switched off", run: pressed(access.DriftWarn, ann), off: true, want: access.CodeRefused},

		{name: "left for now", run: revoke, limit: 1, left: left(-time.Hour, time.Minute), want: access.CodeExempt},
		{name: "left, though a person lets it be removed", run: asked(said(true, 0, 4)), left: left(-time.Hour, time.Minute), want: access.CodeExempt},
		{name: "left until now", run: revoke, limit: 1, left: left(-time.Hour, 0), calls: []string{removal}, reserved: 1},
		{name: "left, and someone pressed Remove now since", run: pressed(access.DriftWarn, ann), left: left(-time.Hour, time.Minute), calls: []string{removal}},
		{name: "someone pressed Remove now, and someone left it since", run: pressed(access.DriftWarn, ann), left: left(0, time.Minute), want: access.CodeExempt},
		{name: "who left it can't be read", run: revoke, limit: 1, leaveErr: unavailable, want: access.CodeUnavailable},
		{name: "who left it can't be read, and someone pressed", run: pressed(access.DriftWarn, ann), leaveErr: unavailable, want: access.CodeUnavailable},

		{name: "left by someone who is blocked", run: revoke, limit: 1, left: left(-time.Hour, time.Minute), blocked: ann, calls: []string{removal}, reserved: 1},
		{name: "left, and someone else is blocked", run: revoke, limit: 1, left: left(-time.Hour, time.Minute), blocked: bob, want: access.CodeExempt},
		{name: "left, and who is blocked can't be read", run: revoke, limit: 1, left: left(-time.Hour, time.Minute), blockErr: unavailable, want: access.CodeUnavailable},
		{name: "who pressed it is blocked", run: pressed(access.DriftWarn, ann), blocked: ann, want: access.CodeRefused},
		{name: "who pressed it is blocked under another Slack user", run: pressed(access.DriftWarn, ann), blocked: access.Person{SlackID: "U9", PrincipalID: ann.PrincipalID}, want: access.CodeRefused},
		{name: "pressed, and someone else is blocked", run: pressed(access.DriftWarn, ann), blocked: bob, calls: []string{removal}},
		{name: "pressed, and who is blocked can't be read", run: pressed(access.DriftWarn, ann), blockErr: unavailable, want: access.CodeUnavailable},
		{name: "who let it go is blocked", run: asked(said(true, 0, 4)), blocked: ann, want: access.CodeRefused},
		{name: "nobody has to agree, and who is blocked can't be read", run: revoke, limit: 1, blockErr: unavailable, calls: []string{removal}, reserved: 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var calls []string
			var in Input
			var log strings.Builder
			approvers := test.approvers
			if approvers == nil {
				approvers = []string{"Ann@example.com"}
			}
			table := &rows{runs: map[string]access.Run{"r": test.run}, err: test.rowErr, leaveErr: test.leaveErr}
			table.blockErr = test.blockErr
			if test.blocked != (access.Person{}) {
				table.blocks = access.Blocks{}.Add(access.Block{Person: test.blocked, By: bob, At: nine, Reason: "x"}, 7)
			}
			if test.left != nil {
				table.leaves = map[string]access.Leave{test.left.Subject: *test.left}
			}
			var firstSeen time.Time
			if test.seen > 0 {
				firstSeen = nine.Add(-test.seen)
			}
			known := map[string][]string{subject.PrincipalID: {"Jane@Example.com", "jane.doe@example.com"}}
			if test.userGone {
				known = nil
			}
			h := &Handler{
				Leases: &mockLeases{
					drift: func(f access.Finding, ref access.FindingRef, reserve func(context.Context) error) error {
						if ref != (access.FindingRef{Run: in.Run, Index: in.Index}) {
							t.Errorf("the removal is of %v", ref)
						}
						calls = append(calls, "drift "+f.Subject.Key()+" "+f.MembershipID)
						if reserve != nil {
							if err := reserve(t.Context()); err != nil {
								return err
							}
						}
						return test.err
					},
				},
				Findings: seenFindings{memoryFindings{"r2": {Subject: subject, MembershipID: "m-1", FirstSeen: nine.Add(-200 * time.Hour)}}, firstSeen, test.seenErr},
				Table:    table,
				Users:    users{known, test.userErr},
				Policy:   inForce{cmp.Or(test.set, subject.PermissionSet), test.resources, test.protected, approvers, test.exemptions, test.policyErr},
				Catalog:  test.units,

				RemovalsOff: test.off, Limit: test.limit,
				Now:    func() time.Time { return nine },
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
			}
			if err := json.Unmarshal([]byte(cmp.Or(test.payload, drift)), &in); err != nil {
				t.Fatal(err)
			}
			out, err := h.Handle(t.Context(), in)
			if got := access.CodeOf(err); got != test.want || out != (Output{}) {
				t.Errorf("%+v, error %v, want code %q", out, err, test.want)
			}
			if !reflect.DeepEqual(calls, test.calls) || table.removals != test.reserved {
				t.Errorf("calls %q with %d reserved, want %q with %d", calls, table.removals, test.calls, test.reserved)
			}
			if failed := err != nil && len(calls) > 0; failed != strings.Contains(log.String(), subject.Key()) {
				t.Errorf("the removal failed: %v; the log says %q", failed, log.String())
			}
		})
	}
}

// A settled lease names its finding. The payload doesn't matter.
func TestSettle(t *testing.T) {
	ref := access.FindingRef{Run: "other", Index: 5}
	removed := Output{Result: access.DriftRemoved, Run: "other", Index: 5}
	tests := []struct {
		name    string
		payload string
		settled leases.Settlement
		result  access.RemovalResult
		err     error
		want    access.Code
		answer  Output
		calls   []string
	}{
		{name: "a finding", payload: `{"operation":"settle","run":"r","index":2}`, result: access.DriftRemoved,
			answer: Output{access.DriftRemoved, "r", 2}, calls: []string{"settle " + subject.Key() + " {r 2}"}},
		{name: "a finding that was gone already", payload: `{"operation":"settle","run":"r","index":2}`, result: access.DriftAlreadyGone,
			want: access.CodeAlreadyGone, calls: []string{"settle " + subject.Key() + " {r 2}"}},
		{name: "a finding, not over yet", payload: `{"operation":"settle","run":"r","index":2}`, err: access.Errorf(access.CodeInProgress, "wait"),
			want: access.CodeInProgress, calls: []string{"settle " + subject.Key() + " {r 2}"}},
		{name: "nothing", payload: `{"operation":"settle"}`, want: access.CodeNotFound},
		{name: "a lease of a request", payload: `{"operation":"settle","lease":"account#1#ps#p","execution":"arn"}`, calls: []string{"settle account#1#ps#p"}},
		{name: "a lease that a run made", payload: `{"operation":"settle","lease":"account#1#ps#p","execution":"arn"}`, settled: leases.Settlement{Finding: ref, Result: access.DriftRemoved},
			answer: removed, calls: []string{"settle account#1#ps#p"}},
		{name: "a lease, and a finding in the input", payload: `{"operation":"settle","lease":"nope","execution":"arn","run":"r","index":2,"drift":{"run":"r","index":2}}`,
			calls: []string{"settle nope"}},
		{name: "a lease that a run made, without an execution", payload: `{"operation":"settle","lease":"account#1#ps#p"}`, settled: leases.Settlement{Finding: ref, Result: access.DriftRemoved},
			answer: removed, calls: []string{"settle account#1#ps#p", "and keep it"}},
		{name: "a lease that a run made, gone already", payload: `{"operation":"settle","lease":"account#1#ps#p","execution":"arn"}`, settled: leases.Settlement{Finding: ref, Result: access.DriftAlreadyGone},
			answer: Output{access.DriftAlreadyGone, "other", 5}, calls: []string{"settle account#1#ps#p"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var calls []string
			h := &Handler{
				Leases: &mockLeases{
					settle: func(key string, keep bool) (leases.Settlement, error) {
						calls = append(calls, "settle "+key)
						if keep {
							calls = append(calls, "and keep it")
						}
						return test.settled, test.err
					},
					settleOf: func(key string, ref access.FindingRef) (access.RemovalResult, error) {
						calls = append(calls, fmt.Sprint("settle ", key, " ", ref))
						return test.result, test.err
					},
				},
				Findings: memoryFindings{"r2": {Subject: subject}},
				Logger:   slog.New(slog.NewTextHandler(io.Discard, nil)),
			}
			var in Input
			if err := json.Unmarshal([]byte(test.payload), &in); err != nil {
				t.Fatal(err)
			}
			out, err := h.Handle(t.Context(), in)
			if got := access.CodeOf(err); got != test.want || out != test.answer {
				t.Errorf("%+v, error %v, want %+v, code %q", out, err, test.answer, test.want)
			}
			if !reflect.DeepEqual(calls, test.calls) {
				t.Errorf("calls %q, want %q", calls, test.calls)
			}
		})
	}
	// The state machine reads these fields from every answer.
	if text, err := json.Marshal(Output{}); err != nil || string(text) != `{"result":"","run":"","index":0}` {
		t.Errorf("the empty answer is %s, %v", text, err)
	}
}
