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

// absentFromDirectory returns the emails whose owners can't approve because of
// Identity Center, each with the reason. A user without a status can approve, and has
// the reason statusUnknown. It lists all users, because Identity Center may find an
// email only by its exact capitals, and because an email that several users share
// counts for none of them.
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
			absent[email] = "not found"
		case len(users) > 1:
			var names []string
			for _, u := range users {
				names = append(names, aws.ToString(u.UserName))
			}
			absent[email] = "shared by several users: " + strings.Join(names, ", ")
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

// able reports whether someone can approve, given the reason that
// absentFromDirectory or absentFromSlack has for their email ("" for none).
func able(why string) bool { return why == "" || why == statusUnknown }

// absentFromSlack returns the emails whose owners can't approve because of Slack,
// each with the reason.
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
			absent[email] = "in another workspace"
		case !u.EmailConfirmed:
			absent[email] = "email not confirmed"
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
	unknown := finding{Status: warning, Found: "Identity Center shows no status for these users, so they count as enabled even after someone disables them", Items: without,
		Fix: "Find out whether your directory disables or deletes people who leave. This app notices only deleted users here, so have your directory delete them."}
	others := maps.Clone(absent)
	maps.DeleteFunc(others, func(_, why string) bool { return able(why) })
	if len(others) == 0 {
		return []finding{unknown}
	}
	return append(checkAbsent(emails, others), unknown)
}

func checkAbsent(emails []string, absent map[string]string) []finding {
	return checkPeople(emails, absent, "all approvers (%d) are active users in Identity Center",
		"these approvers can't approve, because they aren't active users in Identity Center",
		"Correct the emails in Approvers. Each approver needs exactly one active user in Identity Center, with the same email as in Slack. Capitals don't matter.")
}

func checkSlackPeople(emails []string, absent map[string]string) []finding {
	return checkPeople(emails, absent, "all approvers (%d) are full members in Slack with a confirmed email",
		"these approvers can't approve, because they aren't full members in Slack with a confirmed email",
		"Correct the emails in Approvers, invite these people as full members, or have them confirm their email in Slack. Guests and people in other workspaces can't approve.")
}

// checkPeople returns the finding about emails. Those in absent can't approve. good
// is the text if all can; it contains their number.
func checkPeople(emails []string, absent map[string]string, good, found, fix string) []finding {
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
		return []finding{{Status: ready, Found: "the policy names no approvers"}}
	}
	return []finding{{Status: ready, Found: fmt.Sprintf(good, len(emails))}}
}

// checkStatements finds statements with approvers of whom nobody can approve.
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
		return []finding{{Status: missing, Found: "nobody can approve in these statements", Items: dead, Fix: "Give each statement an approver who is a full member in Slack and an active user in Identity Center, with the same email."}}
	}
	return []finding{{Status: ready, Found: "every statement that lists approvers has at least one who can approve"}}
}
