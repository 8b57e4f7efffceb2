package evaluate

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/cases"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/claims"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/people"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/slack"
)

// Input is the payload of a task. Operations are evaluate, next and refuse.
type Input struct {
	host.Input
	Error string `json:"error"` // for refuse: the error code of the evaluation
	// Waits says that the state machine waits after the error Undecidable. The previous
	// release's machine does not.
	Waits bool `json:"waits"`
}

// Next is the next step of the request: "automatic", "approved", "approval",
// "remind", "announce", "revoke", "other" if another execution handles the
// request, or the kind of an outcome without access.
type Next struct {
	Next        string `json:"next"`
	WaitSeconds int64  `json:"wait_seconds"` // of the wait for an approval; at least 1
}

// Evaluated is the answer to `evaluate`. From here on the state machine uses this
// instead of its input.
type Evaluated struct {
	RequestID string `json:"request_id"`
	Next
	Subject Subject `json:"subject"`
}

// Subject is an access.Subject whose JSON has all fields, even empty ones: the state
// machine reads them after the grant, and would fail if one were missing.
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
	Lease(ctx context.Context, key string) (l access.Lease, found bool, err error)
	RequestsOf(ctx context.Context, principalID string, limit int) (found []access.Request, more bool, err error)
	Evaluate(ctx context.Context, id string, e table.Evaluation) (access.Request, error)
	Decide(ctx context.Context, id string, o access.Outcome) (access.Request, bool, error)
	ChangeApprovals(ctx context.Context, r access.Request, c table.ApprovalChange) (now access.Request, won bool, err error)
	CountReminder(ctx context.Context, id string, m table.Reminder) error
	Blocks(ctx context.Context) (access.Blocks, error)
	TakeOver(ctx context.Context, id, execution string) (r access.Request, won bool, err error)
}

// People looks people up.
type People interface {
	RequesterAgain(ctx context.Context, was access.Person) (access.Person, error)
	Approvers(ctx context.Context, emails []string) (known []access.Person, unknown []string, err error)
	CheckRequester(ctx context.Context, requester access.Person) error
	CheckApprover(ctx context.Context, approver access.Person) error
}

// Policy returns the policy in force.
type Policy interface {
	Load(ctx context.Context) (access.Policy, string, error)
}

// Catalog knows the organization's groups, its management account, the access portal and
// the permission sets. It returns empty values for what it doesn't know.
type Catalog interface {
	ManagementAccount(ctx context.Context) string
	PortalURL(ctx context.Context) string
	Session(ctx context.Context, permissionSetARN string) time.Duration
	Description(ctx context.Context, permissionSetARN string) string
	ApproverGroup(ctx context.Context, id string) (name string, m catalog.Members)
}

// Claims frees the claims of a request.
type Claims interface {
	Free(ctx context.Context, r access.Request) error
}

var (
	_ Claims  = (*claims.Claims)(nil)
	_ Table   = (*table.Table)(nil)
	_ People  = (*people.Finder)(nil)
	_ Catalog = (*catalog.Catalog)(nil)
)

// Handler decides requests by the policy, and returns their next step.
type Handler struct {
	Table   Table
	People  People
	Policy  Policy
	Catalog Catalog
	Claims  Claims
	Cases   cases.Reader
	Account string        // in which this runs
	Longest time.Duration // of access
	// Portal is the access portal. Without a URL, the catalog's is used.
	Portal access.Portal
	// SlackGroups are the ids of Slack user groups to mention, by group of Identity Center.
	SlackGroups map[string]string
	Reminders   Reminders
	// Expiration is how long a request waits for an approval; zero means
	// table.NeverExpires.
	Expiration time.Duration
	// AnnounceFor is how long after a request's creation its announcement is retried, and
	// its evaluation while it is Undecidable. Both share the execution's events.
	AnnounceFor time.Duration
	// Prepare, if set, reads what an evaluation needs, and returns at once if it is known.
	// It runs while the row is read. It decides nothing: what it could not read is read
	// again.
	Prepare func(context.Context)
	Now     func() time.Time
	Logger  *slog.Logger
}

