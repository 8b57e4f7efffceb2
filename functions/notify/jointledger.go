package notify

import (
	"context"

	"sso-elevator/functions/access"
)

// jointLedger is a ledger that notes the update of a message in the same write that begins
// the next message. Both are about one request.
type jointLedger struct {
	Table
	known map[string]access.Post // in the row

	purpose string // of the update that is not noted yet; "" if none
	held    access.Post
}

// CompletePost holds the record of an updated message back. It writes that of a new
// message at once: without it, a retry would have to look for the message.
func (l *jointLedger) CompletePost(ctx context.Context, id, purpose string, p access.Post) error {
	if before := l.known[purpose]; before.TS == "" || before.TS != p.TS || l.purpose != "" {
		return l.Table.CompletePost(ctx, id, purpose, p)
	}
	l.purpose, l.held = purpose, p
	return nil
}

// BeginPost writes what is held back, too, unless the message was begun before.
func (l *jointLedger) BeginPost(ctx context.Context, id, purpose string, p access.Post) (before access.Post, begun bool, err error) {
	if l.purpose == "" {
		return l.Table.BeginPost(ctx, id, purpose, p)
	}
	before, begun, err = l.Table.BeginPostAfter(ctx, id, purpose, p, l.purpose, l.held)
	if begun && err == nil {
		l.purpose = ""
	}
	return before, begun, err
}

// writeHeld writes what is still held back, because no other message was begun.
func (l *jointLedger) writeHeld(ctx context.Context, id string) error {
	if l.purpose == "" {
		return nil
	}
	return l.Table.CompletePost(ctx, id, l.purpose, l.held)
}
