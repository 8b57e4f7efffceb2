package table

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
)

// Create creates a request, with the event that it was requested. If its id
// exists, Create returns the stored row, and created is false: the same
// submission arrived again.
func (t *Table) Create(ctx context.Context, r access.Request) (stored access.Request, created bool, err error) {
	const doing = "create request"
	if len(r.Events) == 0 {
		r.Events = []access.Event{{Kind: access.EventRequested, At: r.CreatedAt, By: r.Requester}}
	}
	row, err := marshal(r)
	if err != nil {
		return access.Request{}, false, access.Wrap(access.CodeInternal, err, doing)
	}
	row[AttributeKey] = requestKey(r.ID)[AttributeKey]
	row[AttributeOpen] = &types.AttributeValueMemberS{Value: openRequest}
	row[AttributeDue] = &types.AttributeValueMemberS{Value: formatDue(r.CreatedAt.Add(NeverExpires))}
	setTokenExecution(row, r.ExecutionARN)
	if id := r.Requester.PrincipalID; id != "" { // DynamoDB rejects an empty key
		row[AttributeRequesterID] = &types.AttributeValueMemberS{Value: id}
	}
	if !r.ExpiresAt.IsZero() {
		row[AttributeDue] = &types.AttributeValueMemberS{Value: formatDue(r.ExpiresAt)}
	}
	if len(r.Posts) == 0 {
		// An update can add a post only if the map exists.
		row["posts"] = &types.AttributeValueMemberM{Value: item{}}
	}
	_, err = t.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                aws.String(t.name),
		Item:                     row,
		ConditionExpression:      aws.String("attribute_not_exists(#pk)"),
		ExpressionAttributeNames: map[string]string{"#pk": AttributeKey},
	})
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		stored, err = t.Get(ctx, r.ID)
		return stored, false, err
	}
	if err != nil {
		return access.Request{}, false, tableError(err, doing)
	}
	return r, true, nil
}

// Get reads a request with strong consistency.
func (t *Table) Get(ctx context.Context, id string) (r access.Request, err error) {
	found, err := t.read(ctx, requestKey(id), "read request", &r)
	if err == nil && !found {
		err = access.Errorf(access.CodeNotFound, "there is no request %q", id)
	}
	return r, err
}

// Evaluate records what evaluate found out. A request that is already decided does
// not change, because a lease may exist for its requester's principal. Evaluate
// returns the updated row.
func (t *Table) Evaluate(ctx context.Context, id string, e Evaluation) (access.Request, error) {
	c := change{
		doing: "record evaluation",
		set: map[string]any{
			"requester":          e.Requester,
			"evaluated_decision": e.Decision,
		},
		absent: []string{"outcome", "tombstone", "closed_at"},
	}
	c.setOrRemove("approvers", len(e.Approvers) > 0, e.Approvers)
	c.setOrRemove("unknown_approvers", len(e.UnknownApprovers) > 0, e.UnknownApprovers)
	c.setOrRemove("approver_groups", len(e.ApproverGroups) > 0, e.ApproverGroups)
	c.setOrRemove("permission_set_description", e.Description != "", e.Description)
	c.setOrRemove("background", e.Background != nil, e.Background)
	c.setOrRemove("chain", e.Chain != nil, e.Chain)
	c.setOrRemove("held_with", len(e.HeldWith) > 0, e.HeldWith)
	c.setOrRemove("portal", e.Portal != access.Portal{}, e.Portal)
	c.setOrRemove("session_seconds", e.Session > 0, int64(e.Session/time.Second))
	c.setOrRemove("expires_at", !e.ExpiresAt.IsZero(), e.ExpiresAt.UTC())
	if !e.ExpiresAt.IsZero() {
		c.set[AttributeDue] = formatDue(e.ExpiresAt)
	}
	if id := e.Requester.PrincipalID; id != "" {
		c.set[AttributeRequesterID] = id // the previous release didn't write it
	}
	r, _, err := t.apply(ctx, id, c)
	return r, err
}

