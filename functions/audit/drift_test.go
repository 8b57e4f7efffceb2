package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
	"sso-elevator/functions/adapters/host"
)

func (w *world) Run(_ context.Context, id string) (access.Run, error) {
	if id != w.run.ID {
		return access.Run{}, access.Errorf(access.CodeNotFound, "there is no run %q", id)
	}
	return w.run, nil
}

func (w *world) Findings(_ context.Context, run string) ([]access.Finding, error) {
	return w.findings, w.runsErr
}

func (w *world) WriteFinding(_ context.Context, f auditrecord.Finding) error {
	if w.refuses == 0 {
		return errors.New("S3 is down")
	}
	w.refuses--
	w.written = append(w.written, fmt.Sprint(f.Kind, " ", f.Index))
	key := auditrecord.FindingKey("", f)
	if !slices.ContainsFunc(w.records, func(other auditrecord.Finding) bool { return auditrecord.FindingKey("", other) == key }) {
		w.records = append(w.records, f)
	}
	return nil
}

func (w *world) Removal(_ context.Context, ref access.FindingRef) (access.DriftRemoval, bool, error) {
	r, found := w.removals[ref]
	return r, found && w.removalErr == nil, w.removalErr
}

func runWorld(refuses int) *world {
	w := &world{refuses: refuses, run: access.Run{
		ID: "run1", Mode: access.DriftRevoke, StartedAt: now.Add(-time.Minute), Guard: access.GuardTooMany,
		Answers: []access.RunAnswer{{Remove: true, By: access.Person{SlackID: "UANN"}, At: now.Add(-time.Second), Findings: [][2]int{{1, 3}}}},
		Answer:  &access.RunAnswer{At: now.Add(-time.Second)},
	}}
	for i := range 4 {
		w.findings = append(w.findings, access.Finding{Subject: access.Subject{PrincipalID: fmt.Sprint("p-", i)}, FirstSeen: now.Add(-time.Minute)})
	}
	w.removals = map[access.FindingRef]access.DriftRemoval{}
	w.removed(2, access.DriftRemoved)
	return w
}

// removed writes the result of a finding's removal.
func (w *world) removed(index int, result access.RemovalResult) {
	ref := access.FindingRef{Run: "run1", Index: index}
	w.removals[ref] = access.DriftRemoval{FindingRef: ref, Subject: w.findings[index].Key(), Result: result, At: now.Add(-time.Second), AWSDeleteRequestID: "aws-1"}
}

func TestDrift(t *testing.T) {
	unavailable := access.Errorf(access.CodeUnavailable, "no answer")
	found, removed := Input{From: 1, To: 3}, Input{Index: 2}
	found.Operation, removed.Operation = "drift_found", "drift_revoked"
	between := func(from, to int) Input { in := found; in.From, in.To = from, to; return in }
	at := func(index int) Input { in := removed; in.Index = index; return in }
	tests := []struct {
		name        string
		in          Input
		run         string
		refuses     int
		runsErr     error
		wantCode    access.Code
		wantWritten []string
		wantCounted []string
	}{
		{name: "found", in: found, refuses: -1, wantWritten: []string{"drift_found 1", "drift_found 2"}},
		{name: "all found", in: between(0, 4), refuses: -1, wantWritten: []string{"drift_found 0", "drift_found 1", "drift_found 2", "drift_found 3"}},
		{name: "nothing found", in: between(2, 2), refuses: -1},
		{name: "removed", in: removed, refuses: -1, wantWritten: []string{"drift_revoked 2"}},
		{name: "found while S3 is down", in: found, refuses: 1, wantCode: access.CodeUnavailable,
			wantWritten: []string{"drift_found 1"}, wantCounted: []string{"AuditDeferred"}},
		{name: "removed while S3 is down", in: removed, wantCode: access.CodeUnavailable, wantCounted: []string{"AuditDeferred"}},
		{name: "more than there are", in: between(3, 5), refuses: -1, wantCode: access.CodeInvalid},
		{name: "backwards", in: between(3, 1), refuses: -1, wantCode: access.CodeInvalid},
		{name: "before the first", in: between(-1, 1), refuses: -1, wantCode: access.CodeInvalid},
		{name: "removed behind the last", in: at(4), refuses: -1, wantCode: access.CodeRefused},
		{name: "findings can't be read", in: found, refuses: -1, runsErr: unavailable, wantCode: access.CodeUnavailable},
		{name: "no such run", in: found, run: "run2", refuses: -1, wantCode: access.CodeNotFound},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := runWorld(test.refuses)
			w.runsErr = test.runsErr
			test.in.Run = "run1"
			if test.run != "" {
				test.in.Run = test.run
			}
			err := w.drift(t, test.in, now)
			if access.CodeOf(err) != test.wantCode {
				t.Errorf("got %v, want code %q", err, test.wantCode)
			}
			if !slices.Equal(w.written, test.wantWritten) || !slices.Equal(w.counted, test.wantCounted) {
				t.Errorf("written %q, counted %q; want %q, %q", w.written, w.counted, test.wantWritten, test.wantCounted)
			}
		})
	}
}

