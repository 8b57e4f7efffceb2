package slack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"sso-elevator/functions/access"
)

// maxAge is how far a request's timestamp may be from now, both ways. Slack
// recommends five minutes against replays.
const maxAge = 5 * time.Minute

// Verify checks that Slack signed body: timestamp and signature are the
// headers X-Slack-Request-Timestamp and X-Slack-Signature, body is the raw
// body. It accepts a signature by any of secrets, so that a secret can be
// changed without an outage; empty ones are passed over. Digests are compared
// in constant time.
//
// A request that is not Slack's, or not recent, gives CodeRefused; no secret at
// all gives CodeMisconfigured. No error says what was computed or received.
func Verify(secrets []string, timestamp, signature string, body []byte, now time.Time) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return access.Errorf(access.CodeRefused, "check signature: the timestamp is missing or not a number")
	}
	// Compared as numbers: a far-off timestamp must not overflow a Duration.
	if d := seconds - now.Unix(); seconds < 0 || d > int64(maxAge/time.Second) || d < -int64(maxAge/time.Second) {
		return access.Errorf(access.CodeRefused, "check signature: the request is more than %s away from now", maxAge)
	}
	received, err := hex.DecodeString(strings.TrimPrefix(signature, "v0="))
	if err != nil || len(received) != sha256.Size || !strings.HasPrefix(signature, "v0=") {
		return access.Errorf(access.CodeRefused, "check signature: the signature is missing or has no known form")
	}

	tried, valid := false, false
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		tried = true
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("v0:" + timestamp + ":"))
		mac.Write(body)
		if hmac.Equal(mac.Sum(nil), received) {
			valid = true
		}
	}
	switch {
	case !tried:
		return access.Errorf(access.CodeMisconfigure, "check signature: there is no signing secret")
	case !valid:
		return access.Errorf(access.CodeRefused, "check signature: the request is not signed by Slack")
	default:
		return nil
	}
}