// Decide records the outcome, with its event, if the request is still undecided. won
// is false if the request was already decided, given up or closed; the returned row
// says which. The row has the task token if the wait has stored one.
func (t *Table) Decide(ctx context.Context, id string, o access.Outcome) (r access.Request, won bool, err error) {
	return t.apply(ctx, id, change{
		doing:  "record outcome",
		set:    map[string]any{"outcome": o},
		events: []access.Event{outcomeEvent(o)},
		absent: []string{"outcome", "tombstone", "closed_at", "revoking_at"},
	})
}

func outcomeEvent(o access.Outcome) access.Event {
	return access.Event{
		Kind: access.EventOf(o.Kind), At: o.At, By: o.By, Message: o.Message,
		PolicyDigest: o.PolicyDigest, Reason: o.Reason, Statements: o.Statements, Rule: o.Rule,
	}
}

// RequestEnd records that access ends early, with its event, if the access is granted
// and nothing ends it yet. Otherwise won is false, and the returned row says why. The
// row has the task token, if the wait has stored one. From then on, the request is
// due: if its execution doesn't learn of the end, the sweep removes the access.
func (t *Table) RequestEnd(ctx context.Context, id string, e access.EndRequest) (r access.Request, won bool, err error) {
	return t.apply(ctx, id, endChange(e))
}

func endChange(e access.EndRequest) change {
	return change{
		doing:   "record early end",
		set:     map[string]any{"end_request": e, AttributeDue: formatDue(e.At)},
		events:  []access.Event{{Kind: access.EventEnded, At: e.At, By: e.By, Reason: string(e.Reason), Message: e.Reason.Text("the requester", "the requester's")}},
		present: []string{"granted_at"},
		absent:  []string{"end_request", "revoking_at", "revoked_at", "closed_at"},
	}
}

// EndHolder is RequestEnd for a request that holds the same access as one that a person
// ended. The caller has read that it is approved (access.EndRequest.Includes). It may not
// be granted yet: then RecordGrant fails.
func (t *Table) EndHolder(ctx context.Context, id string, e access.EndRequest) (r access.Request, won bool, err error) {
	c := endChange(e)
	c.present = nil
	return t.apply(ctx, id, c)
}

// EndShown records that Slack has answered all updates by the press that ended the access.
func (t *Table) EndShown(ctx context.Context, id string) error {
	_, _, err := t.apply(ctx, id, change{doing: "record that the end is shown", set: map[string]any{"end_shown": true}, present: []string{"end_request"}})
	return err
}

// StoreToken stores the task token of a wait (WaitApproval or WaitEnd) of execution, in
// place of the wait's previous token. The returned row shows whether the wait can end at
// once. A closed request stores no token, because nothing would delete it later.
//
// Refused: execution is not the request's own. Its token would replace the right one.
func (t *Table) StoreToken(ctx context.Context, id, wait, execution, token string) (access.Request, error) {
	const doing = "store task token"
	if wait != WaitApproval && wait != WaitEnd {
		return access.Request{}, access.Errorf(access.CodeInvalid, "%s: unknown wait %q", doing, wait)
	}
	c := change{doing: doing, set: map[string]any{wait + "_token": token}, absent: []string{"closed_at"}}
	return storeToken(c, execution, token, func(c change) (access.Request, bool, error) { return t.apply(ctx, id, c) },
		func(r access.Request) string { return r.ExecutionARN })
}

// Reminder is a reminder to the approvers of a request.
type Reminder struct {
	Number int       // from 1
	At     time.Time // when it is sent
	// Further are the members of groups that this reminder and earlier ones ask.
	Further []access.FurtherApprover
}

// CountReminder raises the number of reminders sent to that of the reminder, and records
// the rest of it. It never lowers the number; then it records nothing.
func (t *Table) CountReminder(ctx context.Context, id string, m Reminder) error {
	c := raise("reminders_sent", m.Number, "count reminder")
	c.set["reminded_at"] = m.At.UTC()
	if len(m.Further) > 0 {
		c.set["further_approvers"] = m.Further
	}
	_, _, err := t.apply(ctx, id, c)
	return err
}

// MarkAudited raises the number of events that are in the audit bucket to n; it
// never lowers it. It returns the row.
func (t *Table) MarkAudited(ctx context.Context, id string, n int) (access.Request, error) {
	r, _, err := t.apply(ctx, id, raise("audited", n, "count audited events"))
	return r, err
}

