package organization

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	identitytypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
)

// IDs are AWS's ids of the organization, by name. The keys of People are emails.
type IDs struct {
	InstanceARN     string
	IdentityStoreID string
	Accounts        map[string]string // name to account id
	PermissionSets  map[string]string // name to ARN
	People          map[string]string // email in Slack to user id
	Groups          map[string]string // name to group id
	// Root is the id of the organization's root, and Units are those of the
	// organizational units, by name.
	Root  string            `json:",omitempty"`
	Units map[string]string `json:",omitempty"`
	// SCIMGroups are the ids of the groups that an identity provider manages.
	SCIMGroups []string `json:",omitempty"`
	// ManagementAccount is the id of the management account that the seed names, or
	// empty.
	ManagementAccount string `json:",omitempty"`
}

// noDuration means that a permission set is created without a session duration, as
// other tools create them.
const noDuration = "none"

// assignmentTimeout is how long an assignment of the seed may take.
const assignmentTimeout = 30 * time.Second

// Seed creates the parts of the organization that AWS lacks. It makes its calls one
// after another, in the order of the file, so that a server with reproducible ids
// returns the same ids each time. It leaves existing objects with the right name
// unchanged.
func (o *Organization) Seed(ctx context.Context, config aws.Config) (IDs, error) {
	s := &seeder{
		org:   organizations.NewFromConfig(config),
		admin: ssoadmin.NewFromConfig(config),
		store: identitystore.NewFromConfig(config),
		ids:   IDs{Accounts: map[string]string{}, PermissionSets: map[string]string{}, People: map[string]string{}, Groups: map[string]string{}},
	}
	for _, step := range []func(context.Context, *Organization) error{
		s.findInstance, s.createAccounts, s.createPermissionSets, s.createGroups, s.createPeople, s.createMemberships, s.createAssignments, s.createManagementAccount, s.createUnits,
	} {
		if err := step(ctx, o); err != nil {
			return IDs{}, err
		}
	}
	return s.ids, nil
}

type seeder struct {
	org   *organizations.Client
	admin *ssoadmin.Client
	store *identitystore.Client
	ids   IDs

	existingAccounts map[string]string // by name, from before the seed
}

func (s *seeder) findInstance(ctx context.Context, _ *Organization) error {
	out, err := s.admin.ListInstances(ctx, &ssoadmin.ListInstancesInput{})
	if err != nil {
		return fmt.Errorf("list instances of Identity Center: %w", err)
	}
	if len(out.Instances) == 0 {
		return errors.New("there is no Identity Center instance here")
	}
	s.ids.InstanceARN = aws.ToString(out.Instances[0].InstanceArn)
	s.ids.IdentityStoreID = aws.ToString(out.Instances[0].IdentityStoreId)
	return nil
}

func (s *seeder) createAccounts(ctx context.Context, o *Organization) error {
	var exists *orgtypes.AlreadyInOrganizationException
	_, err := s.org.CreateOrganization(ctx, &organizations.CreateOrganizationInput{FeatureSet: orgtypes.OrganizationFeatureSetAll})
	if err != nil && !errors.As(err, &exists) {
		return fmt.Errorf("create the organization: %w", err)
	}
	s.existingAccounts = map[string]string{}
	pages := organizations.NewListAccountsPaginator(s.org, &organizations.ListAccountsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list accounts: %w", err)
		}
		for _, a := range page.Accounts {
			s.existingAccounts[aws.ToString(a.Name)] = aws.ToString(a.Id)
		}
	}
	for _, a := range o.Accounts {
		id, err := s.createAccount(ctx, a)
		if err != nil {
			return err
		}
		s.ids.Accounts[a.Name] = id
	}
	return nil
}

func (s *seeder) createAccount(ctx context.Context, a Account) (id string, err error) {
	if id, ok := s.existingAccounts[a.Name]; ok {
		return id, nil
	}
	out, err := s.org.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: aws.String(a.Name), Email: aws.String(a.Email)})
	if err != nil {
		return "", fmt.Errorf("create account %s: %w", a.Name, err)
	}
	return aws.ToString(out.CreateAccountStatus.AccountId), nil
}

