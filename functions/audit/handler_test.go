package audit

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/policyinforce"
)

var now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// world is a table with one row, the bucket and the metrics.
type world struct {
	row     access.Request
	written []string // kind of each event the bucket took, and "policy d1"
	counted []string
	closed  bool

	refuses   int // the bucket accepts this many records; -1 for all
	appendErr error
	markErr   error
	silent    bool // the table doesn't answer
	freed     []string
	freeErr   error

	run      access.Run
	findings []access.Finding
	runsErr  error
	removals map[access.FindingRef]access.DriftRemoval

	blocks  access.Blocks
	blocked []access.BlockEvent // that the bucket accepted

	removalErr error
	records    []auditrecord.Finding // findings that the bucket accepted, once each
	refused    []auditrecord.RefusedPress
}

func (w *world) Blocks(context.Context) (access.Blocks, error) { return w.blocks, w.runsErr }

func (w *world) MarkBlocksRecorded(_ context.Context, sequence int64) error {
	if w.markErr == nil {
		w.blocks.Recorded = max(w.blocks.Recorded, sequence)
	}
	return w.markErr
}

func (w *world) WriteRefusedPress(_ context.Context, p auditrecord.RefusedPress) error {
	if w.refuses >= 0 && len(w.refused) >= w.refuses {
		return access.Errorf(access.CodeUnavailable, "no answer")
	}
	w.refused = append(w.refused, p)
	return nil
}

func (w *world) WriteBlock(_ context.Context, e access.BlockEvent) error {
	if w.refuses >= 0 && len(w.blocked) >= w.refuses {
		return access.Errorf(access.CodeUnavailable, "no answer")
	}
	w.blocked = append(w.blocked, e)
	return nil
}

func (w *world) Get(ctx context.Context, _ string) (access.Request, error) {
	if w.silent {
		<-ctx.Done()
		return access.Request{}, ctx.Err()
	}
	return w.row, nil
}

func (w *world) AppendEvent(_ context.Context, _ access.Request, e access.Event) (access.Request, error) {
	if w.appendErr != nil {
		return access.Request{}, w.appendErr
	}
	there := slices.ContainsFunc(w.row.Events, func(other access.Event) bool { return other.Kind == e.Kind })
	if !there || e.Kind == access.EventRevokeFailed {
		w.row.Events = append(slices.Clip(w.row.Events), e)
	}
	return w.row, nil
}

func (w *world) MarkAudited(_ context.Context, _ string, n int) (access.Request, error) {
	if w.markErr == nil {
		w.row.Audited = max(w.row.Audited, n)
	}
	return w.row, w.markErr
}

func (w *world) Free(_ context.Context, r access.Request) error {
	if !w.closed {
		w.freed = append(w.freed, r.ID)
	}
	return w.freeErr
}

func (w *world) Close(_ context.Context, _ string, recorded int, at time.Time, ttl time.Duration) error {
	w.closed = recorded == len(w.row.Events) && at.Equal(now) && ttl == 90*24*time.Hour
	return nil
}

func (w *world) Write(_ context.Context, r access.Request, seq int) error {
	if w.refuses == 0 {
		return errors.New("S3 is down")
	}
	w.refuses--
	w.written = append(w.written, string(r.Events[seq].Kind))
	return nil
}

func (w *world) Archive(_ context.Context, digest string, policy []byte) error {
	w.written = append(w.written, "policy "+digest+" "+string(policy))
	return nil
}

func (w *world) Document(context.Context) (policyinforce.Document, error) {
	return policyinforce.Document{Digest: "d1", Bytes: []byte("{}")}, nil
}

func (w *world) count(name string, dims map[string]string) {
	for _, v := range dims {
		name += " " + v
	}
	w.counted = append(w.counted, name)
}

func (w *world) measure(name string, took time.Duration, dims map[string]string) {
	w.count(name+" "+took.String(), dims)
}

func (w *world) do(t *testing.T, operation, failure string) (Output, error) {
	t.Helper()
	h := &Handler{Table: w, Claims: w, Findings: w, Records: w, Policy: w, Now: func() time.Time { return now }, Count: w.count, Measure: w.measure, Logger: slog.New(slog.DiscardHandler)}
	return h.Handle(t.Context(), Input{Input: host.Input{Operation: operation, RequestID: "r1"}, Error: failure})
}

func events(kinds ...access.EventKind) []access.Event {
	var out []access.Event
	for _, k := range kinds {
		out = append(out, access.Event{Kind: k, At: now})
	}
	return out
}

