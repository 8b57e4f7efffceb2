package posts_test

import (
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/posts"
	"sso-elevator/slack"
)

func TestNames(t *testing.T) {
	if got := posts.Reminder(3); got != "remind-3" {
		t.Errorf("third reminder: got %q, want remind-3", got)
	}
	if got := posts.Direct(slack.PurposeGranted); got != "dm-granted" {
		t.Errorf("direct message: got %q, want dm-granted", got)
	}
}

func TestDigestFollowsWhatIsShown(t *testing.T) {
	r := access.Request{ID: "r1", Reason: "deploy", Duration: 60}
	first := posts.Digest(slack.RequestMessage(r))
	if again := posts.Digest(slack.RequestMessage(r)); again != first {
		t.Errorf("the same message has the digests %s and %s", first, again)
	}
	r.Outcome = &access.Outcome{Kind: access.OutcomeDenied}
	if posts.Digest(slack.RequestMessage(r)) == first {
		t.Error("a denied request has the digest of an open one")
	}
}
