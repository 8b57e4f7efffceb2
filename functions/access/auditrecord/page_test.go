package auditrecord_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
)

// TestAuditPage checks that the audit page names every event, field and value, and
// that its example is the golden record.
func TestAuditPage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "reference", "audit.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	want := []string{auditrecord.Partition, auditrecord.PolicyFolder + "DIGEST.json"}
	for _, column := range auditrecord.Columns() {
		want = append(want, column.Name)
	}
	for _, kind := range []access.EventKind{
		access.EventRequested, access.EventApproved, access.EventDenied, access.EventWithdrawn, access.EventExpired, access.EventRefused,
		access.EventNotGranted, access.EventGranted, access.EventEnded, access.EventRevoked, access.EventRevokeFailed, access.EventPressRefused,
		access.EventApprovalGiven, access.EventApprovalTakenBack,
		access.EventDriftFound, access.EventDriftExempted, access.EventDriftRevoked,
	} {
		want = append(want, string(kind))
		if !strings.Contains(page, "\n| `"+string(kind)+"` |") {
			t.Errorf("the page has no row for the event %s", kind)
		}
	}
	for _, removal := range []access.RemovalState{access.RemovalNothing, access.RemovalDone, access.RemovalAlreadyGone, access.RemovalKept, access.RemovalForeign} {
		want = append(want, string(removal))
	}
	for _, reason := range []access.Reason{
		access.ReasonApprovalNotRequired, access.ReasonSelfApproval, access.ReasonRequiresApproval, access.ReasonNoApprovers, access.ReasonNoStatements,
	} {
		want = append(want, string(reason))
	}
	for _, refusal := range []access.Refusal{access.RefusalNotEligible, access.RefusalNotApprover, access.RefusalNotRequester, access.RefusalNoApproval, access.RefusalRequesterGone,
		access.RefusalNotPermitted, access.RefusalBlocked, access.RefusalOwnAccess, access.RefusalNotOffered, access.RefusalNotResponder, access.RefusalOwnBlock} {
		want = append(want, string(refusal))
	}
	for _, guard := range []access.Guard{access.GuardTooMany, access.GuardNoRecord, access.GuardLostRecord, access.GuardScopeGrew} {
		want = append(want, string(guard))
	}
	for _, name := range want {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("the page does not name %s", name)
		}
	}

	r := elevated()
	example, err := json.MarshalIndent(auditrecord.Of(r, 2), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if key := auditrecord.Key("logs", r, 2); !strings.Contains(page, "`"+key+"`") || !strings.Contains(page, "```json\n"+string(example)+"\n```") {
		t.Errorf("the page does not show the record %s:\n%s", key, example)
	}
}
