package auditrecord

import (
	"fmt"
	"strings"
	"time"

	"sso-elevator/functions/access"
)

// entryTypeBlock is the audit_entry_type of records about blocks.
const entryTypeBlock = "block"

// OfBlock returns the record of an event about a block. The requester is the blocked
// person, and the actor is the incident responder who blocked them or lifted the block, or the
// person whose press was refused. Reason is the reason of the block, and RequestID its id, which
// connects the records. A refused press has no Reason and its own RequestID: a block can have
// several, and there may be no block. Detail then names the block. Fields about access are
// "not applicable".
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
		Action:                 e.Action,
		DecisionReason:         string(e.Reason),
		Detail:                 e.Message,
	}
	switch e.Kind {
	case access.EventPressRefused:
		rec.RequestID = refusedID(e)
		if b.ID != "" {
			rec.Detail = strings.TrimSpace(rec.Detail + " Block: " + b.ID)
		}
	case access.EventUnblocked:
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
	id := e.Block.ID
	if e.Kind == access.EventPressRefused {
		id = refusedID(e)
	}
	return withPrefix(prefix, fmt.Sprintf("%s/%s-%s.json", day(e.At), id, e.Kind))
}

// refusedID returns the id of a refused press about blocks.
func refusedID(e access.BlockEvent) string { return fmt.Sprintf("refused-%d", e.Sequence) }