func (w *world) drift(t *testing.T, in Input, at time.Time) error {
	t.Helper()
	h := &Handler{Table: w, Claims: w, Findings: w, Records: w, Policy: w, Now: func() time.Time { return at }, Count: w.count, Logger: slog.New(slog.DiscardHandler)}
	_, err := h.Handle(t.Context(), in)
	return err
}

// A retry, even the next day, writes no second record, and the first one stays.
func TestRepeatedDriftMakesNoSecondRecord(t *testing.T) {
	w := runWorld(2)
	found := Input{Input: host.Input{Operation: "drift_found", Run: "run1"}, To: 4}
	removed := Input{Input: host.Input{Operation: "drift_revoked", Run: "run1"}, Index: 2}
	if err := w.drift(t, found, now); access.CodeOf(err) != access.CodeUnavailable {
		t.Fatalf("S3 takes two records: got %v, want Unavailable", err)
	}
	w.refuses = -1
	for _, at := range []time.Time{now, now.Add(24 * time.Hour)} {
		for _, in := range []Input{found, removed} {
			if err := w.drift(t, in, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	var got []auditrecord.Record
	for _, f := range w.records {
		got = append(got, auditrecord.OfFinding(f))
	}
	var want []auditrecord.Record
	for i, f := range w.findings {
		want = append(want, auditrecord.OfFinding(auditrecord.Finding{Finding: f, Kind: access.EventDriftFound, Run: w.run, Index: i}))
	}
	want = append(want, auditrecord.OfFinding(auditrecord.Finding{Finding: w.findings[2], Kind: access.EventDriftRevoked, Run: w.run, Index: 2, RemovedAt: now.Add(-time.Second), AWSDeleteRequestID: "aws-1"}))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("records %+v\nwant    %+v", got, want)
	}
	if last := got[len(got)-1]; last.ApproverSlackID != "UANN" || last.DecisionReason != "too_many" || last.OperationType != "revoke" {
		t.Errorf("the removal is recorded as %+v, want with who let it go on, and why it had stopped", last)
	}
}

// Someone who can start executions can't forge a record of a removal. The record is
// written only if the table says that the removal was authorized and ours.
func TestDriftRevokedIsBelievedOnlyOfTheTable(t *testing.T) {
	tests := []struct {
		name    string
		run     string
		index   int
		change  func(w *world)
		want    access.Code
		written []string
	}{
		{name: "removed, and a person let it", index: 2, written: []string{"drift_revoked 2"}},
		{name: "removed, and nobody had to be asked", index: 2, change: func(w *world) { w.run.Guard, w.run.Answers, w.run.Answer = "", nil, nil }, written: []string{"drift_revoked 2"}},
		{name: "still there", index: 1, want: access.CodeRefused},
		{name: "before the first", index: -1, want: access.CodeRefused},
		{name: "another run", run: "run2", index: 2, want: access.CodeRefused},
		{name: "no run", run: " ", index: 0, want: access.CodeRefused},
		{name: "gone already", index: 2, change: func(w *world) { w.removed(2, access.DriftAlreadyGone) }},
		{name: "the run warns", index: 2, change: func(w *world) { w.run.Mode = access.DriftWarn }, want: access.CodeRefused},
		{name: "an event started the run", index: 2, change: func(w *world) { w.run.Partial = true }, want: access.CodeRefused},
		{name: "nobody has answered", index: 2, change: func(w *world) { w.run.Answer = nil }, want: access.CodeRefused},
		{name: "a person said no", index: 2, change: func(w *world) { w.run.Answers[0].Remove = false }, want: access.CodeRefused},
		{name: "a person let others go", index: 0, change: func(w *world) { w.removed(0, access.DriftRemoved) }, want: access.CodeRefused},
		{name: "nobody said anything of it", index: 2, change: func(w *world) { w.run.Answers = nil }, want: access.CodeRefused},
		{name: "the run has no row", index: 2, change: func(w *world) { w.run.ID = "gone" }, want: access.CodeNotFound},
		{name: "the finding is another one by now", index: 2, change: func(w *world) { w.findings[2].PrincipalID = "p-other" }, want: access.CodeRefused},
		{name: "there are fewer findings by now", index: 2, change: func(w *world) { w.findings = w.findings[:2] }, want: access.CodeRefused},
		{name: "the table does not answer", index: 2, change: func(w *world) { w.removalErr = access.Errorf(access.CodeUnavailable, "x") }, want: access.CodeUnavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := runWorld(-1)
			if test.change != nil {
				test.change(w)
			}
			in := Input{Index: test.index}
			in.Operation, in.Run = "drift_revoked", "run1"
			if test.run != "" {
				in.Run = test.run
			}
			if err := w.drift(t, in, now); access.CodeOf(err) != test.want {
				t.Errorf("got %v, want code %q", err, test.want)
			}
			if !slices.Equal(w.written, test.written) {
				t.Errorf("written %q, want %q", w.written, test.written)
			}
		})
	}
}

// A press makes the removal authorized, in every mode. Its record names who pressed, but
// only if they pressed before the access was gone.
func TestDriftRevokedAfterAPress(t *testing.T) {
	bob := access.Person{SlackID: "UBOB", Email: "bob@example.com", PrincipalID: "p-bob"}
	for name, test := range map[string]struct {
		press    access.FindingPress
		mode     access.DriftMode
		want     access.Code
		approver string
	}{
		"a run that warns":                  {press: access.FindingPress{Finding: 2, Remove: true, By: bob, At: now.Add(-time.Minute)}, mode: access.DriftWarn, approver: "bob@example.com"},
		"another finding":                   {press: access.FindingPress{Finding: 1, Remove: true, By: bob, At: now.Add(-time.Minute)}, mode: access.DriftWarn, want: access.CodeRefused},
		"left for a day":                    {press: access.FindingPress{Finding: 2, By: bob, At: now.Add(-time.Minute)}, mode: access.DriftWarn, want: access.CodeRefused},
		"after the run's own removal":       {press: access.FindingPress{Finding: 2, Remove: true, By: bob, At: now}, mode: access.DriftRevoke, approver: "NA"},
		"before a sweep ended that removal": {press: access.FindingPress{Finding: 2, Remove: true, By: bob, At: now.Add(-time.Minute)}, mode: access.DriftRevoke, approver: "bob@example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			w := runWorld(-1)
			w.run.Mode, w.run.Guard, w.run.Answers, w.run.Answer = test.mode, "", nil, nil
			w.run.Presses = []access.FindingPress{test.press}
			in := Input{Index: 2}
			in.Operation, in.Run = "drift_revoked", "run1"
			if err := w.drift(t, in, now); access.CodeOf(err) != test.want {
				t.Fatalf("got %v, want code %q", err, test.want)
			}
			if test.want != "" {
				if len(w.written) > 0 {
					t.Errorf("written %q", w.written)
				}
				return
			}
			if rec := auditrecord.OfFinding(w.records[0]); rec.ApproverEmail != test.approver || rec.OperationType != "revoke" {
				t.Errorf("record %+v", rec)
			}
		})
	}
}

