package main

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
	"sso-elevator/functions/internal/task"
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

func runWorld(refuses int) *world {
	w := &world{refuses: refuses, run: access.Run{
		ID: "run1", Mode: access.DriftRevoke, StartedAt: now.Add(-time.Minute), Guard: access.GuardTooMany,
		Answer: &access.RunAnswer{Remove: true, By: access.Person{SlackID: "UANN"}, At: now.Add(-time.Second)},
	}}
	for i := range 4 {
		w.findings = append(w.findings, access.Finding{Subject: access.Subject{PrincipalID: fmt.Sprint("p-", i)}, FirstSeen: now.Add(-time.Minute)})
	}
	return w
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
		{name: "removed behind the last", in: at(4), refuses: -1, wantCode: access.CodeInvalid},
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
	h := &Handler{Store: w, Claims: w, Runs: w, Log: w, Policy: w, Now: func() time.Time { return at }, Count: w.count, Logger: slog.New(slog.DiscardHandler)}
	_, err := h.Handle(t.Context(), in)
	return err
}

// A retry, even on the next day, makes no second record, and the first stays.
func TestRepeatedDriftMakesNoSecondRecord(t *testing.T) {
	w := runWorld(2)
	found := Input{Input: task.Input{Operation: "drift_found", Run: "run1"}, To: 4}
	removed := Input{Input: task.Input{Operation: "drift_revoked", Run: "run1"}, Index: 2}
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
	want = append(want, auditrecord.OfFinding(auditrecord.Finding{Finding: w.findings[2], Kind: access.EventDriftRevoked, Run: w.run, Index: 2, RemovedAt: now}))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("records %+v\nwant    %+v", got, want)
	}
	if last := got[len(got)-1]; last.ApproverSlackID != "UANN" || last.DecisionReason != "too_many" || last.OperationType != "revoke" {
		t.Errorf("the removal is recorded as %+v, want with who let it go on, and why it had stopped", last)
	}
}
