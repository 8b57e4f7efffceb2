package settings

import (
	"net/netip"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// bucketPattern expresses most of S3's rules for names. It also forbids a dot next to
// a hyphen, because the CDK does.
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
const (
	bucketPattern  = `^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`
	bucketExpected = "a bucket name: 3 to 63 lowercase letters, digits, single dots and hyphens"
)

// reservedBuckets are the prefixes and suffixes that bucket names must not have.
var reservedBuckets = struct{ first, last []string }{
	[]string{"xn--", "sthree-", "amzn-s3-demo-"},
	[]string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"},
}

// bucketName is the name of a bucket, or empty. Empty is the default of the
// Terraform module's inputs, and the same as leaving the setting out.
func bucketName() kind[string] {
	k := textOrEmpty(bucketPattern, bucketExpected)
	k.schema["maxLength"] = 63
	read := k.read
	k.read = func(r *reader, n *yaml.Node, path string) (string, bool) {
		v, ok := read(r, n, path)
		if !ok || v == "" {
			return v, ok
		}
		_, notAddress := netip.ParseAddr(v)
		is := func(affix func(s, affix string) bool, of []string) bool {
			return slices.ContainsFunc(of, func(one string) bool { return affix(v, one) })
		}
		switch {
		case len(v) < 3 || len(v) > 63:
			r.mistake(n.Line, path, "has %d characters; it must be %s", len(v), bucketExpected)
		case notAddress == nil:
			r.mistake(n.Line, path, "%s looks like an IP address, which S3 doesn't allow; choose another name", quote(v))
		case is(strings.HasPrefix, reservedBuckets.first), is(strings.HasSuffix, reservedBuckets.last):
			r.mistake(n.Line, path, "%s begins or ends with something that S3 reserves (%s; %s); choose another name", quote(v), strings.Join(reservedBuckets.first, ", "), strings.Join(reservedBuckets.last, ", "))
		default:
			return v, true
		}
		return "", false
	}
	return k
}

// accessLogs is where S3 logs access to a bucket: the Terraform module's s3_logging.
// An empty mapping means no logs.
type accessLogs struct{ bucket, prefix string }

var accessLogsKind = object("a mapping with target_bucket and, optionally, target_prefix", nil,
	prop("target_bucket", bucketName(), func(l *accessLogs) *string { return &l.bucket },
		"The bucket for the logs. Its policy must let logging.s3.amazonaws.com write."),
	prop("target_prefix", text(`^[A-Za-z0-9!_.*'()/-]{0,512}$`, "a key prefix, like logs/elevator/"), func(l *accessLogs) *string { return &l.prefix },
		"The prefix of the logs' keys, used unchanged. End it with a slash if you want one."),
)

// completeBuckets reports buckets that share a name, and settings of a bucket that
// this app doesn't create.
func (s *Settings) completeBuckets(r *reader) {
	const (
		existing = "s3_name_of_the_existing_bucket"
		made     = "s3_bucket_name_for_audit_entry"
		lock     = "s3_object_lock"
		logging  = "s3_logging"
		mfa      = "s3_mfa_delete"
		catalog  = "config_bucket_name"
	)
	if s.ExistingAuditBucket != "" {
		if s.AuditBucketName != "" {
			r.mistake(r.keys[made], made, "can't be combined with %s: this app creates a bucket or uses an existing one; remove one of them", existing)
		}
		if s.ObjectLock {
			r.mistake(r.keys[lock], lock, "can't be combined with %s; set Object Lock on that bucket yourself, and remove this", existing)
		}
		if s.accessLogs != (accessLogs{}) {
			r.mistake(r.keys[logging], logging, "can't be combined with %s; set access logs on that bucket yourself, and remove this", existing)
		}
		if s.MFADelete {
			r.mistake(r.keys[mfa], mfa, "can't be combined with %s; set MFA delete on that bucket yourself, and remove this", existing)
		}
	}
	if s.accessLogs.prefix != "" && s.accessLogs.bucket == "" {
		r.mistake(r.keys[logging], logging, "has target_prefix but no target_bucket; add target_bucket")
	}
	s.AuditLogBucket, s.AuditLogPrefix = s.accessLogs.bucket, s.accessLogs.prefix
	taken := map[string]string{}
	for _, one := range []struct{ key, name string }{{existing, s.ExistingAuditBucket}, {made, s.AuditBucketName}, {catalog, s.CatalogBucketName}, {logging, s.AuditLogBucket}} {
		if one.name == "" {
			continue
		}
		if other, twice := taken[one.name]; twice {
			r.mistake(r.keys[one.key], one.key, "%s is already the bucket of %s; use two different buckets", quote(one.name), other)
		}
		taken[one.name] = one.key
	}
}
