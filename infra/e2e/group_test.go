package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sso-elevator/functions/access"
)

// membership returns a request for membership in a group.
type membership struct {
	*request
	group, groupID string
}

// openForGroup opens the form for membership in a group, as the shortcut does.
func (s *stack) openForGroup(t *testing.T, person string) *form {
	t.Helper()
	return s.openBy(t, "/sim/shortcut", map[string]string{"person": person, "callback_id": "request_for_group_membership"})
}

func (s *stack) askForGroup(t *testing.T, person, group string, seconds int) *membership {
	t.Helper()
	f := s.openForGroup(t, person)
	defer f.unlock()
	return f.askForGroup(t, group, seconds)
}

func (f *form) askForGroup(t *testing.T, group string, seconds int) *membership {
	t.Helper()
	reason := fmt.Sprintf("%s, %d", t.Name(), time.Now().UnixNano())
	f.choose(t, "group", group)
	if res := f.submit(t, map[string]string{"duration": fmt.Sprint(seconds), "reason": reason}); !res.OK {
		t.Fatalf("submit: %+v", res)
	}
	if already := f.already(t); already != "" {
		t.Fatalf("%s is told: %s", f.person, already)
	}
	return &membership{
		request: &request{stack: f.stack, wish: wish{person: f.person, seconds: seconds}, reason: reason, id: access.RequestID(team, f.viewID)},
		group:   group, groupID: f.stack.groupID(t, group),
	}
}

func (s *stack) groupID(t *testing.T, name string) string {
	t.Helper()
	pages := identitystore.NewListGroupsPaginator(s.identity, &identitystore.ListGroupsInput{IdentityStoreId: &s.storeID})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page.Groups {
			if strings.HasPrefix(*g.DisplayName, name) {
				return *g.GroupId
			}
		}
	}
	t.Fatalf("there is no group %q", name)
	return ""
}

// membershipID returns the id of a person's membership, "" if there is none.
func (s *stack) membershipID(t *testing.T, person, groupID string) string {
	t.Helper()
	out, err := s.identity.GetGroupMembershipId(context.Background(), &identitystore.GetGroupMembershipIdInput{
		IdentityStoreId: &s.storeID, GroupId: &groupID,
		MemberId: &idtypes.MemberIdMemberUserId{Value: s.principalID(t, person)},
	})
	var none *idtypes.ResourceNotFoundException
	if errors.As(err, &none) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return *out.MembershipId
}

func (m *membership) current(t *testing.T) string {
	t.Helper()
	return m.stack.membershipID(t, m.wish.person, m.groupID)
}

func (m *membership) waitMember(t *testing.T) (membershipID string) {
	t.Helper()
	eventually(t, soon, "the membership exists", func() error {
		if membershipID = m.current(t); membershipID != "" {
			return nil
		}
		row, existed := m.wasThere(t)
		if membershipID = row.GroupMembershipID; !existed {
			return errNotYet
		}
		return nil
	})
	return membershipID
}

func (m *membership) waitNoMember(t *testing.T, within time.Duration) time.Time {
	t.Helper()
	eventually(t, within, "the membership is gone", func() error {
		if m.current(t) != "" {
			return errNotYet
		}
		return nil
	})
	return time.Now()
}

// checkGroupRecords checks the order of the records, and what they say about the
// group. The membership has an id from the grant on.
func checkGroupRecords(t *testing.T, m *membership, membershipID string) {
	t.Helper()
	row := m.stack.requestRow(t, m.id)
	if membershipID != "" && row.AWSCreateRequestID == "" {
		t.Error("the row has no request id of AWS for the creation of the membership")
	}
	for _, rec := range m.audit(t) {
		want := map[string]string{
			"audit_entry_type": "group", "group_id": m.groupID, "group_name": m.group, "group_membership_id": "NA",
			"account_id": "NA", "role_name": "NA", "request_id": m.id, "reason": m.reason,
			"requester_email": emailOf(t, m.wish.person), "requester_slack_id": m.wish.person,
			"sso_user_principal_id": m.stack.principalID(t, m.wish.person),
			"permission_duration":   fmt.Sprint(m.wish.seconds), "operation_type": "NA",
		}
		switch rec["event"] {
		case "granted":
			want["operation_type"], want["group_membership_id"] = "grant", membershipID
			want["aws_create_request_id"] = row.AWSCreateRequestID
		case "revoked":
			want["operation_type"], want["group_membership_id"] = "revoke", membershipID
		case "ended":
			want["group_membership_id"] = membershipID
		}
		for field, value := range want {
			if rec[field] != value {
				t.Errorf("record %v: %s is %v, want %q", rec["event"], field, rec[field], value)
			}
		}
	}
}

