package evaluate

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/claims"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/people"
	"sso-elevator/functions/adapters/posts"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/slack"
)

// Input is a task's payload. Operations are evaluate, next and refuse.
type Input struct {
	host.Input
	Error string `json:"error"` // of refuse: the code of why there was no evaluation
}

// Next is where the request goes on: "automatic", "approved", "approval",
// "remind", "announce", "revoke", "other" if another execution handles the
// request, or the kind of outcome without access.
type Next struct {
	Next        string `json:"next"`
	WaitSeconds int64  `json:"wait_seconds"` // for the wait for an approval, at least 1
}

// Evaluated answers `evaluate`: from here on the machine works with this, not
// with what started it.
type Evaluated struct {
	RequestID string `json:"request_id"`
	Next
	Subject Subject `json:"subject"`
}

// Subject is an access.Subject of which every field is there, empty or not: the
// machine reads it after the grant, where nothing may be missing.
type Subject struct {
	Kind             access.Kind `json:"kind"`
	AccountID        string      `json:"account_id"`
	AccountName      string      `json:"account_name"`
	PermissionSet    string      `json:"permission_set"`
	PermissionSetARN string      `json:"permission_set_arn"`
	GroupID          string      `json:"group_id"`
	GroupName        string      `json:"group_name"`
	PrincipalID      string      `json:"principal_id"`
}

// Table is the part of the requests table that the handler uses.
type Table interface {
	Get(ctx context.Context, id string) (access.Request, error)
	Evaluate(ctx context.Context, id string, e table.Evaluation) (access.Request, error)
	Decide(ctx context.Context, id string, o access.Outcome) (access.Request, bool, error)
	CountReminder(ctx context.Context, id string, n int) error
	TakeOver(ctx context.Context, id, execution string) (r access.Request, won bool, err error)
}

// People finds out who somebody is.
type People interface {
	Requester(ctx context.Context, slackID string) (access.Person, error)
	Approvers(ctx context.Context, emails []string) (known []access.Person, unknown []string, err error)
}

// Policy gives the policy in force.
type Policy interface {
	Load(ctx context.Context) (access.Policy, string, error)
}

// Catalog knows which account manages the organization; "": it does not.
type Catalog interface {
	ManagementAccount(ctx context.Context) string
}

// Claims frees what a request has claimed.
type Claims interface {
	Free(ctx context.Context, r access.Request) error
}

var (
	_ Claims  = (*claims.Claims)(nil)
	_ Table   = (*table.Table)(nil)
	_ People  = (*people.Finder)(nil)
	_ Catalog = (*catalog.Catalog)(nil)
)

// Handler decides what the policy decides, and says what comes next.
type Handler struct {
	Table     Table
	People    People
	Policy    Policy
	Catalog   Catalog
	Claims    Claims
	Account   string // that this runs in
	Reminders Reminders
	// Expiration is how long an approval is waited for; zero stands for
	// table.NeverExpires.
	Expiration time.Duration
	// AnnounceFor is how long after it was made a request is kept that nobody
	// could be told about.
	AnnounceFor time.Duration
	Now         func() time.Time
	Logger      *slog.Logger
}

// Handle does one task. The answer is an Evaluated, a Next or nothing; errors
// are coded.
func (h *Handler) Handle(ctx context.Context, in Input) (any, error) {
	r, err := h.Table.Get(ctx, in.RequestID)
	if err != nil {
		return nil, err
	}
	if in.Operation == "evaluate" && in.Execution != r.ExecutionARN {
		return h.takeOver(ctx, in, r)
	}
	if r.Open() && in.Execution != r.ExecutionARN {
		// Another execution decides nothing.
		return nil, access.Errorf(access.CodeRefused, "request %s is not this execution's to decide", r.ID)
	}
	switch in.Operation {
	case "evaluate":
		return h.evaluate(ctx, in, r)
	case "next":
		return h.next(ctx, r)
	case "refuse":
		return struct{}{}, h.refuse(ctx, in, r)
	default:
		return nil, access.Errorf(access.CodeInvalid, "there is no operation %q", in.Operation)
	}
}

// takeOver answers an execution that is not the request's own. It goes on with a
// removal that has begun, as a hand-over does. Otherwise it must change nothing:
// whoever may start executions must not end access early.
func (h *Handler) takeOver(ctx context.Context, in Input, r access.Request) (any, error) {
	next := Next{Next: "other", WaitSeconds: 1}
	if !r.RevokingAt.IsZero() {
		var won bool
		var err error
		if r, won, err = h.Table.TakeOver(ctx, r.ID, in.Execution); err != nil {
			return nil, err
		}
		if won {
			next.Next = "revoke"
		}
	}
	return Evaluated{RequestID: r.ID, Next: next, Subject: subject(r)}, nil
}

