package doctor

import (
	"context"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/infra/deployed"
	"sso-elevator/infra/settings"
	"sso-elevator/slack"
)

// doctor has the checks' clients and inputs.
type doctor struct {
	settings *settings.Settings
	file     string // of the settings
	account  string // of the caller
	// partition is AWS's partition, as in ARNs.
	partition string
	region    string // to deploy to
	// ssoRegion is Identity Center's region.
	ssoRegion string

	admin      adminAPI
	store      storeAPI
	org        orgAPI
	lambda     lambdaAPI
	parameters parametersAPI
	vault      vaultAPI
	buckets    bucketsAPI
	stacks     stacksAPI
	logs       logsAPI
	machines   machinesAPI
	roles      rolesAPI
	slack      func(token string) slackAPIs
	// portal fetches a page of the access portal and returns its status; nil on a local
	// stack, which has no portal.
	portal func(ctx context.Context, address string) (status int, err error)
}

// The part of each service that the checks use.
type (
	adminAPI interface {
		instancesAPI
		permissionSetsAPI
		provisionedAPI
	}
	storeAPI interface {
		groupsAPI
		usersAPI
	}
	orgAPI interface {
		organizationAPI
		accountsAPI
		unitsAPI
	}
	slackAPIs interface {
		installationAPI
		channelAPI
		peopleAPI
	}
)

var _ slackAPIs = (*slack.Client)(nil)

// Names of lines that other lines refer to.
const (
	lineInstance       = "Identity Center"
	lineOrganization   = "Organization"
	lineAccounts       = "Accounts"
	linePermissionSets = "Permission sets"
	lineBotToken       = "Slack bot token"
	lineInstallation   = "Slack app"
	lineDirectory      = "Approvers, Identity Center"
	lineSlackPeople    = "Approvers, Slack"
	lineStack          = "Stack"
)

// facts are the answers that several checks need.
type facts struct {
	instances         fact[[]types.InstanceMetadata]
	instance          fact[instance]
	management        fact[string] // the management account's id
	accounts          fact[[]account]
	sets              fact[[]permissionSet]
	botToken          fact[secret]
	bot               fact[slackAPIs] // with the bot token
	installation      fact[slack.Installation]
	absentInDirectory fact[map[string]string] // approvers, each with the reason
	absentInSlack     fact[map[string]string]
	stack             fact[*cfntypes.Stack] // nil if there is none
}

// facts returns the facts, each with its line of the report and the facts that it
// needs. No call is made yet.
func (d *doctor) facts(ctx context.Context) (f facts) {
	s := d.settings
	p := &s.Policy
	f.instances = learn(ctx, lineInstance, nil, func(ctx context.Context) ([]types.InstanceMetadata, error) {
		return listInstances(ctx, d.admin)
	})
	f.instance = learn(ctx, lineInstance, needs{f.instances}, func(context.Context) (instance, error) {
		return theInstance(f.instances.known(), s.SSOInstanceARN)
	})
	f.management = learn(ctx, lineOrganization, nil, func(ctx context.Context) (string, error) {
		return managementAccount(ctx, d.org)
	})
	f.accounts = learn(ctx, lineAccounts, nil, func(ctx context.Context) ([]account, error) {
		return listAccounts(ctx, d.org)
	})
	f.sets = learn(ctx, linePermissionSets, needs{f.instance}, func(ctx context.Context) ([]permissionSet, error) {
		return listPermissionSets(ctx, d.admin, f.instance.known().arn, named(p))
	})
	f.botToken = learn(ctx, lineBotToken, nil, func(ctx context.Context) (secret, error) {
		return readSecret(ctx, d.parameters, d.vault, s.SlackBotToken)
	})
	f.bot = learn(ctx, lineBotToken, needs{f.botToken}, func(context.Context) (slackAPIs, error) {
		token := f.botToken.known().value
		if !isBotToken(token) {
			return nil, blocked{lineBotToken}
		}
		return d.slack(token), nil
	})
	f.installation = learn(ctx, lineInstallation, needs{f.bot}, func(ctx context.Context) (slack.Installation, error) {
		return f.bot.known().Installation(ctx)
	})
	f.absentInDirectory = learn(ctx, lineDirectory, needs{f.instance}, func(ctx context.Context) (map[string]string, error) {
		return absentFromDirectory(ctx, d.store, f.instance.known().store, p.AllApprovers())
	})
	f.absentInSlack = learn(ctx, lineSlackPeople, needs{f.installation, f.bot}, func(ctx context.Context) (map[string]string, error) {
		return absentFromSlack(ctx, f.bot.known(), p.AllApprovers(), s.SlackTeamID, s.SlackEnterpriseID)
	})
	f.stack = learn(ctx, lineStack, nil, func(ctx context.Context) (*cfntypes.Stack, error) {
		return deployed.FindStack(ctx, d.stacks, s.NamePrefix)
	})
	return f
}

