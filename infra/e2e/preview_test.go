package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// preview returns what the form says about the request's decision, "" for nothing.
func (f *form) preview(t *testing.T) string {
	t.Helper()
	v := f.view(t)
	var view struct {
		Blocks []struct {
			BlockID string `json:"block_id"`
			Text    struct {
				Text string `json:"text"`
			} `json:"text"`
		} `json:"blocks"`
	}
	if err := json.Unmarshal(v.Raw, &view); err != nil {
		t.Fatal(err)
	}
	for _, b := range view.Blocks {
		if b.BlockID == "preview" {
			return b.Text.Text
		}
	}
	return ""
}

// previewOf chooses an option, and returns the preview. Without Slack's answer, a form shows
// no warning about the approvers, and the app logs that, perhaps a moment after its answer:
// then the person chooses again.
func (f *form) previewOf(t *testing.T, action, typed, want string) string {
	t.Helper()
	for tries := 3; ; tries-- {
		before := f.stack.logged(t, lookupsFailed)
		f.choose(t, action, typed)
		got := f.preview(t)
		if strings.HasPrefix(got, want) || tries == 1 {
			return got
		}
		for deadline := time.Now().Add(2 * late); f.stack.logged(t, lookupsFailed) == before; time.Sleep(150 * time.Millisecond) {
			if time.Now().After(deadline) {
				return got
			}
		}
	}
}

// lookupsFailed is logged if Slack doesn't say in time who the approvers are.
const lookupsFailed = "approvers could not be looked up for a form"

// TestPreview checks that the form previews the policy's decision, and updates the
// preview when another option is chosen.
func TestPreview(t *testing.T) {
	t.Parallel()
	const (
		automatic = "This will be granted automatically: the policy requires no approval here."
		self      = "This will be granted automatically: the policy lets you approve this yourself."
		asked     = "Approvers (any one can approve): bob@example.com, carol@example.com"
	)
	const nobody = "This would be refused, because none of the approvers is a full member of this Slack workspace with a confirmed email address: nils@partner.example, nobody@example.com, olga@example.com, paul@example.com. Ask the people who run this app."
	const sessions = "\nOpen sessions may last up to 1 hour after the access ends."
	type choice struct{ what, want string }
	for _, tt := range []struct {
		name, person, account string // a group has no account
		choices               []choice
	}{
		{"an account", grace, "playground", []choice{{"ReadOnlyAccess", automatic + sessions}, {"SupportAccess", self + sessions}, {"DeveloperAccess", asked + sessions}, {"OrphanAccess", nobody}}},
		{"a group", frank, "", []choice{{"Security Auditors", self}, {"Production Deployers", asked}}},
		{"a group without approval", judy, "", []choice{{"Incident Responders", automatic}}}, // Frank is a member for some time
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			action := "permission_set"
			var f *form
			if tt.account == "" {
				action = "group"
				f = local.openForGroup(t, tt.person)
			} else {
				f = local.open(t, tt.person)
			}
			defer f.unlock()
			if tt.account != "" {
				f.choose(t, "account", tt.account)
			}
			if got := f.preview(t); got != "" {
				t.Errorf("before there is a choice the form says %q", got)
			}
			for _, c := range tt.choices {
				if got := f.previewOf(t, action, c.what, c.want); got != c.want {
					t.Errorf("%s: the form says %q, want %q", c.what, got, c.want)
				}
			}
		})
	}
}

// TestOnlyApproverIsOfferedNothing checks that the form offers access to those whom
// someone else can approve, and not to its only approver.
func TestOnlyApproverIsOfferedNothing(t *testing.T) {
	t.Parallel()
	for person, offered := range map[string]bool{dave: false, zoe: true} {
		f := local.open(t, person)
		f.choose(t, "account", "playground")
		if got := len(f.offered(t, "permission_set", "BillingAccess")) > 0; got != offered {
			t.Errorf("%s is offered BillingAccess: %v, want %v", person, got, offered)
		}
		f.unlock()
	}
}

// TestPermissionSetFirst chooses the permission set before the account, and finds both by
// words in any order.
func TestPermissionSetFirst(t *testing.T) {
	t.Parallel()
	for person, offered := range map[string]bool{dave: false, zoe: true} { // Dave is the only approver
		f := local.open(t, person)
		if got := len(f.offered(t, "permission_set", "access BILLING")) > 0; got != offered {
			t.Errorf("%s is offered BillingAccess before an account: %v, want %v", person, got, offered)
		}
		f.unlock()
	}
	f := local.open(t, grace)
	defer f.unlock()
	f.choose(t, "permission_set", "SupportAccess")
	if got := f.preview(t); got != "" {
		t.Errorf("without an account the form says %q", got)
	}
	found := f.offered(t, "account", "PROD shop")
	if len(found) != 1 || !strings.HasPrefix(found[0].Text, "shop-production (") {
		t.Fatalf("the words find %+v", found)
	}
	f.choose(t, "account", "shop-production")
	const want = "This will be granted automatically: the policy lets you approve this yourself."
	if got := f.preview(t); !strings.HasPrefix(got, want) {
		t.Errorf("the form says %q, want %q", got, want)
	}
	// A submission without a reason shows that only the reason is missing.
	if res := f.submit(t, nil); len(res.FieldErrors) != 1 || res.FieldErrors["reason"] == "" {
		t.Errorf("the submission says %+v", res)
	}
}