func raise(attribute string, n int, doing string) change {
	return change{
		doing: doing,
		set:   map[string]any{attribute: n},
		where: "attribute_not_exists(#" + attribute + ") OR #" + attribute + " < :" + attribute,
	}
}

// BeginPost records a message before it is sent, with the channel. begun is false if the
// message was recorded before with a channel. Then before is that record, and the caller
// must look for the message in Slack before sending it. A record without a channel is
// replaced: nothing was sent. Only one caller can begin a message.
func (t *Table) BeginPost(ctx context.Context, id, purpose string, p access.Post) (before access.Post, begun bool, err error) {
	r, won, err := t.apply(ctx, id, beginPost(purpose, p))
	if err != nil || won {
		return access.Post{}, won, err
	}
	return r.Posts[purpose], false, nil
}

// BeginPostAfter is BeginPost, and completes the record of another message, which was
// updated just before, in the same write. If begun is false, it records neither.
func (t *Table) BeginPostAfter(ctx context.Context, id, purpose string, p access.Post, updated string, done access.Post) (before access.Post, begun bool, err error) {
	c := beginPost(purpose, p)
	if c.posts[updated] = done; updated < purpose {
		c.where = strings.ReplaceAll(c.where, "#purpose0", "#purpose1")
	}
	r, won, err := t.apply(ctx, id, c)
	if err != nil || won {
		return access.Post{}, won, err
	}
	return r.Posts[purpose], false, nil
}

func beginPost(purpose string, p access.Post) change {
	return change{
		doing:  "begin post",
		posts:  map[string]access.Post{purpose: p},
		where:  "attribute_not_exists(#posts.#purpose0) OR #posts.#purpose0.#post_channel = :nowhere",
		parts:  []string{"channel"},
		values: map[string]any{"nowhere": ""},
	}
}

// FailPost records that an attempt to send a message failed, unless the message is known to
// have arrived. channel is where it may have been sent; "" if nowhere. The channel and the
// timestamp of another attempt stay, even if this write arrives late: without them, the
// message would be sent again without a look for the first one.
func (t *Table) FailPost(ctx context.Context, id, purpose, channel string) error {
	p, begun, err := t.BeginPost(ctx, id, purpose, access.Post{Channel: channel, Failed: true})
	if err != nil || begun || p.TS != "" || p.Failed {
		return err
	}
	p.Failed = true
	_, _, err = t.apply(ctx, id, change{
		doing: "record a failed post",
		posts: map[string]access.Post{purpose: p},
		where: "attribute_not_exists(#posts.#purpose0.#post_ts)",
		parts: []string{"ts"},
	})
	return err
}

// CompletePost replaces the record of a message. After the message was sent, p has its
// timestamp. Without one, p says that the message is no longer needed (access.Post.Over), or
// is the empty entry of slack.MembersUnknown.
func (t *Table) CompletePost(ctx context.Context, id, purpose string, p access.Post) error {
	_, _, err := t.apply(ctx, id, completePost(purpose, p))
	return err
}

func completePost(purpose string, p access.Post) change {
	return change{doing: "complete post", posts: map[string]access.Post{purpose: p}}
}

// RecordOUPath records the organizational units that a grant is based on, before the
// access exists. It records nothing if the request is granted or its removal has begun.
func (t *Table) RecordOUPath(ctx context.Context, id string, path []string) error {
	_, _, err := t.apply(ctx, id, change{
		doing:  "record the organizational units",
		set:    map[string]any{"ou_path": path},
		absent: []string{"granted_at", "revoking_at"},
	})
	return err
}

// Grant is access that was seen to exist.
type Grant struct {
	At, End time.Time
	// Chain is what the access extends; nil if nothing.
	Chain *access.Chain
	// MembershipID is the id of a group's membership, "" for an account. CreateRequestID
	// is AWS's request id of the creation, "" if it is not known.
	MembershipID, CreateRequestID string
}

