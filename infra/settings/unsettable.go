package settings

// Why some of the reference's inputs can't be set here. They are mistakes, because
// nothing here can do what they ask for. But they are not misspellings.
const (
	noImages        = "the functions are Go binaries, not images; remove it"
	noAttributeSync = "not built yet: nobody becomes a member of a group by attributes here; remove it, and have the identity provider or the reference's own attribute syncer go on with it"
)

// withoutCounterpart are the inputs of the reference, up to its version 4.2, that
// can't be set here.
var withoutCounterpart = map[string]string{
	"build_in_docker":       "nothing is built in Docker here; remove it",
	"use_pre_created_image": noImages,
	"ecr_repo_name":         noImages,
	"ecr_repo_tag":          noImages,
	"ecr_owner_account_id":  noImages,

	"lambda_architecture":       "it is called architecture here; set that instead",
	"lambda_timeout":            "how long a function may run follows from how long the state machines wait for it; remove it",
	"cache_enabled":             "the forms are always filled from the catalog of accounts, permission sets and groups; remove it, and set catalog_refresh_interval for how often that is refreshed",
	"config_bucket_kms_key_arn": "one key is for everything that is kept (docs/reference/settings.md); remove it",
	"identity_store_id":         "the functions ask the Identity Center instance for it; remove it",

	"attribute_sync_enabled":                  noAttributeSync,
	"attribute_sync_managed_groups":           noAttributeSync,
	"attribute_sync_rules":                    noAttributeSync,
	"attribute_sync_manual_assignment_policy": noAttributeSync,
	"attribute_sync_schedule":                 noAttributeSync,
	"attribute_sync_lambda_memory":            noAttributeSync,
	"attribute_sync_lambda_timeout":           noAttributeSync,
	"attribute_sync_event_rule_name":          noAttributeSync,
	"attribute_syncer_lambda_name":            noAttributeSync,
}