func denied() access.Request {
	return access.Request{ID: "r1", CreatedAt: now.Add(-time.Minute), Outcome: &access.Outcome{Kind: access.OutcomeDenied, At: now.Add(-20 * time.Second)}, Events: events(access.EventRequested, access.EventDenied)}
}

// recordedRow is r with all its events in the bucket.
func recordedRow(r access.Request) access.Request {
	r.Audited = len(r.Events)
	return r
}

func granted() access.Request {
	return access.Request{ID: "r1", CreatedAt: now.Add(-13500 * time.Millisecond),
		Outcome:   &access.Outcome{Kind: access.OutcomeAutomatic, At: now.Add(-12500 * time.Millisecond)},
		GrantedAt: now.Add(-10 * time.Second), End: now.Add(50*time.Second + 200*time.Millisecond),
		Events: events(access.EventRequested, access.EventApproved)}
}

func revoked(state access.RemovalState) access.Request {
	r := granted()
	r.RevokedAt, r.Removal, r.Audited = now, state, 3
	r.Events = append(r.Events, events(access.EventGranted)...)
	return r
}

// notGranted is a request that was approved but never reached Identity Center.
func notGranted(last ...access.Event) access.Request {
	r := granted()
	r.GrantedAt, r.End = time.Time{}, time.Time{}
	r.RevokedAt, r.Removal, r.Audited = now, access.RemovalNothing, 2
	r.Failure = &access.Failure{Code: access.CodeForeign, Message: "there before", At: now}
	r.Events = append(r.Events, last...)
	return r
}