// RecordGrant records, once and with its event, that the access exists and when it ends. A
// second call returns the stored row. Lost: the removal has begun, the request is given up
// or closed, or a person has ended the access meanwhile.
func (t *Table) RecordGrant(ctx context.Context, id string, g Grant) (access.Request, error) {
	const doing = "record grant"
	set := map[string]any{"granted_at": g.At.UTC(), "end": g.End.UTC(), AttributeDue: formatDue(g.End)}
	if g.MembershipID != "" {
		set["group_membership_id"] = g.MembershipID
	}
	if g.CreateRequestID != "" {
		set["aws_create_request_id"] = g.CreateRequestID
	}
	if c := g.Chain; c != nil {
		set["chain_since"], set["extends"] = c.Since.UTC(), c.Extends
	}
	r, won, err := t.apply(ctx, id, change{
		doing:  doing,
		set:    set,
		events: []access.Event{{Kind: access.EventGranted, At: g.At.UTC()}},
		absent: []string{"granted_at", "end_request", "revoking_at", "revoked_at", "tombstone", "closed_at"},
	})
	if err != nil || won || r.WasGranted() {
		return r, err
	}
	return r, access.Errorf(access.CodeLost, "%s: its removal has begun, or someone ended the access", doing)
}

// Fail records why the request could not be granted. The first reason stays. Fail
// records nothing if the request is granted or its removal has begun.
func (t *Table) Fail(ctx context.Context, id string, f access.Failure) error {
	_, _, err := t.apply(ctx, id, change{
		doing:  "record failure",
		set:    map[string]any{"failure": f},
		absent: []string{"failure", "granted_at", "revoking_at"},
	})
	return err
}

// BeginRevoke records, once, that the removal has begun: from then on nothing is
// granted for this request. It returns the updated row.
//
// Refused: execution is not the request's own. A second execution must not end access
// early. Any execution may continue once the removal has begun or the sweep has given
// up on the request. The sweep's direct call has no execution ("").
func (t *Table) BeginRevoke(ctx context.Context, id, execution string, at time.Time) (access.Request, error) {
	const doing = "begin removal"
	r, won, err := t.apply(ctx, id, change{
		doing:  doing,
		keep:   map[string]any{"revoking_at": at.UTC()},
		where:  "#execution_arn = :execution OR attribute_exists(#revoking_at) OR attribute_exists(#tombstone)",
		names:  []string{"execution_arn", "tombstone"},
		values: map[string]any{"execution": execution},
	})
	if err == nil && !won {
		err = access.Errorf(access.CodeRefused, "%s: the request belongs to another execution", doing)
	}
	return r, err
}

// TakeOver records that execution continues a removal that has begun. won is false if
// none has begun, or if the request is closed. In both cases, it returns the row.
func (t *Table) TakeOver(ctx context.Context, id, execution string) (r access.Request, won bool, err error) {
	return t.apply(ctx, id, change{
		doing:   "take over the removal",
		set:     map[string]any{"revoking_execution_arn": execution},
		present: []string{"revoking_at"},
		absent:  []string{"closed_at"},
	})
}

// RecordRemoval records, once, how the access of r ended, with its event
// (access.RemovalEvent). deleteRequestID is AWS's request id of the deletion, "" if there
// was none or it is not known. A second call returns what is stored.
//
// r is the row that BeginRevoke returned, with what the caller has found out since:
// KeptUntil, and AWSCreateRequestID if the access was never confirmed. An id that the row has
// already stays. After BeginRevoke, nothing decides the request or records why it was not
// granted. So r is still right about both, and a refusal that was recorded before is not
// recorded twice.
func (t *Table) RecordRemoval(ctx context.Context, r access.Request, at time.Time, state access.RemovalState, deleteRequestID string) (access.Request, error) {
	c := change{
		doing:  "record removal",
		set:    map[string]any{"revoked_at": at.UTC(), "removal": state},
		keep:   map[string]any{"revoking_at": at.UTC()},
		absent: []string{"revoked_at"},
	}
	if !r.WasGranted() && r.AWSCreateRequestID != "" {
		c.keep["aws_create_request_id"] = r.AWSCreateRequestID
	}
	if deleteRequestID != "" {
		c.set["aws_delete_request_id"] = deleteRequestID
	}
	if !r.KeptUntil.IsZero() && (state == access.RemovalKept || state == access.RemovalNothing) {
		c.set["kept_until"] = r.KeptUntil.UTC()
		if r.KeptLink != "" {
			c.set["kept_link"] = r.KeptLink
		}
	}
	r.RevokedAt, r.Removal = at.UTC(), state
	if !access.RecordsRemoval(r) {
		c.events = []access.Event{access.RemovalEvent(r)}
	}
	r, _, err := t.apply(ctx, r.ID, c)
	return r, err
}

