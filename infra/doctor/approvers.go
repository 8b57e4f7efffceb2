package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/types"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// usersAPI is the part of the Identity Store that the check of the approvers uses.
type usersAPI interface {
	ListUsers(context.Context, *identitystore.ListUsersInput, ...func(*identitystore.Options)) (*identitystore.ListUsersOutput, error)
}

// peopleAPI is the part of Slack that it uses.
type peopleAPI interface {
	UserByEmail(ctx context.Context, email string) (u slack.User, found bool, err error)
}

// absentFromDirectory returns the emails that Identity Center keeps from approving,
// each with the reason. A user without a status can approve, and has the reason
// statusUnknown. It lists all users, because Identity Center may find an email with
// capital letters only by these capitals, and because an email that several users
// share belongs to none of them.
func absentFromDirectory(ctx context.Context, api usersAPI, store string, emails []string) (map[string]string, error) {
	having := map[string][]types.User{}
	pages := identitystore.NewListUsersPaginator(api, &identitystore.ListUsersInput{IdentityStoreId: &store, MaxResults: aws.Int32(100)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, u := range page.Users {
			for _, e := range u.Emails {
				email := access.NormalizeEmail(aws.ToString(e.Value))
				having[email] = append(having[email], u)
			}
		}
	}
	absent := map[string]string{}
	for _, email := range emails {
		switch users := having[access.NormalizeEmail(email)]; {
		case len(users) == 0:
			absent[email] = "not there"
		case len(users) > 1:
			var names []string
			for _, u := range users {
				names = append(names, aws.ToString(u.UserName))
			}
			absent[email] = "of several users: " + strings.Join(names, ", ")
		case users[0].UserStatus == types.UserStatusDisabled:
			absent[email] = "disabled"
		case users[0].UserStatus == "":
			absent[email] = statusUnknown
		}
	}
	return absent, nil
}

// statusUnknown marks a user without a status in Identity Center. Such a user
// counts as enabled.
const statusUnknown = "no status"

// able reports whether somebody can approve, given the reason that
// absentFromDirectory or absentFromSlack has for their email ("" for none).
func able(why string) bool { return why == "" || why == statusUnknown }

// absentFromSlack returns the emails that Slack keeps from approving, each with the
// reason.
func absentFromSlack(ctx context.Context, api peopleAPI, emails []string, team, enterprise string) (map[string]string, error) {
	absent := map[string]string{}
	for _, email := range emails {
		u, found, err := api.UserByEmail(ctx, email)
		switch {
		case err != nil:
			return nil, err
		case !found:
			absent[email] = "unknown or deactivated"
		case u.Deleted:
			absent[email] = "deactivated"
		case u.Guest:
			absent[email] = "a guest"
		case u.Bot:
			absent[email] = "a bot"
		case !u.IsFullMember(team) && !u.IsFullMember(enterprise):
			absent[email] = "of another workspace"
		case !u.EmailConfirmed:
			absent[email] = "the address is not confirmed"
		}
	}
	return absent, nil
}

func checkDirectory(emails []string, absent map[string]string) []finding {
	var without []string
	for _, email := range emails {
		if absent[email] == statusUnknown {
			without = append(without, email)
		}
	}
	if len(without) == 0 {
		return checkAbsent(emails, absent)
	}
	unknown := finding{Status: warning, Found: "Identity Center shows no status of these users: they count as enabled, also after somebody disables them", Items: without,
		Fix: "Find out whether your directory disables users or deletes them. Only deleted users are noticed here: have leavers deleted."}
	others := maps.Clone(absent)
	maps.DeleteFunc(others, func(_, why string) bool { return able(why) })
	if len(others) == 0 {
		return []finding{unknown}
	}
	return append(checkAbsent(emails, others), unknown)
}

func checkAbsent(emails []string, absent map[string]string) []finding {
	return checkPeople(emails, absent, "can't approve, being no active user in Identity Center",
		"Correct the addresses in Approvers: an approver has one active user in Identity Center with the very address that Slack has, capital letters aside.")
}

func checkSlackPeople(emails []string, absent map[string]string) []finding {
	return checkPeople(emails, absent, "can't approve, being no full member in Slack with a confirmed address",
		"Correct the addresses in Approvers, invite them as full members, or have them confirm their address in Slack. Guests and people of other workspaces can't approve.")
}

func checkPeople(emails []string, absent map[string]string, found, fix string) []finding {
	var items []string
	for _, email := range emails {
		if why, ok := absent[email]; ok {
			items = append(items, fmt.Sprintf("%s (%s)", email, why))
		}
	}
	switch {
	case len(items) > 0:
		return []finding{{Status: warning, Found: found, Items: items, Fix: fix}}
	case len(emails) == 0:
		return []finding{{Status: ready, Found: "the policy names nobody"}}
	}
	return []finding{{Status: ready, Found: fmt.Sprintf("all %d", len(emails))}}
}

// checkStatements finds statements that name approvers of whom none can approve.
func checkStatements(p *access.Policy, directory, people map[string]string) []finding {
	var dead []string
	for key, statements := range map[string][]access.Statement{"config": p.Accounts, "group_config": p.Groups} {
		for i, s := range statements {
			if len(s.Approvers) > 0 && !slices.ContainsFunc(s.Approvers, func(email string) bool {
				email = access.NormalizeEmail(email)
				return able(directory[email]) && people[email] == ""
			}) {
				dead = append(dead, fmt.Sprintf("%s[%d] (%s)", key, i, strings.Join(s.Approvers, ", ")))
			}
		}
	}
	slices.Sort(dead)
	if len(dead) > 0 {
		return []finding{{Status: missing, Found: "none of the approvers can approve", Items: dead, Fix: "Give each statement an approver who is a full member in Slack and an active user in Identity Center, with the same address."}}
	}
	return []finding{{Status: ready, Found: "each that names approvers has one who can approve"}}
}