func TestHandle(t *testing.T) {
	tests := []struct {
		name        string
		operation   string
		row         access.Request
		refuses     int
		appendErr   error
		markErr     error
		want        Output
		wantCode    access.Code
		wantWritten []string
		wantCounted []string
		wantAudited int
		wantClosed  bool
	}{
		{
			name: "outcome", operation: "outcome", row: denied(), refuses: -1,
			wantWritten: []string{"requested", "denied", "policy d1 {}"}, wantCounted: []string{"Outcome denied", "TimeToDecision 40s denied"}, wantAudited: 2,
		},
		{
			name: "outcome that S3 does not take is tried again", operation: "outcome", row: denied(), refuses: 1,
			wantCode: access.CodeUnavailable, wantWritten: []string{"requested"}, wantCounted: []string{"AuditDeferred"}, wantAudited: 1,
		},
		{
			name: "outcome that was written but not marked", operation: "outcome", row: denied(), refuses: -1,
			markErr:  access.Errorf(access.CodeThrottled, "slow down"),
			wantCode: access.CodeThrottled, wantWritten: []string{"requested", "denied"}, wantCounted: []string{"Outcome denied", "TimeToDecision 40s denied"},
		},
		{
			name: "undecided request has no outcome", operation: "outcome", row: access.Request{ID: "r1"}, refuses: -1, wantCode: access.CodeInternal,
		},
		{
			name: "granted", operation: "granted", row: granted(), refuses: -1,
			want:        Output{Seconds: 51, End: "2026-01-01T12:00:51Z"},
			wantWritten: []string{"requested", "approved", "granted", "policy d1 {}"},
			wantCounted: []string{"Outcome automatic", "TimeToDecision 1s automatic", "Granted", "TimeToGrant 2.5s"}, wantAudited: 3,
		},
		{
			name: "granted while S3 is down: the row holds the record", operation: "granted", row: granted(), refuses: 0,
			want:        Output{Seconds: 51, End: "2026-01-01T12:00:51Z"},
			wantWritten: []string{"policy d1 {}"}, wantCounted: []string{"AuditDeferred"},
		},
		{
			name: "granted but the row does not take the record", operation: "granted", row: granted(), refuses: -1,
			appendErr: access.Errorf(access.CodeUnavailable, "no table"), wantCode: access.CodeUnavailable,
		},
		{
			name: "not granted", operation: "granted", row: denied(), refuses: -1, wantCode: access.CodeInternal,
		},
		{
			name: "revoked", operation: "revoked", row: revoked(access.RemovalDone), refuses: -1,
			wantWritten: []string{"revoked"}, wantCounted: []string{"Revoked"}, wantAudited: 4,
		},
		{
			name: "kept for another request", operation: "revoked", row: revoked(access.RemovalKept), refuses: -1,
			wantWritten: []string{"revoked"}, wantCounted: []string{"Revoked"}, wantAudited: 4,
		},
		{
			name: "nothing was granted", operation: "revoked", row: notGranted(), refuses: -1,
			wantWritten: []string{"not_granted"}, wantAudited: 3,
		},
		{
			name: "nothing was granted, as the row says already", operation: "revoked", row: notGranted(events(access.EventNotGranted)...), refuses: -1,
			wantWritten: []string{"not_granted"}, wantAudited: 3,
		},
		{
			name: "nothing was granted, as the previous release wrote it", operation: "revoked", row: notGranted(events(access.EventRefused)...), refuses: -1,
			wantWritten: []string{"refused"}, wantAudited: 3,
		},
		{
			name: "revoked while S3 is down is tried again", operation: "revoked", row: revoked(access.RemovalDone), refuses: 0,
			wantCode: access.CodeUnavailable, wantCounted: []string{"AuditDeferred"}, wantAudited: 3,
		},
		{
			name: "still there", operation: "revoked", row: granted(), refuses: -1, wantCode: access.CodeInternal,
		},
		{
			name: "removal failed", operation: "revoke_failed", row: granted(), refuses: -1,
			wantWritten: []string{"requested", "approved", "revoke_failed"}, wantCounted: []string{"RevokeFailed", "Outcome automatic", "TimeToDecision 1s automatic"}, wantAudited: 3,
		},
		{
			name: "removal failed while S3 is down", operation: "revoke_failed", row: granted(), refuses: 0,
			wantCounted: []string{"RevokeFailed", "AuditDeferred"},
		},
		{
			name: "removal failed, as far as the machine knows", operation: "revoke_failed", row: revoked(access.RemovalDone), refuses: -1, wantAudited: 3,
		},
		{
			name: "close", operation: "close", row: recordedRow(denied()), refuses: 0, wantAudited: 2, wantClosed: true,
		},
		{
			name: "close what is removed", operation: "close", row: recordedRow(revoked(access.RemovalDone)), refuses: 0, wantAudited: 3, wantClosed: true,
		},
		{
			name: "close what is not recorded yet", operation: "close", row: denied(), refuses: -1,
			wantWritten: []string{"requested", "denied"}, wantCounted: []string{"Outcome denied", "TimeToDecision 40s denied"}, wantAudited: 2, wantClosed: true,
		},
		{
			name: "what can't be recorded is not closed", operation: "close", row: denied(), refuses: 0,
			wantCode: access.CodeUnavailable, wantCounted: []string{"AuditDeferred"},
		},
		{
			name: "what is not decided is not closed", operation: "close", row: access.Request{ID: "r1"}, refuses: -1, wantCode: access.CodeInternal,
		},
		{
			name: "what was approved and is not removed is not closed", operation: "close", refuses: -1, wantCode: access.CodeInternal,
			row: access.Request{ID: "r1", Outcome: &access.Outcome{Kind: access.OutcomeApproved}},
		},
		{
			name: "close what is closed", operation: "close", row: access.Request{ID: "r1", ClosedAt: now}, refuses: 0,
		},
		{
			name: "unknown operation", operation: "other", row: denied(), refuses: -1, wantCode: access.CodeInvalid,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := &world{row: test.row, refuses: test.refuses, appendErr: test.appendErr, markErr: test.markErr}
			got, err := w.do(t, test.operation, "Throttled")
			if got != test.want || access.CodeOf(err) != test.wantCode {
				t.Errorf("got %+v, %v; want %+v, code %q", got, err, test.want, test.wantCode)
			}
			if !slices.Equal(w.written, test.wantWritten) {
				t.Errorf("written %q, want %q", w.written, test.wantWritten)
			}
			if !slices.Equal(w.counted, test.wantCounted) {
				t.Errorf("counted %q, want %q", w.counted, test.wantCounted)
			}
			if w.row.Audited != test.wantAudited || w.closed != test.wantClosed {
				t.Errorf("audited %d, closed %t; want %d, %t", w.row.Audited, w.closed, test.wantAudited, test.wantClosed)
			}
		})
	}
}

func TestRepeatedTaskMakesNoSecondRecord(t *testing.T) {
	w := &world{row: revoked(access.RemovalDone), refuses: -1}
	for range 2 {
		if _, err := w.do(t, "revoked", ""); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"revoked"}; !slices.Equal(w.written, want) {
		t.Errorf("written %q, want %q", w.written, want)
	}
}

