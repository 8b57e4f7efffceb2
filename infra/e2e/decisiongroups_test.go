package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
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

	// Each process of ingress uses what it read about a person for a minute. None has read
	// anything about Vera yet.
	local.join(t, vera, "Platform Team")
	left := local.askForGroup(t, vera, group, 10)
	announced := left.message(t)
	local.leave(t, vera, "Platform Team")
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

// askGroupApprovers requests membership in a group that members of another group approve.
// If the stack has just started, and the catalog has no members yet, it asks again.
func askGroupApprovers(t *testing.T, group string, isListed func(announced post) bool) (*membership, post) {
	t.Helper()
	m := local.askForGroup(t, judy, group, 10)
	announced := m.message(t)
	if !isListed(announced) {
		if res := local.press(t, judy, announced, "withdraw", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		m.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
		time.Sleep(catalog.CheckEvery)
		m = local.askForGroup(t, judy, group, 10)
		announced = m.message(t)
	}
	return m, announced
}

// mentionedIn returns the people whom a message mentions, apart from one.
func mentionedIn(t *testing.T, p post, except string) (people []string) {
	t.Helper()
	for _, e := range elementsOf(t, p.Blocks) {
		if id, ok := e["user_id"].(string); ok && e["type"] == "user" && id != except && !slices.Contains(people, id) {
			people = append(people, id)
		}
	}
	return people
}

// TestLargeApproverGroup checks that of a group of twelve, five are asked at once and the
// next five by the reminder, nobody twice. Dave, who is not in the channel, gets a direct
// message, and approves from it.
func TestLargeApproverGroup(t *testing.T) {
	t.Parallel()
	m, announced := askGroupApprovers(t, "Data Readers", func(p post) bool { return len(mentionedIn(t, p, judy)) > 0 })
	first := mentionedIn(t, announced, judy)
	if text := strings.Join(textsOf(t, announced.Blocks), ""); len(first) != 5 || !slices.Contains(first, dave) || !strings.Contains(text, "and 7 more from Data Stewards") {
		t.Fatalf("the message mentions %q: %q", first, text)
	}
	asked := "approver-" + dave
	dm := m.waitDirect(t, dave, asked)
	if !dm.has("approve") || !dm.has("deny") || dm.has("withdraw") {
		t.Errorf("his message has the wrong buttons: %s", dm.Blocks)
	}
	m.showsLine(t, "Notified by direct message: @"+dave)

	var reminder post
	eventually(t, soon, "the reminder", func() error {
		var ok bool
		if reminder, ok = m.reminders(t)[1]; !ok {
			return errNotYet
		}
		return nil
	})
	reminded := mentionedIn(t, reminder, "")
	next := slices.DeleteFunc(slices.Clone(reminded), func(p string) bool { return slices.Contains(first, p) })
	if len(reminded) != 10 || len(next) != 5 {
		t.Errorf("the reminder mentions %q after %q, want these and five others", reminded, first)
	}
	for _, f := range m.stack.requestRow(t, m.id).FurtherApprovers {
		if f.Reminder == 1 && !slices.Contains(next, f.SlackID) {
			t.Errorf("the row says that reminder 1 asked %s", f.SlackID)
		}
	}
	if res := local.press(t, dave, dm, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	m.waitMember(t)
	m.waitNoMember(t, 10*time.Second+removalLimit)
	m.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	for _, person := range append(next, first...) {
		for purpose, sent := range m.direct(t, person) {
			if person != dave || len(sent) != 1 || purpose != asked && !strings.HasPrefix(purpose, "approver-remind-") {
				t.Errorf("%s got %d direct messages %q", person, len(sent), purpose)
			}
		}
	}
	wantEvents(t, m.request, "requested", "approved", "granted", "revoked")
}

// TestSlackGroupOfApprovers checks that the message mentions the Slack user group of a group
// of approvers, and not its members. Dave, who is not in the channel, gets a direct message,
// and approves from it.
func TestSlackGroupOfApprovers(t *testing.T) {
	t.Parallel()
	m := local.askForGroup(t, judy, "Pager Users", 10)
	announced := m.message(t)
	if !slices.ContainsFunc(elementsOf(t, announced.Blocks), func(e map[string]any) bool { return e["usergroup_id"] == "S0PAGER001" }) {
		t.Errorf("the message doesn't mention the Slack user group: %s", announced.Blocks)
	}
	// If the stack has just started, the catalog has no members yet, and the reminder asks him.
	dm := m.waitDirect(t, dave, "approver-"+dave)
	m.showsLine(t, "Notified by direct message: @"+dave)
	for _, p := range append(slices.Collect(maps.Values(m.reminders(t))), m.message(t)) {
		if slices.Contains(mentionedIn(t, p, judy), bob) {
			t.Errorf("a message mentions a member: %s", p.Blocks)
		}
	}
	if res := local.press(t, dave, dm, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	m.waitMember(t)
	m.waitNoMember(t, 10*time.Second+removalLimit)
	m.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	if sent := m.direct(t, bob); len(sent) > 0 {
		t.Errorf("bob is in the channel, and got %q", sent)
	}
	wantEvents(t, m.request, "requested", "approved", "granted", "revoked")
}

// TestNobodyOfTheGroupInSlack checks that the form and the message say that no member of
// the group of approvers is in Slack: one was deactivated, one hasn't confirmed her email.
func TestNobodyOfTheGroupInSlack(t *testing.T) {
	t.Parallel()
	const group, none = "Absent Users", "members of Absent Team (none found in Slack so far)"
	m, announced := askGroupApprovers(t, group, func(p post) bool { return strings.Contains(strings.Join(textsOf(t, p.Blocks), ""), none) })
	if text := strings.Join(textsOf(t, announced.Blocks), ""); !strings.Contains(text, none) || len(mentionedIn(t, announced, judy)) > 0 {
		t.Errorf("the message says %q", text)
	}
	m.pressed(t, judy, "withdraw", "Withdrawn by @"+judy)
	const warning = "Nobody who can approve this was found in Slack, so probably nobody will see the request. You can still submit it. Then tell the people who run this app, or ask an approver yourself."
	eventually(t, catalog.CheckEvery+soon, "the form warns", func() error {
		f := local.openForGroup(t, judy)
		defer f.unlock()
		f.choose(t, "group", group)
		if got := f.preview(t); got != warning+"\nApprovers (any one can approve): members of Absent Team" {
			return fmt.Errorf("the form says %q", got)
		}
		return nil
	})
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
