package identitycenter_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/identitycenter/identitycentertest"
	"sso-elevator/infra/local/moto/mototest"
)

// units are two nested organizational units below a root, with an account in the inner
// one.
type units struct{ root, outer, inner, account string }

// checkUnits compares what the client reads with the units.
func checkUnits(t *testing.T, c *identitycenter.Client, u units) {
	t.Helper()
	for child, want := range map[string]string{u.account: u.inner, u.inner: u.outer, u.outer: u.root} {
		if got, err := c.Parent(ctx, child); got != want || err != nil {
			t.Errorf("Parent(%s) = %q, %v, want %q", child, got, err, want)
		}
	}
	for parent, want := range map[string][]string{u.root: {u.outer}, u.outer: {u.inner}, u.inner: nil} {
		if got, err := c.UnitsIn(ctx, parent); !slices.Equal(got, want) || err != nil {
			t.Errorf("UnitsIn(%s) = %v, %v, want %v", parent, got, err, want)
		}
	}
	for parent, want := range map[string][]string{u.outer: nil, u.inner: {u.account}} {
		if got, err := c.AccountsIn(ctx, parent); !slices.Equal(got, want) || err != nil {
			t.Errorf("AccountsIn(%s) = %v, %v, want %v", parent, got, err, want)
		}
	}
}

func TestUnits(t *testing.T) {
	center := &identitycentertest.Center{
		Accounts: []orgtypes.Account{{Id: aws.String("111111111111")}, {Id: aws.String("222222222222")}},
		Units:    map[string]string{"ou-a": identitycentertest.Root, "ou-b": "ou-a"}, PageSize: 1,
	}
	center.Move("111111111111", "ou-b")
	c := identitycenter.New(nil, nil, center, "")
	checkUnits(t, c, units{identitycentertest.Root, "ou-a", "ou-b", "111111111111"})
	if got, err := c.Parent(ctx, "222222222222"); got != identitycentertest.Root || err != nil {
		t.Errorf("Parent = %q, %v", got, err)
	}
	_, err := c.Parent(ctx, "333333333333")
	wantCode(t, err, access.CodeNotFound)
	_, err = c.UnitsIn(ctx, "ou-gone")
	wantCode(t, err, access.CodeNotFound)
	_, err = c.AccountsIn(ctx, "ou-gone")
	wantCode(t, err, access.CodeNotFound)
}

func TestUnitsOnTheWire(t *testing.T) {
	org := organizations.NewFromConfig(mototest.Config(t))
	if _, err := org.CreateOrganization(ctx, &organizations.CreateOrganizationInput{FeatureSet: orgtypes.OrganizationFeatureSetAll}); err != nil {
		t.Fatal(err)
	}
	roots, err := org.ListRoots(ctx, &organizations.ListRootsInput{})
	if err != nil || len(roots.Roots) != 1 {
		t.Fatal(roots, err)
	}
	u := units{root: *roots.Roots[0].Id}
	create := func(parent, name string) string {
		out, err := org.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: &parent, Name: &name})
		if err != nil {
			t.Fatal(err)
		}
		return *out.OrganizationalUnit.Id
	}
	u.outer = create(u.root, "Outer")
	u.inner = create(u.outer, "Inner")
	account, err := org.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: aws.String("One"), Email: aws.String("one@example.com")})
	if err != nil {
		t.Fatal(err)
	}
	u.account = *account.CreateAccountStatus.AccountId
	if _, err := org.MoveAccount(ctx, &organizations.MoveAccountInput{AccountId: &u.account, SourceParentId: &u.root, DestinationParentId: &u.inner}); err != nil {
		t.Fatal(err)
	}
	c := identitycenter.New(nil, nil, org, "")
	checkUnits(t, c, u)
	_, err = c.AccountsIn(ctx, "ou-ab12-abcdefgh")
	wantCode(t, err, access.CodeNotFound)
}