// Handle does one task. The answer is an Evaluated, a Next or nothing. Errors are
// coded.
func (h *Handler) Handle(ctx context.Context, in Input) (any, error) {
	if h.Prepare != nil && in.Operation == "evaluate" {
		var wait sync.WaitGroup
		wait.Go(func() { h.Prepare(ctx) })
		defer wait.Wait()
	}
	r, err := h.Table.Get(ctx, in.RequestID)
	if err != nil {
		return nil, err
	}
	if in.Operation == "evaluate" && in.Execution != r.ExecutionARN {
		return h.takeOver(ctx, in, r)
	}
	if r.Open() && in.Execution != r.ExecutionARN {
		// An execution other than the request's own decides nothing.
		return nil, access.Errorf(access.CodeRefused, "request %s belongs to another execution", r.ID)
	}
	switch in.Operation {
	case "evaluate":
		return h.evaluate(ctx, in, r)
	case "next":
		return h.next(ctx, r)
	case "refuse":
		return struct{}{}, h.refuse(ctx, in, r)
	default:
		return nil, access.Errorf(access.CodeInvalid, "unknown operation %q", in.Operation)
	}
}

// takeOver answers an execution that is not the request's own. If a removal has
// begun, the execution continues it, as a hand-over does. Otherwise it must
// change nothing: a person who may start executions must not be able to end
// access early.
func (h *Handler) takeOver(ctx context.Context, in Input, r access.Request) (any, error) {
	next := Next{Next: "other", WaitSeconds: 1}
	if r.HasRemovalBegun() {
		var won bool
		var err error
		if r, won, err = h.Table.TakeOver(ctx, r.ID, in.Execution); err != nil {
			return nil, err
		}
		if won {
			next.Next = "revoke"
		}
	}
	return Evaluated{RequestID: r.ID, Next: next, Subject: subjectOf(r)}, nil
}

func (h *Handler) evaluate(ctx context.Context, in Input, r access.Request) (any, error) {
	if r.Open() {
		decided, err := h.decide(ctx, r)
		if access.CodeOf(err) == access.CodeUndecidable {
			decided, err = h.waitUndecided(ctx, in, r, err)
		}
		if err != nil {
			return nil, err
		}
		r = decided
	}
	next := Next{WaitSeconds: 1}
	switch {
	case r.Open():
		next.Next, next.WaitSeconds = "approval", h.waitSeconds(r)
	case r.Outcome == nil:
		return nil, access.Errorf(access.CodeRefused, "request %s is closed", r.ID)
	case r.IsApproved() && r.HasPassedGrant():
		// Someone redrove the execution after it failed. revoke finds out whether there is
		// access to remove.
		next.Next = "revoke"
	default:
		next.Next = string(knownKind(r.Outcome.Kind))
	}
	return Evaluated{RequestID: r.ID, Next: next, Subject: subjectOf(r)}, nil
}

// knownKind returns an outcome's kind, and refused for an unknown one: a row that
// someone edited by hand must not keep the state machine in a loop.
func knownKind(kind access.OutcomeKind) access.OutcomeKind {
	switch kind {
	case access.OutcomeAutomatic, access.OutcomeApproved, access.OutcomeDenied, access.OutcomeWithdrawn, access.OutcomeExpired:
		return kind
	}
	return access.OutcomeRefused
}

