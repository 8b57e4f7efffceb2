package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/policyinforce"
	"sso-elevator/infra/command"
	"sso-elevator/infra/deployed"
	"sso-elevator/infra/policydiff"
)

// comparisonLimit is how long the calls for a comparison may take, and then the comparison.
const comparisonLimit = time.Minute

// comparePolicies prints what the policy in the settings changes, compared with the policy
// in force. It never stops a deployment: if it can't compare them, it says why.
func (d *deployment) comparePolicies(ctx context.Context) {
	calls, cancel := context.WithTimeout(ctx, comparisonLimit)
	defer cancel()
	d.say("What the new policy changes:")
	before, bucket, err := d.policyInForce(calls)
	switch {
	case err != nil:
		d.say("This is not known, because the policy in force can't be read: %s\n", command.Printable(err.Error()))
		return
	case before == nil:
		d.say("Nothing is deployed yet, so there is no policy to compare with.\n")
		return
	}
	organization, readAt, err := d.organization(calls, bucket)
	compared := d.compare(ctx, before, organization)
	switch {
	case !compared:
	case err != nil:
		d.say("The catalog can't be read, so only people and accounts in the two policies are known: %s\n", command.Printable(err.Error()))
	default:
		d.say("The accounts, permission sets and groups are those of %s. Of the people, only those in a policy, and up to %d members of each group of approvers, are known by email.\n",
			readAt.UTC().Format("2006-01-02 15:04 UTC"), catalog.MaxMembers)
	}
}

// compare prints the changes. It returns false if it didn't.
func (d *deployment) compare(ctx context.Context, before *access.Policy, o *policydiff.Organization) bool {
	ctx, cancel := context.WithTimeout(ctx, comparisonLimit)
	defer cancel()
	r, err := policydiff.Compare(ctx, before, &d.settings.Policy, o, nil)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("the comparison did not end within %s. elevator policy diff can take longer", comparisonLimit)
	}
	if err != nil {
		d.say("NOT COMPARED, so somebody may be able to get more: %s\n", err)
		return false
	}
	err = r.WriteText(d.out, policydiff.Text{All: d.all, HowToSeeAll: "To see all changes, run: go run ./infra/deploy -all diff"})
	return err == nil // otherwise nobody reads it
}

// policyInForce returns the deployed policy, and the bucket of the catalog. The policy is
// nil if none is deployed.
func (d *deployment) policyInForce(ctx context.Context) (policy *access.Policy, bucket string, err error) {
	f, found, err := deployed.Find(ctx, d.functions, d.settings.FunctionName("reconcile"))
	if err != nil || !found {
		return nil, "", err
	}
	var environment struct {
		Policy  policyinforce.Settings
		Catalog catalog.Settings
	}
	if err := f.ReadSettings(&environment); err != nil {
		return nil, "", err
	}
	document, err := policyinforce.New(d.parameters, d.buckets, environment.Policy.Pointer, time.Now).Document(ctx)
	if err != nil {
		return nil, "", err
	}
	// Document cuts the ends of exemptions. The new policy has them as they were written.
	if err := json.Unmarshal(document.Bytes, &policy); err != nil {
		return nil, "", fmt.Errorf("read the policy: %w", err)
	}
	return policy, environment.Catalog.Bucket, nil
}

// organization returns what the catalog knows, and when the oldest part was read. With an
// error, the organization is empty.
func (d *deployment) organization(ctx context.Context, bucket string) (*policydiff.Organization, time.Time, error) {
	s, _, err := catalog.Object{Client: d.buckets, Bucket: bucket}.Get(ctx, "")
	switch {
	case access.CodeOf(err) == access.CodeNotFound:
		return &policydiff.Organization{}, time.Time{}, errors.New("there is none yet")
	case err != nil:
		return &policydiff.Organization{}, time.Time{}, err
	}
	readAt := slices.MinFunc([]time.Time{s.AccountsAt, s.PermissionSetsAt, s.GroupsAt}, time.Time.Compare)
	return organizationOf(s), readAt, nil
}

// organizationOf returns the organization that a catalog describes.
func organizationOf(s *catalog.Snapshot) *policydiff.Organization {
	o := &policydiff.Organization{Partial: true}
	unitsOf := map[string][]string{}
	for unit, ids := range s.Units {
		for _, id := range ids {
			unitsOf[id] = append(unitsOf[id], unit)
		}
	}
	for _, a := range s.Accounts {
		o.Accounts = append(o.Accounts, policydiff.Account{ID: a.ID, Name: a.Name, OUs: unitsOf[a.ID]})
	}
	for _, p := range s.PermissionSets {
		o.PermissionSets = append(o.PermissionSets, p.Name)
	}
	groupsOf := map[string][]string{}
	for _, g := range s.Groups {
		members, known := s.Members[g.ID]
		more := !known || members.More
		for _, m := range members.Users {
			if m.Email == "" {
				more = true
				continue
			}
			email := access.NormalizeEmail(m.Email)
			groupsOf[email] = append(groupsOf[email], g.ID)
		}
		o.Groups = append(o.Groups, policydiff.Group{ID: g.ID, Name: g.Name, More: more})
	}
	for email, groups := range groupsOf {
		o.People = append(o.People, policydiff.Person{Email: email, Groups: groups})
	}
	slices.SortFunc(o.People, func(a, b policydiff.Person) int { return strings.Compare(a.Email, b.Email) })
	return o
}
