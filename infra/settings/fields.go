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

// maxQuestionWait is how long a run can wait for a person's answer. After a longer
// wait, its findings would be out of date.
const maxQuestionWait = 7 * day

// maxRemovals is more than an organization of 10,000 accounts can need. It catches
// numbers that are too large.
const maxRemovals = 1_000_000

// maxOpenRequests limits the row that has a person's claims: a claim takes up to
// 200 bytes, and the row should take only a few reads of 4 KB.
const maxOpenRequests = 100

// maxSigningSecrets allows the old and the new secret during a rotation.
const maxSigningSecrets = 2

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

// settingsFields are all settings, in the order of the documentation. Settings that
// the reference has too have the reference's names.
var settingsFields = []property[Settings]{
	// The policy.
	prop("config", statements(accountStatement), func(s *Settings) *[]access.Statement { return &s.Policy.Accounts },
		"Who may get which permission set in which account, and who approves. The JSON of a terraform-aws-sso-elevator deployment can stand here as it is."),
	prop("group_config", statements(groupStatement), func(s *Settings) *[]access.Statement { return &s.Policy.Groups },
		"Who may become a member of which Identity Center group, and who approves. Groups that no statement names are left alone."),

	// Slack.
	prop("slack_bot_token", secret(), func(s *Settings) *SecretRef { return &s.SlackBotToken },
		"Where the bot's token is kept.").require(),
	prop("slack_signing_secret", secrets(maxSigningSecrets), func(s *Settings) *[]SecretRef { return &s.SlackSigningSecrets },
		"Where the Slack app's signing secret is kept. Two while one is changed for another (docs/operate/rotation.md).").require(),
	prop("slack_channel_id", text(`^[CG][A-Z0-9]{2,30}$`, "a channel's id, like C0123456789 (not its name)"), func(s *Settings) *string { return &s.SlackChannelID },
		"The channel that requests are posted in.").require(),
	prop("slack_team_id", text(`^T[A-Z0-9]{2,30}$`, "a workspace's id, like T0123456789"), func(s *Settings) *string { return &s.SlackTeamID },
		"The workspace that requests are accepted from.").require(),
	prop("slack_enterprise_id", textOrEmpty(`^E[A-Z0-9]{2,30}$`, "an enterprise's id, like E0123456789"), func(s *Settings) *string { return &s.SlackEnterpriseID },
		"The enterprise that requests are accepted from, where the app is installed for one."),
	prop("slack_app_id", text(`^A[A-Z0-9]{2,30}$`, "an app's id, like A0123456789"), func(s *Settings) *string { return &s.SlackAppID },
		"The Slack app whose requests are accepted.").require(),
	prop("send_dm_if_user_not_in_channel", boolean(), func(s *Settings) *bool { return &s.SendDM },
		"Tell requesters who are not in the channel by direct message.").orDefault("true"),
	prop("revoker_post_update_to_slack", boolean(), func(s *Settings) *bool { return &s.PostRevoke },
		"Say in Slack when access has ended.").orDefault("true"),
	prop("secondary_fallback_email_domains", list(domain(), 0, 0), func(s *Settings) *[]string { return &s.SecondaryFallbackDomains },
		"Domains under which to look for requesters whose own address Identity Center does not have. Messages and audit say so when one was used, and messages name the user; nobody approves through one."),

	// The endpoint that Slack calls.
	prop("create_api_gateway", boolean(), func(s *Settings) *bool { return &s.APIGateway },
		"Make the HTTP API that Slack calls. false only with create_lambda_url: true.").orDefault("true"),
	prop("create_lambda_url", boolean(), func(s *Settings) *bool { return &s.FunctionURL },
		"Give the function ingress a URL of its own, open to everybody like the API, and checked for Slack's signature by the same code. Nothing but the function's concurrency limits how often it is called, so leave it off unless you need it.").orDefault("false"),
	prop("api_gateway_name", textOrEmpty(apiNamePattern, "the name of an API: up to 128 letters, digits, spaces, dots, hyphens and underscores"), func(s *Settings) *string { return &s.APIName },
		"The HTTP API's name. Without it: name_prefix and -slack."),
	prop("api_gateway_throttling_rate_limit", number(1, maxPerSecond, "a number from 1 to 10000"), func(s *Settings) *float64 { return &s.SlackPerSecond },
		"How many of Slack's requests a second the HTTP API lets through in the long run. Forms ask as one types.").orDefault("50"),
	prop("api_gateway_throttling_burst_limit", whole(1, maxAtOnce), func(s *Settings) *int { return &s.SlackAtOnce },
		"How many it lets through at once.").orDefault("100"),

	// Times.
	prop("max_permissions_duration_time", duration(hours, time.Second, maxAccessDuration, ""), func(s *Settings) *time.Duration { return &s.maxDuration },
		"The longest access that can be asked for. The choice goes up to it by half hours, by wider steps above 50 hours, by minutes or less below half an hour.").orDefault("24"),
	prop("permission_duration_list_override", choices(), func(s *Settings) *[]time.Duration { return &s.durationList },
		"The durations that can be asked for, instead of those up to max_permissions_duration_time. Empty: no override."),
	prop("request_expiration_hours", duration(hours, time.Second, maxExpiration, "300 days, the longest there is"), func(s *Settings) *time.Duration { return &s.RequestExpiration },
		"How long a request waits for approval.").orDefault("8"),
	prop("max_open_requests_per_person", whole(1, maxOpenRequests), func(s *Settings) *int { return &s.MaxOpenRequests },
		"How many requests of one person may wait for a decision at the same time. A person is a user in Identity Center, whichever Slack user submits the request. For one target only one request can wait, whatever stands here.").orDefault("10"),
	prop("approver_renotification_initial_wait_time", duration(minutes, time.Second, day, "no reminders"), func(s *Settings) *time.Duration { return &s.ReminderInitialWait },
		"How long after the request the approvers are reminded for the first time.").orDefault("15"),
	prop("approver_renotification_backoff_multiplier", number(1, 100, "a number from 1 to 100"), func(s *Settings) *float64 { return &s.ReminderMultiplier },
		"How many times as long as the last wait each further one is; 24 hours at most.").orDefault("2"),

	// Access that no request granted.
	prop("schedule_expression_for_check_on_inconsistency", scheduleExpression(), func(s *Settings) *string { return &s.WarnSchedule },
		"When access that no request granted is looked for and told of in Slack; nothing is removed. In UTC. Empty: never.").orDefault("rate(2 hours)"),
	prop("schedule_expression", scheduleExpression(), func(s *Settings) *string { return &s.RevokeSchedule },
		"When access that no request granted is removed. In UTC. Empty: never.").orDefault("cron(0 23 * * ? *)"),
	prop("event_brige_check_on_inconsistency_rule_name", scheduleName(), func(s *Settings) *string { return &s.WarnScheduleName },
		"The name of the schedule that tells. Without it: name_prefix and -warn."),
	prop("event_brige_scheduled_revocation_rule_name", scheduleName(), func(s *Settings) *string { return &s.RevokeScheduleName },
		"The name of the schedule that removes. Without it: name_prefix and -revoke."),
	prop("event_bridge_check_on_inconsistency_rule_name", scheduleName(), func(s *Settings) *string { return &s.warnScheduleAlias },
		"The same as event_brige_check_on_inconsistency_rule_name: how later versions of the reference spell it."),
	prop("event_bridge_scheduled_revocation_rule_name", scheduleName(), func(s *Settings) *string { return &s.revokeScheduleAlias },
		"The same as event_brige_scheduled_revocation_rule_name: how later versions of the reference spell it."),
	prop("schedule_group_name", scheduleGroup(), func(s *Settings) *string { return &s.ScheduleGroup },
		"The group to make for all schedules. Without it they are in the group default. Schedules of another group are other schedules: to change it is to make them anew."),
	prop("schedule_role_name", textOrEmpty(roleNamePattern, "the name of a role: up to 64 letters, digits and _+=,.@-"), func(s *Settings) *string { return &s.ScheduleRole },
		"The name of the role that starts the runs that look for such access. Without it CloudFormation chooses one."),
	prop("allow_reconcile_removals", boolean(), func(s *Settings) *bool { return &s.AllowRemovals },
		"false: no run removes anything, whoever starts it; runs that would remove only report.").orDefault("true"),
	prop("reconcile_max_removals", whole(0, maxRemovals), func(s *Settings) *int { return &s.MaxRemovals },
		"How many assignments and memberships all runs together may remove within 24 hours without asking a person in Slack. 0: always ask.").orDefault("25"),
	prop("reconcile_exemptions", list(exemption(), 0, maxExemptions), func(s *Settings) *[]access.Exemption { return &s.Policy.Exemptions },
		"Access that somebody gave by hand in an emergency, and that runs leave alone until a time, at most 72 hours after the deployment: a list of {account, permission_set, email, until, reason} or {group, email, until, reason}. How to use it: docs/operate/break-glass.md."),
	prop("reconcile_question_hours", duration(hours, time.Second, maxQuestionWait, ""), func(s *Settings) *time.Duration { return &s.QuestionWait },
		"How long the run waits for answers. What nobody releases until then is left.").orDefault("12"),
	prop("drift_events", boolean(), func(s *Settings) *bool { return &s.DriftEvents },
		"Look at once when CloudTrail says that somebody else gave access, beside the schedules. What that needs is in docs/operate/cloudtrail.md.").orDefault("false"),

	// AWS.
	prop("name_prefix", namePrefix(), func(s *Settings) *string { return &s.NamePrefix },
		"Begins the name of the stack and of what is in it.").orDefault("sso-elevator"),
	prop("architecture", oneOf("arm64", "x86_64"), func(s *Settings) *string { return &s.Architecture },
		"The functions' processor.").orDefault("arm64"),
	prop("requester_lambda_name", textOrEmpty(functionNamePattern, functionNameExpected), func(s *Settings) *string { return &s.IngressFunctionName },
		"The name of the function that answers Slack. Without it: name_prefix and -ingress. Not that of a function that exists, as the reference's own."),
	prop("revoker_lambda_name", textOrEmpty(functionNamePattern, functionNameExpected), func(s *Settings) *string { return &s.RevokeFunctionName },
		"The name of the function that takes access away. Without it: name_prefix and -revoke. Not that of a function that exists. To be chosen before the first deployment: requests that are open call the function by its name."),
	prop("lambda_memory_size", whole(minMemory, maxMemory), func(s *Settings) *int { return &s.MemoryMiB },
		"The functions' memory in MiB, and with it their share of a processor. The one that answers Slack has 512 at least.").orDefault("256"),
	prop("sso_instance_arn", textOrEmpty(`^arn:aws(-[a-z]+)*:sso:::instance/(sso)?ins-[A-Za-z0-9.-]{16}$`, "the ARN of an Identity Center instance, like arn:aws:sso:::instance/ssoins-0123456789abcdef"), func(s *Settings) *string { return &s.SSOInstanceARN },
		"The Identity Center instance. Without it the functions use the one they find."),
	prop("identity_center_kms_key_arn", keyARN(), func(s *Settings) *string { return &s.IdentityCenterKeyARN },
		"The key of your own that Identity Center encrypts people and groups with, where it has one: the functions that ask Identity Center get the right to use it. Its policy, which the management account has, needs them, too: docs/reference/security.md."),
	prop("sso_region", textOrEmpty(`^[a-z]{2}(-[a-z]+)+-[0-9]$`, "a region, like eu-central-1"), func(s *Settings) *string { return &s.SSORegion },
		"The region of Identity Center, where it is not the stack's."),
	prop("manage_management_account", boolean(), func(s *Settings) *bool { return &s.ManageManagementAccount },
		"Give access to the management account as well, where the stack is deployed in that account. The functions grant and revoke get rights in IAM for it (docs/reference/security.md). Without it, AWS refuses each assignment there. In any other account it has no effect: leave it out.").orDefault("false"),
	prop("catalog_refresh_interval", duration(minutes, time.Minute, day, ""), func(s *Settings) *time.Duration { return &s.CatalogRefresh },
		"How often accounts, permission sets and groups are listed for the forms, in whole minutes, rounded up. A new one can be asked for after that long at most.").orDefault("10"),
	prop("config_bucket_name", bucketName(), func(s *Settings) *string { return &s.CatalogBucketName },
		"The name of the bucket to make for the list of accounts, permission sets and groups. Without it CloudFormation chooses one."),
	prop("protected_account_ids", list(accountID(), 0, 0), func(s *Settings) *[]string { return &s.ProtectedAccounts },
		"Accounts in which powerful access is the power to change this system or the organization: the one that it runs in, the management account. Only for the warnings about the policy; it forbids nothing."),
	prop("permissions_boundary", textOrEmpty(`^arn:aws(-[a-z]+)*:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=,.@_/-]{1,512}$`, "the ARN of an IAM policy, like arn:aws:iam::111111111111:policy/boundary"), func(s *Settings) *string { return &s.PermissionsBoundary },
		"The permissions boundary of every role that the stack makes. What it has to leave is in docs/reference/security.md."),
	prop("kms_key_arn", keyARN(), func(s *Settings) *string { return &s.KMSKeyARN },
		"The key of your own, in the stack's region, that encrypts the table, the buckets that the stack makes, the log groups and the alarms' topic. Its policy has to let them: docs/reference/security.md. Without it: keys of AWS."),
	prop("ingress_reserved_concurrency", whole(0, maxReserved), func(s *Settings) *int { return &s.IngressReserved },
		"How many instances of the function that Slack calls are kept for it, and are the most that it gets: whoever floods the endpoint then takes none from the account's other functions. At least 10; 0: none, as in accounts with too small a quota (docs/reference/security.md).").orDefault("0"),
	prop("revoke_reserved_concurrency", whole(0, maxReserved), func(s *Settings) *int { return &s.RevokeReserved },
		"How many instances of the function that removes access are kept for it, and are the most that it gets: removals then begin in time whatever else runs in the account. At least 10; 0: none.").orDefault("0"),
	prop("aws_sns_topic_subscription_email", textOrEmpty(emailPattern, emailKind.expected), func(s *Settings) *string { return &s.AlarmEmail },
		"Who gets the alarms by mail."),
	prop("log_level", convertKind(oneOf("DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL"), toSlogLevel), func(s *Settings) *string { return &s.LogLevel },
		"The least that the functions log. WARNING is WARN, and CRITICAL is ERROR, for those who come from Python.").orDefault("INFO"),
	prop("logs_retention_in_days", oneOfNumbers("a number of days that CloudWatch Logs takes (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653), or 0 for ever", retentions...), func(s *Settings) *int { return &s.LogRetentionDays },
		"How long logs are kept.").orDefault("365"),
	prop("tags", tags(), func(s *Settings) *map[string]string { return &s.Tags },
		"Tags of every resource."),

	// Audit.
	prop("s3_bucket_name_for_audit_entry", bucketName(), func(s *Settings) *string { return &s.AuditBucketName },
		"The name of the audit bucket to make. Without it CloudFormation chooses one."),
	prop("s3_name_of_the_existing_bucket", bucketName(), func(s *Settings) *string { return &s.ExistingAuditBucket },
		"A bucket that exists, to write the audit records to instead of making one."),
	prop("s3_existing_bucket_kms_key_arn", keyARN(), func(s *Settings) *string { return &s.ExistingAuditKeyARN },
		"The key that encrypts the existing bucket, where it is one of your own: the function that writes the records gets the right to use it. In another account its policy has to permit that, too: docs/reference/security.md."),
	prop("s3_bucket_partition_prefix", convertKind(text(`^([A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*/?)?$`, "the beginning of a key, like logs or audit/elevator"), trimSlash), func(s *Settings) *string { return &s.AuditPrefix },
		"Begins the keys of the audit records. Empty: the bucket's root.").orDefault("logs"),
	prop("s3_object_lock", boolean(), func(s *Settings) *bool { return &s.ObjectLock },
		"Keep audit records from being deleted by anybody, whatever the bucket's policy says, for the time of s3_object_lock_configuration. Left out is false, with a warning.").orDefault("false"),
	prop("s3_object_lock_configuration", lockConfiguration, func(s *Settings) *objectLock { return &s.objectLock },
		"How long, and how strictly. Without it: GOVERNANCE for 2 years."),
	prop("s3_mfa_delete", boolean(), func(s *Settings) *bool { return &s.MFADelete },
		"Versions of records are to be deleted with the root user's MFA only. CloudFormation can't turn that on: the output TurnOnMFADelete has the command (docs/reference/audit-bucket.md).").orDefault("false"),
	prop("s3_logging", accessLogsKind, func(s *Settings) *accessLogs { return &s.accessLogs },
		"Where S3 logs who reads and writes the audit bucket: target_bucket and target_prefix. Empty: nowhere. What that bucket has to permit is in docs/reference/audit-bucket.md."),
	prop("athena", boolean(), func(s *Settings) *bool { return &s.Athena },
		"Make the audit records a table in Athena, with example queries. false where Glue's catalog is not the stack's to write, as under Lake Formation.").orDefault("true"),

	// Retries.
	prop("retry_interval", duration(seconds, time.Second, time.Minute, ""), func(s *Settings) *time.Duration { return &s.RetryInterval },
		"The wait before a failed step is tried again, the first time; it doubles from there.").orDefault("1s"),
	prop("retry_max_delay", duration(seconds, time.Second, 5*time.Minute, ""), func(s *Settings) *time.Duration { return &s.RetryMaxDelay },
		"The longest wait between two tries of a failing step; twice retry_interval where that is longer. More is easier on a service that is down, less is sooner back when it is up.").orDefault("30s"),
	prop("revoke_retry_wait", duration(seconds, time.Second, time.Hour, ""), func(s *Settings) *time.Duration { return &s.RevokeRetryWait },
		"The wait between two rounds of a removal that keeps failing.").orDefault("60s"),
	prop("announce_retry_wait", duration(seconds, time.Second, time.Hour, ""), func(s *Settings) *time.Duration { return &s.AnnounceRetryWait },
		"The wait before a request that Slack did not take is announced again.").orDefault("30s"),
}

// settingsKind is the whole file.
var settingsKind = object("a mapping of settings", withoutCounterpart, settingsFields...)
