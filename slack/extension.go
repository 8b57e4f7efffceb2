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
	b := new(richText).text("You have had this access since ").time(e.Since).text(", and have it until ").time(e.Until).
		text(". This request extends it from then on.")
	switch {
	case e.Limited && e.Automatic > 0:
		b.text(" An extension longer than " + access.FormatDuration(e.Automatic) + " needs an approval.")
	case e.Limited:
		b.text(" It would then last so long that the extension needs an approval.")
	}
	return b.block("extension")
}

// writeExtension says how long the access lasts in all with the request, as of the
// request's evaluation.
func writeExtension(b *richText, r access.Request) {
	if r.Chain == nil {
		return
	}
	b.newLine().strong("Extends access they have had since").text(" ").time(r.Chain.Since).text(": " + access.FormatChain(r.ChainSeconds()) + " in all")
	if d := r.EvaluatedDecision; d != nil && d.ChainTooLong {
		b.text(", which is too long without an approval")
	}
}

// writeGrantedExtension says what an extension did, as of its grant.
func writeGrantedExtension(b *richText, r access.Request) {
	if r.IsExtension() {
		b.newLine().strong("Extends access they have had since").text(" ").time(r.ChainSince)
	}
}
