package slack

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"sso-elevator/functions/access"
)

// ReminderPurpose returns the purpose of the reminder number n, from 1. Like every
// purpose, it is in the message's metadata and is its key in access.Request.Posts.
func ReminderPurpose(n int) string { return PurposeRemind + "-" + strconv.Itoa(n) }

// DirectPurpose returns the purpose of the direct message that goes with a
// message in the channel or its thread.
func DirectPurpose(purpose string) string { return directPrefix + purpose }

// ApproverPurpose returns the purpose of the direct message that asks an approver.
func ApproverPurpose(slackID string) string { return approverPrefix + slackID }

// ApproverReminderPurpose returns the purpose of the reminder number n below an approver's
// direct message.
func ApproverReminderPurpose(n int, slackID string) string {
	return approverPrefix + ReminderPurpose(n) + "-" + slackID
}

// RequesterLink returns the address of a message about the request that its requester can
// open: the direct message if there is one, because they may not see the channel. It is
// empty if there is no message yet, or if its address is unknown.
func RequesterLink(r access.Request) string {
	post := r.Posts[DirectPurpose(PurposeAnnounce)]
	if post.TS == "" {
		post = r.Posts[PurposeAnnounce]
	}
	return r.LinkTo(post)
}

const (
	directPrefix   = "dm-"
	approverPrefix = "approver-"
)

// Digest returns the SHA-256, in hex, of what the message shows. A message whose
// digest is unchanged needs no update.
func (m Message) Digest() string {
	text, err := json.Marshal(struct{ Text, Blocks any }{m.Text, m.Blocks})
	if err != nil {
		panic("slack: " + err.Error()) // blocks of this package always marshal
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
