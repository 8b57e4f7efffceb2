package main

import (
	"context"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/infra/settings"
	"sso-elevator/slack"
)

// doctor is what the checks ask, and about what.
type doctor struct {
	settings *settings.Settings
	file     string // that the settings are from
	account  string // of the caller
	// partition is AWS's, as in ARNs.
	partition string
	region    string // to deploy to
	// ssoRegion is Identity Center's.
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
}

// What all checks together need of each service.
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
	}
	slackAPIs interface {
		installationAPI
		channelAPI
		peopleAPI
	}
)

var _ slackAPIs = (*slack.Client)(nil)

// The names of lines that others depend on.
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

// checks is everything there is to look at, in the order of the report.
func (d *doctor) checks(ctx context.Context) []check {
	s := d.settings
	p := &s.Policy
	approvers := p.AllApprovers()

	instances := once(ctx, func(ctx context.Context) ([]types.InstanceMetadata, error) { return listInstances(ctx, d.admin) })
	instance := once(ctx, func(ctx context.Context) (instance, error) {
		all, err := instances()
		if err != nil {
			return instance{}, err
		}
		return theInstance(all, s.SSOInstanceARN)
	})
	management := once(ctx, func(ctx context.Context) (string, error) { return managementAccount(ctx, d.org) })
	accounts := once(ctx, func(ctx context.Context) ([]account, error) { return listAccounts(ctx, d.org) })
	sets := once(ctx, func(ctx context.Context) ([]permissionSet, error) {
		in, err := after(lineInstance, instance)
		if err != nil {
			return nil, err
		}
		return listPermissionSets(ctx, d.admin, in.arn, named(p))
	})
	botToken := once(ctx, func(ctx context.Context) (secret, error) {
		return readSecret(ctx, d.parameters, d.vault, s.SlackBotToken)
	})
	inDirectory := once(ctx, func(ctx context.Context) (map[string]string, error) {
		in, err := after(lineInstance, instance)
		if err != nil {
			return nil, err
		}
		return absentFromDirectory(ctx, d.store, in.store, approvers)
	})
	speak := func() (slackAPIs, error) {
		token, err := after(lineBotToken, botToken)
		if err == nil && (token.missing || !isBotToken(token.value)) {
			err = blocked{lineBotToken}
		}
		if err != nil {
			return nil, err
		}
		return d.slack(token.value), nil
	}
	installation := once(ctx, func(ctx context.Context) (slack.Installation, error) {
		api, err := speak()
		if err != nil {
			return slack.Installation{}, err
		}
		return api.Installation(ctx)
	})
	inSlack := once(ctx, func(ctx context.Context) (map[string]string, error) {
		if _, err := after(lineInstallation, installation); err != nil {
			return nil, err
		}
		api, err := speak()
		if err != nil {
			return nil, err
		}
		return absentFromSlack(ctx, api, approvers, s.SlackTeamID, s.SlackEnterpriseID)
	})

	stack := once(ctx, func(ctx context.Context) (*cfntypes.Stack, error) { return theStack(ctx, d.stacks, s.NamePrefix) })

	return []check{
		{lineInstance, short, func(ctx context.Context) ([]finding, error) {
			all, err := instances()
			if err != nil {
				return nil, err
			}
			return checkInstance(all, s.SSOInstanceARN, d.account, d.ssoRegion)
		}},
		{"Identity Center's key", short, func(ctx context.Context) ([]finding, error) {
			in, err := after(lineInstance, instance)
			if err != nil {
				return nil, err
			}
			return checkEncryption(ctx, d.admin, in, d.account, s.IdentityCenterKeyARN)
		}},
		{lineOrganization, short, func(ctx context.Context) ([]finding, error) {
			return checkOrganization(ctx, d.org, d.account)
		}},
		{"The system's own account", short, func(context.Context) ([]finding, error) {
			return checkOwnAccount(p, s.ProtectedAccounts, d.account), nil
		}},
		{"The management account", short, func(context.Context) ([]finding, error) {
			m, err := after(lineOrganization, management)
			if err != nil {
				return nil, err
			}
			return checkManagementAccount(p, s.ManageManagementAccount, d.account, m), nil
		}},
		{"Removal of unknown access", short, func(context.Context) ([]finding, error) { return checkRemovals(s), nil }},
		{lineAccounts, long, func(ctx context.Context) ([]finding, error) {
			all, err := accounts()
			if err != nil {
				return nil, err
			}
			m, err := after(lineOrganization, management)
			if err != nil {
				return nil, err
			}
			return checkAccounts(p, all, d.account, m), nil
		}},
		{linePermissionSets, long, func(ctx context.Context) ([]finding, error) {
			all, err := sets()
			if err != nil {
				return nil, err
			}
			return checkPermissionSets(p, all), nil
		}},
		{"Permission sets from here", long, func(ctx context.Context) ([]finding, error) {
			m, err := after(lineOrganization, management)
			if err != nil {
				return nil, err
			}
			in, err := after(lineInstance, instance)
			if err != nil {
				return nil, err
			}
			all, err := after(linePermissionSets, sets)
			if err != nil {
				return nil, err
			}
			return checkProvisioned(ctx, d.admin, in.arn, p, all, d.account, m)
		}},
		{"Session durations", long, func(ctx context.Context) ([]finding, error) {
			all, err := after(linePermissionSets, sets)
			if err != nil {
				return nil, err
			}
			return checkSessions(p, all, s.Durations)
		}},
		{"Groups", long, func(ctx context.Context) ([]finding, error) {
			in, err := after(lineInstance, instance)
			if err != nil {
				return nil, err
			}
			return checkGroups(ctx, d.store, in.store, p)
		}},
		{lineDirectory, long, func(ctx context.Context) ([]finding, error) {
			absent, err := inDirectory()
			if err != nil {
				return nil, err
			}
			return checkDirectory(approvers, absent), nil
		}},
		{lineSlackPeople, long, func(ctx context.Context) ([]finding, error) {
			absent, err := inSlack()
			if err != nil {
				return nil, err
			}
			return checkSlackPeople(approvers, absent), nil
		}},
		{"Statements", long, func(ctx context.Context) ([]finding, error) {
			directory, err := after(lineDirectory, inDirectory)
			if err != nil {
				return nil, err
			}
			people, err := after(lineSlackPeople, inSlack)
			if err != nil {
				return nil, err
			}
			return checkStatements(p, directory, people), nil
		}},
		{lineBotToken, short, func(ctx context.Context) ([]finding, error) {
			token, err := botToken()
			if err != nil {
				return nil, err
			}
			return checkBotToken(s.SlackBotToken, token), nil
		}},
		{"Slack signing secret", short, func(ctx context.Context) ([]finding, error) {
			var all []finding
			for _, ref := range s.SlackSigningSecrets {
				found, err := checkSigningSecret(ctx, d.parameters, d.vault, ref)
				if err != nil {
					return nil, err
				}
				all = append(all, found...)
			}
			return all, nil
		}},
		{lineInstallation, short, func(ctx context.Context) ([]finding, error) {
			in, err := installation()
			if err != nil {
				return slackRefusal(err, "Put the bot token of an app that is installed to "+s.SlackTeamID+" where the settings say it is.")
			}
			api, err := speak()
			if err != nil {
				return nil, err
			}
			return checkInstallation(ctx, api, in, s)
		}},
		{"Slack scopes", short, func(ctx context.Context) ([]finding, error) {
			in, err := after(lineInstallation, installation)
			if err != nil {
				return nil, err
			}
			return checkScopes(in.Scopes, slack.BotScopes)
		}},
		{"Slack channel", short, func(ctx context.Context) ([]finding, error) {
			if _, err := after(lineInstallation, installation); err != nil {
				return nil, err
			}
			api, err := speak()
			if err != nil {
				return nil, err
			}
			return checkChannel(ctx, api, s.SlackChannelID)
		}},
		{"CDK bootstrap", short, func(ctx context.Context) ([]finding, error) {
			return checkBootstrap(ctx, d.parameters, d.account, d.region)
		}},
		{"Lambda concurrency", short, func(ctx context.Context) ([]finding, error) {
			return checkConcurrency(ctx, d.lambda, []reserve{
				{"ingress_reserved_concurrency", s.FunctionName("ingress"), s.IngressReserved},
				{"revoke_reserved_concurrency", s.FunctionName("revoke"), s.RevokeReserved},
			}, d.region)
		}},
		{"Audit bucket", short, func(ctx context.Context) ([]finding, error) {
			return checkAuditBucket(ctx, d.buckets, d.lambda, s, d.account, d.partition, d.region)
		}},
		{lineStack, short, func(context.Context) ([]finding, error) {
			found, err := stack()
			if err != nil {
				return nil, err
			}
			return []finding{checkStack(found, s.NamePrefix)}, nil
		}},
		{"Names", short, func(ctx context.Context) ([]finding, error) {
			found, err := after(lineStack, stack)
			if err != nil {
				return nil, err
			}
			return checkNames(ctx, d.stacks, found, s.ResourceNames(), d.lookUp)
		}},
	}
}
