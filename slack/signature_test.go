package slack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

func sign(secret, timestamp, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("v0:" + timestamp + ":" + body))
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

func TestVerify(t *testing.T) {
	now := time.Unix(1_772_444_000, 0)
	at := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	const body = "payload=%7B%7D"
	both := []string{"new secret", "old secret"}
	tests := []struct {
		name      string
		secrets   []string
		timestamp string
		signature string
		body      string
		want      access.Code
	}{
		{"signed", both, at(0), sign("new secret", at(0), body), body, ""},
		{"signed with the old secret", both, at(0), sign("old secret", at(0), body), body, ""},
		{"an empty secret is passed over", []string{"", "old secret"}, at(0), sign("old secret", at(0), body), body, ""},
		{"five minutes old", both, at(-5 * time.Minute), sign("new secret", at(-5*time.Minute), body), body, ""},
		{"five minutes ahead", both, at(5 * time.Minute), sign("new secret", at(5*time.Minute), body), body, ""},
		{"replayed later", both, at(-5*time.Minute - time.Second), sign("new secret", at(-5*time.Minute-time.Second), body), body, access.CodeRefused},
		{"from the future", both, at(5*time.Minute + time.Second), sign("new secret", at(5*time.Minute+time.Second), body), body, access.CodeRefused},
		{"another secret", both, at(0), sign("guess", at(0), body), body, access.CodeRefused},
		{"signed with nothing", []string{""}, at(0), sign("", at(0), body), body, access.CodeMisconfigure},
		{"no secrets", nil, at(0), sign("", at(0), body), body, access.CodeMisconfigure},
		{"another body", both, at(0), sign("new secret", at(0), body), body + " ", access.CodeRefused},
		{"another timestamp", both, at(time.Second), sign("new secret", at(0), body), body, access.CodeRefused},
		{"no signature", both, at(0), "", body, access.CodeRefused},
		{"no version", both, at(0), strings.TrimPrefix(sign("new secret", at(0), body), "v0="), body, access.CodeRefused},
		{"another version", both, at(0), "v1=" + strings.TrimPrefix(sign("new secret", at(0), body), "v0="), body, access.CodeRefused},
		{"half a signature", both, at(0), sign("new secret", at(0), body)[:35], body, access.CodeRefused},
		{"not hex", both, at(0), "v0=" + strings.Repeat("zz", 32), body, access.CodeRefused},
		{"no timestamp", both, "", sign("new secret", "", body), body, access.CodeRefused},
		{"not a timestamp", both, "now", sign("new secret", "now", body), body, access.CodeRefused},
		{"least number", both, "-9223372036854775808", sign("new secret", "-9223372036854775808", body), body, access.CodeRefused},
		{"greatest number", both, "9223372036854775807", sign("new secret", "9223372036854775807", body), body, access.CodeRefused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Verify(tt.secrets, tt.timestamp, tt.signature, []byte(tt.body), now)
			if got := access.CodeOf(err); got != tt.want {
				t.Fatalf("code %q (%v), want %q", got, err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "v0=") || strings.Contains(err.Error(), "secret\"")) {
				t.Errorf("the error says too much: %v", err)
			}
		})
	}
}

// Verify accepts what a second implementation of Slack's documentation accepts: the
// digest of exactly these bytes, with a recent timestamp.
func FuzzVerify(f *testing.F) {
	now := time.Unix(1_772_444_000, 0)
	ts := strconv.FormatInt(now.Unix(), 10)
	f.Add(ts, sign("secret", ts, "a=b"), []byte("a=b"), false)
	f.Add("", "", []byte(nil), false)
	f.Add("-1", "v0=", []byte("x"), true)
	f.Add("99999999999999999999", "v0=00", []byte("\x00"), true)
	f.Add(strconv.FormatInt(now.Unix()+301, 10), "", []byte("a=b"), true)
	f.Add("+"+ts, "", []byte("a=b"), true)
	f.Fuzz(func(t *testing.T, timestamp, signature string, body []byte, signed bool) {
		if signed {
			signature = sign("secret", timestamp, string(body))
		}
		err := Verify([]string{"", "secret"}, timestamp, signature, body, now)
		seconds, number := new(big.Int).SetString(timestamp, 10)
		recent := number && !strings.Contains(timestamp, "_") && new(big.Int).Abs(seconds.Sub(seconds, big.NewInt(now.Unix()))).Cmp(big.NewInt(300)) <= 0
		valid := strings.EqualFold(strings.TrimPrefix(signature, "v0="), strings.TrimPrefix(sign("secret", timestamp, string(body)), "v0=")) && strings.HasPrefix(signature, "v0=")
		if (err == nil) != (recent && valid) {
			t.Errorf("timestamp %q, signature %q: %v; recent %v, valid %v", timestamp, signature, err, recent, valid)
		}
		if err != nil && (access.CodeOf(err) != access.CodeRefused || strings.Contains(err.Error(), "v0=") || len(timestamp) > 8 && strings.Contains(err.Error(), timestamp)) {
			t.Errorf("%v of code %q", err, access.CodeOf(err))
		}
		if body := append(body, 'x'); err == nil && Verify([]string{"secret"}, timestamp, signature, body, now) == nil {
			t.Errorf("the signature is good for another body too")
		}
	})
}
