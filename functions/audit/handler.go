package audit

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
	"sso-elevator/functions/access/metric"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/policyinforce"
	"sso-elevator/functions/adapters/table"
)

// Input is a task's payload. Operations are outcome, granted, revoked, revoke_failed
// and close for a request, drift_found, drift_exempted, drift_pressed, drift_refused and
// drift_revoked for a run, and blocks for the people whom incident responders blocked.
type Input struct {
	host.Input
	// Failure is the reason of revoke_failed, as a Catch writes it.
	Failure Failure `json:"failure"`
	// Error is the Error of Failure. Executions of the previous release send only this.
	Error string `json:"error"`

	From  int `json:"from"`  // of drift_found: index of the first finding
	To    int `json:"to"`    // of drift_found: index after the last finding
	Index int `json:"index"` // of drift_pressed and drift_revoked
}

// Failure is an error as a Catch of the state machine writes it: its name, and
// Lambda's answer in JSON.
type Failure struct {
	Error string
	Cause string // may be empty
}

// String returns the error's name, and the function's message if there is one.
func (f Failure) String() string {
	var answer struct {
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal([]byte(f.Cause), &answer) != nil || answer.Message == "" {
		return f.Error
	}
	return f.Error + ": " + answer.Message
}

// Output is the result of the operation granted. It is empty for the others.
type Output struct {
	Seconds int64  `json:"seconds,omitempty"` // until the end, at least 1
	End     string `json:"end,omitempty"`     // RFC 3339, UTC, whole seconds
}

// Table is the part of the requests table that the handler uses.
type Table interface {
	Get(ctx context.Context, id string) (access.Request, error)
	AppendEvent(ctx context.Context, r access.Request, e access.Event) (access.Request, error)
	MarkAudited(ctx context.Context, id string, n int) (access.Request, error)
	Close(ctx context.Context, id string, recorded int, at time.Time, ttl time.Duration) error
	Run(ctx context.Context, id string) (access.Run, error)
	Removal(ctx context.Context, ref access.FindingRef) (r access.DriftRemoval, found bool, err error)
	Blocks(ctx context.Context) (access.Blocks, error)
	MarkBlocksRecorded(ctx context.Context, sequence int64) error
}

// Findings holds the findings of runs.
type Findings interface {
	Findings(ctx context.Context, run string) ([]access.Finding, error)
}

// Claims frees the claims of a request.
type Claims interface {
	Free(ctx context.Context, r access.Request) error
}

// Records is the audit bucket.
type Records interface {
	Write(ctx context.Context, r access.Request, seq int) error
	WriteFinding(ctx context.Context, f auditrecord.Finding) error
	WriteRefusedPress(ctx context.Context, p auditrecord.RefusedPress) error
	WriteBlock(ctx context.Context, e access.BlockEvent) error
	Archive(ctx context.Context, digest string, policy []byte) error
}

// Policy returns the policy in force.
type Policy interface {
	Document(ctx context.Context) (policyinforce.Document, error)
}

// These timeouts leave the function time to answer within its 15 s.
const (
	flushTimeout   = 8 * time.Second
	archiveTimeout = 3 * time.Second
)

// failureInterval is the time between two records of a removal that keeps failing. An
// item of the table holds 400 KB, and must keep room for the final event, the
// removal.
const failureInterval = time.Hour

// Handler writes a record of each event of a request, and never changes a record. The
// events are already in the request's row. The row is the outbox: its events are
// written to the bucket in order. For findings, the run's list of findings is the
// outbox.
type Handler struct {
	Table    Table
	Claims   Claims
	Findings Findings
	Records  Records
	Policy   Policy
	Now      func() time.Time
	Count    func(name string, dims map[string]string)
	// Measure records a duration.
	Measure func(name string, took time.Duration, dims map[string]string)
	Logger  *slog.Logger

	archivedDigest string         // of the policy that this process archived last
	marked         access.Request // the row that this process marked last, as it was then
}

// Handle does one task. Its errors have the codes of functions/access.
func (h *Handler) Handle(ctx context.Context, in Input) (Output, error) {
	log := h.Logger.With(in.LogArgs()...)
	switch in.Operation {
	case "outcome":
		return Output{}, h.recordOutcome(ctx, log, in)
	case "granted":
		return h.recordGrant(ctx, log, in)
	case "revoked":
		return Output{}, h.recordRemoval(ctx, log, in)
	case "close":
		return Output{}, h.closeRequest(ctx, log, in)
	case "revoke_failed":
		return Output{}, h.recordFailedRemoval(ctx, log, in)
	case "drift_found":
		return Output{}, h.recordFindings(ctx, log, in.Run, in.From, in.To)
	case "drift_exempted":
		return Output{}, h.recordExemptions(ctx, log, in.Run)
	case "drift_pressed":
		return Output{}, h.recordPress(ctx, log, access.FindingRef{Run: in.Run, Index: in.Index})
	case "drift_refused":
		return Output{}, h.recordRefusedPresses(ctx, log, in.Run)
	case "drift_revoked":
		return Output{}, h.recordFindingRemoval(ctx, log, access.FindingRef{Run: in.Run, Index: in.Index})
	case host.OperationBlocks:
		return Output{}, h.recordBlocks(ctx, log)
	default:
		return Output{}, access.Errorf(access.CodeInvalid, "unknown operation %q", in.Operation)
	}
}

// recordOutcome records a request that ends without access.
func (h *Handler) recordOutcome(ctx context.Context, log *slog.Logger, in Input) error {
	r, err := h.Table.Get(ctx, in.RequestID)
	if err != nil {
		return err
	}
	if r.Outcome == nil {
		return access.Errorf(access.CodeInternal, "request %s has no outcome to record", r.ID)
	}
	if err := h.flush(ctx, log, r); err != nil {
		return err
	}
	h.archivePolicy(ctx, log)
	return nil
}

// recordGrant records that the access exists, and returns the time until it ends.
// If the bucket refuses the record, the event stays in the row, and the grant is
// still recorded. If the row can't be written, that is an error, and the state
// machine removes the access.
func (h *Handler) recordGrant(ctx context.Context, log *slog.Logger, in Input) (Output, error) {
	r, err := h.Table.Get(ctx, in.RequestID)
	if err != nil {
		return Output{}, err
	}
	if r.GrantedAt.IsZero() || r.End.IsZero() {
		return Output{}, access.Errorf(access.CodeInternal, "request %s has not been granted", r.ID)
	}
	r, err = h.Table.AppendEvent(ctx, r, access.Event{Kind: access.EventGranted, At: r.GrantedAt})
	if err != nil {
		return Output{}, err
	}
	if err := h.flush(ctx, log, r); err != nil {
		log.Error("audit record deferred; the event stays in the request's row", "error", err)
	}
	h.archivePolicy(ctx, log)
	return Output{Seconds: secondsUntil(r.End, h.Now()), End: roundUp(r.End).Format(time.RFC3339)}, nil
}

// recordRemoval records that the access is gone, or never existed.
func (h *Handler) recordRemoval(ctx context.Context, log *slog.Logger, in Input) error {
	r, err := h.Table.Get(ctx, in.RequestID)
	if err != nil {
		return err
	}
	if !r.IsRemoved() {
		return access.Errorf(access.CodeInternal, "the access of request %s has not been removed", r.ID)
	}
	if !access.RecordsRemoval(r) {
		if r, err = h.Table.AppendEvent(ctx, r, access.RemovalEvent(r)); err != nil {
			return err
		}
	}
	return h.flush(ctx, log, r)
}

// readTimeout limits the read of the row before the alarm about a failed removal is
// raised.
const readTimeout = 3 * time.Second

// recordFailedRemoval raises the alarm, even if something else fails, and records
// that the access still exists.
func (h *Handler) recordFailedRemoval(ctx context.Context, log *slog.Logger, in Input) error {
	// The alarm must be raised even if the table does not answer.
	reading, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	r, err := h.Table.Get(reading, in.RequestID)
	if err == nil && r.IsRemoved() {
		// The removal was confirmed, but the state machine did not get the answer.
		log.Info("access is already gone")
		return nil
	}
	h.Count(metric.RevokeFailed, nil)
	why := in.Failure.String()
	if why == "" {
		why = in.Error
	}
	log.Error("removal failed, retrying", "error", why)
	if err != nil {
		return err
	}
	now := h.Now().UTC()
	if !isFailureRecorded(r, now) {
		r, err = h.Table.AppendEvent(ctx, r, access.Event{Kind: access.EventRevokeFailed, At: now, Message: why})
		if err != nil {
			return err
		}
	}
	if err := h.flush(ctx, log, r); err != nil {
		log.Error("audit record deferred; the event stays in the request's row", "error", err)
	}
	return nil
}

// isFailureRecorded reports whether a failed removal was recorded within the last
// failureInterval.
func isFailureRecorded(r access.Request, now time.Time) bool {
	for _, e := range r.Events {
		if e.Kind == access.EventRevokeFailed && now.Sub(e.At) < failureInterval {
			return true
		}
	}
	return false
}

// flush writes the events of r that are not in the bucket yet, in order. It stops at
// the first that the bucket refuses, raises the alarm, and returns Unavailable. It
// marks the events that it wrote.
func (h *Handler) flush(ctx context.Context, log *slog.Logger, r access.Request) error {
	writing, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	var failed error
	done := r.Audited
	if done < 0 || done > len(r.Events) {
		// Someone edited the row, or someone deleted it and the form was submitted again.
		// Write all records.
		done = 0
	}
	for ; done < len(r.Events); done++ {
		if err := h.Records.Write(writing, r, done); err != nil {
			h.Count(metric.AuditDeferred, nil)
			log.Error("audit record could not be written", "event", r.Events[done].Kind, "sequence", done, "error", err)
			failed = access.Wrap(access.CodeUnavailable, err, "write audit record")
			break
		}
		h.countEvent(r, r.Events[done].Kind)
	}
	if done > r.Audited {
		marked, err := h.Table.MarkAudited(ctx, r.ID, done)
		if err == nil {
			h.marked = marked
		} else if failed == nil {
			failed = err
		}
	}
	return failed
}

// countEvent counts a recorded event and measures the durations that the row shows,
// so the metrics follow the records. A retry may count an event again.
func (h *Handler) countEvent(r access.Request, k access.EventKind) {
	switch {
	case k == access.EventGranted:
		h.Count(metric.Granted, nil)
		if r.Outcome != nil {
			h.Measure(metric.TimeToGrant, r.GrantedAt.Sub(r.Outcome.At), nil)
		}
	case k == access.EventRevoked:
		h.Count(metric.Revoked, nil)
	case r.Outcome != nil && k == access.EventOf(r.Outcome.Kind):
		kind := map[string]string{"Kind": string(r.Outcome.Kind)}
		h.Count(metric.Outcome, kind)
		h.Measure(metric.TimeToDecision, r.Outcome.At.Sub(r.CreatedAt), kind)
	}
}

// archivePolicy keeps a copy of the policy in force beside the log. A failure is only
// logged, because the uploaded policy still exists.
func (h *Handler) archivePolicy(ctx context.Context, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, archiveTimeout)
	defer cancel()
	d, err := h.Policy.Document(ctx)
	if err == nil && d.Digest != h.archivedDigest {
		if err = h.Records.Archive(ctx, d.Digest, d.Bytes); err == nil {
			h.archivedDigest = d.Digest
		}
	}
	if err != nil {
		log.Warn("policy could not be archived", "error", err)
	}
}

