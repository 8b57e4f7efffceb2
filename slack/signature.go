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

// maxAge is how far a request's timestamp may lie in the past or the future. Slack
// recommends five minutes against replays.
const maxAge = 5 * time.Minute

// Verify checks that Slack signed body, which must be the raw body. timestamp and
// signature are the headers X-Slack-Request-Timestamp and X-Slack-Signature. Verify
// accepts a signature by any of secrets, so that a secret can be rotated without an
// outage. It ignores empty secrets and compares digests in constant time.
//
// Verify returns CodeRefused if Slack did not sign the request or the request is not
// recent. It returns CodeMisconfigure if there is no secret. No error contains the
// computed or the received signature.
func Verify(secrets []string, timestamp, signature string, body []byte, now time.Time) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return access.Errorf(access.CodeRefused, "check signature: the timestamp is missing or not a number")
	}
	// Compare numbers, because a far-off timestamp would overflow a Duration.
	if d := seconds - now.Unix(); seconds < 0 || d > int64(maxAge/time.Second) || d < -int64(maxAge/time.Second) {
		return access.Errorf(access.CodeRefused, "check signature: the request's timestamp is more than %s from now", maxAge)
	}
	received, err := hex.DecodeString(strings.TrimPrefix(signature, "v0="))
	if err != nil || len(received) != sha256.Size || !strings.HasPrefix(signature, "v0=") {
		return access.Errorf(access.CodeRefused, "check signature: the signature is missing or malformed")
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
		return access.Errorf(access.CodeMisconfigure, "check signature: no signing secret is available")
	case !valid:
		return access.Errorf(access.CodeRefused, "check signature: the signature doesn't match")
	default:
		return nil
	}
}