// createUnits must come last, so that it doesn't change other ids.
func (s *seeder) createUnits(ctx context.Context, o *Organization) error {
	if len(o.Units) == 0 {
		return nil
	}
	roots, err := s.org.ListRoots(ctx, &organizations.ListRootsInput{})
	if err != nil {
		return fmt.Errorf("list roots: %w", err)
	}
	s.ids.Root, s.ids.Units = aws.ToString(roots.Roots[0].Id), map[string]string{}
	for _, u := range o.Units {
		parent := s.ids.Root
		if u.Parent != "" {
			parent = s.ids.Units[u.Parent]
		}
		id, err := s.createUnit(ctx, parent, u.Name)
		if err != nil {
			return fmt.Errorf("create organizational unit %s: %w", u.Name, err)
		}
		s.ids.Units[u.Name] = id
		for _, account := range u.Accounts {
			if err := s.moveAccount(ctx, s.ids.Accounts[account], id); err != nil {
				return fmt.Errorf("move account %s to %s: %w", account, u.Name, err)
			}
		}
	}
	return nil
}

func (s *seeder) createUnit(ctx context.Context, parent, name string) (id string, err error) {
	pages := organizations.NewListOrganizationalUnitsForParentPaginator(s.org, &organizations.ListOrganizationalUnitsForParentInput{ParentId: &parent})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, unit := range page.OrganizationalUnits {
			if aws.ToString(unit.Name) == name {
				return aws.ToString(unit.Id), nil
			}
		}
	}
	out, err := s.org.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: &parent, Name: &name})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.OrganizationalUnit.Id), nil
}

func (s *seeder) moveAccount(ctx context.Context, id, to string) error {
	out, err := s.org.ListParents(ctx, &organizations.ListParentsInput{ChildId: &id})
	if err != nil {
		return err
	}
	from := aws.ToString(out.Parents[0].Id)
	if from == to {
		return nil
	}
	_, err = s.org.MoveAccount(ctx, &organizations.MoveAccountInput{AccountId: &id, SourceParentId: &from, DestinationParentId: &to})
	return err
}

// createManagementAccount must come after the rest that has ids of its own, so that it
// doesn't change other ids.
func (s *seeder) createManagementAccount(ctx context.Context, o *Organization) (err error) {
	if o.ManagementAccount == nil {
		return nil
	}
	s.ids.ManagementAccount, err = s.createAccount(ctx, *o.ManagementAccount)
	return err
}

func (s *seeder) createPermissionSets(ctx context.Context, o *Organization) error {
	present := map[string]string{}
	pages := ssoadmin.NewListPermissionSetsPaginator(s.admin, &ssoadmin.ListPermissionSetsInput{InstanceArn: &s.ids.InstanceARN})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list permission sets: %w", err)
		}
		for _, arn := range page.PermissionSets {
			out, err := s.admin.DescribePermissionSet(ctx, &ssoadmin.DescribePermissionSetInput{InstanceArn: &s.ids.InstanceARN, PermissionSetArn: aws.String(arn)})
			if err != nil {
				return fmt.Errorf("describe permission set %s: %w", arn, err)
			}
			present[aws.ToString(out.PermissionSet.Name)] = arn
		}
	}
	for _, p := range o.PermissionSets {
		if arn, ok := present[p.Name]; ok {
			s.ids.PermissionSets[p.Name] = arn
			continue
		}
		in := &ssoadmin.CreatePermissionSetInput{InstanceArn: &s.ids.InstanceARN, Name: aws.String(p.Name), Description: aws.String(p.Description)}
		if p.SessionDuration != noDuration {
			in.SessionDuration = aws.String(p.SessionDuration)
		}
		out, err := s.admin.CreatePermissionSet(ctx, in)
		if err != nil {
			return fmt.Errorf("create permission set %s: %w", p.Name, err)
		}
		s.ids.PermissionSets[p.Name] = aws.ToString(out.PermissionSet.PermissionSetArn)
	}
	return nil
}

func (s *seeder) createGroups(ctx context.Context, o *Organization) error {
	present := map[string]string{}
	pages := identitystore.NewListGroupsPaginator(s.store, &identitystore.ListGroupsInput{IdentityStoreId: &s.ids.IdentityStoreID})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list groups: %w", err)
		}
		for _, g := range page.Groups {
			present[aws.ToString(g.DisplayName)] = aws.ToString(g.GroupId)
		}
	}
	for _, g := range o.Groups {
		id, ok := present[g.Name]
		if !ok {
			out, err := s.store.CreateGroup(ctx, &identitystore.CreateGroupInput{IdentityStoreId: &s.ids.IdentityStoreID, DisplayName: aws.String(g.Name), Description: aws.String(g.Description)})
			if err != nil {
				return fmt.Errorf("create group %s: %w", g.Name, err)
			}
			id = aws.ToString(out.GroupId)
		}
		s.ids.Groups[g.Name] = id
		if g.SCIM {
			s.ids.SCIMGroups = append(s.ids.SCIMGroups, id)
		}
	}
	return nil
}

