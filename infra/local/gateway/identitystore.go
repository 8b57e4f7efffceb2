package gateway

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
)

// identityStoreCorrections are the corrections for operations of the Identity Store.
var identityStoreCorrections = map[string]correction{
	"AWSIdentityStore.GetUserId":             (*Gateway).getUserID,
	"AWSIdentityStore.DescribeUser":          (*Gateway).describeUser,
	"AWSIdentityStore.ListUsers":             (*Gateway).listUsers,
	"AWSIdentityStore.CreateGroupMembership": (*Gateway).createMembership,
	"AWSIdentityStore.DeleteGroupMembership": (*Gateway).deleteMembership,
	"AWSIdentityStore.ListGroupMemberships":  (*Gateway).listMemberships,
	"AWSIdentityStore.IsMemberInGroups":      (*Gateway).isMemberInGroups,
	"AWSIdentityStore.DescribeGroup":         (*Gateway).describeGroup,
	"AWSIdentityStore.ListGroups":            (*Gateway).listGroups,
}

// getUserID finds a user by the exact email. If no user has it, it says so, where
// moto fails with 500 if some user has no email. AWS doesn't document how it
// compares emails, so the system must not rely on a more lenient match.
func (g *Gateway) getUserID(ctx context.Context, call *Call) *Answer {
	var in struct {
		IdentityStoreId     string
		AlternateIdentifier struct {
			UniqueAttribute struct {
				AttributePath  string
				AttributeValue any
			}
		}
	}
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	attribute := in.AlternateIdentifier.UniqueAttribute
	wanted, isText := attribute.AttributeValue.(string)
	if !strings.EqualFold(attribute.AttributePath, "emails.value") || !isText || wanted == "" {
		return g.forward(ctx, call)
	}
	users, answer := g.users(ctx, call, in.IdentityStoreId)
	if answer != nil {
		return answer
	}
	for _, u := range users {
		if slices.Contains(u.emails, wanted) {
			return success(map[string]string{"UserId": u.id, "IdentityStoreId": in.IdentityStoreId})
		}
	}
	return refuse("ResourceNotFoundException", "USER not found.")
}

// listUsers adds each user's status, which moto doesn't have.
func (g *Gateway) listUsers(ctx context.Context, call *Call) *Answer {
	return g.addStatuses(g.filteredUsers(ctx, call))
}

// filteredUsers applies the filters, because moto supports only one, and pages the
// result. Values must be exact, as for getUserID.
func (g *Gateway) filteredUsers(ctx context.Context, call *Call) *Answer {
	var in struct {
		IdentityStoreId string
		MaxResults      int
		NextToken       string
		Filters         []struct{ AttributePath, AttributeValue string }
	}
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	if len(in.Filters) == 0 {
		return g.forward(ctx, call)
	}
	users, answer := g.users(ctx, call, in.IdentityStoreId)
	if answer != nil {
		return answer
	}
	for _, f := range in.Filters {
		var matches func(user) bool
		switch strings.ToLower(f.AttributePath) {
		case "username":
			matches = func(u user) bool { return u.name == f.AttributeValue }
		case "emails.value":
			matches = func(u user) bool { return slices.Contains(u.emails, f.AttributeValue) }
		default:
			return refuse("ValidationException", "Users can't be filtered by %q.", f.AttributePath)
		}
		kept := users[:0]
		for _, u := range users {
			if matches(u) {
				kept = append(kept, u)
			}
		}
		users = kept
	}
	part, next, err := page(users, in.MaxResults, in.NextToken, 100)
	if err != nil {
		return refuse("ValidationException", "%v", err)
	}
	found := []json.RawMessage{}
	for _, u := range part {
		found = append(found, u.raw)
	}
	out := map[string]any{"Users": found}
	if next != "" {
		out["NextToken"] = next
	}
	return success(out)
}

// user is a user as moto lists it, with the fields that the corrections read.
type user struct {
	raw    json.RawMessage
	id     string
	name   string
	emails []string
}

func (g *Gateway) users(ctx context.Context, call *Call, store string) ([]user, *Answer) {
	all := []user{}
	for token := ""; ; {
		in := map[string]any{"IdentityStoreId": store}
		if token != "" {
			in["NextToken"] = token
		}
		var out struct {
			Users     []json.RawMessage
			NextToken string
		}
		if answer := g.ask(ctx, call, "AWSIdentityStore.ListUsers", in, &out); !answer.succeeded() {
			return nil, answer
		}
		for _, raw := range out.Users {
			var shown struct {
				UserId, UserName string
				Emails           []struct{ Value string }
			}
			if err := json.Unmarshal(raw, &shown); err != nil {
				return nil, failure(500, "InternalFailure", err.Error())
			}
			u := user{raw: raw, id: shown.UserId, name: shown.UserName}
			for _, e := range shown.Emails {
				u.emails = append(u.emails, e.Value)
			}
			all = append(all, u)
		}
		if token = out.NextToken; token == "" {
			return all, nil
		}
	}
}

