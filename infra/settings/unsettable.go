package settings

// Why some of the Terraform module's inputs can't be set here. We know these inputs,
// so the error can say more than "unknown key".
const (
	noImages        = "the functions are Go programs, not container images; remove it"
	noAttributeSync = "this app does not sync group members by attributes; remove it, and let your identity provider or the Terraform module's attribute syncer do that"
)

// withoutCounterpart are the inputs of the Terraform module, up to its version 4.3,
// that can't be set here. Version 4.3 added no inputs, only keys of statements:
// AllowedGroups and AllowedUsers.
var withoutCounterpart = map[string]string{
	"build_in_docker":       "this app builds nothing in Docker; remove it",
	"use_pre_created_image": noImages,
	"ecr_repo_name":         noImages,
	"ecr_repo_tag":          noImages,
	"ecr_owner_account_id":  noImages,

	"lambda_architecture":       "is called architecture here; set that instead",
	"lambda_timeout":            "this app sets its functions' timeouts itself; remove it",
	"cache_enabled":             "forms always use the catalog; remove it. To change how often the catalog is refreshed, set catalog_refresh_interval",
	"config_bucket_kms_key_arn": "remove it; kms_key_arn encrypts everything that this app stores",
	"identity_store_id":         "this app looks it up in Identity Center; remove it",

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
