package grant

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/cases/casestest"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/leases"
)

var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

const execution = "arn:aws:states:us-east-1:123456789012:execution:request:one"

type mockTable struct {
	get  func(id string) (access.Request, error)
	fail func(id string, f access.Failure) error
	path []string

	blocks func() (access.Blocks, error)
	end    func(access.EndRequest) error
}

func (m *mockTable) Blocks(context.Context) (access.Blocks, error) { return m.blocks() }

func (m *mockTable) RequestEnd(_ context.Context, id string, e access.EndRequest) (access.Request, bool, error) {
	err := m.end(e)
	return access.Request{ID: id, EndRequest: &e}, err == nil, err
}

func (m *mockTable) Get(_ context.Context, id string) (access.Request, error) { return m.get(id) }
func (m *mockTable) RecordOUPath(_ context.Context, id string, path []string) error {
	m.path = path
	return nil
}
func (m *mockTable) Fail(_ context.Context, id string, f access.Failure) error {
	return m.fail(id, f)
}

type mockPolicy func() (access.Policy, error)

func (m mockPolicy) Load(context.Context) (access.Policy, string, error) {
	p, err := m()
	return p, "digest", err
}

// mockDirectory has one permission set, and users.
type mockDirectory struct {
	name   func(arn string) (string, error)
	status func(principalID string) (access.UserStatus, error)
}

type mockCatalog string

func (m mockCatalog) ManagementAccount(context.Context) string { return string(m) }

func (m mockDirectory) PermissionSetName(_ context.Context, arn string) (string, error) {
	return m.name(arn)
}

func (m mockDirectory) UserStatus(_ context.Context, principalID string) (access.UserStatus, error) {
	return m.status(principalID)
}

type mockLeases struct {
	acquire  func(access.Request, func(context.Context) error) error
	isHolder func(access.Request) (bool, error)
	confirm  func(access.Request) (access.Request, error)
	chain    *access.Chain // what the request extends
	look     func()        // if not nil, called by Look
}

func (m *mockLeases) Look(context.Context, access.Subject) leases.Look {
	if m.look != nil {
		m.look()
	}
	return leases.Look{}
}

func (m *mockLeases) AcquireAfter(ctx context.Context, r access.Request, _ leases.Look, permit leases.Permit, check func(context.Context) error) error {
	if m.chain != nil {
		if err := permit(ctx, *m.chain); err != nil {
			return err
		}
	}
	return m.acquire(r, check)
}
func (m *mockLeases) IsHolder(_ context.Context, r access.Request) (bool, error) {
	return m.isHolder(r)
}
func (m *mockLeases) Confirm(ctx context.Context, r access.Request, permit leases.Permit) (access.Request, error) {
	if m.chain != nil {
		if err := permit(ctx, *m.chain); err != nil {
			return r, err
		}
	}
	return m.confirm(r)
}

var (
	_ Table     = (*mockTable)(nil)
	_ Policy    = mockPolicy(nil)
	_ Directory = mockDirectory{}
	_ Catalog   = mockCatalog("")
	_ Leases    = (*mockLeases)(nil)
)

// approved is a request that bob approved for alice.
func approved() access.Request {
	return access.Request{
		ID: "one", ExecutionARN: execution, Duration: 3600,
		Target: access.Target{
			Kind: access.KindAccount, AccountID: "111122223333", PermissionSet: "ReadOnly",
			PermissionSetARN: "arn:aws:sso:::permissionSet/ssoins-1/ps-1",
		},
		Requester: access.Person{SlackID: "UALICE", Email: "alice@example.com", PrincipalID: "p-alice"},
		Outcome: &access.Outcome{
			Kind: access.OutcomeApproved,
			By:   access.Person{SlackID: "UBOB", Email: "Bob@Example.com", PrincipalID: "p-bob"},
		},
	}
}

func boolp(b bool) *bool { return &b }

// These policies say who may approve ReadOnly in any account.
func listing(approvers ...string) access.Policy {
	return access.Policy{Accounts: []access.Statement{{Resources: []string{"*"}, PermissionSets: []string{"ReadOnly"}, Approvers: approvers}}}
}

func self(approvers ...string) access.Policy {
	p := listing(approvers...)
	p.Accounts[0].AllowSelfApproval = boolp(true)
	return p
}

func free() access.Policy {
	p := listing()
	p.Accounts[0].ApprovalIsNotRequired = boolp(true)
	return p
}

