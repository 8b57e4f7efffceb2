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

// Input is a task's payload. Operations are outcome, granted, revoked,
// revoke_failed and close of a request, drift_found, drift_exempted and
// drift_revoked of a run.
type Input struct {
	host.Input
	// Failure is why, of revoke_failed, as a Catch puts it.
	Failure Failure `json:"failure"`
	// Error is Failure's, as executions of the release before this one send it.
	Error string `json:"error"`

	From  int `json:"from"`  // of drift_found: the first finding, by its index
	To    int `json:"to"`    // of drift_found: the one behind the last
	Index int `json:"index"` // of drift_revoked
}

// Failure is an error as a Catch of the state machine puts it: its name, and
// what Lambda answered, in JSON.
type Failure struct {
	Error string
	Cause string // may be empty
}

// String is the error's name with the function's own words, as far as there are
// any.
func (f Failure) String() string {
	var answer struct {
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal([]byte(f.Cause), &answer) != nil || answer.Message == "" {
		return f.Error
	}
	return f.Error + ": " + answer.Message
}

// Output answers `granted`; the other operations leave it empty.
type Output struct {
	Seconds int64  `json:"seconds,omitempty"` // until the end, at least 1
	End     string `json:"end,omitempty"`     // RFC 3339, UTC, whole seconds
}

// Table is the part of the requests table that the handler uses.
type Table interface {
	Get(ctx context.Context, id string) (access.Request, error)
	AppendEvent(ctx context.Context, r access.Request, e access.Event) (access.Request, error)
	MarkAudited(ctx context.Context, id string, n int) error
	Close(ctx context.Context, id string, recorded int, at time.Time, ttl time.Duration) error
	Run(ctx context.Context, id string) (access.Run, error)
	Removal(ctx context.Context, ref access.FindingRef) (r access.DriftRemoval, found bool, err error)
}

// Findings has what runs found.
type Findings interface {
	Findings(ctx context.Context, run string) ([]access.Finding, error)
}

// Claims frees what a request has claimed.
type Claims interface {
	Free(ctx context.Context, r access.Request) error
}

// Records is the audit bucket.
type Records interface {
	Write(ctx context.Context, r access.Request, seq int) error
	WriteFinding(ctx context.Context, f auditrecord.Finding) error
	Archive(ctx context.Context, digest string, policy []byte) error
}

// Policy gives the policy in force.
type Policy interface {
	Document(ctx context.Context) (policyinforce.Document, error)
}

// Times that leave the function, which has 15 s, room to answer.
const (
	flushTimeout   = 8 * time.Second
	archiveTimeout = 3 * time.Second
)

// failureInterval is how long a removal that keeps failing goes between two
// records of it: an item of the table holds 400 KB, and must have room for the
// record that the access is gone at last.
const failureInterval = time.Hour

// Handler makes a request's events immutable records. What happened is in the
// row already; the row is the outbox, and the bucket gets what is in it, in
// order. Of what a run found the run's own list is the outbox.
type Handler struct {
	Table    Table
	Claims   Claims
	Findings Findings
	Records  Records
	Policy   Policy
	Now      func() time.Time
	Count    func(name string, dims map[string]string)
	// Measure notes how long something took.
	Measure func(name string, took time.Duration, dims map[string]string)
	Logger  *slog.Logger

	archivedDigest string // digest of the policy that this process archived last
}

// Handle does one task. Its errors are coded.
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
	case "drift_revoked":
		return Output{}, h.recordFindingRemoval(ctx, log, access.FindingRef{Run: in.Run, Index: in.Index})
	default:
		return Output{}, access.Errorf(access.CodeInvalid, "there is no operation %q", in.Operation)
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

// recordGrant records that the access is there, and says how long it has left. A
// record that the bucket does not take waits in the row: the access is there
// under a record either way. A row that does not take it is an error, and the
// access is taken back.
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
		log.Error("the record waits in the request's row", "error", err)
	}
	h.archivePolicy(ctx, log)
	return Output{Seconds: secondsUntil(r.End, h.Now()), End: roundUp(r.End).Format(time.RFC3339)}, nil
}

