package auditrecord_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
)

func TestBlockRecords(t *testing.T) {
	carol := access.Person{SlackID: "UCAROL", Email: "carol@example.com", PrincipalID: "p-carol"}
	ann := access.Person{SlackID: "UANN", Email: "ann@example.com", PrincipalID: "p-ann"}
	bob := access.Person{SlackID: "UBOB", Email: "bob@example.com", PrincipalID: "p-bob"}
	const reason = `<!channel> "stolen", {"event":"granted"}` + "\n2026"
	blocks := access.Blocks{}.Add(access.Block{Person: carol, By: ann, At: at, Reason: reason, PolicyDigest: "d1"}, 41)
	blocks = blocks.Lift(blocks.Blocks[0], bob, at.Add(24*time.Hour), "d2", 42)
	events := blocks.Unrecorded()

	blocked, lifted := auditrecord.OfBlock(events[0]), auditrecord.OfBlock(events[1])
	for _, tt := range []struct {
		name                     string
		got                      auditrecord.Record
		event, actor, key, other string
		sequence                 int
		digest                   string
	}{
		{"blocked", blocked, "blocked", "ann@example.com", day(at) + "/block-41-blocked.json", "NA", 0, "d1"},
		{"lifted", lifted, "unblocked", "bob@example.com", day(at.Add(24*time.Hour)) + "/block-41-unblocked.json", "blocked by ann@example.com since " + at.Format(time.RFC3339), 1, "d2"},
	} {
		r := tt.got
		if r.Event != tt.event || r.ActorEmail != tt.actor || r.ActorSlackID == "NA" || r.ActorPrincipalID == "NA" || r.Detail != tt.other || r.Sequence != tt.sequence || r.PolicyDigest != tt.digest {
			t.Errorf("%s: %+v", tt.name, r)
		}
		if r.Reason != reason || r.RequesterEmail != carol.Email || r.RequesterSlackID != carol.SlackID || r.SSOUserPrincipalID != carol.PrincipalID || r.RequestID != "block-41" ||
			r.AuditEntryType != "block" || r.OperationType != "NA" || r.AccountID != "NA" || r.ApproverEmail != "NA" {
			t.Errorf("%s: %+v", tt.name, r)
		}
		for i := range reflect.TypeFor[auditrecord.Record]().NumField() {
			if v := reflect.ValueOf(r).Field(i); v.Kind() == reflect.String && v.String() == "" {
				t.Errorf("%s: field %d is empty", tt.name, i)
			}
		}
	}
	for i, e := range events {
		if got, want := auditrecord.BlockKey("/logs/", e), "logs/"+day(e.At)+"/block-41-"+[]string{"blocked", "unblocked"}[i]+".json"; got != want {
			t.Errorf("key %q, want %q", got, want)
		}
	}
	// Without a user in Identity Center, and without an email.
	e := events[1]
	e.Block.Person, e.Block.By = access.Person{SlackID: "UGUEST"}, access.Person{SlackID: "UANN"}
	if r := auditrecord.OfBlock(e); r.SSOUserPrincipalID != "NA" || r.RequesterEmail != "NA" || !strings.HasPrefix(r.Detail, "blocked by UANN since") {
		t.Errorf("%+v", r)
	}
}

func TestRefusedPressAboutBlocks(t *testing.T) {
	eve := access.Person{SlackID: "UEVE", Email: "eve@example.com", PrincipalID: "p-eve"}
	about := access.Block{ID: "block-41", Person: access.Person{SlackID: "UCAROL", Email: "carol@example.com", PrincipalID: "p-carol"}}
	for _, tt := range []struct {
		name, action string
		about        access.Block
		message      string
		email        string
		detail       string
	}{
		{"block", "block", access.Block{}, "No guests.", "NA", "No guests."},
		{"lift", "lift", about, "No guests.", "carol@example.com", "No guests. Block: block-41"},
		{"lift without a message", "lift", about, "", "carol@example.com", "Block: block-41"},
		{"block without a message", "block", access.Block{}, "", "NA", "NA"},
	} {
		e := access.BlockEvent{Kind: access.EventPressRefused, By: eve, At: at, Action: tt.action, Reason: access.RefusalNotEligible, Message: tt.message, PolicyDigest: "d1", Block: tt.about, Sequence: 42}
		r := auditrecord.OfBlock(e)
		if r.Event != "press_refused" || r.AuditEntryType != "block" || r.ActorSlackID != "UEVE" || r.ActorEmail != "eve@example.com" || r.ActorPrincipalID != "p-eve" ||
			r.Action != tt.action || r.DecisionReason != "NotEligible" || r.Detail != tt.detail || r.PolicyDigest != "d1" || r.OperationType != "NA" || r.Sequence != 0 {
			t.Errorf("%s: %+v", tt.name, r)
		}
		if r.RequestID != "refused-42" || r.RequesterEmail != tt.email || r.Reason != "NA" {
			t.Errorf("%s: %+v", tt.name, r)
		}
		if got, want := auditrecord.BlockKey("logs", e), "logs/"+day(at)+"/refused-42-press_refused.json"; got != want {
			t.Errorf("key %q, want %q", got, want)
		}
	}
}

func day(t time.Time) string { return t.UTC().Format("2006/01/02") }
