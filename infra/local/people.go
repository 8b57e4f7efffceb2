package local

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"sso-elevator/functions/adapters/buckets"
	"sso-elevator/functions/adapters/policyinforce"
	"sso-elevator/infra/local/organization"
	"sso-elevator/slack/simulator"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
)

//go:embed demo/organization.yaml
var demoOrganization []byte

// demoTour is the way through the demo's organization.
var demoTour = &simulator.Tour{
	Requester: "U0ALICE01", Approver: "U0BOB0002",
	Hint: "Choose shop-production, DeveloperAccess and 1 minute, and write any reason.",
}

// foreignTeam is the workspace of strangers.
const foreignTeam = "T0ELSEWHERE"

// loadOrganization returns the organization that -seed names, or nil for noSeed.
func (s *local) loadOrganization() (*organization.Organization, error) {
	switch s.options.Seed {
	case noSeed:
		return nil, nil
	case "":
		return organization.Parse(demoOrganization)
	default:
		return organization.Load(s.options.Seed)
	}
}

// listMembers returns the people of the simulated workspace: the people of o, or the
// users of Identity Center if o is nil.
func (s *local) listMembers(ctx context.Context, o *organization.Organization) ([]simulator.Person, error) {
	if o == nil {
		return s.listUsersAsMembers(ctx)
	}
	var members []simulator.Person
	for _, p := range o.People {
		if p.NoSlack {
			continue
		}
		member := simulator.Person{
			SlackID: p.SlackID, Name: p.Name, Email: p.Email, Title: p.Title,
			InChannel: !p.OutsideChannel, Guest: p.Guest, Deleted: p.Deleted, EmailUnconfirmed: p.EmailUnconfirmed,
		}
		if p.Stranger {
			member.Stranger, member.TeamID = true, foreignTeam
		}
		members = append(members, member)
	}
	return members, nil
}

// listChannels returns the channels that the policy names, besides the configured one.
func (s *local) listChannels(ctx context.Context, in policyinforce.Settings, configured string) (channels []simulator.Channel, err error) {
	policy, _, err := policyinforce.New(policyinforce.Connect(s.awsConfig()), buckets.Connect(s.awsConfig()), in.Pointer, time.Now).Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the policy's channels: %w", err)
	}
	seen := map[string]bool{"": true, configured: true}
	for _, statement := range slices.Concat(policy.Accounts, policy.Groups) {
		if id := statement.Channel; !seen[id] {
			seen[id] = true
			channels = append(channels, simulator.Channel{ID: id, Name: strings.ToLower(id)})
		}
	}
	return channels, nil
}

func (s *local) listUsersAsMembers(ctx context.Context) ([]simulator.Person, error) {
	instances, err := ssoadmin.NewFromConfig(s.awsConfig()).ListInstances(ctx, &ssoadmin.ListInstancesInput{})
	if err != nil {
		return nil, fmt.Errorf("list instances of Identity Center: %w", err)
	}
	var members []simulator.Person
	for _, instance := range instances.Instances {
		pages := identitystore.NewListUsersPaginator(identitystore.NewFromConfig(s.awsConfig()), &identitystore.ListUsersInput{IdentityStoreId: instance.IdentityStoreId})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, fmt.Errorf("list users: %w", err)
			}
			for _, u := range page.Users {
				if len(u.Emails) == 0 {
					continue
				}
				members = append(members, simulator.Person{
					SlackID: fmt.Sprintf("U0LOCAL%03d", len(members)+1), Name: aws.ToString(u.DisplayName),
					Email: aws.ToString(u.Emails[0].Value), Title: aws.ToString(u.Title), InChannel: true,
				})
			}
		}
	}
	return members, nil
}
