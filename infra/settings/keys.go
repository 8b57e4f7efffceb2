package settings

import "strings"

// keyARNPattern matches the ARN of a KMS key, with either form of id (AWS KMS
// developer guide, "Key identifiers").
const keyARNPattern = `^arn:aws(-[a-z]+)*:kms:[a-z]{2}(-[a-z]+)+-[0-9]:[0-9]{12}:key/(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$`

// keyARN is the ARN of a key, or empty for none. An alias is not accepted, because
// the conditions in the roles name keys.
func keyARN() kind[string] {
	return textOrEmpty(keyARNPattern, "the ARN of a KMS key (not an alias), like arn:aws:kms:eu-central-1:111111111111:key/01234567-89ab-cdef-0123-456789abcdef")
}

// KeyPlace returns the region and the account of a key.
func KeyPlace(arn string) (region, account string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return "", ""
	}
	return parts[3], parts[4]
}

// checkKeys reports keys that their settings can't have.
func (s *Settings) checkKeys(r *reader) {
	const (
		identityCenter = "identity_center_kms_key_arn"
		existing       = "s3_existing_bucket_kms_key_arn"
	)
	if region, _ := KeyPlace(s.IdentityCenterKeyARN); region != "" && s.SSORegion != "" && region != s.SSORegion {
		r.mistake(r.keys[identityCenter], identityCenter, "is a key in %s, but Identity Center is in %s (sso_region); use a key in that region", region, s.SSORegion)
	}
	if s.ExistingAuditKeyARN != "" && s.ExistingAuditBucket == "" {
		r.mistake(r.keys[existing], existing, "has no effect without s3_name_of_the_existing_bucket; for a bucket that this app creates, use kms_key_arn")
	}
}
