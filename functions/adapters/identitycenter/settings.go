package identitycenter

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/adapters/host"
)

// Settings say which Identity Center a function calls.
type Settings struct {
	InstanceARN string `env:"ELEVATOR_SSO_INSTANCE_ARN"` // empty: the only one that the account can see
	Region      string `env:"ELEVATOR_SSO_REGION"`       // empty: the function's own
	// IdentityStore is the id of the instance's identity store. It is empty unless the
	// deployment looked both up. Then the functions look the instance up when they need it.
	IdentityStore string `env:"ELEVATOR_IDENTITY_STORE"`
}

// ConnectAdmin returns the client of account assignments, in Identity Center's
// region.
func ConnectAdmin(cfg aws.Config, s Settings) *ssoadmin.Client {
	return ssoadmin.NewFromConfig(host.InRegion(cfg, s.Region))
}

// ConnectStore returns the client of users and groups, in Identity Center's region.
func ConnectStore(cfg aws.Config, s Settings) *identitystore.Client {
	return identitystore.NewFromConfig(host.InRegion(cfg, s.Region))
}

// ConnectParents returns the client that finds the organizational units of single
// accounts. It has no pace, because people wait for it.
func ConnectParents(cfg aws.Config) *organizations.Client { return organizations.NewFromConfig(cfg) }

// ConnectOrganizations returns the client that lists accounts. It has its own pace,
// because Organizations counts the calls of the whole account.
func ConnectOrganizations(cfg aws.Config) *organizations.Client {
	pace := &Pace{Every: OrganizationsEvery, PerOperation: true, Now: time.Now, Sleep: host.Sleep}
	return organizations.NewFromConfig(pace.Config(cfg))
}