// A row that claims more records than it has events, or fewer than none, hides no
// event.
func TestACountThatMakesNoSenseHidesNothing(t *testing.T) {
	for _, audited := range []int{-1, 99} {
		w := &world{row: revoked(access.RemovalDone), refuses: -1}
		w.row.Audited = audited
		if _, err := w.do(t, "revoked", ""); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, e := range w.row.Events {
			want = append(want, string(e.Kind))
		}
		if !slices.Contains(want, "revoked") || !slices.Equal(w.written, want) {
			t.Errorf("with a count of %d: written %q, want %q", audited, w.written, want)
		}
	}
}

func TestApprovedButNotGranted(t *testing.T) {
	w := &world{row: notGranted(), refuses: -1}
	if _, err := w.do(t, "revoked", ""); err != nil {
		t.Fatal(err)
	}
	want := []access.Event{{Kind: access.EventNotGranted, At: now, Reason: "ForeignAccess", Message: "there before"}}
	if got := w.row.Events[2:]; !reflect.DeepEqual(got, want) {
		t.Errorf("events %+v, want %+v", got, want)
	}
}

func TestFailedRemovalIsRecordedOnceAnHourAndAlarmsEachTime(t *testing.T) {
	w := &world{row: granted(), refuses: -1}
	w.row.Events, w.row.Audited = []access.Event{{Kind: access.EventRevokeFailed, At: now.Add(-time.Hour), Message: "Throttled"}}, 1
	for range 3 {
		if _, err := w.do(t, "revoke_failed", "Conflict"); err != nil {
			t.Fatal(err)
		}
	}
	want := append(w.row.Events[:1:1], access.Event{Kind: access.EventRevokeFailed, At: now, Message: "Conflict"})
	if !reflect.DeepEqual(w.row.Events, want) {
		t.Errorf("events %+v, want %+v", w.row.Events, want)
	}
	if want := []string{"RevokeFailed", "RevokeFailed", "RevokeFailed"}; !slices.Equal(w.counted, want) {
		t.Errorf("counted %q, want %q", w.counted, want)
	}
}

func TestSecondsUntil(t *testing.T) {
	tests := []struct {
		name string
		left time.Duration
		want int64
	}{
		{"over already", -time.Minute, 1},
		{"now", 0, 1},
		{"a part of a second", time.Millisecond, 1},
		{"rounded up", 1500 * time.Millisecond, 2},
		{"whole", time.Hour, 3600},
		{"more than Step Functions takes", 200_000_000 * time.Second, 99_999_999},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := secondsUntil(now.Add(test.left), now); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

// The record has Identity Center's own error text, if the function passed it on.
func TestFailedRemovalSaysWhy(t *testing.T) {
	for _, test := range []struct{ name, payload, want string }{
		{"with a cause", `{"failure":{"Error":"AssignmentFailed","Cause":"{\"errorType\":\"AssignmentFailed\",\"errorMessage\":\"the role is protected\"}"}}`, "AssignmentFailed: the role is protected"},
		{"without a cause", `{"failure":{"Error":"States.Timeout"}}`, "States.Timeout"},
		{"with a cause that is no answer", `{"failure":{"Error":"Lambda.Unknown","Cause":"it died"}}`, "Lambda.Unknown"},
		{"as the release before sends it", `{"error":"Throttled"}`, "Throttled"},
	} {
		w := &world{row: granted(), refuses: -1}
		var in Input
		if err := json.Unmarshal([]byte(test.payload), &in); err != nil {
			t.Fatal(err)
		}
		in.Operation, in.RequestID = "revoke_failed", "r1"
		h := &Handler{Table: w, Claims: w, Records: w, Policy: w, Now: func() time.Time { return now }, Count: w.count, Measure: w.measure, Logger: slog.New(slog.DiscardHandler)}
		if _, err := h.Handle(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if got := w.row.Events[len(w.row.Events)-1].Message; got != test.want {
			t.Errorf("%s: the record says %q, want %q", test.name, got, test.want)
		}
	}
}

// The alarm doesn't wait for a table that doesn't answer.
func TestRemovalFailedWhileTheTableIsSilent(t *testing.T) {
	w := &world{row: granted(), refuses: -1, silent: true}
	if _, err := w.do(t, "revoke_failed", "Throttled"); err == nil {
		t.Error("recorded without a row")
	}
	if want := []string{"RevokeFailed"}; !slices.Equal(w.counted, want) {
		t.Errorf("counted %q, want %q", w.counted, want)
	}
}
