package acceptance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
	"sso-elevator/slack"
)

// compareRecords compares the audit records in the bucket with what happened.
func (r *run) compareRecords(ctx context.Context, s *Step) error {
	var wrong []error
	for _, f := range r.requests {
		err := r.waitUntil(ctx, settleLimit, "the end of "+f.row.ID, func() (bool, error) {
			err := r.refresh(ctx, f)
			return !f.row.ClosedAt.IsZero(), err
		})
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		records, err := r.recordsOf(ctx, f.row)
		if err != nil {
			return err
		}
		var kinds []string
		for _, record := range records {
			kinds = append(kinds, record.Event)
			s.Bytes = max(s.Bytes, int64(record.Bytes))
		}
		r.note(s, "%s: %s", f.row.ID, strings.Join(kinds, ", "))
		for _, problem := range wrongRecords(f, r.sys.AuditPrefix(), records) {
			wrong = append(wrong, fmt.Errorf("%s: %s", f.row.ID, problem))
		}
	}
	return errors.Join(wrong...)
}

// recordsOf reads all records of a request. They are under the days of its events.
func (r *run) recordsOf(ctx context.Context, row access.Request) ([]Record, error) {
	var all []Record
	var looked []string
	for seq := range row.Events {
		// <prefix>/<day>/<id>-<sequence>-<event>.json
		key := auditrecord.Key(r.sys.AuditPrefix(), row, seq)
		prefix := key[:strings.LastIndex(key, row.ID)+len(row.ID)+1]
		if slices.Contains(looked, prefix) {
			continue
		}
		looked = append(looked, prefix)
		records, err := r.sys.Records(ctx, prefix)
		if err != nil {
			return nil, err
		}
		all = append(all, records...)
	}
	return all, nil
}

// wrongRecords returns everything that is wrong with the records of a request.
// There must be one for each event in its row, without a gap.
func wrongRecords(f *followed, prefix string, records []Record) (wrong []string) {
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	row := f.row
	var happened []access.EventKind
	for _, e := range row.Events {
		if e.Kind != access.EventRevokeFailed { // a removal that took several attempts
			happened = append(happened, e.Kind)
		}
	}
	if !slices.Equal(happened, f.events) {
		bad("its row has the events %q, expected %q", happened, f.events)
	}
	if row.Audited != len(row.Events) {
		bad("only %d of %d events are marked as recorded", row.Audited, len(row.Events))
	}
	for seq := range row.Events {
		key := auditrecord.Key(prefix, row, seq)
		at := slices.IndexFunc(records, func(record Record) bool { return record.Key == key })
		if at < 0 {
			bad("there is no record %s", key)
			continue
		}
		if want := auditrecord.Of(row, seq); records[at].Record != want {
			bad("the record %s is %+v, want %+v", key, records[at].Record, want)
		}
		if kind := row.Events[seq].Kind; kind == access.EventRevoked && records[at].Removal != string(access.RemovalDone) {
			bad("the record %s says %s, not %s", key, records[at].Removal, access.RemovalDone)
		}
	}
	if len(records) > len(row.Events) {
		bad("there are %d records for %d events", len(records), len(row.Events))
	}
	return wrong
}

// updates are writes that the functions make during a request. Each is conditional,
// asks for the whole row (ALL_NEW), and names only attributes that the function's
// role permits (dynamodb:Attributes). If AWS refuses a write, none of it is in the
// row.
var updates = []struct {
	function, proof string
	passed          func(f *followed) bool
}{
	{"ingress", "the decision or the early end", func(f *followed) bool {
		return f.row.Outcome != nil && f.row.Outcome.By.SlackID != "" || f.row.EndRequest != nil
	}},
	{"evaluate", "evaluated_decision", func(f *followed) bool { return f.row.EvaluatedDecision != nil }},
	{"await", "end_token, while the access existed", func(f *followed) bool { return f.active.EndToken != "" }},
	{"grant", "granted_at and end", func(f *followed) bool { return !f.row.GrantedAt.IsZero() && !f.row.End.IsZero() }},
	{"revoke", "revoking_at and revoked_at", func(f *followed) bool { return !f.row.RevokingAt.IsZero() && !f.row.RevokedAt.IsZero() }},
	{"audit", "audited and closed_at", func(f *followed) bool { return f.row.Audited > 0 && !f.row.ClosedAt.IsZero() }},
	{"reconcile", "tombstone, for the request whose execution was stopped", func(f *followed) bool { return f.row.Tombstone }},
}

// checkConditionalUpdates checks that each function's own write arrived.
func (r *run) checkConditionalUpdates(ctx context.Context, s *Step) error {
	all, err := r.refreshAll(ctx)
	if err != nil {
		return err
	}
	var missing []error
	for _, u := range updates {
		at := slices.IndexFunc(all, u.passed)
		if at < 0 {
			missing = append(missing, fmt.Errorf("no request has the attributes that the function %s writes: %s", u.function, u.proof))
			continue
		}
		r.note(s, "%s: request %s has %s", u.function, all[at].row.ID, u.proof)
	}
	return errors.Join(missing...)
}

// checkNestedUpdates checks what notify writes under posts.<purpose>: an entry before it
// sends a message, and the message's time after it.
func (r *run) checkNestedUpdates(ctx context.Context, s *Step) error {
	all, err := r.refreshAll(ctx)
	if err != nil {
		return err
	}
	for _, f := range all {
		var sent []string
		for purpose, post := range f.row.Posts {
			if post.TS != "" {
				sent = append(sent, purpose)
			}
		}
		slices.Sort(sent)
		r.note(s, "request %s: posts has %s", f.row.ID, strings.Join(sent, ", "))
		if !slices.Contains(sent, slack.PurposeAnnounce) {
			return fmt.Errorf("request %s has no posts.%s with the message's time", f.row.ID, slack.PurposeAnnounce)
		}
	}
	return nil
}

// AWS's limits: bytes of a state's input or output, events of an execution, and
// bytes of a DynamoDB item.
const (
	maxPayload = 256 << 10
	maxEvents  = 25_000
	maxItem    = 400 << 10
)

// measure reports the times, and the sizes of executions and rows. A value above half
// of AWS's limit is an error.
func (r *run) measure(ctx context.Context, s *Step) error {
	all, err := r.refreshAll(ctx)
	if err != nil {
		return err
	}
	var wrong []error
	for _, f := range all {
		h, err := r.sys.History(ctx, f.row.ExecutionARN)
		if err != nil {
			return err
		}
		text, err := json.Marshal(f.row)
		if err != nil {
			return err
		}
		r.note(s, "request %s: %d events in the execution's history, largest payload %d bytes, row %d bytes as JSON", f.row.ID, h.Events, h.Largest, len(text))
		s.Bytes = max(s.Bytes, int64(len(text)), int64(h.Largest))
		switch {
		case h.Events == 0 || h.Largest == 0:
			wrong = append(wrong, fmt.Errorf("the execution of %s has no history", f.row.ID))
		case h.Events > maxEvents/2 || h.Largest > maxPayload/2 || len(text) > maxItem/2:
			wrong = append(wrong, fmt.Errorf("request %s uses more than half of an AWS limit (%d events, %d bytes of payload, %d bytes of a row)", f.row.ID, maxEvents, maxPayload, maxItem))
		}
	}
	for _, k := range kinds {
		if seconds, ok := r.result.Times[k.kind]; ok {
			r.note(s, "at most %.1f s %s", seconds, k.text)
		}
	}
	return errors.Join(wrong...)
}