// Every press has one record. Someone who can start executions can't forge one.
func TestDriftPressed(t *testing.T) {
	bob := access.Person{SlackID: "UBOB", Email: "bob@example.com", PrincipalID: "p-bob"}
	w := runWorld(-1)
	w.findings[0].UserName = "jane"
	w.run.Presses = []access.FindingPress{
		{Finding: 0, By: bob, At: now, Until: now.Add(24 * time.Hour)},
		{Finding: 2, Remove: true, By: bob, At: now},
		{Finding: 9, Remove: true, By: bob, At: now}, // there are fewer findings
	}
	press := func(index int) access.Code {
		in := Input{Index: index}
		in.Operation, in.Run = "drift_pressed", "run1"
		return access.CodeOf(w.drift(t, in, now.Add(48*time.Hour)))
	}
	for index, want := range map[int]access.Code{-1: access.CodeRefused, 1: access.CodeRefused, 9: access.CodeRefused} {
		if got := press(index); got != want {
			t.Errorf("finding %d: %q, want %q", index, got, want)
		}
	}
	if len(w.written) > 0 {
		t.Fatalf("written %q", w.written)
	}
	for _, index := range []int{0, 2, 0, 2} {
		if code := press(index); code != "" {
			t.Fatalf("finding %d: %s", index, code)
		}
	}
	if len(w.records) != 2 {
		t.Fatalf("%d records, want one for each press", len(w.records))
	}
	for i, want := range []struct{ action, detail string }{{"finding_leave", "user jane, left until 2026-01-02T12:00:00Z"}, {"finding_remove", ""}} {
		rec := auditrecord.OfFinding(w.records[i])
		if rec.Event != "drift_pressed" || rec.Action != want.action || want.detail != "" && rec.Detail != want.detail ||
			rec.ApproverEmail != "bob@example.com" || rec.ApproverSlackID != "UBOB" || rec.ApproverPrincipalID != "p-bob" ||
			rec.OperationType != "NA" || rec.Time != "2026-01-01T12:00:00Z" || rec.RequestID != "run1" {
			t.Errorf("record %+v", rec)
		}
	}
}

