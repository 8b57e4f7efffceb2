package auditrecord

// PolicyFolder is the folder of the audit bucket that keeps the policies. It is outside
// the records' prefix, so that a table over the prefix does not read them.
const PolicyFolder = "policies/"

// PolicyKey returns the key of the policy with that digest.
func PolicyKey(digest string) string { return PolicyFolder + digest + ".json" }
