package truth

import (
	"encoding/json"
	"sort"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
	"sso-elevator/slack/simulator"
)

// connect adds executions and audit records to t. It also adds to each access which
// execution keeps it, and until when.
func connect(t *simulator.Truth, executions []execution, records []json.RawMessage, n names) {
	outcomes := map[string]access.EventKind{} // by request
	for _, raw := range records {
		var record auditrecord.Record
		if json.Unmarshal(raw, &record) != nil {
			t.Audit = append(t.Audit, simulator.AuditRecord{Sentence: "This object isn’t an audit record", Record: raw})
			continue
		}
		switch kind := access.EventKind(record.Event); kind {
		case access.EventDenied, access.EventWithdrawn, access.EventExpired, access.EventRefused:
			outcomes[record.RequestID] = kind
		}
		at := time.UnixMilli(record.Timestamp).UTC()
		t.Audit = append(t.Audit, simulator.AuditRecord{Event: record.Event, At: at, Sentence: n.sentence(record), Record: raw})
	}
	sort.SliceStable(t.Audit, func(i, j int) bool { return t.Audit[i].At.Before(t.Audit[j].At) })

	// own has each request's own execution, and sweeps its latest sweep. Later executions
	// come first.
	own, sweeps := map[string]*execution{}, map[string]*execution{}
	for i, e := range executions {
		switch {
		case e.isRequest():
			own[e.data.RequestID] = &executions[i]
		case e.data.Mode == "sweep" && sweeps[e.data.RequestID] == nil:
			sweeps[e.data.RequestID] = &executions[i]
		}
	}
	for _, e := range executions {
		shown := simulator.Execution{
			Name: e.name, Title: e.title(n, own[e.data.RequestID]), IsRequest: e.isRequest(), RequestID: e.data.RequestID, Status: string(e.status), Started: e.started, Stopped: e.stopped,
			Steps: e.steps(outcomes[e.data.RequestID], sweeps[e.data.RequestID]), States: e.states,
		}
		if e.isRequest() {
			shown.Requester = n.emails[e.data.Subject.PrincipalID]
		}
		t.Executions = append(t.Executions, shown)
		keep(t, e)
	}
}

// keep notes in t the access that a running execution grants, or keeps until its end. If
// several requests hold one access, it lasts until the latest end.
func keep(t *simulator.Truth, e execution) {
	isGranting := e.visited("Grant") && !e.visited("Active", "Revoke")
	if !e.isRunning() || !e.isRequest() || !isGranting && !e.visited("Active") || e.visited("AuditRevoke") {
		return
	}
	s := e.data.Subject
	note := func(h *simulator.Holding) {
		switch {
		case isGranting && h.Until.IsZero():
			*h = simulator.Holding{RequestID: e.data.RequestID, Granting: true}
		case e.data.Active.End.After(h.Until):
			*h = simulator.Holding{RequestID: e.data.RequestID, Until: e.data.Active.End}
		}
	}
	for i, a := range t.Assignments {
		if s.Kind == access.KindAccount && a.PrincipalID == s.PrincipalID && a.AccountID == s.AccountID && a.PermissionSet == s.PermissionSet {
			note(&t.Assignments[i].Holding)
		}
	}
	for i, m := range t.Memberships {
		if s.Kind == access.KindGroup && m.PrincipalID == s.PrincipalID && m.GroupID == s.GroupID {
			note(&t.Memberships[i].Holding)
		}
	}
}

// isSet reports whether a field of a record has a value. "NA" means that it has none.
func isSet(field string) bool { return field != "" && !strings.EqualFold(field, "NA") }
