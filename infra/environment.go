package main

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/functions/adapters/auditlog"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/people"
	"sso-elevator/functions/adapters/policyinforce"
	"sso-elevator/functions/adapters/slackclient"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/functions/audit"
	"sso-elevator/functions/await"
	"sso-elevator/functions/evaluate"
	"sso-elevator/functions/grant"
	"sso-elevator/functions/ingress"
	"sso-elevator/functions/notify"
	"sso-elevator/functions/reconcile"
	"sso-elevator/functions/revoke"
	"sso-elevator/infra/build"
	"sso-elevator/infra/settings"
	"sso-elevator/slack"
	"sso-elevator/statemachine"
)

// requestMachineName is the name of the state machine for requests. The functions get
// an ARN built from this name. They can't refer to the machine itself, because the
// machine refers to them.
func requestMachineName(s *settings.Settings) string { return s.NamePrefix + "-requests" }

func requestMachineARN(stack awscdk.Stack, s *settings.Settings) *string {
	return machineARN(stack, requestMachineName(s))
}

func machineARN(stack awscdk.Stack, name string) *string {
	return stack.FormatArn(&awscdk.ArnComponents{
		Service:      jsii.String("states"),
		Resource:     jsii.String("stateMachine"),
		ResourceName: &name,
		ArnFormat:    awscdk.ArnFormat_COLON_RESOURCE_NAME,
	})
}

// executionsOf returns the ARN of all executions of a machine. For the executions of a
// distributed Map, the name is "<machine>/<map>".
func executionsOf(stack awscdk.Stack, name string) *string {
	return stack.FormatArn(&awscdk.ArnComponents{
		Service:      jsii.String("states"),
		Resource:     jsii.String("execution"),
		ResourceName: jsii.String(name + ":*"),
		ArnFormat:    awscdk.ArnFormat_COLON_RESOURCE_NAME,
	})
}

// functionARN returns the ARN that invokes a function, built from its name. Another
// function can use it before this one exists.
func functionARN(stack awscdk.Stack, s *settings.Settings, name string) *string {
	return stack.FormatArn(&awscdk.ArnComponents{
		Service:      jsii.String("lambda"),
		Resource:     jsii.String("function"),
		ResourceName: jsii.String(s.FunctionName(name) + ":" + aliasName),
		ArnFormat:    awscdk.ArnFormat_COLON_RESOURCE_NAME,
	})
}

