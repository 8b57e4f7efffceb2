// Package posts is what the functions share about the Slack messages of a
// request: the keys of access.Request.Posts, which are also the purposes in the
// messages' metadata, and the digest that tells whether one has changed.
package posts

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"sso-elevator/slack"
)

// Reminder names the reminder number n, from 1.
func Reminder(n int) string { return slack.PurposeRemind + "-" + strconv.Itoa(n) }

// Direct names the direct message that says the same as a message in the
// channel or its thread.
func Direct(purpose string) string { return "dm-" + purpose }

// Digest is the SHA-256, in hex, of what a message says.
func Digest(m slack.Message) string {
	text, err := json.Marshal(struct{ Text, Blocks any }{m.Text, m.Blocks})
	if err != nil {
		panic("posts: " + err.Error()) // blocks that were made here always marshal
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
