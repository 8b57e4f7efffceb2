package settings

import (
	"time"

	"sso-elevator/functions/access"
)

const day = 24 * time.Hour

// Limits of time. An execution ends after a year (AWS Step Functions, "Quotas for
// standard workflows"). The wait for approval and the access must both fit in it.
const (
	maxExpiration     = 300 * day
	maxAccessDuration = 60 * day
)

// maxQuestionWait is how long a run can wait for a person's answer. After longer
// waits, findings are out of date.
const maxQuestionWait = 7 * day

// maxRemovals is more than an organization of 10,000 accounts can need. The limit
// catches mistyped numbers.
const maxRemovals = 1_000_000

// maxOpenRequests limits the row that has a person's claims: a claim takes up to
// 200 bytes, and the row should take only a few reads of 4 KB.
const maxOpenRequests = 100

// maxSigningSecrets allows the old and the new secret during a rotation.
const maxSigningSecrets = 2

// maxApprovalsNeeded is more than anyone's process takes. Each approval is in the
// request's message.
const maxApprovalsNeeded = 5

// maxResponders is more than any incident response team needs.
const maxResponders = 100

// maxDurations is Slack's limit of options in a select.
const maxDurations = 100

// maxNamePrefix leaves room for our longest suffix within 64 characters, Lambda's
// limit for a function's name.
const maxNamePrefix = 40

// Reserved concurrency. Lambda's quota for an account is 1,000, unless it was
// raised ("Lambda quotas"). Fewer than ten instances would throttle the function: a
// person typing in a form causes several requests at once, and Identity Center
// takes ten removals at a time.
const (
	minReserved = 10
	maxReserved = 10_000
)