// environments returns the environment variables of each function. A function gets
// only those that it reads. They contain the names of secrets, never secrets.
func environments(stack awscdk.Stack, props functionsProps) map[string]map[string]*string {
	s := props.settings
	var (
		account  = host.Stack{Account: *stack.Account()}
		rows     = table.Settings{Name: *props.table.TableName()}
		policy   = policyinforce.Settings{Pointer: props.policy.name}
		names    = catalog.Settings{Bucket: *props.catalog.BucketName()}
		center   = props.center
		web      = slackclient.Settings{BotToken: s.SlackBotToken.String(), APIURL: slack.DefaultAPIURL}
		members  = people.Settings{Team: s.SlackTeamID, SecondaryDomains: s.SecondaryFallbackDomains}
		removals = findings.Removals{Allowed: s.AllowRemovals, Max: s.MaxRemovals}
	)
	functions := map[string]any{
		"ingress": ingress.Settings{
			Stack: account, Table: rows, Policy: policy, Catalog: names, IdentityCenter: center, Slack: web, People: members,
			SigningSecrets:    texts(s.SlackSigningSecrets),
			Enterprise:        s.SlackEnterpriseID,
			App:               s.SlackAppID,
			RequestMachine:    host.RequestMachine{ARN: *requestMachineARN(stack, s)},
			ReconcileMachine:  host.ReconcileMachine{ARN: *reconcileMachineARN(stack, s)},
			ReconcileFunction: *functionARN(stack, s, "reconcile"),
			Durations:         s.Durations,
			MaxOpenRequests:   s.MaxOpenRequests,
			ConfirmApprovals:  s.ConfirmApprovals,
			DenyReason:        s.DenyReason,
			DenyCooldown:      s.DenyCooldown,
		},
		"evaluate": evaluate.Settings{
			Stack: account, Table: rows, Policy: policy, Catalog: names, IdentityCenter: center, Slack: web, People: members,
			SlackGroups:        groupMentions(s.ApproverGroupMentions),
			PortalURL:          s.AccessPortalURL,
			MaxDuration:        slices.Max(s.Durations),
			Expiration:         s.RequestExpiration,
			AnnounceFor:        announceFor(s),
			ReminderInitial:    s.ReminderInitialWait,
			ReminderMultiplier: s.ReminderMultiplier,
		},
		"await": await.Settings{Table: rows},
		"notify": notify.Settings{
			Table: rows, Catalog: names, Slack: web,
			Channel:    s.SlackChannelID,
			SendDM:     s.SendDM,
			PostRevoke: s.PostRevoke,

			ExtensionOffer: s.ExtensionOffer,
		},
		"grant": grant.Settings{
			Stack: account, Table: rows, Policy: policy, Catalog: names, IdentityCenter: center,
			MaxDuration: slices.Max(s.Durations),
			WaitFor:     grantWaitFor(s),
		},
		"revoke": revoke.Settings{Table: rows, Policy: policy, Catalog: names, IdentityCenter: center, Removals: removals},
		"audit":  audit.Settings{Table: rows, Policy: policy, Catalog: names, Log: auditlog.Settings{Bucket: *props.audit.BucketName(), Prefix: s.AuditPrefix}},
		"reconcile": reconcile.Settings{
			Table: rows, Policy: policy, Catalog: names, IdentityCenter: center, Removals: removals,
			RequestMachine:   host.RequestMachine{ARN: *requestMachineARN(stack, s)},
			ReconcileMachine: host.ReconcileMachine{ARN: *reconcileMachineARN(stack, s)},
			RevokeFunction:   *functionARN(stack, s, "revoke"),
			NotifyFunction:   *functionARN(stack, s, "notify"),
			AuditFunction:    *functionARN(stack, s, "audit"),
			RevokeSchedule:   s.RevokeSchedule,

			ExtensionOffer: s.ExtensionOffer,
		},
	}
	common := host.Settings{LogLevel: logLevel(s), MetricNamespace: metricNamespace(s)}
	environments := map[string]map[string]*string{}
	for name, settings := range functions {
		environments[name] = map[string]*string{}
		for _, variables := range []map[string]string{build.Environment, host.Environment(common), host.Environment(settings)} {
			for variable, value := range variables {
				environments[name][variable] = jsii.String(value)
			}
		}
	}
	return environments
}

// groupMentions returns the pairs of evaluate.Settings.SlackGroups.
func groupMentions(mentions map[string]string) []string {
	var pairs []string
	for _, group := range slices.Sorted(maps.Keys(mentions)) {
		pairs = append(pairs, group+"="+mentions[group])
	}
	return pairs
}

// logLevel returns the level that the settings name. The settings are checked, so
// it can be parsed.
func logLevel(s *settings.Settings) (level slog.Level) {
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		panic(err)
	}
	return level
}

// texts returns references to secrets as a function reads them.
func texts(refs []settings.SecretRef) []string {
	all := make([]string, len(refs))
	for i, ref := range refs {
		all[i] = ref.String()
	}
	return all
}

// announceFor returns how long the announcement of a request is retried.
func announceFor(s *settings.Settings) time.Duration {
	return min(statemachine.AnnounceFor, statemachine.AnnounceRounds*s.AnnounceRetryWait)
}

// grantWaitFor returns how long after its decision an undecidable request is tried again.
func grantWaitFor(s *settings.Settings) time.Duration {
	return min(statemachine.GrantWaitFor, statemachine.GrantWaitRounds*s.RevokeRetryWait)
}
