// Package findings keeps in a bucket what reconciliations (runs) find. It is JSON
// that one step writes for the next step, or one run for the next run:
//
//	reconcile/<run>/plan.json       what the run reads, in batches
//	reconcile/<run>/batch-<n>.json  what batch n found
//	reconcile/<run>/findings.json   all findings; payloads give indexes in it
//	reconcile/<run>/collected.json  the rest of the batches' results
//	reconcile/<run>/report.json     what the run reports to people
//	reconcile/known.json            the history: what runs found and reported
//	reconcile/people.json           when each person was looked up, and who is gone
//
// Only the function reconcile writes these objects. Each may be written again with
// the same content. Concurrent runs share known.json and people.json, so these two
// are written under a condition.
//
// Errors have the codes of functions/access: NotFound if there is no such object;
// Invalid if the object or the run's name is invalid; Lost if another write came
// first; Throttled, Unavailable, Misconfigured, Internal.
package findings

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/drift"
	"sso-elevator/functions/leavers"
)

// Objects is a bucket.
type Objects interface {
	// Get reads an object and its version; NotFound if there is none.
	Get(ctx context.Context, key string) (body []byte, version string, err error)
	// Put writes an object, and replaces any that was there.
	Put(ctx context.Context, key string, body []byte) error
	// Replace writes an object in place of that version, "" if there is none.
	// Lost: there is another version by now.
	Replace(ctx context.Context, key string, body []byte, version string) error
}

// Store keeps the objects of the runs.
type Store struct{ Objects Objects }

// Prefix is the beginning of every key.
const Prefix = "reconcile/"

const (
	historyKey = Prefix + "known.json"
	peopleKey  = Prefix + "people.json"
)

// name matches the execution names (API reference, StartExecution) that can be part
// of a key.
var name = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

func key(run, object string) (string, error) {
	if !name.MatchString(run) {
		return "", access.Errorf(access.CodeInvalid, "%q is not a valid name of a run", run)
	}
	return Prefix + run + "/" + object, nil
}

func get[T any](ctx context.Context, s *Store, run, object string) (v T, err error) {
	k, err := key(run, object)
	if err != nil {
		return v, err
	}
	body, _, err := s.Objects.Get(ctx, k)
	if err != nil {
		return v, err
	}
	return v, decode(k, body, &v)
}

func put(ctx context.Context, s *Store, run, object string, v any) error {
	k, err := key(run, object)
	if err != nil {
		return err
	}
	body, err := json.Marshal(v)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, "encode "+object)
	}
	return s.Objects.Put(ctx, k, body)
}

func decode(key string, body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return access.Wrap(access.CodeInvalid, err, "read "+key)
	}
	return nil
}

// Plan reads a run's plan. Invalid: a batch names something that is not in the
// plan's lists.
func (s *Store) Plan(ctx context.Context, run string) (drift.Plan, error) {
	p, err := get[drift.Plan](ctx, s, run, "plan.json")
	if err == nil && !p.IsWhole() {
		return drift.Plan{}, access.Errorf(access.CodeInvalid, "read the plan of %s: a batch refers to something that isn't in the plan", run)
	}
	return p, err
}

// PutPlan writes a run's plan.
func (s *Store) PutPlan(ctx context.Context, p drift.Plan) error {
	return put(ctx, s, p.Run, "plan.json", p)
}

func batchObject(n int) string { return fmt.Sprintf("batch-%d.json", n) }

// BatchResult reads what batch n of a run found. NotFound: it has no result.
func (s *Store) BatchResult(ctx context.Context, run string, n int) (drift.BatchResult, error) {
	return get[drift.BatchResult](ctx, s, run, batchObject(n))
}

// PutBatchResult writes what batch n of a run found.
func (s *Store) PutBatchResult(ctx context.Context, run string, n int, r drift.BatchResult) error {
	return put(ctx, s, run, batchObject(n), r)
}

