package ingress

import (
	"context"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
)

const (
	// reachTime is how long a form waits for Slack to say who the approvers are. Without an
	// answer, it shows no warning.
	reachTime = 700 * time.Millisecond
	// mostReachLookups is how many approvers a form looks up in Slack. Of more, we assume that
	// someone is there.
	mostReachLookups = 10
)

// unreachableText returns the warning for a form whose request nobody in Slack could
// approve. Evaluate would refuse it. It returns "" if someone could, or if that is not
// known.
func (h *Handler) unreachableText(ctx context.Context, d access.Decision, requester access.Person) string {
	isGroup := func(approver string) bool { _, ok := access.GroupOf(approver); return ok }
	if d.Outcome != access.DecideApproval || len(d.Approvers) > mostReachLookups || slices.ContainsFunc(d.Approvers, isGroup) {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	known, unknown, err := h.People.Approvers(ctx, d.Approvers)
	if err != nil {
		h.Logger.WarnContext(ctx, "approvers could not be looked up for a form", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		return ""
	}
	isOther := func(p access.Person) bool { return !access.SamePerson(p, requester) }
	if len(unknown) == 0 || slices.ContainsFunc(known, isOther) {
		return ""
	}
	return "This would be refused, because none of the approvers is a full member of this Slack workspace with a confirmed email address: " +
		strings.Join(unknown, ", ") + ". Ask the people who run this app."
}