func (h *Handler) evaluate(ctx context.Context, in Input, r access.Request) (any, error) {
	if r.Open() {
		var err error
		if r, err = h.decide(ctx, r); err != nil {
			return nil, err
		}
	}
	next := Next{WaitSeconds: 1}
	switch {
	case r.Open():
		next.Next, next.WaitSeconds = "approval", h.wait(r)
	case r.Outcome == nil:
		return nil, access.Errorf(access.CodeRefused, "request %s is closed", r.ID)
	case r.Outcome.Kind.Grants() && begun(r):
		// Redriven after it could not finish: whether there is access to remove,
		// revoke finds out.
		next.Next = "revoke"
	default:
		next.Next = string(known(r.Outcome.Kind))
	}
	return Evaluated{RequestID: r.ID, Next: next, Subject: subject(r)}, nil
}

// known is an outcome's kind, and a refusal for one that there is not: a row that
// somebody wrote by hand must not send the machine round in circles.
func known(kind access.OutcomeKind) access.OutcomeKind {
	switch kind {
	case access.OutcomeAutomatic, access.OutcomeApproved, access.OutcomeDenied, access.OutcomeWithdrawn, access.OutcomeExpired:
		return kind
	}
	return access.OutcomeRefused
}

// begun says whether the request's access has come as far as its grant.
func begun(r access.Request) bool {
	return !r.GrantedAt.IsZero() || !r.RevokingAt.IsZero() || !r.RevokedAt.IsZero()
}

// decide finds out who asks and what the policy says, and enters both. The row
// that comes back has an outcome, or waits for an approval.
func (h *Handler) decide(ctx context.Context, r access.Request) (access.Request, error) {
	requester, err := h.People.Requester(ctx, r.Requester.SlackID)
	switch code := access.CodeOf(err); code {
	case "":
	case access.CodeRefused, access.CodeNotFound:
		return h.outcome(ctx, r, access.Outcome{Kind: access.OutcomeRefused, Reason: string(code), Message: err.Error()})
	default:
		return r, err
	}
	if was := r.Requester.PrincipalID; was != "" && was != requester.PrincipalID {
		// What is claimed, and how many requests may be open, is that user's.
		return h.outcome(ctx, r, access.Outcome{Kind: access.OutcomeRefused, Reason: string(access.CodeRefused),
			Message: "Your email address belongs to another user in IAM Identity Center than when you sent the request. Please submit it again."})
	}
	policy, digest, err := h.Policy.Load(ctx)
	if err != nil {
		return r, err
	}
	d := policy.Decide(requester.Email, r.Target)
	o := access.Outcome{Reason: string(d.Reason), PolicyDigest: digest, Statements: d.Statements}
	e := table.Evaluation{Requester: requester, Decision: d}
	switch {
	case r.Target.OutOfReach(h.Account, h.Catalog.ManagementAccount(ctx)):
		o.Kind, o.Reason = access.OutcomeRefused, string(access.CodeManagement)
	case d.Outcome == access.DecideAutomatic && d.Reason == access.ReasonSelfApproval && requester.SecondaryDomain:
		o.Kind, o.Reason = access.OutcomeRefused, string(access.CodeRefused)
		o.Message = "Approving one's own request takes a user in IAM Identity Center with the very email address that Slack has."
	case d.Outcome == access.DecideAutomatic:
		o.Kind = access.OutcomeAutomatic
	case d.Outcome == access.DecideRefused:
		o.Kind = access.OutcomeRefused
	default:
		known, unknown, err := h.People.Approvers(ctx, d.Approvers)
		if err != nil {
			return r, err
		}
		e.UnknownApprovers = unknown
		e.Approvers = slices.DeleteFunc(known, func(p access.Person) bool { return people.Same(p, requester) })
		if len(e.Approvers) == 0 {
			o.Kind, o.Reason, o.Message = access.OutcomeRefused, string(access.ReasonNoApprovers), noneKnown(unknown)
			break
		}
		e.ExpiresAt = r.CreatedAt.Add(h.expiration()).UTC()
	}
	r, err = h.Table.Evaluate(ctx, r.ID, e)
	if err != nil || o.Kind == "" || !r.Open() {
		return r, err
	}
	return h.outcome(ctx, r, o)
}

// noneKnown tells which approvers could not be asked. They are named in the
// message to people, where somebody can mend it.
func noneKnown(unknown []string) string {
	const most = 10
	if len(unknown) == 0 {
		return "Those who could approve this are the requester under another email address."
	}
	text := strings.Join(unknown[:min(len(unknown), most)], ", ")
	if more := len(unknown) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return "None of those who could approve this is a full member of the Slack workspace with a confirmed email address: " + text + "."
}