// checks returns all checks, in the order of the report. Each check declares the
// facts that it needs. If a fact is unknown, the check is skipped, and its line
// refers to the line with the reason.
func (d *doctor) checks(ctx context.Context) []check {
	s := d.settings
	p := &s.Policy
	f := d.facts(ctx)
	return []check{
		{lineInstance, short, needs{f.instances}, func(ctx context.Context) ([]finding, error) {
			found := []finding{checkInstance(f.instances.known(), s.SSOInstanceARN, d.ssoRegion)}
			in, err := theInstance(f.instances.known(), s.SSOInstanceARN)
			if err != nil {
				return found, nil // found says why
			}
			outdated, err := checkDeployedInstance(ctx, d.lambda, s.FunctionName("evaluate"), in)
			return append(found, outdated...), err
		}},
		{"Identity Center's key", short, needs{f.instance}, func(ctx context.Context) ([]finding, error) {
			return checkEncryption(ctx, d.admin, f.instance.known(), d.account, s.IdentityCenterKeyARN)
		}},
		{"Access portal", short, needs{f.instance}, func(ctx context.Context) ([]finding, error) {
			return checkPortal(ctx, d.portal, s.AccessPortalURL, f.instance.known()), nil
		}},
		{lineOrganization, short, nil, func(ctx context.Context) ([]finding, error) {
			return checkOrganization(ctx, d.org, d.account)
		}},
		{"The system's own account", short, nil, func(context.Context) ([]finding, error) {
			return checkOwnAccount(p, d.account), nil
		}},
		{"The management account", short, needs{f.management}, func(context.Context) ([]finding, error) {
			return checkManagementAccount(p, s.ManageManagementAccount, d.account, f.management.known()), nil
		}},
		{"Removal of unknown access", short, nil, func(context.Context) ([]finding, error) {
			return checkRemovals(s), nil
		}},
		{lineAccounts, long, needs{f.accounts, f.management}, func(context.Context) ([]finding, error) {
			return checkAccounts(p, f.accounts.known(), d.account, f.management.known()), nil
		}},
		{"Organizational units", long, nil, func(ctx context.Context) ([]finding, error) {
			return checkUnits(ctx, d.org, p)
		}},
		{linePermissionSets, long, needs{f.sets}, func(context.Context) ([]finding, error) {
			return checkPermissionSets(p, f.sets.known()), nil
		}},
		{"Assignable permission sets", long, needs{f.management, f.instance, f.sets}, func(ctx context.Context) ([]finding, error) {
			return checkProvisioned(ctx, d.admin, f.instance.known().arn, p, f.sets.known(), d.account, f.management.known())
		}},
		{"Session durations", long, needs{f.sets}, func(context.Context) ([]finding, error) {
			return checkSessions(p, f.sets.known(), s.Durations)
		}},
		{"Groups", long, needs{f.instance}, func(ctx context.Context) ([]finding, error) {
			return checkGroups(ctx, d.store, f.instance.known().store, p)
		}},
		{lineDirectory, long, needs{f.absentInDirectory}, func(context.Context) ([]finding, error) {
			return checkDirectory(p.AllApprovers(), f.absentInDirectory.known()), nil
		}},
		{lineSlackPeople, long, needs{f.absentInSlack}, func(context.Context) ([]finding, error) {
			return checkSlackPeople(p.AllApprovers(), f.absentInSlack.known()), nil
		}},
		{"Statements", long, needs{f.absentInDirectory, f.absentInSlack}, func(context.Context) ([]finding, error) {
			return checkStatements(p, f.absentInDirectory.known(), f.absentInSlack.known()), nil
		}},
		{lineBotToken, short, needs{f.botToken}, func(context.Context) ([]finding, error) {
			return checkBotToken(s.SlackBotToken, f.botToken.known()), nil
		}},
		{"Slack signing secret", short, nil, func(ctx context.Context) ([]finding, error) {
			return checkSigningSecrets(ctx, d.parameters, d.vault, s.SlackSigningSecrets)
		}},
		{lineInstallation, short, needs{f.bot}, func(ctx context.Context) ([]finding, error) {
			in, err := f.installation.ask()
			if err != nil {
				return slackRefusal(err, "Store the bot token of an app that is installed in workspace "+s.SlackTeamID+".")
			}
			return checkInstallation(ctx, f.bot.known(), in, s)
		}},
		{"Slack scopes", short, needs{f.installation}, func(context.Context) ([]finding, error) {
			return checkScopes(f.installation.known().Scopes, slack.BotScopes)
		}},
		{"Slack channel", short, needs{f.installation, f.bot}, func(ctx context.Context) ([]finding, error) {
			return checkChannels(ctx, f.bot.known(), s)
		}},
		{"CDK bootstrap", short, nil, func(ctx context.Context) ([]finding, error) {
			return checkBootstrap(ctx, d.parameters, d.account, d.region)
		}},
		{"Lambda concurrency", short, nil, func(ctx context.Context) ([]finding, error) {
			return checkConcurrency(ctx, d.lambda, reserves(s), d.region)
		}},
		{"Audit bucket", short, nil, func(ctx context.Context) ([]finding, error) {
			return checkAuditBucket(ctx, d.buckets, d.lambda, s, d.account, d.partition, d.region)
		}},
		{lineStack, short, needs{f.stack}, func(context.Context) ([]finding, error) {
			return []finding{checkStack(f.stack.known(), s.NamePrefix)}, nil
		}},
		{"Names", short, needs{f.stack}, func(ctx context.Context) ([]finding, error) {
			return checkNames(ctx, d.stacks, f.stack.known(), s.ResourceNames(), d.lookUp)
		}},
	}
}
