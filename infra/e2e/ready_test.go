package e2e

import (
	"strings"
	"testing"
)

// portalURL returns the address that AWS would give the local access portal.
func (s *stack) portalURL() string { return "https://" + s.storeID + ".awsapps.com/start" }

// wantReady waits for the message about granted access, and checks where its button
// leads. A press of the button changes nothing and is answered.
func (r *request) wantReady(t *testing.T, text, address string) post {
	t.Helper()
	var ready post
	eventually(t, soon, "the message about granted access", func() error {
		posts := r.thread(t)["granted"]
		if len(posts) == 0 {
			return errNotYet
		}
		ready = posts[0]
		return nil
	})
	if said := strings.Join(textsOf(t, ready.Blocks), ""); !strings.Contains(said, "your access is ready until ") || !strings.Contains(said, text) {
		t.Errorf("it says %q, want %q", said, text)
	}
	var addresses []string
	for _, e := range elementsOf(t, ready.Blocks) {
		if e["action_id"] == "open_portal" {
			addresses = append(addresses, e["url"].(string))
		}
	}
	if len(addresses) != 1 || addresses[0] != address {
		t.Errorf("its buttons lead to %q, want %s", addresses, address)
	}
	if res := r.stack.press(t, r.wish.person, ready, "open_portal", false); !res.OK {
		t.Errorf("Slack shows a warning beside the button: %+v", res)
	}
	return ready
}

// TestReadyMessage checks that the message about granted access leads into AWS. The
// portal's address comes from Identity Center, and the session's duration from the
// permission set. Before, the approvers read how long sessions may last.
func TestReadyMessage(t *testing.T) {
	t.Parallel()
	t.Run("an account", func(t *testing.T) {
		t.Parallel()
		r := local.ask(t, wish{grace, "playground", "DeveloperAccess", 60})
		r.shows(t, "may last up to 1 hour after the access ends")
		if res := local.press(t, bob, r.message(t), "approve", false); !res.OK {
			t.Fatalf("press: %+v", res)
		}
		r.waitAssigned(t)
		account := local.accountID(t, "playground")
		ready := r.wantReady(t, ": DeveloperAccess in playground ("+account+").", local.portalURL()+"/#/console?account_id="+account+"&role_name=DeveloperAccess")
		said := strings.Join(textsOf(t, ready.Blocks), "")
		for _, want := range []string{
			" Open sessions may last until ",
			"aws configure set sso_start_url " + local.portalURL() + " --profile " + account + "-DeveloperAccess && ",
			"aws configure set sso_region us-east-1 --profile " + account + "-DeveloperAccess && ",
			"\naws sso login --profile " + account + "-DeveloperAccess",
		} {
			if !strings.Contains(said, want) {
				t.Errorf("it says %q, want %q", said, want)
			}
		}
		r.shows(t, "Open sessions stay active until they expire (up to 1 hour).")
	})
	t.Run("a group", func(t *testing.T) {
		t.Parallel()
		m := local.askForGroup(t, frank, "Incident Responders", 60)
		m.waitMember(t)
		ready := m.wantReady(t, ": the group Incident Responders.", local.portalURL())
		if said := strings.Join(textsOf(t, ready.Blocks), ""); strings.Contains(said, "aws sso login") || strings.Contains(said, "sessions") {
			t.Errorf("it says %q", said)
		}
	})
}
