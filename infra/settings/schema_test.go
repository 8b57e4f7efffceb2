package settings

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

var docs = filepath.Join("..", "..", "docs", "reference")

func TestSchemaIsUpToDate(t *testing.T) {
	golden(t, filepath.Join(docs, "elevator.schema.json"), Schema())
}

func TestDocumentationIsUpToDate(t *testing.T) {
	golden(t, filepath.Join(docs, "settings.md"), Documentation())
}

// The example points editors to the schema.
func TestExampleNamesTheSchema(t *testing.T) {
	data := readFile(t, filepath.Join("..", "..", "elevator.example.yaml"))
	if first, want := strings.SplitN(data, "\n", 2)[0], "# yaml-language-server: $schema=docs/reference/elevator.schema.json"; first != want {
		t.Errorf("the first line is %q, want %q", first, want)
	}
}

// validator checks a value against the part of JSON Schema that our schema uses. An
// unknown keyword fails the test.
type validator struct{ t *testing.T }

func (v validator) valid(s map[string]any, value any) bool {
	v.t.Helper()
	for keyword, want := range s {
		if !v.holds(keyword, want, s, value) {
			return false
		}
	}
	return true
}

func (v validator) holds(keyword string, want any, s map[string]any, value any) bool {
	text, isText := value.(string)
	number, isNumber := value.(float64)
	items, isList := value.([]any)
	fields, isObject := value.(map[string]any)
	switch keyword {
	case "$schema", "title", "description", "default":
		return true
	case "type":
		names, many := want.([]any)
		if !many {
			names = []any{want}
		}
		return slices.ContainsFunc(names, func(name any) bool {
			switch name {
			case "null":
				return value == nil
			case "boolean":
				_, ok := value.(bool)
				return ok
			case "string":
				return isText
			case "number":
				return isNumber
			case "integer":
				return isNumber && number == math.Trunc(number)
			case "array":
				return isList
			case "object":
				return isObject
			}
			v.t.Fatalf("unknown type %v", name)
			return false
		})
	case "enum":
		return slices.ContainsFunc(want.([]any), func(one any) bool { return reflect.DeepEqual(one, value) })
	case "pattern":
		return !isText || regexp.MustCompile(want.(string)).MatchString(text)
	case "maxLength":
		return !isText || len([]rune(text)) <= int(want.(float64))
	case "minimum":
		return !isNumber || number >= want.(float64)
	case "maximum":
		return !isNumber || number <= want.(float64)
	case "anyOf":
		return slices.ContainsFunc(want.([]any), func(one any) bool { return v.valid(one.(map[string]any), value) })
	case "if":
		if v.valid(want.(map[string]any), value) {
			return v.valid(s["then"].(map[string]any), value)
		}
		return v.valid(s["else"].(map[string]any), value)
	case "then", "else": // see "if"
		return true
	case "items":
		return !slices.ContainsFunc(items, func(i any) bool { return !v.valid(want.(map[string]any), i) })
	case "minItems":
		return !isList || len(items) >= int(want.(float64))
	case "maxItems":
		return len(items) <= int(want.(float64))
	case "required":
		return !isObject || !slices.ContainsFunc(want.([]any), func(key any) bool { _, ok := fields[key.(string)]; return !ok })
	case "maxProperties":
		return len(fields) <= int(want.(float64))
	case "propertyNames":
		for key := range fields {
			if !v.valid(want.(map[string]any), key) {
				return false
			}
		}
		return true
	case "properties":
		for key, one := range want.(map[string]any) {
			if field, ok := fields[key]; ok && !v.valid(one.(map[string]any), field) {
				return false
			}
		}
		return true
	case "additionalProperties":
		known, _ := s["properties"].(map[string]any)
		for key, field := range fields {
			if _, ok := known[key]; ok {
				continue
			}
			if want == false || want != true && !v.valid(want.(map[string]any), field) {
				return false
			}
		}
		return true
	}
	v.t.Fatalf("the test's validator does not know the keyword %s", keyword)
	return false
}