// decide looks up the requester, applies the policy, and records the results. The row
// that it returns has an outcome, or waits for an approval.
func (h *Handler) decide(ctx context.Context, r access.Request) (access.Request, error) {
	known, err := h.readFacts(ctx, r)
	requester := known.requester
	switch code := access.CodeOf(err); {
	case known.isNobody:
		return h.recordOutcome(ctx, r, access.Outcome{Kind: access.OutcomeRefused, Reason: string(code), Message: err.Error()})
	case err != nil:
		return r, err
	}
	if was := r.Requester.PrincipalID; was != "" && was != requester.PrincipalID {
		// Claims and the number of open requests are counted for that user.
		return h.recordOutcome(ctx, r, access.Outcome{Kind: access.OutcomeRefused, Reason: string(access.CodeRefused),
			Message: "The requester's email address now belongs to another user in IAM Identity Center. Please submit the request again."})
	}
	if r, blocked, err := h.refuseBlocked(ctx, r, known.blocks, requester); blocked || err != nil {
		return r, err
	}
	digest, index := known.digest, access.NewIndex(&known.policy)
	e := table.Evaluation{Requester: requester, Portal: known.portal, Chain: known.chain, HeldWith: known.heldWith}
	c, err := h.decider().Case(ctx, index, requester, r.Case())
	if err != nil {
		return r, err
	}
	c.Chain, c.Longest = e.Chain.Length(r.Duration), h.longest()
	d := index.Decide(c)
	e.Decision = d
	o := access.Outcome{Reason: string(d.Reason), PolicyDigest: digest, Statements: d.Statements, Rule: d.Rule(r.Target.Kind)}
	if r.Target.Kind == access.KindAccount {
		e.Session = h.Catalog.Session(ctx, r.Target.PermissionSetARN)
	}
	switch {
	case r.Target.OutOfReach(h.Account, h.Catalog.ManagementAccount(ctx)):
		o.Kind, o.Reason, o.Rule = access.OutcomeRefused, string(access.CodeManagement), ""
	case d.Outcome == access.DecideAutomatic && d.Reason == access.ReasonSelfApproval && requester.SecondaryDomain:
		o.Kind, o.Reason, o.Rule = access.OutcomeRefused, string(access.CodeRefused), ""
		o.Message = "The requester can't approve their own request, because their email addresses in Slack and IAM Identity Center differ."
	case d.Outcome == access.DecideAutomatic:
		o.Kind = access.OutcomeAutomatic
	case d.Outcome == access.DecideRefused:
		o.Kind = access.OutcomeRefused
		if d.Reason == access.ReasonDurationTooLong {
			o.Message = "The policy allows at most " + access.FormatDuration(time.Duration(d.MaxDuration)*time.Second) + "."
		} else if d.Reason == access.ReasonTicketMissing {
			o.Message = slack.TicketHint(d.Tickets)
		} else if d.ChainTooLong {
			o.Message = "With this extension, the requester would have the access for " + access.FormatChain(c.Chain) + " in all. That needs an approval, and the policy names no other approver."
		}
	default:
		if r.Target.Kind == access.KindAccount {
			e.Description = h.Catalog.Description(ctx, r.Target.PermissionSetARN)
		}
		var background *access.Background
		parallel.Do(2, 2, func(i int) {
			if i == 0 {
				o.Message, err = h.findApprovers(ctx, index, d, requester, &e)
			} else {
				background = h.findBackground(ctx, r, requester)
			}
		})
		if err != nil {
			return r, err
		}
		if o.Message != "" {
			o.Kind, o.Reason = access.OutcomeRefused, string(access.ReasonNoApprovers)
			break
		}
		e.ExpiresAt, e.Background = r.CreatedAt.Add(h.expiration()).UTC(), background
	}
	r, err = h.Table.Evaluate(ctx, r.ID, e)
	if err != nil || o.Kind == "" || !r.Open() {
		return r, err
	}
	return h.recordOutcome(ctx, r, o)
}

// longest returns the longest access that the settings allow, in seconds.
func (h *Handler) longest() int64 { return int64(h.Longest / time.Second) }

func (h *Handler) decider() cases.Decider { return cases.Decider{Reader: h.Cases} }

// waitUndecided handles Undecidable, the error of an evaluation. It returns the error, so
// that the state machine waits and evaluates the request again. A request that is too old
// for that is refused.
func (h *Handler) waitUndecided(ctx context.Context, in Input, r access.Request, err error) (access.Request, error) {
	limit := min(h.AnnounceFor, h.expiration())
	switch {
	case !in.Waits:
		return r, errors.Unwrap(err)
	case h.Now().Sub(r.CreatedAt) < limit:
		return r, err
	}
	h.Logger.ErrorContext(ctx, "request refused, because the policy could not decide it for too long", "request_id", r.ID, "limit", limit.String(), "error", access.ErrorMessage(err))
	return h.recordOutcome(ctx, r, access.Outcome{Kind: access.OutcomeRefused, Reason: string(access.CodeNotDecided)})
}

// portal returns the access portal, or an empty value if its address is not known.
func (h *Handler) portal(ctx context.Context) access.Portal {
	p := h.Portal
	if p.URL == "" {
		p.URL = h.Catalog.PortalURL(ctx)
	}
	if p.URL == "" {
		return access.Portal{}
	}
	return p
}

// recordOutcome records an outcome. If another outcome was recorded first, the
// returned row has the earlier outcome.
func (h *Handler) recordOutcome(ctx context.Context, r access.Request, o access.Outcome) (access.Request, error) {
	o.At = h.Now().UTC()
	r, won, err := h.Table.Decide(ctx, r.ID, o)
	if err == nil {
		h.Logger.InfoContext(ctx, "request decided", "request_id", r.ID, "execution", r.ExecutionARN, "outcome", o.Kind, "reason", o.Reason, "won", won)
		h.freeClaim(ctx, r)
	}
	return r, err
}

// freeClaim frees the claims of a decided request. If that fails, the function that
// closes the request frees them, or the sweep of claims. A claim that is left until then
// blocks nobody.
func (h *Handler) freeClaim(ctx context.Context, r access.Request) {
	if err := h.Claims.Free(ctx, r); err != nil {
		h.Logger.WarnContext(ctx, "claim of the decided request could not be freed", "request_id", r.ID, "error", access.ErrorMessage(err))
	}
}

