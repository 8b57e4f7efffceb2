package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/adapters/catalog"
)

// leave removes a person from a group by hand.
func (s *stack) leave(t *testing.T, person, group string) {
	t.Helper()
	_, err := s.identity.DeleteGroupMembership(context.Background(), &identitystore.DeleteGroupMembershipInput{
		IdentityStoreId: &s.storeID, MembershipId: aws.String(s.membershipID(t, person, s.groupID(t, group))),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// offers reports whether the form offers the person the group.
func (s *stack) offers(t *testing.T, person, group string) bool {
	t.Helper()
	f := s.openForGroup(t, person)
	defer f.unlock()
	for _, o := range f.offered(t, "group", group) {
		if o.Text == group {
			return true
		}
	}
	return false
}

// TestAllowedGroups checks that only members of the group can request, and that someone
// who left it between request and press gets nothing.
func TestAllowedGroups(t *testing.T) {
	t.Parallel()
	const group = "Release Managers"
	if local.offers(t, judy, group) {
		t.Error("the form offers it to someone who isn't in the group")
	}
	m := local.askForGroup(t, grace, group, 10)
	if res := local.press(t, bob, m.message(t), "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	m.waitMember(t)
	m.waitNoMember(t, 10*time.Second+removalLimit)
	m.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, m.request, "requested", "approved", "granted", "revoked")

	local.join(t, carol, "Platform Team")
	// Forms use what they read about a person for a minute, and another test may have opened
	// one for Carol.
	eventually(t, time.Minute+soon, "the form offers the group to a new member", func() error {
		if !local.offers(t, carol, group) {
			return errNotYet
		}
		return nil
	})
	left := local.askForGroup(t, carol, group, 10)
	announced := left.message(t)
	local.leave(t, carol, "Platform Team")
	if res := local.press(t, bob, announced, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	if !local.told(t, bob, "The current policy no longer lets the requester have this access.") {
		t.Error("the approver isn't told that the requester left the group")
	}
	if now := left.message(t); !now.has("approve") || left.current(t) != "" {
		t.Errorf("the press had an effect: %s", now.Blocks)
	}
	if res := local.press(t, bob, announced, "deny", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	left.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, left.request, "requested", "press_refused", "denied")
}

// TestAllowedUsers checks that only these people can request. Of people who are found
// under a fallback domain, only the email in Identity Center counts.
func TestAllowedUsers(t *testing.T) {
	t.Parallel()
	const group = "Named Users"
	for person, want := range map[string]bool{
		judy: true, ivan: true, // by his email in Identity Center
		oldQuentin: false, // the policy has the email in Slack
		dave:       false,
	} {
		if got := local.offers(t, person, group); got != want {
			t.Errorf("%s: offered: %t, want %t", person, got, want)
		}
	}
	m := local.askForGroup(t, ivan, group, 10)
	m.waitMember(t)
	m.waitNoMember(t, 10*time.Second+removalLimit)
	m.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, m.request, "requested", "approved", "granted", "revoked")
}

// TestApproverGroup checks that members of the group are mentioned, that they can
// approve, and that others are told who can.
func TestApproverGroup(t *testing.T) {
	t.Parallel()
	ask := func() (m *membership, announced post, tagged map[any]bool) {
		m = local.askForGroup(t, lena, "Vault Users", 10)
		announced, tagged = m.message(t), map[any]bool{}
		for _, e := range elementsOf(t, announced.Blocks) {
			if e["type"] == "user" {
				tagged[e["user_id"]] = true
			}
		}
		return m, announced, tagged
	}
	m, announced, tagged := ask()
	if len(tagged) == 1 {
		// The stack has just started, and the catalog has no members yet.
		if res := local.press(t, lena, announced, "withdraw", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		m.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
		time.Sleep(catalog.CheckEvery)
		m, announced, tagged = ask()
	}
	if len(tagged) != 4 || !tagged[lena] || !tagged[carol] || !tagged[alice] || !tagged[zoe] {
		t.Errorf("the message tags %v, want the requester and the three members", tagged)
	}
	if text := strings.Join(textsOf(t, announced.Blocks), ""); !strings.Contains(text, "(Security Team)") {
		t.Errorf("the message does not name the group: %q", text)
	}
	if res := local.press(t, bob, announced, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	if !local.told(t, bob, "Members of Security Team can.") {
		t.Error("someone outside the group isn't told who can approve")
	}
	if res := local.press(t, carol, announced, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	m.waitMember(t)
	m.waitNoMember(t, 10*time.Second+removalLimit)
	m.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, m.request, "requested", "press_refused", "approved", "granted", "revoked")
}

// TestMaxDuration checks that the form offers no longer time than the policy allows, as
// soon as the group is chosen.
func TestMaxDuration(t *testing.T) {
	t.Parallel()
	f := local.openForGroup(t, lena)
	if texts, _ := f.options(t, "duration"); len(texts) != 4 {
		t.Errorf("before there is a choice: %q, want all four durations", texts)
	}
	f.choose(t, "group", "Short Visitors")
	texts, values := f.options(t, "duration")
	if len(values) != 1 || values[0] != "10" {
		t.Errorf("then: %q (%q), want ten seconds only", texts, values)
	}
	f.unlock()
	m := local.askForGroup(t, lena, "Short Visitors", 10)
	m.waitMember(t)
	m.waitNoMember(t, 10*time.Second+removalLimit)
	m.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
}
