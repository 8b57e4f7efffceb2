package settings

import (
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
)

// complete sets values that depend on several settings, and reports impossible
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
		r.mistake(root.Line, "config", "is missing: set config (for accounts), group_config (for groups), or both")
	}
	if len(s.durationList) > 0 {
		s.Durations = slices.Sorted(slices.Values(s.durationList))
	} else if s.maxDuration > 0 { // otherwise it is a mistake
		s.Durations = durationsUpTo(s.maxDuration)
	}
	s.checkDecisionGroups(r)
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
			r.mistake(r.keys[key], key, "must be 0 or at least %d, not %d, because it also limits the function to that many instances", minReserved, instances)
		}
	}
}

func (s *Settings) completeAudit(r *reader) {
	const (
		lock    = "s3_object_lock"
		locking = "s3_object_lock_configuration"
	)
	if strings.HasPrefix(s.AuditPrefix+"/", auditrecord.PolicyFolder) {
		r.mistake(r.keys["s3_bucket_partition_prefix"], "s3_bucket_partition_prefix", "must not begin with policies/, where this app keeps its deployed policies; choose another prefix")
	}
	line := r.keys[locking]
	kept := s.objectLock.Rule.Retention
	given := kept.mode != "" // otherwise it is missing, or a mistake
	switch {
	case given && !s.ObjectLock:
		r.mistake(line, locking, "has no effect without %s: true; add that, or remove this", lock)
	case given && (kept.days == 0) == (kept.years == 0):
		r.mistake(line, locking+".rule.default_retention", "must have exactly one of days and years")
	case s.ObjectLock && given:
		s.ObjectLockMode, s.ObjectLockDays = kept.mode, kept.days+kept.years*365
	case s.ObjectLock:
		s.ObjectLockMode, s.ObjectLockDays = "GOVERNANCE", 2*365
	}
}

// warnOfMentions warns about Slack user groups that no message can mention.
func (s *Settings) warnOfMentions(r *reader) {
	approving := s.Policy.ApproverGroups()
	for _, id := range slices.Sorted(maps.Keys(s.ApproverGroupMentions)) {
		if !slices.Contains(approving, id) {
			r.warn(r.keys["approver_group_mentions"], "approver_group_mentions", "has no effect for group %s: no statement has %s in Approvers", id, access.GroupEntry(id))
		}
	}
}

// warnOfResponders warns if nobody could lift a block.
func (s *Settings) warnOfResponders(r *reader) {
	const key = "incident_responders"
	all := slices.Clone(s.Policy.IncidentResponders)
	slices.Sort(all)
	if all = slices.Compact(all); len(all) == 1 {
		if _, isGroup := access.GroupOf(all[0]); !isGroup {
			r.warn(r.keys[key], key, "names only %s: nobody could lift a block that this person placed. Add another person, or a group", all[0])
		}
	}
}

// warnOfRecords warns if the settings don't say whether records can be deleted.
func (s *Settings) warnOfRecords(r *reader, root *yaml.Node) {
	const lock = "s3_object_lock"
	if _, decided := r.keys[lock]; decided || r.policyOnly || s.ExistingAuditBucket != "" {
		return
	}
	r.warn(root.Line, lock, "is not set: people who can change the audit bucket's policy can delete audit records. Set it to true to protect new records; you can't turn it off again for this bucket. Or set it to false to accept this (docs/reference/audit-bucket.md)")
}
