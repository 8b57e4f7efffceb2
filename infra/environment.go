package main

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/infra/build"
	"sso-elevator/infra/settings"
	"sso-elevator/statemachine"
)

// requestMachineName is the name of the state machine for requests. The functions get
// an ARN that is built from the name: they can't refer to the machine itself, because
// the machine refers to them.
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
// function can use it before this one is made.
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
	values := map[string]*string{
		"ELEVATOR_TABLE":                      props.table.TableName(),
		"ELEVATOR_POLICY_POINTER":             props.policy.pointer.ParameterName(),
		"ELEVATOR_AUDIT_BUCKET":               props.audit.BucketName(),
		"ELEVATOR_AUDIT_PREFIX":               &s.AuditPrefix,
		"ELEVATOR_ACCOUNT":                    stack.Account(),
		"ELEVATOR_CATALOG_BUCKET":             props.catalog.BucketName(),
		"ELEVATOR_RECONCILE_FUNCTION":         functionARN(stack, s, "reconcile"),
		"ELEVATOR_REVOKE_FUNCTION":            functionARN(stack, s, "revoke"),
		"ELEVATOR_NOTIFY_FUNCTION":            functionARN(stack, s, "notify"),
		"ELEVATOR_MAX_DURATION_SECONDS":       secondsText(slices.Max(s.Durations)),
		"ELEVATOR_REQUEST_MACHINE":            requestMachineARN(stack, s),
		"ELEVATOR_RECONCILE_MACHINE":          reconcileMachineARN(stack, s),
		"ELEVATOR_REVOKE_SCHEDULE":            &s.RevokeSchedule,
		"ELEVATOR_MAX_OPEN_REQUESTS":          jsii.String(strconv.Itoa(s.MaxOpenRequests)),
		"ELEVATOR_MAX_REMOVALS":               jsii.String(strconv.Itoa(s.MaxRemovals)),
		"ELEVATOR_ALLOW_REMOVALS":             jsii.String(strconv.FormatBool(s.AllowRemovals)),
		"ELEVATOR_SLACK_BOT_TOKEN":            jsii.String(s.SlackBotToken.String()),
		"ELEVATOR_SLACK_SIGNING_SECRET":       jsii.String(referenceList(s.SlackSigningSecrets)),
		"ELEVATOR_SLACK_CHANNEL":              &s.SlackChannelID,
		"ELEVATOR_SLACK_TEAM":                 &s.SlackTeamID,
		"ELEVATOR_SLACK_ENTERPRISE":           &s.SlackEnterpriseID,
		"ELEVATOR_SLACK_APP":                  &s.SlackAppID,
		"ELEVATOR_SLACK_API_URL":              jsii.String("https://slack.com/api/"),
		"ELEVATOR_SSO_INSTANCE_ARN":           &s.SSOInstanceARN,
		"ELEVATOR_SSO_REGION":                 &s.SSORegion,
		"ELEVATOR_SECONDARY_DOMAINS":          jsii.String(strings.Join(s.SecondaryFallbackDomains, ",")),
		"ELEVATOR_DURATIONS":                  secondsList(s.Durations),
		"ELEVATOR_REQUEST_EXPIRATION_SECONDS": secondsText(s.RequestExpiration),
		"ELEVATOR_ANNOUNCE_SECONDS":           secondsText(announceFor(s)),
		"ELEVATOR_REMINDER_INITIAL_SECONDS":   secondsText(s.ReminderInitialWait),
		"ELEVATOR_REMINDER_MULTIPLIER":        jsii.String(strconv.FormatFloat(s.ReminderMultiplier, 'g', -1, 64)),
		"ELEVATOR_SEND_DM":                    jsii.String(strconv.FormatBool(s.SendDM)),
		"ELEVATOR_POST_REVOKE":                jsii.String(strconv.FormatBool(s.PostRevoke)),
		"ELEVATOR_LOG_LEVEL":                  &s.LogLevel,
		"ELEVATOR_METRIC_NAMESPACE":           jsii.String(metricNamespace(s)),
	}
	const (
		sso       = "ELEVATOR_SSO_INSTANCE_ARN ELEVATOR_SSO_REGION "
		reminders = "ELEVATOR_REQUEST_EXPIRATION_SECONDS ELEVATOR_ANNOUNCE_SECONDS ELEVATOR_REMINDER_INITIAL_SECONDS ELEVATOR_REMINDER_MULTIPLIER "
		// To know whether an account is the management account, and this one is not.
		reach = "ELEVATOR_CATALOG_BUCKET ELEVATOR_ACCOUNT "
		talk  = "ELEVATOR_SLACK_BOT_TOKEN ELEVATOR_SLACK_API_URL "
	)
	needs := map[string]string{
		"ingress": "ELEVATOR_TABLE ELEVATOR_POLICY_POINTER ELEVATOR_REQUEST_MACHINE ELEVATOR_DURATIONS ELEVATOR_MAX_OPEN_REQUESTS ELEVATOR_SECONDARY_DOMAINS " +
			"ELEVATOR_SLACK_SIGNING_SECRET ELEVATOR_SLACK_TEAM ELEVATOR_SLACK_ENTERPRISE ELEVATOR_SLACK_APP " +
			"ELEVATOR_RECONCILE_FUNCTION " + reach + talk + sso,
		"evaluate": "ELEVATOR_TABLE ELEVATOR_POLICY_POINTER ELEVATOR_SECONDARY_DOMAINS ELEVATOR_SLACK_TEAM " + reach + reminders + talk + sso,
		"await":    "ELEVATOR_TABLE",
		"notify":   "ELEVATOR_TABLE ELEVATOR_CATALOG_BUCKET ELEVATOR_SLACK_CHANNEL ELEVATOR_SEND_DM ELEVATOR_POST_REVOKE " + talk,
		"grant":    "ELEVATOR_TABLE ELEVATOR_POLICY_POINTER ELEVATOR_MAX_DURATION_SECONDS " + reach + sso,
		"revoke":   "ELEVATOR_TABLE ELEVATOR_CATALOG_BUCKET ELEVATOR_POLICY_POINTER ELEVATOR_ALLOW_REMOVALS ELEVATOR_MAX_REMOVALS " + sso,
		"audit":    "ELEVATOR_TABLE ELEVATOR_CATALOG_BUCKET ELEVATOR_POLICY_POINTER ELEVATOR_AUDIT_BUCKET ELEVATOR_AUDIT_PREFIX",
		"reconcile": "ELEVATOR_TABLE ELEVATOR_POLICY_POINTER ELEVATOR_CATALOG_BUCKET ELEVATOR_REQUEST_MACHINE ELEVATOR_RECONCILE_MACHINE " +
			"ELEVATOR_REVOKE_FUNCTION ELEVATOR_NOTIFY_FUNCTION ELEVATOR_REVOKE_SCHEDULE ELEVATOR_ALLOW_REMOVALS ELEVATOR_MAX_REMOVALS " + sso,
	}

	environments := map[string]map[string]*string{}
	for name, variables := range needs {
		environments[name] = map[string]*string{}
		for variable, value := range build.Environment {
			environments[name][variable] = jsii.String(value)
		}
		for _, variable := range append(strings.Fields(variables), "ELEVATOR_LOG_LEVEL", "ELEVATOR_METRIC_NAMESPACE") {
			// The functions read an empty value as not set, so it is left out.
			if value := values[variable]; *value != "" {
				environments[name][variable] = value
			}
		}
	}
	return environments
}

// referenceList returns the references to secrets as a list that a function reads.
// Names of secrets contain no commas.
func referenceList(refs []settings.SecretRef) string {
	texts := make([]string, len(refs))
	for i, ref := range refs {
		texts[i] = ref.String()
	}
	return strings.Join(texts, ",")
}

// announceFor returns how long the announcement of a request is retried.
func announceFor(s *settings.Settings) time.Duration {
	return min(statemachine.AnnounceFor, statemachine.AnnounceRounds*s.AnnounceRetryWait)
}

// secondsText returns d in whole seconds.
func secondsText(d time.Duration) *string {
	return jsii.String(strconv.FormatInt(int64(d/time.Second), 10))
}

func secondsList(durations []time.Duration) *string {
	texts := make([]string, len(durations))
	for i, d := range durations {
		texts[i] = *secondsText(d)
	}
	return jsii.String(strings.Join(texts, ","))
}