// next returns the next step of a request that waits: it was decided meanwhile,
// it has expired, it must be announced, or a reminder is due.
//
// A request whose requester was blocked meanwhile is refused. The minute check ends the
// wait of such a request.
func (h *Handler) next(ctx context.Context, r access.Request) (any, error) {
	now := h.Now()
	var err error
	if r.Open() {
		blocks, err := h.Table.Blocks(ctx)
		if err != nil {
			return nil, err
		}
		if r, _, err = h.refuseBlocked(ctx, r, blocks, r.Requester); err != nil {
			return nil, err
		}
	}
	switch {
	case !r.Open():
	case !now.Before(h.expiresAt(r)):
		r, err = h.recordOutcome(ctx, r, access.Outcome{Kind: access.OutcomeExpired})
	case r.Posts[slack.PurposeAnnounce].TS != "":
		if len(r.Approvals) > 0 {
			r = h.recount(ctx, r)
		}
		if r.Open() {
			return h.remind(ctx, r, now)
		}
	case now.Sub(r.CreatedAt) < h.AnnounceFor:
		return Next{Next: "announce", WaitSeconds: h.waitSeconds(r)}, nil
	default:
		r, err = h.recordOutcome(ctx, r, access.Outcome{Kind: access.OutcomeRefused, Reason: string(access.CodeUnavailable),
			Message: "Slack did not accept the message to the approvers."})
	}
	if err != nil {
		return nil, err
	}
	if r.Outcome == nil {
		return nil, access.Errorf(access.CodeRefused, "request %s is closed", r.ID)
	}
	kind := knownKind(r.Outcome.Kind)
	if kind.Grants() {
		kind = access.OutcomeApproved // only this leads to Grant from here
	}
	return Next{Next: string(kind), WaitSeconds: 1}, nil
}

// remind returns the step remind if a reminder is due. The reminder is counted here,
// and its post has that number. So each reminder is sent once, even if this step or
// the posting is repeated. Missed reminders are not sent later.
func (h *Handler) remind(ctx context.Context, r access.Request, now time.Time) (any, error) {
	next := Next{Next: "approval", WaitSeconds: h.waitSeconds(r)}
	n := h.Reminders.Due(now.Sub(r.CreatedAt))
	if n == 0 || n < r.RemindersSent || r.Posts[slack.ReminderPurpose(n)].TS != "" {
		return next, nil
	}
	if n > r.RemindersSent {
		m := table.Reminder{Number: n, At: now, Further: h.furtherApprovers(ctx, r, n)}
		if err := h.Table.CountReminder(ctx, r.ID, m); err != nil {
			return nil, err
		}
	}
	next.Next = "remind"
	return next, nil
}

// refuse records that a request could not be evaluated.
func (h *Handler) refuse(ctx context.Context, in Input, r access.Request) error {
	if !r.Open() {
		return nil
	}
	const longest = 100 // of an error's name
	reason := strings.ToValidUTF8(in.Error[:min(len(in.Error), longest)], "")
	if reason == "" {
		reason = string(access.CodeInternal)
	}
	_, err := h.recordOutcome(ctx, r, access.Outcome{Kind: access.OutcomeRefused, Reason: reason})
	return err
}

func (h *Handler) expiration() time.Duration {
	if h.Expiration <= 0 {
		return table.NeverExpires
	}
	return h.Expiration
}

// expiresAt returns when the request expires. The row may lack that time although it
// needs an approval: a delayed write of an earlier evaluation, under another policy,
// may have replaced it.
func (h *Handler) expiresAt(r access.Request) time.Time {
	if r.ExpiresAt.IsZero() {
		return r.CreatedAt.Add(h.expiration())
	}
	return r.ExpiresAt
}

// waitSeconds returns how long the state machine waits for an approval before it
// asks for the next step: until the next reminder or the expiry.
func (h *Handler) waitSeconds(r access.Request) int64 {
	until := h.expiresAt(r)
	now := h.Now()
	if d, ok := h.Reminders.After(now.Sub(r.CreatedAt)); ok && r.CreatedAt.Add(d).Before(until) {
		until = r.CreatedAt.Add(d)
	}
	// Rounded up: a wait that ends too early would find nothing to do.
	left := (until.Sub(now) + time.Second - 1) / time.Second
	return min(max(int64(left), 1), access.MaxWaitSeconds)
}

func subjectOf(r access.Request) Subject {
	t := r.Target
	return Subject{
		Kind: t.Kind, AccountID: t.AccountID, AccountName: t.AccountName,
		PermissionSet: t.PermissionSet, PermissionSetARN: t.PermissionSetARN,
		GroupID: t.GroupID, GroupName: t.GroupName, PrincipalID: r.Requester.PrincipalID,
	}
}
