package slack

import (
	"testing"

	"sso-elevator/functions/access"
)

func TestPurposes(t *testing.T) {
	if got := ReminderPurpose(3); got != "remind-3" {
		t.Errorf("third reminder: got %q, want remind-3", got)
	}
	if got := DirectPurpose(PurposeGranted); got != "dm-granted" {
		t.Errorf("direct message: got %q, want dm-granted", got)
	}
}

func TestDigestFollowsWhatIsShown(t *testing.T) {
	r := access.Request{ID: "r1", Reason: "deploy", Duration: 60}
	first := RequestMessage(r).Digest()
	if again := RequestMessage(r).Digest(); again != first {
		t.Errorf("the same message has the digests %s and %s", first, again)
	}
	r.Outcome = &access.Outcome{Kind: access.OutcomeDenied}
	if RequestMessage(r).Digest() == first {
		t.Error("a denied request has the digest of an open one")
	}
}