func TestGroupMembership(t *testing.T) {
	t.Parallel()
	m := local.askForGroup(t, judy, "Production Deployers", 20)
	msg := m.message(t)
	for _, want := range []string{"group ", "Production Deployers", m.reason, judy, bob, carol} {
		if !strings.Contains(string(msg.Blocks), want) {
			t.Errorf("the message does not show %q: %s", want, msg.Blocks)
		}
	}
	if !msg.has("approve") || !msg.has("deny") || strings.Contains(string(msg.Blocks), "Permission set") {
		t.Errorf("not the message of a group: %s", msg.Blocks)
	}
	// An approver of other targets may not decide, and nothing changes.
	local.press(t, frank, msg, "approve", false)
	if now := m.message(t); !now.has("approve") || m.current(t) != "" {
		t.Errorf("somebody who is no approver had an effect: %s", now.Blocks)
	}
	if res := local.press(t, carol, msg, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	membershipID := m.waitMember(t)
	m.shows(t, "🟢")
	went := m.waitNoMember(t, 20*time.Second+removalLimit)
	states := m.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantLasted(t, m.request, went, 20*time.Second)
	if got, want := approvedPath(states), "Evaluate OnlyToRevoke? Announce Route approval Grant ConfirmGrant AuditGrant Active "+removal; got != want {
		t.Errorf("states\n%s, want\n%s", got, want)
	}
	wantEvents(t, m.request, "requested", "press_refused", "approved", "granted", "revoked")
	wantOnce(t, m.request, "granted", "revoked")
	checkGroupRecords(t, m, membershipID)
}

// TestGroupCommand checks that the slash command opens the same form, which offers
// only the policy's groups, and that the membership can be ended early.
func TestGroupCommand(t *testing.T) {
	t.Parallel()
	f := local.openBy(t, "/sim/command", map[string]string{"person": kim, "command": "/group-access", "channel": "C0ACCESS01"})
	defer f.unlock()
	var names []string
	for _, o := range f.offered(t, "group", "") {
		names = append(names, o.Text)
	}
	if len(names) != 4 || !strings.HasPrefix(names[0], "*Group* <!here>") || !slices.Equal(names[1:], []string{"Incident Responders", "Production Deployers", "Security Auditors"}) {
		t.Errorf("groups on offer: %q, want those of the policy", names)
	}
	m := f.askForGroup(t, "Incident Responders", 120)
	membershipID := m.waitMember(t)
	eventually(t, soon, "the button to end it", func() error {
		if !m.message(t).has("end") {
			return errNotYet
		}
		return nil
	})
	if res := local.press(t, kim, m.message(t), "end", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	m.waitNoMember(t, removalLimit)
	m.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, m.request, "requested", "approved", "granted", "ended", "revoked")
	checkGroupRecords(t, m, membershipID)
}

// TestGroupOnThePage checks that the page offers both ways to the form.
func TestGroupOnThePage(t *testing.T) {
	t.Parallel()
	var page struct {
		Commands []struct {
			Name string `json:"name"`
		} `json:"commands"`
		Shortcuts []struct {
			CallbackID string `json:"callback_id"`
		} `json:"shortcuts"`
	}
	if err := local.get("/sim/state?person="+alice, &page); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(page)
	if !strings.Contains(got, "{/group-access}") || !strings.Contains(got, "{request_for_group_membership}") {
		t.Errorf("the page offers %s", got)
	}
}

// TestGroupNotOffered checks that a form with a group that was not offered creates
// no request. No Slack client would send it.
func TestGroupNotOffered(t *testing.T) {
	t.Parallel()
	f := local.openForGroup(t, zoe)
	defer f.unlock()
	for name, group := range map[string]string{
		"not in the policy": local.groupID(t, "Not In The Policy"), "not there": "99999999-8888-7777-6666-555555555555", "everything": "*",
	} {
		res := f.submitUnchecked(t, map[string]string{"group": group, "duration": "10", "reason": t.Name()})
		if res.FieldErrors["group"] == "" {
			t.Errorf("%s: nothing is said at the group: %+v", name, res)
		}
	}
}

func TestGroupDenied(t *testing.T) {
	t.Parallel()
	m := local.askForGroup(t, kim, "Security Auditors", 10)
	msg := m.message(t)
	if res := local.press(t, frank, msg, "deny", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	m.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	local.press(t, frank, msg, "approve", true) // too late
	if m.current(t) != "" {
		t.Error("a membership although denied")
	}
	wantEvents(t, m.request, "requested", "denied")
	checkGroupRecords(t, m, "")
}

// TestGroupSelfApproval checks self-approval for groups.
func TestGroupSelfApproval(t *testing.T) {
	t.Parallel()
	m := local.askForGroup(t, frank, "Security Auditors", 10)
	m.waitMember(t)
	m.waitNoMember(t, 10*time.Second+removalLimit)
	m.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, m.request, "requested", "approved", "granted", "revoked")
}

// TestGroupOverlappingRequests checks that a membership ends with the last of two
// requests.
func TestGroupOverlappingRequests(t *testing.T) {
	t.Parallel()
	first := local.askForGroup(t, lena, "Incident Responders", 60)
	letGo := first.holdRemoval(t)
	defer letGo()
	membershipID := first.waitMember(t)
	second := local.askForGroup(t, lena, "Incident Responders", 60)
	second.shows(t, "🟢")
	letGo()
	first.finished(t, sfntypes.ExecutionStatusSucceeded, 60*time.Second+removalLimit)
	if now := second.current(t); now != membershipID {
		t.Errorf("the first request took the second's membership away: it was %s and is %q", membershipID, now)
	}
	wantEvents(t, first.request, "requested", "approved", "granted", "revoked")
	if res := local.press(t, lena, second.message(t), "end", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	second.waitNoMember(t, removalLimit)
	second.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
	wantEvents(t, second.request, "requested", "approved", "granted", "ended", "revoked")
	for _, m := range []*membership{first, second} {
		checkGroupRecords(t, m, membershipID)
	}
}

// TestGroupForeignMembership checks that people who are members already are told
// so, and stay members.
func TestGroupForeignMembership(t *testing.T) {
	t.Parallel()
	before := local.membershipID(t, erin, local.groupID(t, "Incident Responders"))
	if before == "" {
		t.Fatal("erin is not a member to begin with")
	}
	m := local.askForGroup(t, erin, "Incident Responders", 10)
	m.finished(t, sfntypes.ExecutionStatusSucceeded, removalLimit+soon)
	m.shows(t, "The requester already has this access from outside this app. Nothing changed.")
	if after := m.current(t); after != before {
		t.Errorf("her membership was %s and is %q", before, after)
	}
	wantEvents(t, m.request, "requested", "approved", "not_granted")
	checkGroupRecords(t, m, "")
	wantOnce(t, m.request, "failed")
}

// TestGroupMadeAnewByHand checks a membership that someone removes and adds again
// while a request holds it. At the end it stays, because it is theirs.
func TestGroupMadeAnewByHand(t *testing.T) {
	t.Parallel()
	m := local.askForGroup(t, alice, "Incident Responders", 20)
	granted := m.waitMember(t)
	m.shows(t, "🟢")
	ctx := context.Background()
	if _, err := local.identity.DeleteGroupMembership(ctx, &identitystore.DeleteGroupMembershipInput{IdentityStoreId: &local.storeID, MembershipId: &granted}); err != nil {
		t.Fatal(err)
	}
	made, err := local.identity.CreateGroupMembership(ctx, &identitystore.CreateGroupMembershipInput{
		IdentityStoreId: &local.storeID, GroupId: &m.groupID, MemberId: &idtypes.MemberIdMemberUserId{Value: local.principalID(t, alice)},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer local.identity.DeleteGroupMembership(ctx, &identitystore.DeleteGroupMembershipInput{IdentityStoreId: &local.storeID, MembershipId: made.MembershipId})

	// Someone who requests the group meanwhile gets no access from it.
	second := local.askForGroup(t, alice, "Incident Responders", 10)
	second.finished(t, sfntypes.ExecutionStatusSucceeded, removalLimit+soon)
	second.shows(t, "The requester already has this access from outside this app. Nothing changed.")
	wantEvents(t, second.request, "requested", "approved", "not_granted")

	m.finished(t, sfntypes.ExecutionStatusSucceeded, 20*time.Second+removalLimit+soon)
	m.shows(t, "Someone removed this access and added it again outside this app, so we left it.")
	if now := m.current(t); now != *made.MembershipId || now == granted {
		t.Errorf("the membership is %q, want %q, which was made by hand", now, *made.MembershipId)
	}
	wantEvents(t, m.request, "requested", "approved", "granted", "revoked")
	wantOnce(t, m.request, "granted", "revoked")
	checkGroupRecords(t, m, granted)
	if revoked := m.audit(t)[3]; revoked["removal"] != "foreign" {
		t.Errorf("the record says %v", revoked)
	}
}
