package auditrecord

import (
	"fmt"
	"time"

	"sso-elevator/functions/access"
)

// entryTypeBlock is the audit_entry_type of records about blocks.
const entryTypeBlock = "block"

// OfBlock returns the record of an event about a block. The requester is the blocked
// person, and the actor is the incident responder who blocked them or lifted the block.
// Reason is the reason of the block, and RequestID its id, which connects both records.
// Fields about access are "not applicable".
func OfBlock(e access.BlockEvent) Record {
	b := e.Block
	rec := Record{
		Reason:                 b.Reason,
		RequesterSlackID:       b.Person.SlackID,
		RequesterEmail:         b.Person.Email,
		RequestID:              b.ID,
		OperationType:          operation(e.Kind),
		Time:                   formatTime(e.At),
		Timestamp:              e.At.UnixMilli(),
		AuditEntryType:         entryTypeBlock,
		Version:                formatVersion,
		SSOUserPrincipalID:     b.Person.PrincipalID,
		SecondaryDomainWasUsed: b.Person.SecondaryDomain,
		Event:                  string(e.Kind),
		ActorSlackID:           e.By.SlackID,
		ActorEmail:             e.By.Email,
		ActorPrincipalID:       e.By.PrincipalID,
		PolicyDigest:           e.PolicyDigest,
		RequestSource:          sourceSlack,
	}
	if e.Kind == access.EventUnblocked {
		rec.Sequence = 1
		by := b.By.Email
		if by == "" {
			by = b.By.SlackID
		}
		rec.Detail = fmt.Sprintf("blocked by %s since %s", by, b.At.UTC().Format(time.RFC3339))
	}
	return fillEmpty(rec)
}

// BlockKey returns the key of the record of e under prefix. It begins with the day of the
// event, UTC, so that the same event always has the same key.
func BlockKey(prefix string, e access.BlockEvent) string {
	return withPrefix(prefix, fmt.Sprintf("%s/%s-%s.json", day(e.At), e.Block.ID, e.Kind))
}