// recordRemoval records that the access is gone, or never came.
func (h *Handler) recordRemoval(ctx context.Context, log *slog.Logger, in Input) error {
	r, err := h.Table.Get(ctx, in.RequestID)
	if err != nil {
		return err
	}
	if r.RevokedAt.IsZero() {
		return access.Errorf(access.CodeInternal, "request %s has not been revoked", r.ID)
	}
	if !access.RecordsRemoval(r) {
		if r, err = h.Table.AppendEvent(ctx, r, access.RemovalEvent(r)); err != nil {
			return err
		}
	}
	return h.flush(ctx, log, r)
}

// readTimeout is how long a failed removal's row is looked for at most before
// the alarm is raised.
const readTimeout = 3 * time.Second

// recordFailedRemoval raises the alarm, whatever else goes wrong, and records that the
// access is still there.
func (h *Handler) recordFailedRemoval(ctx context.Context, log *slog.Logger, in Input) error {
	// A table that does not answer must not keep the alarm from being raised.
	reading, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	r, err := h.Table.Get(reading, in.RequestID)
	if err == nil && !r.RevokedAt.IsZero() {
		// It was seen to be gone, and the machine did not hear of it.
		log.Info("the access is gone already")
		return nil
	}
	h.Count(metric.RevokeFailed, nil)
	why := in.Failure.String()
	if why == "" {
		why = in.Error
	}
	log.Error("the access could not be removed; it is tried again", "error", why)
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
		log.Error("the record waits in the request's row", "error", err)
	}
	return nil
}

// isFailureRecorded reports whether a failed removal was recorded so lately that another
// record of it would say nothing new.
func isFailureRecorded(r access.Request, now time.Time) bool {
	for _, e := range r.Events {
		if e.Kind == access.EventRevokeFailed && now.Sub(e.At) < failureInterval {
			return true
		}
	}
	return false
}

// flush writes the events of r that are not in the bucket yet, in order, up to
// the first that the bucket does not take. That one raises the alarm and is
// Unavailable; what was written before it is marked.
func (h *Handler) flush(ctx context.Context, log *slog.Logger, r access.Request) error {
	writing, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	var failed error
	done := r.Audited
	if done < 0 || done > len(r.Events) {
		// Somebody wrote there by hand, or deleted the row and its form came again:
		// the records are written all the same.
		done = 0
	}
	for ; done < len(r.Events); done++ {
		if err := h.Records.Write(writing, r, done); err != nil {
			h.Count(metric.AuditDeferred, nil)
			log.Error("the audit bucket did not take a record", "event", r.Events[done].Kind, "sequence", done, "error", err)
			failed = access.Wrap(access.CodeUnavailable, err, "write audit record")
			break
		}
		h.countEvent(r, r.Events[done].Kind)
	}
	if done > r.Audited {
		if err := h.Table.MarkAudited(ctx, r.ID, done); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}

// countEvent counts what is recorded, and how long the row says that it took, so that
// the metrics follow the records. A retry may count an event twice.
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

// archivePolicy keeps a copy of the policy in force beside the log. It holds up
// nothing: the policy is also where it was uploaded to.
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
		log.Warn("the policy was not archived", "error", err)
	}
}

// closeRequest ends a request of which everything is recorded, and people know: until
// then the sweep finds it, should its execution be gone.
func (h *Handler) closeRequest(ctx context.Context, log *slog.Logger, in Input) error {
	r, err := h.Table.Get(ctx, in.RequestID)
	if err != nil || !r.ClosedAt.IsZero() {
		return err
	}
	if r.RevokedAt.IsZero() && (r.Outcome == nil || r.Outcome.Kind.Grants()) {
		return access.Errorf(access.CodeInternal, "request %s is not over", r.ID)
	}
	if err := h.flush(ctx, log, r); err != nil {
		return err
	}
	// Before the close, which nobody repeats. A claim of a request that is decided
	// does not count: one that can't be read by anybody keeps no request open.
	if err := h.Claims.Free(ctx, r); err != nil {
		if access.CodeOf(err).Transient() {
			return err
		}
		log.Error("what the request has claimed could not be freed", "error", err)
	}
	return h.Table.Close(ctx, r.ID, len(r.Events), h.Now().UTC(), table.KeepClosed)
}

// secondsUntil is the whole seconds from now to end, rounded up and within what
// Step Functions takes.
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