// closeRequest closes a request after its records are written and its messages are
// sent. An open request is found by the sweep if its execution is gone.
//
// If this process recorded the removal, it knows the row. Then it doesn't read the row
// first: the write that closes the request checks everything that may have changed.
func (h *Handler) closeRequest(ctx context.Context, log *slog.Logger, in Input) error {
	marked := h.marked
	defer func() { h.marked = access.Request{} }()
	if marked.ID == in.RequestID && marked.IsClosable() {
		if err := h.closeRow(ctx, log, marked); err == nil {
			return nil
		}
	}
	r, err := h.Table.Get(ctx, in.RequestID)
	if err != nil {
		return err
	}
	return h.closeRow(ctx, log, r)
}

// closeRow closes the request with that row.
func (h *Handler) closeRow(ctx context.Context, log *slog.Logger, r access.Request) error {
	if r.IsClosed() {
		return nil
	}
	if !r.IsClosable() {
		return access.Errorf(access.CodeInternal, "request %s is not over", r.ID)
	}
	if err := h.flush(ctx, log, r); err != nil {
		return err
	}
	if !r.IsClaimFreedByDecision() {
		// Claims are freed before the close, because the close is not repeated. The claim
		// of a decided request does not count, so an unreadable claim must not keep the
		// request open.
		if err := h.Claims.Free(ctx, r); err != nil {
			if access.CodeOf(err).Transient() {
				return err
			}
			log.Error("claims of the request could not be freed", "error", err)
		}
	}
	return h.Table.Close(ctx, r.ID, len(r.Events), h.Now().UTC(), table.KeepClosed)
}

// secondsUntil returns the whole seconds from now to end, rounded up, within the
// limits of a wait in Step Functions.
func secondsUntil(end, now time.Time) int64 {
	remaining := end.Sub(now)
	seconds := int64(remaining / time.Second)
	if remaining%time.Second > 0 {
		seconds++
	}
	return min(max(seconds, 1), access.MaxWaitSeconds)
}

// roundUp returns t in UTC, rounded up to whole seconds.
func roundUp(t time.Time) time.Time {
	t = t.UTC()
	if whole := t.Truncate(time.Second); !whole.Equal(t) {
		return whole.Add(time.Second)
	}
	return t
}