// A press that overruled another has a record, too, whichever execution writes it, and also
// if the other press was recorded before.
func TestDriftPressedTwice(t *testing.T) {
	ann := access.Person{SlackID: "UANN", Email: "ann@example.com", PrincipalID: "p-ann"}
	bob := access.Person{SlackID: "UBOB", Email: "bob@example.com", PrincipalID: "p-bob"}
	w := runWorld(-1)
	leave := access.FindingPress{Finding: 2, By: bob, At: now, Until: now.Add(24 * time.Hour)}
	remove := access.FindingPress{Finding: 2, Remove: true, By: ann, At: now.Add(25 * time.Hour)}
	in := Input{Index: 2}
	in.Operation, in.Run = "drift_pressed", "run1"
	for i, presses := range [][]access.FindingPress{{leave}, {leave, remove}, {leave, remove}, {leave, remove, leave}} {
		w.run.Presses = presses
		if err := w.drift(t, in, now.Add(48*time.Hour)); err != nil || len(w.records) != min(i+1, 2) {
			t.Fatalf("after %d presses: %v, %d records", len(presses), err, len(w.records))
		}
	}
	for i, want := range []struct{ action, approver, time, key string }{
		{"finding_leave", "bob@example.com", "2026-01-01T12:00:00Z", "logs/2026/01/01/run1-00002-drift_pressed.json"},
		{"finding_remove", "ann@example.com", "2026-01-02T13:00:00Z", "logs/2026/01/02/run1-00002-drift_pressed-2.json"},
	} {
		rec, key := auditrecord.OfFinding(w.records[i]), auditrecord.FindingKey("logs", w.records[i])
		if rec.Action != want.action || rec.ApproverEmail != want.approver || rec.Time != want.time || rec.Sequence != 2 || key != want.key {
			t.Errorf("record %+v as %s, want %+v", rec, key, want)
		}
	}
}