// retentions are the days that CloudWatch Logs accepts (PutRetentionPolicy), and 0
// for ever, as Terraform writes it.
var retentions = []int{0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// Limits of Lambda's memory, in MiB ("Lambda quotas").
const (
	minMemory = 128
	maxMemory = 10_240
)

// Limits of the HTTP API's throttling: the account's own quotas, unless AWS raised
// them ("API Gateway quotas").
const (
	maxPerSecond = 10_000
	maxAtOnce    = 5_000
)

// section is a group of settings on the page docs/reference/settings.md.
type section struct {
	title, intro string // Markdown
	settings     []property[Settings]
}

// sections are all settings, in the order of the documentation. Settings that the
// Terraform module has too have the module's names.
var sections = []section{
	{"Required", "Set all of these, and at least one of `config` and `group_config`.", []property[Settings]{
		prop("slack_channel_id", text(channelPattern, channelExpected), func(s *Settings) *string { return &s.SlackChannelID },
			"The channel where requests are posted.").require(),
		prop("slack_team_id", text(`^T[A-Z0-9]{2,30}$`, "a workspace id like T0123456789"), func(s *Settings) *string { return &s.SlackTeamID },
			"The workspace that this app accepts requests from.").require(),
		prop("slack_app_id", text(`^A[A-Z0-9]{2,30}$`, "an app id like A0123456789"), func(s *Settings) *string { return &s.SlackAppID },
			"The Slack app that this app accepts requests from.").require(),
		prop("slack_bot_token", secret(), func(s *Settings) *SecretRef { return &s.SlackBotToken },
			"The name of the secret that holds the bot token.").require(),
		prop("slack_signing_secret", secrets(maxSigningSecrets), func(s *Settings) *[]SecretRef { return &s.SlackSigningSecrets },
			"The name of the secret that holds the Slack app's signing secret. Two names during a rotation (docs/operate/rotation.md).").require(),
		prop("config", statements(accountStatement), func(s *Settings) *[]access.Statement { return &s.Policy.Accounts },
			"Accounts and permission sets that people can request, who can, and who approves (docs/reference/policy.md). You can paste the JSON of the Terraform module here."),
		prop("group_config", statements(groupStatement), func(s *Settings) *[]access.Statement { return &s.Policy.Groups },
			"Identity Center groups that people can join for a time, who can, and who approves (docs/reference/policy.md). Groups that no statement covers are left alone."),
	}},
	{"Requests and durations", "", []property[Settings]{
		prop("max_permissions_duration_time", duration(hours, time.Second, maxAccessDuration, ""), func(s *Settings) *time.Duration { return &s.maxDuration },
			"The longest access that people can request. Forms offer durations up to it in steps of half an hour. If it is more than 50 hours, the steps are longer. If it is less than half an hour, they are a minute or shorter.").orDefault("24"),
		prop("permission_duration_list_override", choices(), func(s *Settings) *[]time.Duration { return &s.durationList },
			"The durations that forms offer, instead of steps up to max_permissions_duration_time. Empty: no override."),
		prop("request_expiration_hours", duration(hours, time.Second, maxExpiration, "the maximum, 300 days"), func(s *Settings) *time.Duration { return &s.RequestExpiration },
			"How long a request waits for approval before it expires.").orDefault("8"),
		prop("max_open_requests_per_person", whole(1, maxOpenRequests), func(s *Settings) *int { return &s.MaxOpenRequests },
			"How many undecided requests one person can have. A person is a user in Identity Center, even with several Slack users. For one target the limit is always one.").orDefault("10"),
		prop("approver_renotification_initial_wait_time", duration(minutes, time.Second, day, "no reminders"), func(s *Settings) *time.Duration { return &s.ReminderInitialWait },
			"How long after the request approvers get the first reminder.").orDefault("15"),
		prop("approver_renotification_backoff_multiplier", number(1, 100, "a number from 1 to 100"), func(s *Settings) *float64 { return &s.ReminderMultiplier },
			"Each wait for a reminder is this many times the previous one, up to 24 hours.").orDefault("2"),
	}},
	{"Slack and people", "", []property[Settings]{
		prop("slack_enterprise_id", textOrEmpty(`^E[A-Z0-9]{2,30}$`, "an enterprise id like E0123456789"), func(s *Settings) *string { return &s.SlackEnterpriseID },
			"The Slack enterprise that this app accepts requests from, if it is installed for an enterprise."),
		prop("send_dm_if_user_not_in_channel", boolean(), func(s *Settings) *bool { return &s.SendDM },
			"Send direct messages to requesters and approvers who are not in the channel of a request.").orDefault("true"),
		prop("revoker_post_update_to_slack", boolean(), func(s *Settings) *bool { return &s.PostRevoke },
			"Post in Slack when access has ended.").orDefault("true"),
		prop("approver_group_mentions", groupMentions(), func(s *Settings) *map[string]string { return &s.ApproverGroupMentions },
			"The Slack user groups to mention for Identity Center groups in Approvers, as a mapping of ids. Without one, a message mentions the first members of the group. Members outside the channel get direct messages in both cases."),
		prop("approve_confirmation", boolean(), func(s *Settings) *bool { return &s.ConfirmApprovals },
			"Make approvers confirm every approval in a dialog that shows the request as this app stored it. Otherwise the dialog opens only in the Home tab, and where the policy has Confirm or ApprovalsNeeded.").orDefault("false"),
		prop("deny_reason", oneOf("optional", "required", "off"), func(s *Settings) *string { return &s.DenyReason },
			"Whether approvers who press Deny are asked for a reason in a dialog. The requester, everyone in the channel and the audit log see the reason. off: a press denies at once.").orDefault("optional"),
		prop("deny_cooldown", duration(minutes, time.Second, access.MaxDenyCooldown, "no wait"), func(s *Settings) *time.Duration { return &s.DenyCooldown },
			"How long after a denial the requester must wait before they can request the same access again.").orDefault("15"),
		prop("extension_offer", duration(minutes, time.Second, day, "no offers"), func(s *Settings) *time.Duration { return &s.ExtensionOffer },
			"How long before access ends its requester gets a direct message that offers more time. For short access, the message comes when half of the time is over.").orDefault("30"),
		prop("incident_responders", list(approver(), 0, maxResponders), func(s *Settings) *[]string { return &s.Policy.IncidentResponders },
			"The people who can block a person and end everything they have, in this app's Home tab (docs/operate/compromised-account.md): emails, and Identity Center groups as group:ID. Empty: nobody can."),
		prop("secondary_fallback_email_domains", list(domain(), 0, 0), func(s *Settings) *[]string { return &s.SecondaryFallbackDomains },
			"Other email domains under which to search Identity Center for a requester whose own email it doesn't have. Messages and records say if one was used, and messages name the user. Nobody can approve through a fallback domain."),
	}},
	{"Unknown access", "**At the default `schedule_expression`, this app removes every direct user assignment and group membership that your policy\ncovers and that no request granted.** Set `schedule_expression: \"\"` for the first days, and read [unknown access](../operate/unknown-access.md).", []property[Settings]{
		prop("schedule_expression", scheduleExpression(), func(s *Settings) *string { return &s.RevokeSchedule },
			"Danger: when this app removes unknown access (UTC), which is every direct user assignment and group membership that the policy covers and no request granted. Empty: never.").orDefault("cron(0 23 * * ? *)"),
		prop("schedule_expression_for_check_on_inconsistency", scheduleExpression(), func(s *Settings) *string { return &s.WarnSchedule },
			"When this app searches for unknown access and reports it in Slack (UTC). Such a search removes nothing. Empty: never.").orDefault("rate(2 hours)"),
		prop("allow_reconcile_removals", boolean(), func(s *Settings) *bool { return &s.AllowRemovals },
			"Set false to keep every reconciliation from removing anything, even one started by hand. They then only report, and their reports have no buttons.").orDefault("true"),
		prop("reconcile_max_removals", whole(0, maxRemovals), func(s *Settings) *int { return &s.MaxRemovals },
			"How many assignments and memberships all reconciliations together can remove within 24 hours without asking in Slack. 0: always ask.").orDefault("25"),
		prop("reconcile_question_hours", duration(hours, time.Second, maxQuestionWait, ""), func(s *Settings) *time.Duration { return &s.QuestionWait },
			"How long a reconciliation waits for answers to its removal question. If nobody answers for some access, that access stays.").orDefault("12"),
		prop("reconcile_exemptions", list(exemption(), 0, maxExemptions), func(s *Settings) *[]access.Exemption { return &s.Policy.Exemptions },
			"Access that someone gave by hand in an emergency. It stays until the time in \"until\", at most 72 hours after the deployment. The exemption also ends 72 hours after a reconciliation first found the access. A list of {account, permission_set, email, until, reason} or {group, email, until, reason}. Steps: docs/operate/break-glass.md."),
		prop("drift_events", boolean(), func(s *Settings) *bool { return &s.DriftEvents },
			"Also search as soon as CloudTrail reports access that was created outside this app. Such a search only reports. It needs some preparation: docs/operate/cloudtrail.md.").orDefault("false"),
	}},
	{"Audit records", "Details are in [the audit bucket](audit-bucket.md).", []property[Settings]{
		prop("s3_object_lock", boolean(), func(s *Settings) *bool { return &s.ObjectLock },
			"Lock new audit records against deletion for the time in s3_object_lock_configuration. You can't turn it off again for a bucket (docs/reference/audit-bucket.md). Not set means false, with a warning.").orDefault("false"),
		prop("s3_object_lock_configuration", lockConfiguration, func(s *Settings) *objectLock { return &s.objectLock },
			"How long records are locked, and how strictly. Default: GOVERNANCE for 2 years."),
		prop("s3_bucket_name_for_audit_entry", bucketName(), func(s *Settings) *string { return &s.AuditBucketName },
			"The name of the audit bucket that this app creates. By default CloudFormation chooses one."),
		prop("s3_name_of_the_existing_bucket", bucketName(), func(s *Settings) *string { return &s.ExistingAuditBucket },
			"An existing bucket for the audit records. This app then creates none."),
		prop("s3_existing_bucket_kms_key_arn", keyARN(), func(s *Settings) *string { return &s.ExistingAuditKeyARN },
			"The KMS key of the existing bucket, if it is your own. The function that writes records gets permission to use it. The policy of a key in another account must also allow that (docs/reference/security.md)."),
		prop("s3_bucket_partition_prefix", convertKind(text(`^([A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*/?)?$`, "a key prefix without a leading slash, like logs or audit/elevator"), trimSlash), func(s *Settings) *string { return &s.AuditPrefix },
			"The prefix of the audit records' keys. Empty: the bucket's root.").orDefault("logs"),
		prop("s3_mfa_delete", boolean(), func(s *Settings) *bool { return &s.MFADelete },
			"Require the root user's MFA to delete a version of a record. CloudFormation can't turn this on: run the command in the output TurnOnMFADelete (docs/reference/audit-bucket.md).").orDefault("false"),
		prop("s3_logging", accessLogsKind, func(s *Settings) *accessLogs { return &s.accessLogs },
			"Make S3 log access to the audit bucket, to target_bucket under target_prefix. Empty: no logs. The target bucket must allow it (docs/reference/audit-bucket.md)."),
		prop("athena", boolean(), func(s *Settings) *bool { return &s.Athena },
			"Create an Athena table over the audit records, with example queries. Set false if this stack can't write to the Glue catalog, as under Lake Formation.").orDefault("true"),
	}},
	{"Identity Center and accounts", "", []property[Settings]{
		prop("sso_instance_arn", textOrEmpty(`^arn:aws(-[a-z]+)*:sso:::instance/(sso)?ins-[A-Za-z0-9.-]{16}$`, "the ARN of an Identity Center instance, like arn:aws:sso:::instance/ssoins-0123456789abcdef"), func(s *Settings) *string { return &s.SSOInstanceARN },
			"The Identity Center instance. By default this app finds it."),
		prop("sso_region", textOrEmpty(`^[a-z]{2}(-[a-z]+)+-[0-9]$`, "a region like eu-central-1"), func(s *Settings) *string { return &s.SSORegion },
			"The region of Identity Center, if it is not the stack's region."),
		prop("access_portal_url", convertKind(textOrEmpty(access.PortalPattern, "the https address of an AWS access portal, like https://example.awsapps.com/start, without ? and #"), trimSlash), func(s *Settings) *string { return &s.AccessPortalURL },
			"The address of your AWS access portal. Messages about granted access link to it. By default it is https://d-0123456789.awsapps.com/start, with the id of your identity store. Set it if your portal has a custom subdomain. In GovCloud and China there is no default, and without this setting messages have no link."),
		prop("manage_management_account", boolean(), func(s *Settings) *bool { return &s.ManageManagementAccount },
			"Grant access to the management account too, if the stack is deployed there. The functions grant and revoke get more IAM permissions for that (docs/reference/permissions.md). Without it, AWS refuses assignments in that account. In any other account it has no effect.").orDefault("false"),
		prop("protected_account_ids", list(accountID(), 0, 0), func(s *Settings) *[]string { return &s.Policy.ProtectedAccounts },
			"Accounts that \"*\" and organizational units don't cover. Only statements with their ids do. Name this app's own account and the management account: powerful access there is power over this app (docs/reference/policy.md#power-over-this-app)."),
		prop("allow_managed_decision_groups", boolean(), func(s *Settings) *bool { return &s.Policy.AllowManagedDecisionGroups },
			"Danger: let people request to join groups that are in AllowedGroups or Approvers. Those who get in can then request or approve what these groups can (docs/reference/policy.md#groups-that-decide).").orDefault("false"),
		prop("catalog_refresh_interval", duration(minutes, time.Minute, day, ""), func(s *Settings) *time.Duration { return &s.CatalogRefresh },
			"How often the catalog is refreshed, in whole minutes, rounded up. New accounts, permission sets and groups appear in forms after this time at most.").orDefault("10"),
	}},
	{"Keys and permissions", "Details are in [security](security.md) and [permissions](permissions.md).", []property[Settings]{
		prop("kms_key_arn", keyARN(), func(s *Settings) *string { return &s.KMSKeyARN },
			"Your own KMS key, in the stack's region, for the table, the buckets that this app creates, the log groups and the alarm topic. The key's policy must allow that (docs/reference/security.md). By default AWS's keys encrypt them."),
		prop("identity_center_kms_key_arn", keyARN(), func(s *Settings) *string { return &s.IdentityCenterKeyARN },
			"Your own KMS key that encrypts Identity Center's data, if it has one. The functions that call Identity Center get permission to use it. The key's policy, in the management account, must also allow them (docs/reference/security.md)."),
		prop("permissions_boundary", textOrEmpty(`^arn:aws(-[a-z]+)*:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=,.@_/-]{1,512}$`, "the ARN of an IAM policy, like arn:aws:iam::111111111111:policy/boundary"), func(s *Settings) *string { return &s.PermissionsBoundary },
			"The permissions boundary of every role in the stack. It must allow the permissions in docs/reference/permissions.md."),
	}},
	{"Alarms and logs", "", []property[Settings]{
		prop("aws_sns_topic_subscription_email", textOrEmpty(emailPattern, emailKind.expected), func(s *Settings) *string { return &s.AlarmEmail },
			"The email address that gets the alarms."),
		prop("log_level", convertKind(oneOf("DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL"), toSlogLevel), func(s *Settings) *string { return &s.LogLevel },
			"The lowest level that the functions log. WARNING means WARN, and CRITICAL means ERROR, as in Python.").orDefault("INFO"),
		prop("logs_retention_in_days", oneOfNumbers("a CloudWatch Logs retention in days (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653), or 0 for forever", retentions...), func(s *Settings) *int { return &s.LogRetentionDays },
			"How many days logs are kept.").orDefault("365"),
	}},
	{"The URL that Slack calls", "", []property[Settings]{
		prop("create_api_gateway", boolean(), func(s *Settings) *bool { return &s.APIGateway },
			"Create the HTTP API that Slack calls. Set false only with create_lambda_url: true.").orDefault("true"),
		prop("create_lambda_url", boolean(), func(s *Settings) *bool { return &s.FunctionURL },
			"Give the function ingress its own public URL. The same code checks Slack's signature there, but only the function's concurrency limits how often the URL is called. Leave it off unless you need it.").orDefault("false"),
		prop("api_gateway_name", textOrEmpty(apiNamePattern, "the name of an API: up to 128 letters, digits, spaces, dots, hyphens and underscores"), func(s *Settings) *string { return &s.APIName },
			"The HTTP API's name. Default: name_prefix with -slack."),
		prop("api_gateway_throttling_rate_limit", number(1, maxPerSecond, "a number from 1 to 10000"), func(s *Settings) *float64 { return &s.SlackPerSecond },
			"How many requests a second the HTTP API accepts from Slack over time. Forms send several a second while people type.").orDefault("50"),
		prop("api_gateway_throttling_burst_limit", whole(1, maxAtOnce), func(s *Settings) *int { return &s.SlackAtOnce },
			"How many requests the HTTP API accepts at once.").orDefault("100"),
		prop("ingress_reserved_concurrency", whole(0, maxReserved), func(s *Settings) *int { return &s.IngressReserved },
			"Instances reserved for the function that Slack calls, and its limit. With a reservation, a flood of calls can't use up the concurrency of the account's other functions. At least 10, or 0 for none, as in accounts with a low quota (docs/reference/security.md).").orDefault("0"),
	}},
	{"Names and functions", "Choose names before the first deployment.", []property[Settings]{
		prop("name_prefix", namePrefix(), func(s *Settings) *string { return &s.NamePrefix },
			"The name of the stack, and the prefix of the names in it.").orDefault("sso-elevator"),
		prop("tags", tags(), func(s *Settings) *map[string]string { return &s.Tags },
			"Tags for every resource."),
		prop("architecture", oneOf("arm64", "x86_64"), func(s *Settings) *string { return &s.Architecture },
			"The functions' processor.").orDefault("arm64"),
		prop("lambda_memory_size", whole(minMemory, maxMemory), func(s *Settings) *int { return &s.MemoryMiB },
			"The functions' memory in MiB, which also sets their share of a processor. The function that Slack calls has at least 512.").orDefault("256"),
		prop("revoke_reserved_concurrency", whole(0, maxReserved), func(s *Settings) *int { return &s.RevokeReserved },
			"Instances reserved for the function that removes access, and its limit. Removals then start on time however busy the account is. At least 10, or 0 for none.").orDefault("0"),
		prop("requester_lambda_name", textOrEmpty(functionNamePattern, functionNameExpected), func(s *Settings) *string { return &s.IngressFunctionName },
			"The name of the function that answers Slack. Default: name_prefix with -ingress. Don't use the name of an existing function, such as the Terraform module's."),
		prop("revoker_lambda_name", textOrEmpty(functionNamePattern, functionNameExpected), func(s *Settings) *string { return &s.RevokeFunctionName },
			"The name of the function that removes access. Default: name_prefix with -revoke. Don't use the name of an existing function. Choose it before the first deployment: open requests call the function by its name."),
		prop("event_brige_check_on_inconsistency_rule_name", scheduleName(), func(s *Settings) *string { return &s.WarnScheduleName },
			"The name of the schedule that reports unknown access. Default: name_prefix with -warn."),
		prop("event_brige_scheduled_revocation_rule_name", scheduleName(), func(s *Settings) *string { return &s.RevokeScheduleName },
			"The name of the schedule that removes unknown access. Default: name_prefix with -revoke."),
		prop("event_bridge_check_on_inconsistency_rule_name", scheduleName(), func(s *Settings) *string { return &s.warnScheduleAlias },
			"The same as event_brige_check_on_inconsistency_rule_name, in the spelling of later versions of the Terraform module."),
		prop("event_bridge_scheduled_revocation_rule_name", scheduleName(), func(s *Settings) *string { return &s.revokeScheduleAlias },
			"The same as event_brige_scheduled_revocation_rule_name, in the spelling of later versions of the Terraform module."),
		prop("schedule_group_name", scheduleGroup(), func(s *Settings) *string { return &s.ScheduleGroup },
			"The schedule group to create for all schedules. Default: the group default. If you change it, the schedules are created again in the new group."),
		prop("schedule_role_name", textOrEmpty(roleNamePattern, "the name of a role: up to 64 letters, digits and _+=,.@-"), func(s *Settings) *string { return &s.ScheduleRole },
			"The name of the role that starts reconciliations. By default CloudFormation chooses one."),
		prop("config_bucket_name", bucketName(), func(s *Settings) *string { return &s.CatalogBucketName },
			"The name of the bucket that this app creates for the catalog. By default CloudFormation chooses one."),
	}},
	{"Retries", "The defaults suit nearly everyone.", []property[Settings]{
		prop("retry_interval", duration(seconds, time.Second, time.Minute, ""), func(s *Settings) *time.Duration { return &s.RetryInterval },
			"The wait before the first retry of a failed step. It doubles from there.").orDefault("1s"),
		prop("retry_max_delay", duration(seconds, time.Second, 5*time.Minute, ""), func(s *Settings) *time.Duration { return &s.RetryMaxDelay },
			"The longest wait between two tries of a failing step, or twice retry_interval if that is longer. Messages about how a request ended wait up to 20 times as long. Longer waits spare a service that is down; shorter ones notice sooner that it is back.").orDefault("30s"),
		prop("revoke_retry_wait", duration(seconds, time.Second, time.Hour, ""), func(s *Settings) *time.Duration { return &s.RevokeRetryWait },
			"The wait between two rounds of a removal that keeps failing. Also the wait before the app rechecks an approved request that the policy couldn't decide.").orDefault("60s"),
		prop("announce_retry_wait", duration(seconds, time.Second, time.Hour, ""), func(s *Settings) *time.Duration { return &s.AnnounceRetryWait },
			"The wait before a request is announced again after Slack failed. Also the wait before the app rechecks a new request that the policy couldn't decide.").orDefault("30s"),
	}},
}

// settingsFields are the settings of all sections.
var settingsFields = func() []property[Settings] {
	var all []property[Settings]
	for _, s := range sections {
		all = append(all, s.settings...)
	}
	return all
}()

// settingsKind is the whole file.
var settingsKind = object("a mapping of settings", withoutCounterpart, settingsFields...)