// fromYAML returns a document as an editor passes it to a schema.
func fromYAML(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func parsedSchema(t *testing.T) map[string]any {
	t.Helper()
	var s map[string]any
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// samples are right and wrong values of each setting, as written in the file. Each
// setting has both. The test compares loader and schema for each value.
var samples = map[string]struct{ right, wrong []string }{
	"config":                         {[]string{`[]`, `[{Resource: "*", PermissionSet: "*"}]`, `~`}, []string{`{}`, `x`, `[1]`, `[~]`, `[[]]`, `[{}]`, `[{Resource: "*"}]`, `[{PermissionSet: "*"}]`, `[{Resource: ~, PermissionSet: "*"}]`, `[{Resource: "*", PermissionSet: "*", Owner: x}]`}},
	"group_config":                   {[]string{`[]`, `[{Resource: "*"}]`, `[{Resource: [99999999-8888-7777-6666-555555555555, 9067642ac7-99999999-8888-7777-6666-555555555555]}]`}, []string{`{}`, `[{}]`, `[{Resource: "*", PermissionSet: "*"}]`, `[{Resource: "*", ResourceType: Account}]`, `[{Resource: admins}]`, `[{Resource: []}]`}},
	"slack_bot_token":                {[]string{`/a`, `/sso-elevator/slack-bot-token`, `ssm:/a/b.c_d`, `secretsmanager:a/b`, `"secretsmanager:arn:aws:secretsmanager:eu-central-1:111111111111:secret:x-AbCdEf"`}, []string{`xoxb-1`, `a/b`, `/`, `/a/`, `ssm:a`, `"secretsmanager:"`, `1`, `[]`, `{}`, `""`, `~`}},
	"permissions_boundary":           {[]string{`arn:aws:iam::111111111111:policy/boundary`, `arn:aws-us-gov:iam::111111111111:policy/path/b+=,.@-_`, `arn:aws:iam::aws:policy/PowerUserAccess`, `""`, `~`}, []string{`boundary`, `arn:aws:iam::1:policy/b`, `arn:aws:iam::111111111111:role/b`, `arn:aws:iam::111111111111:policy/`, `"arn:aws:iam::111111111111:policy/*"`, `1`, `[]`}},
	"kms_key_arn":                    {[]string{`arn:aws:kms:eu-central-1:111111111111:key/01234567-89ab-cdef-0123-456789abcdef`, `arn:aws-us-gov:kms:us-gov-west-1:111111111111:key/mrk-0123456789abcdef0123456789abcdef`, `""`, `~`}, []string{`01234567-89ab-cdef-0123-456789abcdef`, `alias/elevator`, `arn:aws:kms:eu-central-1:111111111111:alias/elevator`, `"arn:aws:kms:*:111111111111:key/01234567-89ab-cdef-0123-456789abcdef"`, `1`, `[]`}},
	"identity_center_kms_key_arn":    {[]string{`arn:aws:kms:eu-central-1:111111111111:key/01234567-89ab-cdef-0123-456789abcdef`, `arn:aws-us-gov:kms:us-gov-west-1:111111111111:key/mrk-0123456789abcdef0123456789abcdef`, `""`, `~`}, []string{`01234567-89ab-cdef-0123-456789abcdef`, `alias/elevator`, `arn:aws:kms:eu-central-1:111111111111:alias/elevator`, `"arn:aws:kms:*:111111111111:key/01234567-89ab-cdef-0123-456789abcdef"`, `1`, `[]`}},
	"s3_existing_bucket_kms_key_arn": {[]string{`arn:aws:kms:eu-central-1:111111111111:key/01234567-89ab-cdef-0123-456789abcdef`, `arn:aws-us-gov:kms:us-gov-west-1:111111111111:key/mrk-0123456789abcdef0123456789abcdef`, `""`, `~`}, []string{`01234567-89ab-cdef-0123-456789abcdef`, `alias/elevator`, `arn:aws:kms:eu-central-1:111111111111:alias/elevator`, `"arn:aws:kms:*:111111111111:key/01234567-89ab-cdef-0123-456789abcdef"`, `1`, `[]`}},
	"ingress_reserved_concurrency":   {[]string{`0`, `10`, `10000`, `~`}, []string{`-1`, `10001`, `10.5`, `"10"`, `[]`, `ten`}},
	"revoke_reserved_concurrency":    {[]string{`0`, `10`, `10000`, `~`}, []string{`-1`, `10001`, `10.5`, `"10"`, `[]`, `ten`}},
	"slack_signing_secret":           {[]string{`/a`, `[/a]`, `[/new, "secretsmanager:old"]`}, []string{`0123456789abcdef`, `~`, `[]`, `[/a, /b, /c]`, `[/a, 0123456789abcdef]`, `[~]`, `[[/a]]`, `{}`}},
	"slack_channel_id":               {[]string{`C0123456789`, `G012`}, []string{`c0123456789`, `"#access"`, `D0123456789`, `C`, `""`, `~`, `5`}},
	"slack_team_id":                  {[]string{`T0123456789`}, []string{`E0123456789`, `~`}},
	"slack_enterprise_id":            {[]string{`E0123456789`, `""`, `~`}, []string{`T0123456789`, `1`}},
	"slack_app_id":                   {[]string{`A0123456789`}, []string{`B0123456789`, `~`}},
	"send_dm_if_user_not_in_channel": {[]string{`true`, `false`, `"true"`, `True`, `~`}, []string{`yes`, `1`, `"True"`, `[]`, `{}`}},
	"revoker_post_update_to_slack":   {[]string{`true`, `"false"`}, []string{`off`, `0`}},
	"approver_group_mentions": {
		[]string{`{}`, `~`, `{99999999-8888-7777-6666-555555555555: S0123456789, 9067642ac7-99999999-8888-7777-6666-AAAAAAAAAAAA: S1AB}`},
		[]string{`[]`, `x`, `{admins: S0123456789}`, `{"*": S0123456789}`, `{99999999-8888-7777-6666-555555555555: "@admins"}`, `{99999999-8888-7777-6666-555555555555: [S0123456789]}`, `{99999999-8888-7777-6666-555555555555: ~}`, `{99999999-8888-7777-6666-555555555555: 7}`},
	},
	"secondary_fallback_email_domains": {[]string{`[]`, `[example.com, "@a.example.com"]`, `~`}, []string{`example.com`, `[ann@example.com]`, `[example]`, `[-a.com]`, `[~]`, `[1]`}},
	"max_permissions_duration_time":    {[]string{`24`, `0.5`, `1440`, `90s`, `5m`, `2h`, `1h30m`, `~`}, []string{`0`, `-1`, `1441`, `"24"`, `1d`, `""`, `1.5h`, `30m1h`, `true`, `[]`}},
	"permission_duration_list_override": {
		[]string{`["00:30", "01:30"]`, `["24:00", "90s", "2h"]`, `[]`, `~`},
		[]string{`"01:30"`, `[90]`, `["01:60"]`, `["1:3"]`, `[x]`, `[~]`, `{}`},
	},
	"request_expiration_hours":                   {[]string{`8`, `0`, `7200`, `90s`}, []string{`-1`, `7201`, `"8"`, `never`}},
	"approver_renotification_initial_wait_time":  {[]string{`15`, `0`, `1440`, `5m`}, []string{`-1`, `1441`, `x`}},
	"approver_renotification_backoff_multiplier": {[]string{`1`, `2`, `1.5`, `100`, `~`}, []string{`0.99`, `101`, `"2"`, `x`, `[]`}},
	"name_prefix":                        {[]string{`sso-elevator`, `a`, `a1-b2`, strings.Repeat("a", 40)}, []string{`A`, `1a`, `a-`, `a--b`, `-a`, `a_b`, strings.Repeat("a", 41), `""`, `7`}},
	"architecture":                       {[]string{`arm64`, `x86_64`, `~`}, []string{`amd64`, `ARM64`, `64`, `[]`}},
	"sso_instance_arn":                   {[]string{`"arn:aws:sso:::instance/ssoins-0123456789abcdef"`, `"arn:aws-us-gov:sso:::instance/ins-0123456789abcdef"`, `""`, `~`}, []string{`ssoins-0123456789abcdef`, `"arn:aws:sso:::instance/ssoins-0"`, `1`}},
	"access_portal_url":                  {[]string{`https://example.awsapps.com/start`, `https://example.awsapps.com/start/`, `https://start.us-gov-home.awsapps.com/directory/d-0123456789`, `""`}, []string{`http://example.awsapps.com/start`, `https://example.awsapps.com/start#/`, `https://example.awsapps.com/start?a=b`, `https://ann@example.awsapps.com/start`, `example.awsapps.com/start`, `1`}},
	"sso_region":                         {[]string{`eu-central-1`, `us-gov-east-1`, `""`}, []string{`Frankfurt`, `eu-central`, `1`}},
	"aws_sns_topic_subscription_email":   {[]string{`ann@example.com`, `Ann.O'Neil+x@a-b.example.com`, `""`, `~`}, []string{`ann`, `ann@example`, `"ann@example..com"`, `"ann @example.com"`, `1`}},
	"log_level":                          {[]string{`DEBUG`, `WARNING`, `CRITICAL`}, []string{`debug`, `TRACE`, `10`}},
	"logs_retention_in_days":             {[]string{`365`, `0`, `1`, `3653`}, []string{`2`, `-1`, `"365"`, `1.5`}},
	"tags":                               {[]string{`{}`, `{a: b, c: 1, d: true, "e f": ""}`, `~`}, []string{`[]`, `x`, `{a: [b]}`, `{a: {b: c}}`, `{a: ~}`, `{"": x}`, `{"a#": x}`, `{a: "b#"}`}},
	"s3_bucket_name_for_audit_entry":     {[]string{`my-bucket`, `a.b.c`, `a--b`, `""`}, []string{`My-Bucket`, `-ab`, `a..b`, `a.-b`, `ab-`, `1`, strings.Repeat("a", 64)}},
	"s3_name_of_the_existing_bucket":     {[]string{`my-bucket`, `""`}, []string{`my_bucket`}},
	"s3_bucket_partition_prefix":         {[]string{`logs`, `logs/`, `a/b`, `""`, `~`}, []string{`/logs`, `a//b`, `"a b"`, `1`}},
	"create_api_gateway":                 {[]string{`true`, `"true"`, `~`}, []string{`1`, `on`}},
	"create_lambda_url":                  {[]string{`true`, `false`, `~`}, []string{`yes`, `{}`}},
	"api_gateway_name":                   {[]string{`sso-elevator-access-requster`, `Slack API 1.0`, `""`}, []string{`a/b`, `1`, strings.Repeat("a", 129)}},
	"api_gateway_throttling_rate_limit":  {[]string{`1`, `0.5e2`, `10000`, `~`}, []string{`0`, `10001`, `"5"`}},
	"api_gateway_throttling_burst_limit": {[]string{`1`, `5000`}, []string{`0`, `5001`, `1.5`}},
	"requester_lambda_name":              {[]string{`access-requester`, `A_1`, `""`, strings.Repeat("a", 64)}, []string{`a.b`, `a b`, `1`, strings.Repeat("a", 65)}},
	"revoker_lambda_name":                {[]string{`access-revoker`, `~`}, []string{`a:b`, `[]`}},
	"lambda_memory_size":                 {[]string{`128`, `256`, `10240`}, []string{`127`, `10241`, `"256"`, `256.5`}},
	"schedule_group_name":                {[]string{`sso-elevator-scheduled-revocation`, `""`}, []string{`a b`, strings.Repeat("a", 65), `1`}},
	"schedule_role_name":                 {[]string{`sso-elevator-event-bridge-role`, `a+=,.@-_`, `""`}, []string{`a/b`, strings.Repeat("a", 65), `[]`}},
	"config_bucket_name":                 {[]string{`sso-elevator-config`, `""`}, []string{`Sso`, `a_b`}},
	"manage_management_account":          {[]string{`true`, `false`}, []string{`yes please`, `1`}},
	"protected_account_ids":              {[]string{`[]`, `["111111111111", 222222222222]`, `~`}, []string{`"111111111111"`, `["*"]`, `[1]`, `[prod]`}},
	"allow_managed_decision_groups":      {[]string{`true`, `false`, `"true"`, `~`}, []string{`yes`, `1`, `[]`}},
	"s3_mfa_delete":                      {[]string{`true`, `false`}, []string{`Enabled`, `1`}},
	"s3_logging": {
		[]string{`{}`, `~`, `{target_bucket: access-logs}`, `{target_bucket: access-logs, target_prefix: elevator/}`, `{target_bucket: access-logs, target_prefix: ""}`},
		[]string{`[]`, `access-logs`, `{bucket: access-logs}`, `{target_bucket: Access}`, `{target_bucket: access-logs, target_prefix: "a b"}`},
	},
	"event_bridge_check_on_inconsistency_rule_name": {[]string{`a.B_1`, `""`}, []string{`a b`, `1`}},
	"event_bridge_scheduled_revocation_rule_name":   {[]string{`a.B_1`, `""`}, []string{`a/b`, `[]`}},
	"s3_object_lock": {[]string{`true`, `false`}, []string{`GOVERNANCE`}},
	"athena":         {[]string{`true`, `false`}, []string{`on`}},
	"s3_object_lock_configuration": {
		[]string{`{rule: {default_retention: {mode: GOVERNANCE, days: 1}}}`, `{rule: {default_retention: {mode: COMPLIANCE, years: 2, days: ~}}}`, `~`},
		[]string{`{}`, `[]`, `{rule: {}}`, `{rule: {default_retention: {days: 1}}}`, `{rule: {default_retention: {mode: X, days: 1}}}`, `{rule: {default_retention: {mode: GOVERNANCE, days: 0}}}`, `{rule: {default_retention: {mode: GOVERNANCE, days: 1.5}}}`, `{mode: GOVERNANCE}`},
	},
	"schedule_expression_for_check_on_inconsistency": {[]string{`rate(2 hours)`, `""`, `~`}, []string{`2`, `[]`, `rate(2 weeks)`}},
	"schedule_expression": {
		[]string{`cron(0 23 * * ? *)`, `"cron(0/15 8-18,22 ? JAN-Mar/2,12 mon,TUE 2026-2030)"`, `"cron( 0 0 ?  * 3#2 * )"`, `cron(0 0 LW * ? *)`, `cron(0 0 15W * ? 2026/2)`, `cron(0 0 ? * 6L *)`, `rate(1 minute)`, `rate(90 days)`, `""`, `~`},
		[]string{`rate(2 seconds)`, `rate(-2 hours)`, `2h`, `at(2026-01-01T00:00:00)`, `0 23 * * ? *`, `cron(0 23 * * ?)`, `cron(? 23 * * ? *)`, `cron(0 23 L-3x * ? *)`, `true`, `{}`},
	},
	"event_brige_check_on_inconsistency_rule_name": {[]string{`sso-elevator-check-on-inconsistency`, `a.B_1`, `""`, `~`}, []string{`a b`, strings.Repeat("a", 65), `a/b`, `1`}},
	"event_brige_scheduled_revocation_rule_name":   {[]string{strings.Repeat("a", 64), `""`}, []string{`a:b`, `[]`}},
	"approve_confirmation":                         {[]string{`true`, `false`, `"true"`, `~`}, []string{`yes`, `1`, `always`}},
	"deny_reason":                                  {[]string{`optional`, `required`, `off`, `"off"`, `~`}, []string{`false`, `never`, `Required`, `""`}},
	"extension_offer":                              {[]string{`0`, `30`, `1440`, `2.5`, `20s`, `~`}, []string{`-1`, `1441`, `"15"`, `never`}},
	"deny_cooldown":                                {[]string{`0`, `15`, `1440`, `2.5`, `20s`, `~`}, []string{`-1`, `1441`, `"15"`, `never`}},
	"max_open_requests_per_person":                 {[]string{`1`, `10`, `100`, `~`}, []string{`0`, `-1`, `1.5`, `"10"`, `101`, `all`}},
	"reconcile_max_removals":                       {[]string{`0`, `25`, `1000000`, `~`}, []string{`-1`, `1.5`, `"25"`, `1000001`, `all`}},
	"allow_reconcile_removals":                     {[]string{`true`, `false`, `"false"`, `~`}, []string{`never`, `0`, `[]`}},
	"incident_responders": {
		[]string{`[]`, `~`, `[ann@example.com, bob@example.com]`, `["group:99999999-8888-7777-6666-555555555555"]`, `[Ann@Example.com, "group:99999999-8888-7777-6666-555555555555"]`},
		[]string{`{}`, `ann`, `[ann]`, `[99999999-8888-7777-6666-555555555555]`, `["group:admins"]`, `[~]`, `[[]]`, `["*"]`},
	},
	"reconcile_exemptions": {
		[]string{`[]`, `~`, `[{account: "111111111111", permission_set: Admin, email: Ann@example.com, until: 2026-03-03T09:00:00Z, reason: Slack is down}]`,
			`[{group: 99999999-8888-7777-6666-555555555555, email: ann@example.com, until: "2026-03-03T10:00:00+01:00", reason: x}]`},
		[]string{`{}`, `x`, `[~]`, `[{}]`, `[[]]`,
			`[{email: ann@example.com, until: 2026-03-03T09:00:00Z, reason: x}]`,
			`[{account: "111111111111", permission_set: Admin, group: 99999999-8888-7777-6666-555555555555, email: ann@example.com, until: 2026-03-03T09:00:00Z, reason: x}]`,
			`[{account: "111111111111", group: 99999999-8888-7777-6666-555555555555, email: ann@example.com, until: 2026-03-03T09:00:00Z, reason: x}]`,
			`[{permission_set: Admin, email: ann@example.com, until: 2026-03-03T09:00:00Z, reason: x}]`,
			`[{account: "111111111111", email: ann@example.com, until: 2026-03-03T09:00:00Z, reason: x}]`,
			`[{account: "*", permission_set: Admin, email: ann@example.com, until: 2026-03-03T09:00:00Z, reason: x}]`,
			`[{account: "111111111111", permission_set: "*", email: ann@example.com, until: 2026-03-03T09:00:00Z, reason: x}]`,
			`[{account: "111111111111", permission_set: Admin, email: "*", until: 2026-03-03T09:00:00Z, reason: x}]`,
			`[{account: "111111111111", permission_set: Admin, email: ann@example.com, until: "2026-03-03", reason: x}]`,
			`[{account: "111111111111", permission_set: Admin, email: ann@example.com, until: 48h, reason: x}]`,
			`[{account: "111111111111", permission_set: Admin, email: ann@example.com, until: 2026-03-03T09:00:00Z}]`,
			`[{account: "111111111111", permission_set: Admin, email: ann@example.com, until: 2026-03-03T09:00:00Z, reason: " "}]`,
			`[{account: "111111111111", permission_set: Admin, email: ann@example.com, reason: x}]`,
			`[{account: "111111111111", permission_set: Admin, email: ann@example.com, until: 2026-03-03T09:00:00Z, reason: x, owner: y}]`,
			`[{group: admins, email: ann@example.com, until: 2026-03-03T09:00:00Z, reason: x}]`},
	},
	"reconcile_question_hours": {[]string{`12`, `0.5`, `168`, `90s`, `~`}, []string{`0`, `169`, `"12"`, `1d`}},
	"drift_events":             {[]string{`true`, `false`, `"true"`}, []string{`on`, `1`}},
	"retry_max_delay":          {[]string{`1`, `300`, `30s`, `5m`}, []string{`0`, `301`, `"1"`, `1ms`}},
	"retry_interval":           {[]string{`1`, `60`, `1s`, `1m`}, []string{`0`, `61`, `"1"`, `1ms`}},
	"revoke_retry_wait":        {[]string{`60`, `1h`}, []string{`0`, `3601`}},
	"announce_retry_wait":      {[]string{`30`, `1h`}, []string{`0`, `3601`}},
	"catalog_refresh_interval": {[]string{`1`, `10`, `90s`, `24h`}, []string{`0`, `0.5`, `1441`, `~x`}},
}

// keySamples are the same for the keys of a statement of config.
var keySamples = map[string]struct{ right, wrong []string }{
	"ResourceType":          {[]string{`Account`, `~`}, []string{`OU`, `Folder`, `account`, `1`, `[Account]`}}, // OU takes another Resource
	"Resource":              {[]string{`"*"`, `"012345678901"`, `111111111111`, `["111111111111", 222222222222, "*"]`}, []string{`~`, `[]`, `"11111111111"`, `11111111111`, `1111111111111`, `prod`, `[~]`, `[["*"]]`, `{}`, `true`, `"**"`, `ou-abcd-12345678`, `[r-abcd]`}},
	"AllowedUsers":          {[]string{`ann@example.com`, `[ann@example.com, BOB@example.com]`, `~`}, []string{`ann`, `"*"`, `[]`, `[~]`, `1`, `{}`, `99999999-8888-7777-6666-555555555555`}},
	"AllowedGroups":         {[]string{`99999999-8888-7777-6666-555555555555`, `[AAAAAAAA-8888-7777-6666-555555555555, 9067642ac7-99999999-8888-7777-6666-555555555555]`, `~`}, []string{`admins`, `"*"`, `[]`, `[~]`, `1`, `{}`, `ann@example.com`, `group:99999999-8888-7777-6666-555555555555`}},
	"PermissionSet":         {[]string{`"*"`, `Admin`, `[Admin, "a_b+=,.@-"]`}, []string{`~`, `[]`, `"a b"`, `7`, `[7]`, `{}`, strings.Repeat("a", 33)}},
	"Approvers":             {[]string{`ann@example.com`, `[ann@example.com, BOB@example.com]`, `group:99999999-8888-7777-6666-555555555555`, `[ann@example.com, "group:AAAAAAAA-8888-7777-6666-555555555555"]`, `[]`, `~`}, []string{`99999999-8888-7777-6666-555555555555`, `group:admins`, `"group:*"`, `"group:"`, `Group:99999999-8888-7777-6666-555555555555`, `ann`, `"*"`, `""`, `[ann]`, `[~]`, `1`, `{}`, `"ann@example.com, bob@example.com"`}},
	"AllowSelfApproval":     {[]string{`true`, `false`, `"true"`, `~`}, []string{`yes`, `1`, `"no"`, `[true]`}},
	"ApprovalsNeeded":       {[]string{`1`, `5`, `~`}, []string{`0`, `6`, `1.5`, `"2"`, `two`, `[]`}},
	"MaxDuration":           {[]string{`4h`, `4`, `0.5`, `1440`, `90s`, `~`}, []string{`0`, `-1`, `1441`, `"4"`, `4 hours`, `1d`, `""`, `[]`}},
	"Ticket":                {[]string{`{}`, `{Required: true}`, `{Required: "false", Pattern: '[A-Z]+-[0-9]+', Hint: "A Jira issue"}`, `{Pattern: ~}`, `~`}, []string{`true`, `"OPS-1"`, `[]`, `{required: true}`, `{Required: 1}`, `{Pattern: 1}`, `{Pattern: ""}`, `{Hint: ""}`, `{Hint: " x"}`, `{Hint: "a\nb"}`, `{Hint: ` + strings.Repeat("x", 101) + `}`, `{Pattern: ` + strings.Repeat("x", 201) + `}`}},
	"Warning":               {[]string{`"Production: customers see changes."`, `x`, strings.Repeat("x", 200), `~`}, []string{`""`, `" x"`, `"x "`, `"a\nb"`, `"\x00"`, `1`, `[x]`, strings.Repeat("x", 201)}},
	"Channel":               {[]string{`C0123456789`, `G0123456789`, `~`}, []string{`"#prod"`, `prod`, `c0123456789`, `D0123456789`, `U0123456789`, `""`, `1`, `[C0123456789]`}},
	"Confirm":               {[]string{`true`, `false`, `"true"`, `~`}, []string{`yes`, `1`, `[true]`}},
	"ApprovalIsNotRequired": {[]string{`true`, `"false"`, `~`}, []string{`maybe`, `0`}},
}

// agree fails unless loader and schema both accept the file, or both reject it.
func agree(t *testing.T, s map[string]any, file string, right bool) {
	t.Helper()
	_, err := Parse("f", []byte(file))
	if (err == nil) != right {
		t.Errorf("the loader says %v of\n%s", err, file)
	}
	if got := (validator{t}).valid(s, fromYAML(t, file)); got != right {
		t.Errorf("the schema says %v, want %v, of\n%s", got, right, file)
	}
}

func TestSchemaAndLoaderAgree(t *testing.T) {
	s := parsedSchema(t)
	lines := map[string]string{}
	for line := range strings.Lines(required) {
		key, _, _ := strings.Cut(line, ":")
		lines[key] = line
	}
	for _, f := range settingsFields {
		t.Run(f.key, func(t *testing.T) {
			sample, ok := samples[f.key]
			if !ok || len(sample.right) == 0 || len(sample.wrong) == 0 {
				t.Fatal("no samples of this setting")
			}
			rest := ""
			for key, line := range lines {
				if key != f.key {
					rest += line
				}
			}
			if f.key == "s3_object_lock_configuration" {
				rest += "s3_object_lock: true\n"
			}
			if f.key == "s3_existing_bucket_kms_key_arn" {
				rest += "s3_name_of_the_existing_bucket: audit\n"
			}
			if f.key == "config" {
				rest += "group_config: []\n"
			} else {
				rest += "config: []\n"
			}
			for _, v := range sample.right {
				agree(t, s, rest+f.key+": "+v+"\n", true)
			}
			for _, v := range sample.wrong {
				agree(t, s, rest+f.key+": "+v+"\n", false)
			}
			if f.required {
				agree(t, s, rest, false)
			}
			agree(t, s, rest+f.key+"s: "+sample.right[0]+"\n"+lines[f.key], false) // unknown
		})
	}
	if len(samples) != len(settingsFields) {
		t.Errorf("samples of %d settings, of which there are %d", len(samples), len(settingsFields))
	}
	for _, f := range accountStatementFields {
		t.Run("config "+f.key, func(t *testing.T) {
			rest := ""
			for _, other := range accountStatementFields {
				if other.required && other.key != f.key {
					rest += other.key + ": " + keySamples[other.key].right[0] + ", "
				}
			}
			if f.key == "ApprovalsNeeded" {
				rest += "Approvers: ann@example.com, "
			}
			file := required + "config: [{" + rest + "%s}]\n"
			for _, v := range keySamples[f.key].right {
				agree(t, s, fmt.Sprintf(file, f.key+": "+v), true)
			}
			for _, v := range keySamples[f.key].wrong {
				agree(t, s, fmt.Sprintf(file, f.key+": "+v), false)
			}
		})
	}
	t.Run("units", func(t *testing.T) {
		for _, keys := range []string{`ResourceType: OU, Resource: ou-abcd-12345678`, `ResourceType: OU, Resource: [r-abcd, ou-abcd-12345678]`, `ResourceType: Account, Resource: "*"`} {
			agree(t, s, required+"config: [{PermissionSet: Admin, "+keys+"}]\n", true)
		}
		for _, keys := range []string{`ResourceType: OU, Resource: "*"`, `ResourceType: OU, Resource: ["111111111111"]`, `ResourceType: OU, Resource: [r-abcd, 111111111111]`, `ResourceType: OU, Resource: []`, `ResourceType: OU`,
			`ResourceType: OU, Resource: ou-abc-12345678`, `ResourceType: OU, Resource: ou-abcd-1234567`, `ResourceType: OU, Resource: r-abc`, `ResourceType: OU, Resource: R-ABCD`, `ResourceType: OU, Resource: Production`,
			`ResourceType: Account, Resource: r-abcd`, `ResourceType: ~, Resource: ou-abcd-12345678`} {
			agree(t, s, required+"config: [{PermissionSet: Admin, "+keys+"}]\n", false)
		}
	})
	t.Run("whole files", func(t *testing.T) {
		agree(t, s, required, false) // no policy
		agree(t, s, required+"config: []\ngroup_config: []\n", true)
		agree(t, s, "[]\n", false)
		agree(t, s, readFile(t, filepath.Join("testdata", "everything.yaml")), true)
		agree(t, s, readFile(t, filepath.Join("testdata", "reference.json")), false) // the list alone is not a valid file
		agree(t, s, required+"config: "+readFile(t, filepath.Join("testdata", "reference.json")), true)
		agree(t, s, readFile(t, filepath.Join("..", "..", "elevator.example.yaml")), true)
	})
}

// Loader and schema both accept the default that the schema shows.
func TestDefaultsAreValid(t *testing.T) {
	s := parsedSchema(t)
	for _, f := range settingsFields {
		if f.fallback == "" {
			continue
		}
		t.Run(f.key, func(t *testing.T) {
			agree(t, s, required+"config: []\n"+f.key+": "+f.fallback+"\n", true)
		})
	}
}