// Rebuild creates a row for a request whose row was deleted, so that its removal
// can be recorded. Its removal has begun, and it is open and due, so a sweep
// finds it. A row that exists does not change.
func (t *Table) Rebuild(ctx context.Context, b access.Rebuilt) error {
	_, err := t.write(ctx, requestKey(b.ID), change{
		doing: "rebuild request",
		set:   map[string]any{"rebuilt": b, "revoking_at": b.At.UTC(), AttributeOpen: openRequest, AttributeDue: formatDue(b.At)},
		fresh: true,
	}, &access.Request{})
	return err
}

// hasEvent reports whether the request has an event of the kind.
func hasEvent(r access.Request, kind access.EventKind) bool {
	return slices.ContainsFunc(r.Events, func(e access.Event) bool { return e.Kind == kind })
}

// appendTries is how often an append is tried while others append at the same
// time.
const appendTries = 10

// AppendEvent appends e to the events of r, the row as it was read, unless there is
// one of its kind. revoke_failed may repeat until the access is gone, and
// press_refused until the request is closed (access.SkipsRefusedPress). It returns
// the updated row, or r if there is nothing to append.
func (t *Table) AppendEvent(ctx context.Context, r access.Request, e access.Event) (access.Request, error) {
	const doing = "append event"
	var err error
	for try := 0; err == nil && try < appendTries; try++ {
		c := change{doing: doing, events: []access.Event{e}}
		var unneeded bool
		switch e.Kind {
		case access.EventRevokeFailed:
			c.absent = []string{"revoked_at"}
			unneeded = r.IsRemoved()
		case access.EventPressRefused:
			c.absent = []string{"closed_at"}
			unneeded = r.IsClosed() || access.SkipsRefusedPress(r, e)
		default:
			unneeded = hasEvent(r, e.Kind)
		}
		if unneeded {
			return r, nil
		}
		if len(r.Events) == 0 {
			c.where, c.names = "attribute_not_exists(#events) OR size(#events) = :seen", []string{"events"}
		} else {
			c.where = "size(#events) = :seen"
		}
		c.values = map[string]any{"seen": len(r.Events)}
		var won bool
		if r, won, err = t.apply(ctx, r.ID, c); won {
			return r, err
		}
	}
	if err != nil {
		return access.Request{}, err
	}
	return r, access.Errorf(access.CodeUnavailable, "%s: gave up after %d conflicting writes", doing, appendTries)
}

// Close closes a request. It takes the row out of the index of open requests, deletes
// its tokens, and lets DynamoDB delete the row after ttl. A second call changes nothing.
//
// recorded is how many events the caller has recorded. Close returns Lost if the
// request is granted and its access is not removed. It returns Unavailable if the row has
// more events by now, because nothing would record them after the close.
func (t *Table) Close(ctx context.Context, id string, recorded int, at time.Time, ttl time.Duration) error {
	const doing = "close request"
	events := "size(#events) = :recorded"
	if recorded == 0 {
		events = "(attribute_not_exists(#events) OR " + events + ")"
	}
	r, won, err := t.apply(ctx, id, change{
		doing:  doing,
		set:    map[string]any{"closed_at": at.UTC(), AttributeExpires: at.Add(ttl).Unix()},
		remove: []string{AttributeOpen, AttributeDue, "approval_token", "end_token"},
		absent: []string{"closed_at"},
		where:  "(attribute_not_exists(#granted_at) OR attribute_exists(#revoked_at)) AND " + events,
		names:  []string{"granted_at", "revoked_at", "events"},
		values: map[string]any{"recorded": recorded},
	})
	if err != nil || won || r.IsClosed() {
		return err
	}
	if len(r.Events) != recorded {
		return access.Errorf(access.CodeUnavailable, "%s: only %[3]d of its %[2]d events are recorded", doing, len(r.Events), recorded)
	}
	return access.Errorf(access.CodeLost, "%s: its access has not been removed yet", doing)
}
