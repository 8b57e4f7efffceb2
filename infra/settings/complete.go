package settings

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
)

// complete sets what follows from several settings, and reports impossible
// combinations.
func (s *Settings) complete(r *reader, root *yaml.Node) {
	if s.Policy.Accounts == nil {
		s.Policy.Accounts = []access.Statement{}
	}
	if s.Policy.Groups == nil {
		s.Policy.Groups = []access.Statement{}
	}
	_, accounts := r.keys["config"]
	_, groups := r.keys["group_config"]
	if root.Kind == yaml.MappingNode && !accounts && !groups {
		r.mistake(root.Line, "config", "is missing; the file must have config (for accounts) or group_config (for groups), or both")
	}
	if len(s.durationList) > 0 {
		s.Durations = slices.Sorted(slices.Values(s.durationList))
	} else if s.maxDuration > 0 { // otherwise it is a mistake
		s.Durations = durationsUpTo(s.maxDuration)
	}
	s.checkReserved(r)
	s.completeAudit(r)
	s.completeBuckets(r)
	s.checkKeys(r)
	s.completeSchedules(r)
	s.checkNames(r)
	s.checkEndpoint(r)
}

func (s *Settings) checkReserved(r *reader) {
	for key, instances := range map[string]int{"ingress_reserved_concurrency": s.IngressReserved, "revoke_reserved_concurrency": s.RevokeReserved} {
		if instances > 0 && instances < minReserved {
			r.mistake(r.keys[key], key, "must be at least %d, or 0 for none, not %d: it is the most that the function gets as well", minReserved, instances)
		}
	}
}

func (s *Settings) completeAudit(r *reader) {
	const (
		lock    = "s3_object_lock"
		locking = "s3_object_lock_configuration"
	)
	if strings.HasPrefix(s.AuditPrefix+"/", auditrecord.PolicyFolder) {
		r.mistake(r.keys["s3_bucket_partition_prefix"], "s3_bucket_partition_prefix", "must not be under policies/, where the policies that were in force are kept")
	}
	line := r.keys[locking]
	kept := s.objectLock.Rule.Retention
	given := kept.mode != "" // otherwise it is missing, or a mistake
	switch {
	case given && !s.ObjectLock:
		r.mistake(line, locking, "has no effect without %s: true", lock)
	case given && (kept.days == 0) == (kept.years == 0):
		r.mistake(line, locking+".rule.default_retention", "must have either days or years")
	case s.ObjectLock && given:
		s.ObjectLockMode, s.ObjectLockDays = kept.mode, kept.days+kept.years*365
	case s.ObjectLock:
		s.ObjectLockMode, s.ObjectLockDays = "GOVERNANCE", 2*365
	}
}

// warnOfRecords warns if nobody decided whether records can be deleted.
func (s *Settings) warnOfRecords(r *reader, root *yaml.Node) {
	const lock = "s3_object_lock"
	if _, decided := r.keys[lock]; decided || r.policyOnly || s.ExistingAuditBucket != "" {
		return
	}
	r.warn(root.Line, lock, "is left out: whoever may change the audit bucket's policy may delete records. Set it to true: nobody can then delete a record that is written from then on, and the bucket can't lose the lock again. Or set it to false, if that is what you want (docs/reference/audit-bucket.md)")
}