// Findings reads all findings of a run.
func (s *Store) Findings(ctx context.Context, run string) ([]access.Finding, error) {
	return get[[]access.Finding](ctx, s, run, "findings.json")
}

// Finding reads one finding of a run, by its index. NotFound: the run has fewer
// findings.
func (s *Store) Finding(ctx context.Context, run string, index int) (access.Finding, error) {
	all, err := s.Findings(ctx, run)
	if err != nil {
		return access.Finding{}, err
	}
	if index < 0 || index >= len(all) {
		return access.Finding{}, access.Errorf(access.CodeNotFound, "run %s has %d findings, none with the index %d", run, len(all), index)
	}
	return all[index], nil
}

// PutFindings writes all findings of a run.
func (s *Store) PutFindings(ctx context.Context, run string, all []access.Finding) error {
	if all == nil {
		all = []access.Finding{}
	}
	return put(ctx, s, run, "findings.json", all)
}

// Collected reads what a run collected besides its findings.
func (s *Store) Collected(ctx context.Context, run string) (drift.Collected, error) {
	return get[drift.Collected](ctx, s, run, "collected.json")
}

// PutCollected writes what a run collected besides its findings.
func (s *Store) PutCollected(ctx context.Context, run string, c drift.Collected) error {
	return put(ctx, s, run, "collected.json", c)
}

// Report reads a run's report.
func (s *Store) Report(ctx context.Context, run string) (access.DriftReport, error) {
	return get[access.DriftReport](ctx, s, run, "report.json")
}

// PutReport writes a run's report.
func (s *Store) PutReport(ctx context.Context, r access.DriftReport) error {
	return put(ctx, s, r.RunID, "report.json", r)
}

// History reads what earlier runs found and reported. It also returns the version that
// PutHistory needs. If there is none yet, both are empty.
func (s *Store) History(ctx context.Context) (h drift.History, version string, err error) {
	body, version, err := s.Objects.Get(ctx, historyKey)
	switch access.CodeOf(err) {
	case "":
		err = decode(historyKey, body, &h)
	case access.CodeNotFound:
		err = nil
	}
	if h.Findings == nil {
		h.Findings = map[string]drift.SeenFinding{}
	}
	return h, version, err
}

// FirstSeen returns when a run first found the access of the subject with that key; zero if
// the history doesn't say, is invalid, or doesn't exist. S3 denies reading an object that
// doesn't exist if the caller may not list the bucket.
func (s *Store) FirstSeen(ctx context.Context, subject string, at time.Time) (time.Time, error) {
	h, _, err := s.History(ctx)
	if access.CodeOf(err) == access.CodeInvalid || access.IsDenied(err) {
		return time.Time{}, nil
	}
	return h.FirstSeen(subject, at), err
}

// PutHistory writes the history in place of that version. Lost: another run wrote
// it meanwhile.
func (s *Store) PutHistory(ctx context.Context, h drift.History, version string) error {
	body, err := json.Marshal(h)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, "encode the history")
	}
	return s.Objects.Replace(ctx, historyKey, body, version)
}

// People reads what rechecks know about people. It also returns the version that
// PutPeople needs. If there is nothing yet, both are empty.
func (s *Store) People(ctx context.Context) (p leavers.People, version string, err error) {
	body, version, err := s.Objects.Get(ctx, peopleKey)
	switch access.CodeOf(err) {
	case "":
		err = decode(peopleKey, body, &p)
	case access.CodeNotFound:
		err = nil
	}
	if p.People == nil {
		p.People = map[string]leavers.Person{}
	}
	return p, version, err
}

// PutPeople writes what rechecks know in place of that version. Lost: another run
// wrote it meanwhile.
func (s *Store) PutPeople(ctx context.Context, p leavers.People, version string) error {
	body, err := json.Marshal(p)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, "encode the lookups")
	}
	return s.Objects.Replace(ctx, peopleKey, body, version)
}