// The row says which presses were refused. A finding that the run doesn't have is not
// named.
func TestDriftRefused(t *testing.T) {
	bob := access.Person{SlackID: "UBOB", Email: "bob@example.com", PrincipalID: "p-bob"}
	w := runWorld(-1)
	w.run.RefusedPresses = []access.RefusedPress{
		{Finding: 2, Action: "finding_remove", By: bob, At: now, Reason: access.RefusalNotApprover, PolicyDigest: "d1"},
		{Finding: access.NoFinding, Action: "drift_remove", By: bob, At: now, Reason: access.RefusalBlocked},
		{Finding: len(w.findings), Action: "finding_leave", By: bob, At: now, Reason: access.RefusalNotEligible, Message: "No guests."},
	}
	in := Input{}
	in.Operation, in.Run = "drift_refused", "run1"
	if err := w.drift(t, in, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if len(w.refused) != 3 {
		t.Fatalf("%d records, want 3", len(w.refused))
	}
	for i, p := range w.refused {
		if p.RefusedPress != w.run.RefusedPresses[i] || p.Run.ID != "run1" || p.Index != i {
			t.Errorf("record %d is of %+v", i, p)
		}
		if named := p.Subject.Key() == w.findings[2].Key(); named != (i == 0) {
			t.Errorf("record %d is about %q", i, p.Subject.Key())
		}
	}
	w = runWorld(1)
	w.run.RefusedPresses = slices.Repeat([]access.RefusedPress{{By: bob, At: now}}, 2)
	if err := w.drift(t, in, now); access.CodeOf(err) != access.CodeUnavailable || len(w.refused) != 1 {
		t.Errorf("the bucket refuses the second record: %v after %d records", err, len(w.refused))
	}
	w = runWorld(-1)
	w.runsErr = access.Errorf(access.CodeNotFound, "no run")
	if err := w.drift(t, in, now); access.CodeOf(err) != access.CodeNotFound {
		t.Errorf("no run: %v", err)
	}
}

// The first run that skips a finding because of an exemption records it, with the end
// and the reason. Only runs in mode revoke do so.
func TestDriftExempted(t *testing.T) {
	w := runWorld(-1)
	spared := func(run string) *access.Spared {
		return &access.Spared{Until: now.Add(time.Hour), Reason: "Slack is down", Since: now.Add(-time.Minute), Run: run}
	}
	w.findings[0].Exemption, w.findings[1].Exemption, w.findings[3].Exemption = spared("run1"), spared("run0"), spared("run1")
	w.findings[3].UserName = "jane"
	in := Input{}
	in.Operation, in.Run = "drift_exempted", "run1"
	for range 2 {
		if err := w.drift(t, in, now); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"drift_exempted 0", "drift_exempted 3", "drift_exempted 0", "drift_exempted 3"}; !slices.Equal(w.written, want) || len(w.records) != 2 {
		t.Fatalf("written %q, %d records; want %q, 2", w.written, len(w.records), want)
	}
	rec := auditrecord.OfFinding(w.records[1])
	if rec.Event != "drift_exempted" || rec.Reason != "Slack is down" || rec.Detail != "user jane, left until 2026-01-01T13:00:00Z" ||
		rec.Time != "2026-01-01T11:59:00Z" || rec.OperationType != "NA" || rec.Sequence != 3 || rec.RequestID != "run1" {
		t.Errorf("record %+v", rec)
	}
	w = runWorld(-1)
	w.findings[0].Exemption = spared("run1")
	w.run.Mode = access.DriftWarn
	if err := w.drift(t, in, now); err != nil || len(w.written) > 0 {
		t.Errorf("a run that warns: %v, written %q", err, w.written)
	}
}
