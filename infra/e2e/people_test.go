package e2e

import (
	"testing"
)

// team is the workspace of testdata/elevator.yaml.
const team = "T0EXAMPLE1"

// These are people of the example organization, by Slack id.
const (
	alice = "U0ALICE01"
	bob   = "U0BOB0002" // approves DeveloperAccess
	carol = "U0CAROL03" // approves DeveloperAccess
	dave  = "U0DAVE004" // is not in the channel; the only approver of BillingAccess
	erin  = "U0ERIN005" // approves AdministratorAccess
	frank = "U0FRANK06" // approves AdministratorAccess
	grace = "U0GRACE07" // approves SupportAccess, her own too
	heidi = "U0HEIDI08" // is not in Identity Center

	ivan    = "U0IVAN009" // has another domain in Identity Center
	judy    = "U0JUDY010"
	kim     = "U0KIM0011"
	lena    = "U0LENA012"
	mallory = "U0MALLO13"
	nils    = "U0NILS014" // is a member of another workspace
	// Quentin has two Slack users and one in Identity Center. Only TestClaims uses
	// them.
	quentin, oldQuentin = "U0QUENT17", "U0QUENT18"

	hopper = "U0HOPPE19" // her email has capitals in Identity Center
	linus  = "U0LINUS20" // his email has capitals in Slack and in the policy; approves FallbackAccess
	tina   = "U0TINA021" // two users of Identity Center have her email; listed for FallbackAccess
	uma    = "U0UMA0022" // has not confirmed her email to Slack; listed for FallbackAccess
	paul   = "U0PAUL016" // is a guest
	vera   = "U0VERA023" // only in the test that changes her groups

	zoe = "U0ZOE0099" // is the last of the channel's members
)

// emails are the emails in Identity Center.
var emails = map[string]string{
	alice: "alice@example.com", bob: "bob@example.com", carol: "carol@example.com", dave: "dave@example.com",
	erin: "erin@example.com", frank: "frank@example.com", grace: "grace@example.com",
	ivan: "Ivan@Corp.example.net", judy: "judy@example.com", kim: "kim@example.com", lena: "lena@example.com",
	quentin: "quentin@corp.example.net", oldQuentin: "quentin@corp.example.net",
	hopper: "Grace.Hopper@Example.com", linus: "linus.larsson@example.com", tina: "tina@example.com", uma: "uma@example.com",
	mallory: "mallory@example.com", vera: "vera@example.com", zoe: "zoe@example.com",
}

func emailOf(t *testing.T, person string) string {
	t.Helper()
	if emails[person] == "" {
		t.Fatalf("%s has no email in Identity Center", person)
	}
	return emails[person]
}
