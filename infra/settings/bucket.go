package settings

import (
	"net/netip"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// bucketPattern is S3's rules for names as far as a pattern can say them; and
// no dot next to a hyphen, which the CDK refuses.
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
const (
	bucketPattern  = `^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`
	bucketExpected = "a bucket's name: 3 to 63 lower case letters, digits, single dots and hyphens"
)

// reservedBuckets are what the name of a bucket must not begin or end with.
var reservedBuckets = struct{ first, last []string }{
	[]string{"xn--", "sthree-", "amzn-s3-demo-"},
	[]string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"},
}

// bucketName is the name of a bucket, or empty, which is the default of the
// reference's inputs and the same as not being there.
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
			r.mistake(n.Line, path, "%s looks like an IP address, which S3 takes for no bucket", quote(v))
		case is(strings.HasPrefix, reservedBuckets.first), is(strings.HasSuffix, reservedBuckets.last):
			r.mistake(n.Line, path, "%s begins or ends with what S3 keeps for itself (%s; %s)", quote(v), strings.Join(reservedBuckets.first, ", "), strings.Join(reservedBuckets.last, ", "))
		default:
			return v, true
		}
		return "", false
	}
	return k
}

// accessLogs is where S3 logs who reads and writes a bucket: the reference's
// s3_logging. An empty mapping is none.
type accessLogs struct{ bucket, prefix string }

var accessLogsKind = object("a mapping with target_bucket, and target_prefix if wanted", nil,
	prop("target_bucket", bucketName(), func(l *accessLogs) *string { return &l.bucket },
		"The bucket to log to; its policy has to let logging.s3.amazonaws.com write."),
	prop("target_prefix", text(`^[A-Za-z0-9!_.*'()/-]{0,512}$`, "the beginning of a key, like logs/elevator/"), func(l *accessLogs) *string { return &l.prefix },
		"Begins the keys of the logs, as it stands: with a slash at its end, if one is wanted."),
)

// completeBuckets enters what can't be of the buckets: two of one name, and
// settings of a bucket that is not ours to make.
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
			r.mistake(r.keys[made], made, "does not go with %s: either a bucket is made or an existing one is used", existing)
		}
		if s.ObjectLock {
			r.mistake(r.keys[lock], lock, "does not go with %s: the lock is that bucket's own", existing)
		}
		if s.accessLogs != (accessLogs{}) {
			r.mistake(r.keys[logging], logging, "does not go with %s: that bucket's access logs are its own", existing)
		}
		if s.MFADelete {
			r.mistake(r.keys[mfa], mfa, "does not go with %s: that bucket's versions are its own", existing)
		}
	}
	if s.accessLogs.prefix != "" && s.accessLogs.bucket == "" {
		r.mistake(r.keys[logging], logging, "must have target_bucket")
	}
	s.AuditLogBucket, s.AuditLogPrefix = s.accessLogs.bucket, s.accessLogs.prefix
	taken := map[string]string{}
	for _, one := range []struct{ key, name string }{{existing, s.ExistingAuditBucket}, {made, s.AuditBucketName}, {catalog, s.CatalogBucketName}, {logging, s.AuditLogBucket}} {
		if one.name == "" {
			continue
		}
		if other, twice := taken[one.name]; twice {
			r.mistake(r.keys[one.key], one.key, "%s is the bucket of %s already; these are two", quote(one.name), other)
		}
		taken[one.name] = one.key
	}
}