// outcome enters an outcome. Where somebody was faster, theirs stands in the
// row that comes back.
func (h *Handler) outcome(ctx context.Context, r access.Request, o access.Outcome) (access.Request, error) {
	o.At = h.Now().UTC()
	r, won, err := h.Table.Decide(ctx, r.ID, o)
	if err == nil {
		h.Logger.InfoContext(ctx, "decided", "request_id", r.ID, "execution", r.ExecutionARN, "outcome", o.Kind, "reason", o.Reason, "won", won)
		h.free(ctx, r)
	}
	return r, err
}

// free frees what is claimed for a decided request. Where that fails, the close of
// the request does it, and until then the claim does not count.
func (h *Handler) free(ctx context.Context, r access.Request) {
	if err := h.Claims.Free(ctx, r); err != nil {
		h.Logger.WarnContext(ctx, "the claim of a decided request could not be freed", "request_id", r.ID, "error", host.ErrorMessage(err))
	}
}

// next says what comes next for a request that waits: decided meanwhile,
// expired, to be announced after all, or time for a reminder.
func (h *Handler) next(ctx context.Context, r access.Request) (any, error) {
	now := h.Now()
	var err error
	switch {
	case !r.Open():
	case !now.Before(h.expiresAt(r)):
		r, err = h.outcome(ctx, r, access.Outcome{Kind: access.OutcomeExpired})
	case r.Posts[slack.PurposeAnnounce].TS != "":
		return h.remind(ctx, r, now)
	case now.Sub(r.CreatedAt) < h.AnnounceFor:
		return Next{Next: "announce", WaitSeconds: h.wait(r)}, nil
	default:
		r, err = h.outcome(ctx, r, access.Outcome{Kind: access.OutcomeRefused, Reason: string(access.CodeUnavailable),
			Message: "The approvers could not be asked: Slack did not take the message."})
	}
	if err != nil {
		return nil, err
	}
	if r.Outcome == nil {
		return nil, access.Errorf(access.CodeRefused, "request %s is closed", r.ID)
	}
	kind := known(r.Outcome.Kind)
	if kind.Grants() {
		kind = access.OutcomeApproved // the only way to Grant from here
	}
	return Next{Next: string(kind), WaitSeconds: 1}, nil
}

// remind says whether a reminder is due. It is counted here, and its post
// bears the number, so that however often this or the posting is repeated, each
// reminder is sent once. Reminders that were missed are not made up for.
func (h *Handler) remind(ctx context.Context, r access.Request, now time.Time) (any, error) {
	next := Next{Next: "approval", WaitSeconds: h.wait(r)}
	n := h.Reminders.Due(now.Sub(r.CreatedAt))
	if n == 0 || n < r.RemindersSent || r.Posts[posts.Reminder(n)].TS != "" {
		return next, nil
	}
	if n > r.RemindersSent {
		if err := h.Table.CountReminder(ctx, r.ID, n); err != nil {
			return nil, err
		}
	}
	next.Next = "remind"
	return next, nil
}

// refuse ends a request that could not be evaluated.
func (h *Handler) refuse(ctx context.Context, in Input, r access.Request) error {
	if !r.Open() {
		return nil
	}
	const longest = 100 // of an error's name
	reason := strings.ToValidUTF8(in.Error[:min(len(in.Error), longest)], "")
	if reason == "" {
		reason = string(access.CodeInternal)
	}
	_, err := h.outcome(ctx, r, access.Outcome{Kind: access.OutcomeRefused, Reason: reason})
	return err
}

func (h *Handler) expiration() time.Duration {
	if h.Expiration <= 0 {
		return table.NeverExpires
	}
	return h.Expiration
}

// expiresAt returns when the request expires. The row may lack that time although
// an approval is awaited: a write of an earlier evaluation, under another policy,
// can arrive late.
func (h *Handler) expiresAt(r access.Request) time.Time {
	if r.ExpiresAt.IsZero() {
		return r.CreatedAt.Add(h.expiration())
	}
	return r.ExpiresAt
}

// wait is how many seconds the machine waits for an approval before it asks
// what comes next: until the next reminder or the expiry.
func (h *Handler) wait(r access.Request) int64 {
	until := h.expiresAt(r)
	now := h.Now()
	if d, ok := h.Reminders.After(now.Sub(r.CreatedAt)); ok && r.CreatedAt.Add(d).Before(until) {
		until = r.CreatedAt.Add(d)
	}
	// Rounded up: a wait that ends too early would find nothing to do.
	left := (until.Sub(now) + time.Second - 1) / time.Second
	return min(max(int64(left), 1), access.MaxWaitSeconds)
}

func subject(r access.Request) Subject {
	t := r.Target
	return Subject{
		Kind: t.Kind, AccountID: t.AccountID, AccountName: t.AccountName,
		PermissionSet: t.PermissionSet, PermissionSetARN: t.PermissionSetARN,
		GroupID: t.GroupID, GroupName: t.GroupName, PrincipalID: r.Requester.PrincipalID,
	}
}