// createMembership refuses a membership that exists. moto would create a second
// one.
func (g *Gateway) createMembership(ctx context.Context, call *Call) *Answer {
	var in struct {
		IdentityStoreId, GroupId string
		MemberId                 struct{ UserId string }
	}
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	g.memberships.Lock()
	defer g.memberships.Unlock()
	if g.ask(ctx, call, "AWSIdentityStore.GetGroupMembershipId", in, nil).succeeded() {
		return refuse("ConflictException", "Member and Group relationship already exists.")
	}
	return g.forward(ctx, call)
}

// listMemberships refuses a group that doesn't exist, and leaves out members who
// don't exist. moto returns an empty list for such a group, and keeps the
// memberships of deleted users.
func (g *Gateway) listMemberships(ctx context.Context, call *Call) *Answer {
	var in struct {
		IdentityStoreId, GroupId, NextToken string
		MaxResults                          int
	}
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	group := map[string]string{"IdentityStoreId": in.IdentityStoreId, "GroupId": in.GroupId}
	if answer := g.ask(ctx, call, "AWSIdentityStore.DescribeGroup", group, nil); !answer.succeeded() {
		return answer
	}
	users, answer := g.users(ctx, call, in.IdentityStoreId)
	if answer != nil {
		return answer
	}
	exists := map[string]bool{}
	for _, u := range users {
		exists[u.id] = true
	}
	members := []json.RawMessage{}
	for token := ""; ; {
		ask := map[string]any{"IdentityStoreId": in.IdentityStoreId, "GroupId": in.GroupId}
		if token != "" {
			ask["NextToken"] = token
		}
		var out struct {
			GroupMemberships []json.RawMessage
			NextToken        string
		}
		if answer := g.ask(ctx, call, "AWSIdentityStore.ListGroupMemberships", ask, &out); !answer.succeeded() {
			return answer
		}
		for _, raw := range out.GroupMemberships {
			var shown struct{ MemberId struct{ UserId string } }
			if err := json.Unmarshal(raw, &shown); err != nil {
				return failure(500, "InternalFailure", err.Error())
			}
			if exists[shown.MemberId.UserId] {
				members = append(members, raw)
			}
		}
		if token = out.NextToken; token == "" {
			return pageAnswer("GroupMemberships", members, in.MaxResults, in.NextToken)
		}
	}
}

// isMemberInGroups refuses a user or a group that doesn't exist, and more than 100
// groups. For these, moto returns that the user isn't a member. AWS documents the error,
// but not whether one missing group causes it, so the stricter answer is tested.
func (g *Gateway) isMemberInGroups(ctx context.Context, call *Call) *Answer {
	var in struct {
		IdentityStoreId string
		GroupIds        []string
		MemberId        struct{ UserId string }
	}
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	if len(in.GroupIds) == 0 || len(in.GroupIds) > 100 {
		return refuse("ValidationException", "GroupIds must have 1 to 100 items.")
	}
	user := map[string]string{"IdentityStoreId": in.IdentityStoreId, "UserId": in.MemberId.UserId}
	if answer := g.ask(ctx, call, "AWSIdentityStore.DescribeUser", user, nil); !answer.succeeded() {
		return answer
	}
	for _, id := range in.GroupIds {
		group := map[string]string{"IdentityStoreId": in.IdentityStoreId, "GroupId": id}
		if answer := g.ask(ctx, call, "AWSIdentityStore.DescribeGroup", group, nil); !answer.succeeded() {
			return answer
		}
	}
	return g.forward(ctx, call)
}

// deleteMembership refuses a membership that doesn't exist. moto answers 200.
func (g *Gateway) deleteMembership(ctx context.Context, call *Call) *Answer {
	g.memberships.Lock()
	defer g.memberships.Unlock()
	var in struct{ IdentityStoreId, MembershipId string }
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	if answer := g.ask(ctx, call, "AWSIdentityStore.DescribeGroupMembership", in, nil); !answer.succeeded() {
		return answer
	}
	return g.forward(ctx, call)
}
