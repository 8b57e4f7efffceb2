package truth

import (
	"testing"

	"sso-elevator/functions/access/auditrecord"

	"github.com/aws/aws-sdk-go-v2/aws"
	identitytypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
)

func TestSentences(t *testing.T) {
	user := func(name, address string) identitytypes.User {
		return identitytypes.User{DisplayName: aws.String(name), Emails: []identitytypes.Email{{Value: aws.String(address)}}}
	}
	n := namesOf(map[string]identitytypes.User{
		"u1": user("Alice Anderson", "alice@example.com"), "u2": user("Bob Brown", "bob@example.com"),
		"u3": user("Carol Clark", "carol@example.com"), "u4": user("Carol Cole", "cole@example.com"),
	})
	record := func(event string, change func(*auditrecord.Record)) auditrecord.Record {
		r := auditrecord.Record{
			Event: event, RoleName: "DeveloperAccess", AccountID: "1", AccountName: "shop-production", GroupName: "NA", GroupID: "NA",
			RequesterEmail: "alice@example.com", SSOUserPrincipalID: "u1", PermissionDuration: "60", Reason: "fix it",
			ActorSlackID: "NA", ActorEmail: "NA", ActorPrincipalID: "NA", Detail: "NA", Removal: "NA", DecisionStatements: "NA", Action: "NA",
		}
		if change != nil {
			change(&r)
		}
		return r
	}
	by := func(email string) func(*auditrecord.Record) {
		return func(r *auditrecord.Record) { r.ActorSlackID, r.ActorEmail, r.DecisionStatements = "U2", email, "1" }
	}
	tests := []struct {
		r    auditrecord.Record
		want string
	}{
		{record("requested", by("alice@example.com")), "Alice requested DeveloperAccess in shop-production for 1 minute: “fix it”"},
		{record("approved", by("bob@example.com")), "Bob let Alice have DeveloperAccess in shop-production for 1 minute (rule 1)"},
		{record("approved", func(r *auditrecord.Record) { r.DecisionStatements = "0,3" }), "The policy let Alice have DeveloperAccess in shop-production for 1 minute (rules 0, 3)"},
		{record("approval_given", by("bob@example.com")), "Bob approved Alice’s request for DeveloperAccess in shop-production, one of several approvals that it needs"},
		{record("approval_taken_back", by("bob@example.com")), "Bob took back their approval of Alice’s request for DeveloperAccess in shop-production"},
		{record("denied", by("cole@example.com")), "Carol Cole denied Alice DeveloperAccess in shop-production"},
		{record("granted", nil), "Alice got DeveloperAccess in shop-production for 1 minute"},
		{record("granted", func(r *auditrecord.Record) { r.GroupName, r.GroupID = "On call", "g1" }), "Alice got membership in On call for 1 minute"},
		{record("ended", by("bob@example.com")), "Bob ended Alice’s DeveloperAccess in shop-production early"},
		{record("revoked", func(r *auditrecord.Record) { r.Removal = "removed" }), "Alice’s DeveloperAccess in shop-production was removed, and is confirmed gone"},
		{record("revoked", func(r *auditrecord.Record) { r.Removal = "kept" }), "Alice’s DeveloperAccess in shop-production stays, because another request still holds it"},
		{record("press_refused", func(r *auditrecord.Record) { r.ActorEmail, r.Action = "nobody@example.com", "approve" }), "nobody@example.com pressed approve on Alice’s request and was refused"},
		{record("press_refused", func(r *auditrecord.Record) { r.ActorEmail, r.RequesterEmail = "nobody@example.com", "NA" }), "nobody@example.com pressed a button about unknown access and was refused"},
		{record("press_refused", func(r *auditrecord.Record) {
			r.ActorEmail, r.AuditEntryType, r.Action = "nobody@example.com", "block", "block"
		}), "nobody@example.com tried to block a person and was refused"},
		{record("press_refused", func(r *auditrecord.Record) {
			r.ActorEmail, r.AuditEntryType, r.Action = "nobody@example.com", "block", "lift"
		}), "nobody@example.com tried to lift a block and was refused"},
		{record("drift_found", func(r *auditrecord.Record) { r.RequesterEmail = "NA" }), "Found unknown access: Alice has DeveloperAccess in shop-production"},
		{record("invented", nil), "invented"},
	}
	for _, tt := range tests {
		if got := n.sentence(tt.r); got != tt.want {
			t.Errorf("%s: got  %s\n\twant %s", tt.r.Event, got, tt.want)
		}
	}
}
