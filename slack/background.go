package slack

import (
	"fmt"
	"strings"

	"sso-elevator/functions/access"
)

// Limits of the lines about the requester's access, within which a message stays below
// Slack's limits.
const (
	maxLastApprovers  = 3  // of the requester's last request for the same access
	maxBackgroundName = 50 // characters of a name
)

// writeBackground writes what helps approvers to decide, each on a line of its own: what
// the permission set is for, how often the requester had this access lately, who approved
// it last, and what they have now. It writes nothing that is unknown. It names people
// without a mention, because Slack would notify them.
func writeBackground(b *richText, r access.Request) {
	if text := cut(clean(r.PermissionSetDescription), access.MaxDescriptionLength); isVisible(text) {
		b.label("Description").text(text)
	}
	if session := session(r); session > 0 && !hasLongSession(r) { // else writeSessions says more
		b.label("Sessions last").text("up to " + access.FormatDuration(session))
	}
	bg := r.Background
	if bg == nil {
		return
	}
	if bg.Grants > 0 || !bg.MoreGrants {
		b.label("Last 30 days") // access.BackgroundPeriod
		writeGrants(b, bg)
	}
	if bg.DeniedToday > 0 {
		writeDenials(b, bg)
	}
	if len(bg.Held) > 0 {
		writeHeld(b, r.Target.Kind, bg)
	}
}

func writeGrants(b *richText, bg *access.Background) {
	if bg.Grants == 0 {
		b.text("no access on record")
		return
	}
	times, last := fmt.Sprintf("%d times", bg.Grants), "last approved"
	if bg.Grants == 1 {
		times = "once"
	}
	if bg.MoreGrants {
		times = "at least " + times
	} else if bg.Grants == 1 {
		last = "approved"
	}
	b.text("had this access " + times)
	if bg.LastAt.IsZero() {
		return
	}
	b.text(", " + last)
	if len(bg.LastBy) == 0 {
		b.text(" automatically")
	} else {
		var names []string
		for _, p := range bg.LastBy[:min(len(bg.LastBy), maxLastApprovers)] {
			names = append(names, cut(firstNonEmpty(clean(p.Name), clean(p.Email), "someone"), maxBackgroundName))
		}
		b.text(" by " + strings.Join(names, ", "))
		if more := len(bg.LastBy) - maxLastApprovers; more > 0 {
			b.text(fmt.Sprintf(" and %d more", more))
		}
	}
	b.text(", ").time(bg.LastAt)
}

// writeDenials says how often this access was denied today.
func writeDenials(b *richText, bg *access.Background) {
	times, last := fmt.Sprintf("%d times", bg.DeniedToday), "last by "
	switch bg.DeniedToday {
	case 1:
		times, last = "once", "by "
	case 2:
		times = "twice"
	}
	by := cut(firstNonEmpty(clean(bg.LastDeniedBy.Name), clean(bg.LastDeniedBy.Email), "someone"), maxBackgroundName)
	b.label("Earlier requests").text("denied " + times + " today (UTC), " + last + by + ", ").time(bg.LastDeniedAt)
}

func writeHeld(b *richText, kind access.Kind, bg *access.Background) {
	if kind == access.KindGroup {
		b.label("Already a member").text("until ").time(bg.Held[0].End)
		return
	}
	b.label("Active access in this account")
	for i, h := range bg.Held {
		name := cut(firstNonEmpty(clean(h.Target.PermissionSet), clean(h.Target.PermissionSetARN)), maxBackgroundName)
		b.text(strings.Repeat(", ", min(i, 1)) + name + " until ").time(h.End)
	}
	if bg.MoreHeld > 0 {
		b.text(fmt.Sprintf(", and %d more", bg.MoreHeld))
	}
}
