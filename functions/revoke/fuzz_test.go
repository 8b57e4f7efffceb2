package revoke

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/leases"
)

// findingsOf is a run with two findings.
type findingsOf struct{}

func (findingsOf) Finding(_ context.Context, run string, index int) (access.Finding, error) {
	if run != "run1" || index < 0 || index > 1 {
		return access.Finding{}, access.Errorf(access.CodeNotFound, "no such finding")
	}
	return access.Finding{Subject: subject}, nil
}

func (findingsOf) FirstSeen(context.Context, string, time.Time) (time.Time, error) {
	return time.Time{}, nil
}

type anyPolicy struct{}

func (anyPolicy) Load(context.Context) (access.Policy, string, error) {
	return access.Policy{Accounts: []access.Statement{{Resources: []string{"*"}, PermissionSets: []string{"*"}, Approvers: []string{"ann@example.com"}}}}, "d", nil
}

// Whatever an execution sends, access is removed without the table in only two cases.
// In the first, the payload says that the access was granted, and the row can't be
// read. In the second, the execution's own Grant succeeded, and the row doesn't exist.
// Either way, only the payload's own subject is removed. A finding is removed only if
// the run has it.
func FuzzTask(f *testing.F) {
	f.Add([]byte(input), byte(0))
	f.Add([]byte(input), byte(1))
	f.Add([]byte(input), byte(2))
	for _, payload := range []string{
		`{"operation":"confirm","request_id":"one","grant_started":true}`, `{"operation":"drift","run":"run1","index":1}`, `{"operation":"drift","run":"run1","index":-1}`,
		`{"operation":"settle","run":"run1","index":2}`, `{"operation":"settle","lease":"account#1#a#u"}`, `{"operation":"remove","subject":{"account_id":"1"},"grant_started":true}`,
		`{"operation":"start","request_id":"one","execution":"arn","state":{"EnteredTime":"2026-03-02T09:00:00Z"},"round":0}`, `{"operation":"start","state":{"EnteredTime":"9999"}}`, `{"operation":"start","state":[]}`,
		`{"operation":"start","grant_started":"true"}`, `{"operation":"confirm","request_id":"one","granted":true}`, `{}`, `null`,
	} {
		f.Add([]byte(payload), byte(1))
	}
	f.Fuzz(func(t *testing.T, payload []byte, table byte) {
		var in Input
		if json.Unmarshal(payload, &in) != nil {
			return
		}
		answers := []error{nil, access.Errorf(access.CodeNotFound, "no row"), tableDown(access.CodeUnavailable)}
		answer := answers[int(table)%len(answers)]
		now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
		requested := in.Operation == "start" || in.Operation == "confirm"
		h := &Handler{
			Leases: &mockLeases{
				release: func(id, execution string, wait bool) (access.Request, error) {
					if !requested || id != in.RequestID || execution != in.Execution || wait != (in.Operation == "confirm") {
						t.Errorf("%s releases %q", payload, id)
					}
					return access.Request{ID: id}, answer
				},
				start: func(id, execution string, began time.Time) (access.Request, error) {
					if at, ok := in.removalStart(); !ok || !began.Equal(at) || id != in.RequestID || execution != in.Execution {
						t.Errorf("%s starts %q for %q", payload, id, execution)
					}
					return access.Request{ID: id}, answer
				},
				rebuild: func(id, execution string, granted bool, s access.Subject) (bool, error) {
					if !requested || access.CodeOf(answer) != access.CodeNotFound || id != in.RequestID || execution != in.Execution || granted != (in.GrantStarted || in.Granted) || s != in.Subject {
						t.Errorf("%s rebuilds %q for %q, %+v", payload, id, execution, s)
					}
					return false, nil
				},
				takeAway: func(id string, s access.Subject, rowGone bool) error {
					rowless := access.CodeOf(answer) == access.CodeNotFound
					if !requested || answer == nil || !in.GrantStarted && (rowless || !in.Granted) || id != in.RequestID || s != in.Subject || rowGone != (access.CodeOf(answer) == access.CodeNotFound) {
						t.Errorf("%s takes away %q, %+v", payload, id, s)
					}
					return nil
				},
				gone: func(string, access.Subject) (bool, error) { return true, nil },
				drift: func(found access.Finding, ref access.FindingRef, reserve func(context.Context) error) error {
					if in.Operation != "drift" || ref.Run != "run1" || found.Subject != subject || reserve == nil {
						t.Errorf("%s removes %+v", payload, found)
					}
					return nil
				},
				settle: func(key string, _ bool) (leases.Settlement, error) {
					if in.Operation != "settle" || key == "" || key != in.Lease {
						t.Errorf("%s settles %q", payload, key)
					}
					return leases.Settlement{}, nil
				},
				settleOf: func(key string, ref access.FindingRef) (access.RemovalResult, error) {
					if in.Operation != "settle" || in.Lease != "" || ref.Run != "run1" || key != subject.Key() {
						t.Errorf("%s settles %q of %v", payload, key, ref)
					}
					return access.DriftRemoved, nil
				},
			},
			Findings: findingsOf{}, Policy: anyPolicy{}, Catalog: units{}, Users: users{},
			Table:  &rows{runs: map[string]access.Run{"run1": {ID: "run1", Mode: access.DriftRevoke}}},
			Now:    func() time.Time { return now },
			Sleep:  func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil },
			Count:  func(string, map[string]string) {},
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		}
		_, err := h.Handle(t.Context(), in)
		if err != nil && (host.ErrorCode(err) == "" || host.ErrorCode(err) == access.CodeInternal) {
			t.Errorf("%s: %v of code %q", payload, err, host.ErrorCode(err))
		}
		if answer != nil && requested && err == nil {
			t.Errorf("%s: without its row a removal is nothing that went well", payload)
		}
	})
}