// scene is a handler whose checks all succeed, and what it did.
type scene struct {
	row      access.Request
	policy   access.Policy
	setName  string
	manages  string                       // the management account as the catalog has it
	users    map[string]access.UserStatus // by principal; enabled if missing here
	errs     map[string]error             // by call, or by principal
	groups   casestest.Groups
	acquired []access.Request
	holds    bool // the request is a holder of its access
	failures []access.Failure
	ic       int // calls that create access

	blocks    access.Blocks
	meanwhile func(*scene)        // happens while the lease is taken, or the access confirmed
	ends      []access.EndRequest // that were recorded

	later func(*access.Request) // changes the row after its first read
}

func (s *scene) handler() *Handler {
	return &Handler{
		Table: &mockTable{
			get: func(string) (access.Request, error) {
				r, err := s.row, s.errs["get"]
				if s.later != nil {
					s.later(&s.row)
				}
				return r, err
			},
			fail: func(_ string, f access.Failure) error {
				s.failures = append(s.failures, f)
				return s.errs["fail"]
			},
			blocks: func() (access.Blocks, error) { return s.blocks, s.errs["blocks"] },
			end: func(e access.EndRequest) error {
				s.ends = append(s.ends, e)
				return s.errs["end"]
			},
		},
		Policy: mockPolicy(func() (access.Policy, error) { return s.policy, s.errs["policy"] }),
		Cases:  s.groups.Reader(),
		Directory: mockDirectory{
			name: func(string) (string, error) { return s.setName, s.errs["name"] },
			status: func(id string) (access.UserStatus, error) {
				return cmp.Or(s.users[id], access.UserEnabled), s.errs[id]
			},
		},
		Catalog: mockCatalog(s.manages), Account: "123456789012", Longest: 8 * time.Hour, WaitFor: time.Hour,
		Leases: &mockLeases{
			acquire: func(r access.Request, check func(context.Context) error) error {
				if s.meanwhile != nil {
					s.meanwhile(s)
				}
				if err := check(context.Background()); err != nil {
					return err
				}
				s.acquired = append(s.acquired, r)
				return s.errs["acquire"]
			},
			isHolder: func(access.Request) (bool, error) { return s.holds, s.errs["holder"] },
			confirm: func(r access.Request) (access.Request, error) {
				s.ic++
				if s.meanwhile != nil {
					s.meanwhile(s)
				}
				return r, s.errs["confirm"]
			},
		},
		Now:    func() time.Time { return monday },
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

func inOrder() *scene {
	return &scene{row: approved(), policy: listing("bob@example.com"), setName: "ReadOnly", errs: map[string]error{}}
}

func TestStart(t *testing.T) {
	refused := access.CodeRefused
	tests := []struct {
		name  string
		scene func(*scene)
		in    func(*Input)
		want  access.Code
		// recorded reports whether the refusal is written to the row.
		recorded bool
	}{
		{name: "approved by somebody the policy lists"},
		{name: "automatic", scene: func(s *scene) {
			s.policy, s.row.Outcome = free(), &access.Outcome{Kind: access.OutcomeAutomatic}
		}},
		{name: "automatic by self approval", scene: func(s *scene) {
			s.policy, s.row.Outcome = self("alice@example.com"), &access.Outcome{Kind: access.OutcomeAutomatic}
		}},
		{name: "self approval pressed by the requester", scene: func(s *scene) {
			s.policy, s.row.Outcome.By = self("alice@example.com"), s.row.Requester
		}},
		{name: "group", scene: func(s *scene) {
			s.row.Target = access.Target{Kind: access.KindGroup, GroupID: "g-1"}
			s.policy = access.Policy{Groups: []access.Statement{{Resources: []string{"g-1"}, Approvers: []string{"bob@example.com"}}}}
			s.errs["name"] = access.Errorf(access.CodeInternal, "not asked for groups")
		}},

		// The execution is not the row's own, so nothing is written to the row.
		{name: "another execution", in: func(in *Input) { in.Execution += "x" }, want: refused},
		{name: "no execution", in: func(in *Input) { in.Execution = "" }, want: refused},
		{name: "row without execution", scene: func(s *scene) { s.row.ExecutionARN = "" }, in: func(in *Input) { in.Execution = "" }, want: refused},
		{name: "tombstone", scene: func(s *scene) { s.row.Tombstone = true }, want: refused},
		{name: "closed", scene: func(s *scene) { s.row.ClosedAt = monday }, want: refused},
		{name: "removal begun", scene: func(s *scene) { s.row.RevokingAt = monday }, want: refused},
		{name: "revoked", scene: func(s *scene) { s.row.RevokedAt = monday }, want: refused},
		{name: "no such request", scene: func(s *scene) { s.errs["get"] = access.Errorf(access.CodeNotFound, "x") }, want: access.CodeNotFound},
		{name: "failed before", scene: func(s *scene) {
			s.row.Failure = &access.Failure{Code: access.CodeForeign, Message: "there before"}
		}, want: access.CodeForeign},
		{name: "unknown operation", in: func(in *Input) { in.Operation = "stop" }, want: access.CodeInvalid},

		// The policy in force permits no such decision.
		{name: "undecided", scene: func(s *scene) { s.row.Outcome = nil }, want: refused, recorded: true},
		{name: "denied", scene: func(s *scene) { s.row.Outcome.Kind = access.OutcomeDenied }, want: refused, recorded: true},
		{name: "withdrawn", scene: func(s *scene) { s.row.Outcome.Kind = access.OutcomeWithdrawn }, want: refused, recorded: true},
		{name: "expired", scene: func(s *scene) { s.row.Outcome.Kind = access.OutcomeExpired }, want: refused, recorded: true},
		{name: "refused", scene: func(s *scene) { s.row.Outcome.Kind = access.OutcomeRefused }, want: refused, recorded: true},
		{name: "made-up outcome", scene: func(s *scene) { s.row.Outcome.Kind = "yes" }, want: refused, recorded: true},
		{name: "approver removed from the policy since", scene: func(s *scene) { s.policy = listing("carol@example.com") }, want: refused, recorded: true},
		{name: "statement removed from the policy since", scene: func(s *scene) { s.policy = access.Policy{} }, want: refused, recorded: true},
		{name: "approval needed since", scene: func(s *scene) { s.row.Outcome = &access.Outcome{Kind: access.OutcomeAutomatic} }, want: refused, recorded: true},
		{name: "self approval denied since", scene: func(s *scene) {
			s.policy = self("alice@example.com")
			s.policy.Accounts = append(s.policy.Accounts, access.Statement{
				Resources: []string{"*"}, PermissionSets: []string{"*"}, Approvers: []string{"alice@example.com"}, AllowSelfApproval: boolp(false),
			})
			s.row.Outcome = &access.Outcome{Kind: access.OutcomeAutomatic}
		}, want: refused, recorded: true},

		// These cases are about identities.
		{name: "the approver is the requester", scene: func(s *scene) {
			s.policy, s.row.Outcome.By = listing("alice@example.com", "bob@example.com"), s.row.Requester
		}, want: refused, recorded: true},
		{name: "same Slack user under another email", scene: func(s *scene) { s.row.Outcome.By.SlackID = "UALICE" }, want: refused, recorded: true},
		{name: "same Identity Center user under another email", scene: func(s *scene) { s.row.Outcome.By.PrincipalID = "p-alice" }, want: refused, recorded: true},
		{name: "approver without a user in Identity Center", scene: func(s *scene) { s.row.Outcome.By.PrincipalID = "" }, want: refused, recorded: true},
		{name: "self approval without a user in Identity Center", scene: func(s *scene) {
			s.policy, s.row.Outcome.By = self("alice@example.com"), s.row.Requester
			s.row.Outcome.By.PrincipalID = ""
		}, want: refused, recorded: true},
		{name: "same email in capitals", scene: func(s *scene) {
			s.policy = listing("alice@example.com")
			s.row.Outcome.By.Email = "ALICE@example.com"
		}, want: refused, recorded: true},
		{name: "approver under a fallback domain", scene: func(s *scene) { s.row.Outcome.By.SecondaryDomain = true }, want: refused, recorded: true},
		{name: "self approval under a fallback domain", scene: func(s *scene) {
			s.policy, s.row.Outcome = self("alice@example.com"), &access.Outcome{Kind: access.OutcomeAutomatic}
			s.row.Requester.SecondaryDomain = true
		}, want: refused, recorded: true},
		{name: "approver without email", scene: func(s *scene) { s.row.Outcome.By.Email = "" }, want: refused, recorded: true},
		{name: "approver without Slack user", scene: func(s *scene) { s.row.Outcome.By.SlackID = "" }, want: refused, recorded: true},
		{name: "requester without principal", scene: func(s *scene) { s.row.Requester.PrincipalID = "" }, want: refused, recorded: true},

		// These cases are about people who are gone.
		{name: "requester disabled since", scene: func(s *scene) { s.users = map[string]access.UserStatus{"p-alice": access.UserDisabled} }, want: refused, recorded: true},
		{name: "requester deleted since", scene: func(s *scene) { s.users = map[string]access.UserStatus{"p-alice": access.UserDeleted} }, want: refused, recorded: true},
		{name: "approver disabled since", scene: func(s *scene) { s.users = map[string]access.UserStatus{"p-bob": access.UserDisabled} }, want: refused, recorded: true},
		{name: "approver deleted since", scene: func(s *scene) { s.users = map[string]access.UserStatus{"p-bob": access.UserDeleted} }, want: refused, recorded: true},
		{name: "automatic, requester disabled since", scene: func(s *scene) {
			s.policy, s.row.Outcome = free(), &access.Outcome{Kind: access.OutcomeAutomatic}
			s.users = map[string]access.UserStatus{"p-alice": access.UserDisabled}
		}, want: refused, recorded: true},
		{name: "group, requester deleted since", scene: func(s *scene) {
			s.row.Target = access.Target{Kind: access.KindGroup, GroupID: "g-1"}
			s.policy = access.Policy{Groups: []access.Statement{{Resources: []string{"g-1"}, Approvers: []string{"bob@example.com"}}}}
			s.users = map[string]access.UserStatus{"p-alice": access.UserDeleted}
		}, want: refused, recorded: true},
		// These people can't be told from someone else.
		{name: "another user has the requester's email by now", scene: func(s *scene) { s.errs["p-alice"] = access.Errorf(access.CodeAmbiguous, "x") }, want: access.CodeAmbiguous, recorded: true},
		{name: "another user has the approver's email by now", scene: func(s *scene) { s.errs["p-bob"] = access.Errorf(access.CodeAmbiguous, "x") }, want: access.CodeAmbiguous, recorded: true},
		// Nothing is granted then, and the check is retried.
		{name: "the requester can't be looked up", scene: func(s *scene) { s.errs["p-alice"] = access.Errorf(access.CodeThrottled, "x") }, want: access.CodeThrottled},
		{name: "the approver can't be looked up", scene: func(s *scene) { s.errs["p-bob"] = access.Errorf(access.CodeUnavailable, "x") }, want: access.CodeUnavailable},
		{name: "the requester's lookup makes no sense", scene: func(s *scene) { s.errs["p-alice"] = access.Errorf(access.CodeInternal, "x") }, want: access.CodeUnavailable},
		{name: "the role may not look people up", scene: func(s *scene) { s.errs["p-alice"] = access.Errorf(access.CodeMisconfigure, "x") }, want: access.CodeMisconfigure, recorded: true},
		{name: "the requester is disabled, and the approver can't be looked up", scene: func(s *scene) {
			s.users = map[string]access.UserStatus{"p-alice": access.UserDisabled}
			s.errs["p-bob"] = access.Errorf(access.CodeThrottled, "x")
		}, want: refused, recorded: true},

		// These cases are about the requested access.
		{name: "as long as access may last", scene: func(s *scene) { s.row.Duration = 8 * 3600 }},
		{name: "longer than access may last by now", scene: func(s *scene) { s.row.Duration = 8*3600 + 1 }, want: refused, recorded: true},
		{name: "the ARN is of another permission set", scene: func(s *scene) { s.setName = "AdministratorAccess" }, want: refused, recorded: true},
		{name: "the management account", scene: func(s *scene) { s.manages = s.row.Target.AccountID }, want: access.CodeManagement, recorded: true},
		{name: "beside the management account", scene: func(s *scene) { s.manages = "999999999999" }},
		{name: "no such permission set", scene: func(s *scene) {
			s.errs["name"] = access.Errorf(access.CodeNotFound, "x")
		}, want: access.CodeNotFound, recorded: true},
		{name: "no ARN", scene: func(s *scene) { s.row.Target.PermissionSetARN = "" }, want: refused, recorded: true},
		{name: "no duration", scene: func(s *scene) { s.row.Duration = 0 }, want: refused, recorded: true},
		{name: "endless", scene: func(s *scene) { s.row.Duration = 100_000_000 }, want: refused, recorded: true},

		// These cases are about leases.
		{name: "foreign access", scene: func(s *scene) { s.errs["acquire"] = access.Errorf(access.CodeForeign, "x") }, want: access.CodeForeign, recorded: true},
		{name: "being removed", scene: func(s *scene) { s.errs["acquire"] = access.Errorf(access.CodeLeaseDeleting, "x") }, want: access.CodeLeaseDeleting},
		{name: "throttled", scene: func(s *scene) { s.errs["acquire"] = access.Errorf(access.CodeThrottled, "x") }, want: access.CodeThrottled},
		{name: "table down", scene: func(s *scene) { s.errs["get"] = access.Errorf(access.CodeUnavailable, "x") }, want: access.CodeUnavailable},
		{name: "policy can't be read", scene: func(s *scene) { s.errs["policy"] = access.Errorf(access.CodeUnavailable, "x") }, want: access.CodeUnavailable},
		{name: "permission set can't be looked up", scene: func(s *scene) {
			s.errs["name"] = access.Errorf(access.CodeThrottled, "x")
		}, want: access.CodeThrottled},
		{name: "the failure can't be recorded", scene: func(s *scene) {
			s.row.Outcome = nil
			s.errs["fail"] = access.Errorf(access.CodeUnavailable, "x")
		}, want: refused, recorded: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, in := inOrder(), Input{Input: host.Input{Operation: "start", RequestID: "one", Execution: execution}}
			if test.scene != nil {
				test.scene(s)
			}
			if test.in != nil {
				test.in(&in)
			}
			_, err := s.handler().Handle(context.Background(), in)
			if got := access.CodeOf(err); got != test.want {
				t.Fatalf("error = %v (%q), want %q", err, got, test.want)
			}
			if reached := len(s.acquired) > 0; reached != (test.want == "" || s.errs["acquire"] != nil) {
				t.Errorf("reached the lease: %v", reached)
			}
			if recorded := len(s.failures) > 0; recorded != test.recorded {
				t.Fatalf("recorded %v, want %v", s.failures, test.recorded)
			}
			if test.recorded {
				want := access.Failure{Code: test.want, Message: access.ErrorMessage(err), At: monday}
				if s.failures[0] != want {
					t.Errorf("recorded %+v, want %+v", s.failures[0], want)
				}
			}
		})
	}
}

// This is the text that the requester reads.
func TestRefusalsSayWhy(t *testing.T) {
	for _, tt := range []struct {
		scene func(*scene)
		want  string
	}{
		{func(s *scene) { s.users = map[string]access.UserStatus{"p-alice": access.UserDisabled} }, "the user of the requester in IAM Identity Center is disabled"},
		{func(s *scene) { s.users = map[string]access.UserStatus{"p-bob": access.UserDeleted} }, "the user of the approver in IAM Identity Center is deleted"},
		{func(s *scene) { s.row.Duration = 12 * 3600 }, "12 hours is longer than the settings now allow: at most 8 hours"},
	} {
		s := inOrder()
		tt.scene(s)
		_, err := s.handler().Handle(t.Context(), Input{Input: host.Input{Operation: "start", RequestID: "one", Execution: execution}})
		if err == nil || err.Error() != tt.want || len(s.failures) != 1 || s.failures[0].Message != tt.want {
			t.Errorf("got %v and %+v, want %q", err, s.failures, tt.want)
		}
	}
}

func TestConfirm(t *testing.T) {
	tests := []struct {
		name     string
		scene    func(*scene)
		want     access.Code
		recorded bool
		asked    bool
	}{
		{name: "there", asked: true},
		{name: "not yet", scene: func(s *scene) { s.errs["confirm"] = access.Errorf(access.CodeInProgress, "x") }, want: access.CodeInProgress, asked: true},
		{name: "failed", scene: func(s *scene) {
			s.errs["confirm"] = access.Errorf(access.CodeFailed, "Identity Center could not create the assignment: no such user")
		}, want: access.CodeFailed, recorded: true, asked: true},
		{name: "tombstone", scene: func(s *scene) { s.row.Tombstone = true }, want: access.CodeRefused},
		{name: "removal begun", scene: func(s *scene) { s.row.RevokingAt = monday }, want: access.CodeRefused},
		{name: "another execution", scene: func(s *scene) { s.row.ExecutionARN = "x" }, want: access.CodeRefused},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := inOrder()
			if test.scene != nil {
				test.scene(s)
			}
			_, err := s.handler().Handle(context.Background(), Input{Input: host.Input{Operation: "confirm", RequestID: "one", Execution: execution}})
			if got := access.CodeOf(err); got != test.want {
				t.Fatalf("error = %v, want %q", err, test.want)
			}
			if (len(s.failures) > 0) != test.recorded || (s.ic > 0) != test.asked {
				t.Errorf("recorded %v, asked %d times", s.failures, s.ic)
			}
			if test.recorded && !strings.Contains(s.failures[0].Message, "no such user") {
				t.Errorf("recorded %q, without Identity Center's reason", s.failures[0].Message)
			}
		})
	}
}
