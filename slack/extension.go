package slack

import (
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// Extension is access that a request from the form would extend.
type Extension struct {
	Since, Until time.Time
	// Limited is set if the policy grants extensions automatically, but not all that the
	// form offers. Automatic is the longest that it does; zero if none.
	Limited   bool
	Automatic time.Duration
}

// block says what a request would do.
func (e *Extension) block() slackgo.Block {
	b := new(richText).text("You've had this access since ").time(e.Since).text(". It ends ").time(e.Until).
		text(". This request extends it from then on.")
	switch {
	case e.Limited && e.Automatic > 0:
		b.text(" An extension longer than " + access.FormatDuration(e.Automatic) + " needs an approval.")
	case e.Limited:
		b.text(" Any extension of this access needs an approval.")
	}
	return b.block("extension")
}

// writeExtension says how long the access lasts in all with the request, as of the
// request's evaluation. That access may end before an approval, and the row doesn't say
// so. Therefore the text says until when it lasts, and what an approval does after that. over
// reports whether it is known to have ended. Even then, the person may have the same access
// through another request, of which the row knows nothing.
func writeExtension(b *richText, r access.Request, over bool) {
	switch {
	case r.Chain == nil:
		return
	case over:
		b.newLine().strong("The earlier request has ended.").text(" This request's time starts with the approval.")
		return
	}
	b.newLine().strong("Extends access they have had since").text(" ").time(r.Chain.Since).text(", until ").time(r.Chain.End).
		text(". Total with this request: " + access.FormatChain(r.ChainSeconds()))
	if d := r.EvaluatedDecision; d != nil && d.ChainTooLong {
		b.text(", which is too long without an approval")
	}
	b.text(". If the old access ends first, approval starts new access.")
}

// writeHeldUntil says that the person has the access until then, through a request that this one
// doesn't extend.
func writeHeldUntil(b *richText, until time.Time) {
	b.newLine().strong("They have this access until").text(" ").time(until).
		text(", through another request. This request doesn't extend it: its own time starts with the approval.")
}

// rowShowsChainOver reports whether anything in the row happened after the end of the access that
// the request would extend.
func rowShowsChainOver(r access.Request) bool {
	if r.Chain == nil {
		return false
	}
	last := r.RemindedAt
	for _, e := range r.Events {
		if e.At.After(last) {
			last = e.At
		}
	}
	return !last.Before(r.Chain.End)
}

// writeGrantedExtension says what an extension did, as of its grant.
func writeGrantedExtension(b *richText, r access.Request) {
	if r.IsExtension() {
		b.newLine().strong("Extends access they have had since").text(" ").time(r.ChainSince)
	}
}