func (s *seeder) createPeople(ctx context.Context, o *Organization) error {
	present := map[string]string{}
	pages := identitystore.NewListUsersPaginator(s.store, &identitystore.ListUsersInput{IdentityStoreId: &s.ids.IdentityStoreID})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list users: %w", err)
		}
		for _, u := range page.Users {
			present[aws.ToString(u.UserName)] = aws.ToString(u.UserId)
		}
	}
	for _, p := range o.People {
		if p.SlackOnly {
			continue
		}
		email := p.directoryEmail()
		if id, ok := present[email]; ok {
			s.ids.People[p.Email] = id
			continue
		}
		given, family, _ := strings.Cut(p.Name, " ")
		out, err := s.store.CreateUser(ctx, &identitystore.CreateUserInput{
			IdentityStoreId: &s.ids.IdentityStoreID,
			UserName:        aws.String(email),
			DisplayName:     aws.String(p.Name),
			Name:            &identitytypes.Name{GivenName: aws.String(given), FamilyName: aws.String(family)},
			Title:           aws.String(p.Title),
			Emails:          []identitytypes.Email{{Value: aws.String(email), Type: aws.String("work"), Primary: true}},
		})
		if err != nil {
			return fmt.Errorf("create user %s: %w", email, err)
		}
		s.ids.People[p.Email] = aws.ToString(out.UserId)
	}
	return nil
}

func (p Person) directoryEmail() string {
	if p.DirectoryEmail != "" {
		return p.DirectoryEmail
	}
	return p.Email
}

func (s *seeder) createMemberships(ctx context.Context, o *Organization) error {
	var exists *identitytypes.ConflictException
	for _, g := range o.Groups {
		for _, m := range g.Members {
			_, err := s.store.CreateGroupMembership(ctx, &identitystore.CreateGroupMembershipInput{
				IdentityStoreId: &s.ids.IdentityStoreID, GroupId: aws.String(s.ids.Groups[g.Name]),
				MemberId: &identitytypes.MemberIdMemberUserId{Value: s.ids.People[m]},
			})
			if err != nil && !errors.As(err, &exists) {
				return fmt.Errorf("add %s to group %s: %w", m, g.Name, err)
			}
		}
	}
	return nil
}

func (s *seeder) createAssignments(ctx context.Context, o *Organization) error {
	for _, a := range o.Assignments {
		out, err := s.admin.CreateAccountAssignment(ctx, &ssoadmin.CreateAccountAssignmentInput{
			InstanceArn: &s.ids.InstanceARN, TargetType: ssotypes.TargetTypeAwsAccount, PrincipalType: ssotypes.PrincipalTypeUser,
			TargetId:         aws.String(s.ids.Accounts[a.Account]),
			PermissionSetArn: aws.String(s.ids.PermissionSets[a.PermissionSet]),
			PrincipalId:      aws.String(s.ids.People[a.Person]),
		})
		if err == nil {
			err = s.waitUntilSettled(ctx, out.AccountAssignmentCreationStatus)
		}
		if err != nil {
			return fmt.Errorf("assign %s in %s to %s: %w", a.PermissionSet, a.Account, a.Person, err)
		}
	}
	return nil
}

// waitUntilSettled waits until a creation has succeeded.
func (s *seeder) waitUntilSettled(ctx context.Context, status *ssotypes.AccountAssignmentOperationStatus) error {
	ctx, cancel := context.WithTimeout(ctx, assignmentTimeout)
	defer cancel()
	for {
		switch status.Status {
		case ssotypes.StatusValuesSucceeded:
			return nil
		case ssotypes.StatusValuesFailed:
			return errors.New(aws.ToString(status.FailureReason))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
		out, err := s.admin.DescribeAccountAssignmentCreationStatus(ctx, &ssoadmin.DescribeAccountAssignmentCreationStatusInput{
			InstanceArn: &s.ids.InstanceARN, AccountAssignmentCreationRequestId: status.RequestId,
		})
		if err != nil {
			return err
		}
		status = out.AccountAssignmentCreationStatus
	}
}
