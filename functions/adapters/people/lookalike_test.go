package people_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	admintypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/accesstest"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/directory"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/people"
	"sso-elevator/slack"
)

// emailIndex is a catalog's index of emails. nil: there is none, so all users are listed.
type emailIndex struct{ emails *catalog.Emails }

func (i emailIndex) Emails(context.Context) *catalog.Emails { return i.emails }

// folding is an Identity Store and a Slack that mistake a look-alike for the real
// address: they find the one user, whatever email they get.
type folding struct {
	identitycenter.IdentityStoreAPI
	has string // the user's email in Identity Center
}

func (f folding) GetUserId(context.Context, *identitystore.GetUserIdInput, ...func(*identitystore.Options)) (*identitystore.GetUserIdOutput, error) {
	return &identitystore.GetUserIdOutput{UserId: aws.String("p-kim")}, nil
}

func (f folding) ListUsers(context.Context, *identitystore.ListUsersInput, ...func(*identitystore.Options)) (*identitystore.ListUsersOutput, error) {
	return &identitystore.ListUsersOutput{Users: []types.User{{UserId: aws.String("p-kim"), Emails: []types.Email{{Value: &f.has}}}}}, nil
}

func (f folding) DescribeUser(context.Context, *identitystore.DescribeUserInput, ...func(*identitystore.Options)) (*identitystore.DescribeUserOutput, error) {
	return &identitystore.DescribeUserOutput{UserId: aws.String("p-kim"), Emails: []types.Email{{Value: &f.has}}}, nil
}

type oneInstance struct{ identitycenter.SSOAdminAPI }

func (oneInstance) ListInstances(context.Context, *ssoadmin.ListInstancesInput, ...func(*ssoadmin.Options)) (*ssoadmin.ListInstancesOutput, error) {
	return &ssoadmin.ListInstancesOutput{Instances: []admintypes.InstanceMetadata{{InstanceArn: aws.String("arn:aws:sso:::instance/ssoins-1"), IdentityStoreId: aws.String("d-1")}}}, nil
}

type foldingSlack struct{ email string }

func (f foldingSlack) User(_ context.Context, id string) (slack.User, error) {
	return slack.User{ID: id, TeamID: "T1", Email: f.email, EmailConfirmed: true}, nil
}

func (f foldingSlack) UserByEmail(context.Context, string) (slack.User, bool, error) {
	return slack.User{ID: "UKIM", TeamID: "T1", Email: f.email, EmailConfirmed: true}, true, nil
}

// Even if Slack and Identity Center fold Unicode, and whatever the index says, a look-alike
// finds nobody, on either side.
func TestLookAlikesAreNobody(t *testing.T) {
	var index *catalog.Emails
	finder := func(inSlack, inDirectory string) *people.Finder {
		center := identitycenter.New(oneInstance{}, folding{has: inDirectory}, nil, "arn:aws:sso:::instance/ssoins-1")
		return people.New(foldingSlack{inSlack}, &directory.Directory{Center: center, Index: emailIndex{index}}, people.Settings{Team: "T1", SecondaryDomains: []string{"bigbank.com"}}, time.Now)
	}
	indexOf := func(email string) *catalog.Emails {
		return catalog.NewEmails([]access.User{{ID: "p-kim", Emails: []string{email}}})
	}
	for name, email := range accesstest.LookAlikes() {
		for kind, is := range map[string]*catalog.Emails{"none": nil, "empty": indexOf(""), "of the right address": indexOf(accesstest.Email), "of the look-alike": indexOf(email)} {
			index = is
			t.Run(name+", index: "+kind, func(t *testing.T) {
				f := finder(email, accesstest.Email)
				for role, who := range map[string]func(context.Context, string) (access.Person, error){"requester": f.Requester, "approver": f.Approver, "approver, cached": f.Cached().Approver} {
					p, err := who(t.Context(), "UKIM")
					if p != (access.Person{}) || access.CodeOf(err) != access.CodeRefused || !strings.Contains(err.Error(), "characters that this app doesn't accept") {
						t.Errorf("in Slack, as %s: got %+v, %v", role, p, err)
					}
				}
				if known, unknown, err := f.Approvers(t.Context(), []string{accesstest.Email}); len(known) != 0 || len(unknown) != 1 || err != nil {
					t.Errorf("in Slack, to be asked for approval: known %+v, unknown %q, %v", known, unknown, err)
				}
				if p, err := finder(accesstest.Email, email).Approver(t.Context(), "UKIM"); p != (access.Person{}) || access.CodeOf(err) != access.CodeNotFound {
					t.Errorf("in Identity Center: got %+v, %v", p, err)
				}
			})
		}
	}
	want := access.Person{SlackID: "UKIM", Email: accesstest.Email, PrincipalID: "p-kim"}
	for kind, is := range map[string]*catalog.Emails{"none": nil, "empty": indexOf(""), "of the address": indexOf(accesstest.Email)} {
		index = is
		if p, err := finder("Kim.S@BigBank.com", "KIM.S@bigbank.COM").Approver(t.Context(), "UKIM"); p != want || err != nil {
			t.Errorf("the address in another case, index: %s: got %+v, %v, want %+v", kind, p, err, want)
		}
	}
}
