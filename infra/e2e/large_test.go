package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sso-elevator/slack/simulator"
)

// pageAt matches the page's address in the log, which appears before the stack is
// ready.
var pageAt = regexp.MustCompile(`the page is at (http://\S+)`)

// TestManyAccounts starts a stack with 3,000 accounts. At the pace for AWS
// Organizations, listing them takes 38 seconds. Until then the form says so and offers the
// accounts that are listed so far, and the stack does not report ready.
func TestManyAccounts(t *testing.T) {
	t.Parallel()
	const accounts, preparing = 3000, "The list is being prepared. Please try again in a minute."
	var seed strings.Builder
	seed.WriteString("permission_sets: [{name: ReadOnlyAccess}, {name: MadeElsewhere, session_duration: none}]\n")
	seed.WriteString("people: [{name: Alice Anderson, email: alice@example.com, slack_id: " + alice + "}]\naccounts:\n")
	for i := range accounts {
		fmt.Fprintf(&seed, "  - {name: team-%04d}\n", i)
	}
	path := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(path, []byte(seed.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := launch("large", "large", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)

	starting := &stack{log: p.log}
	eventually(t, startTimeout, "the page is there", func() error {
		text, err := os.ReadFile(p.log)
		if found := pageAt.FindSubmatch(text); err == nil && found != nil {
			starting.Page = string(found[1])
			return nil
		}
		return errNotYet
	})
	began := time.Now()
	f := starting.open(t, alice)
	const soFar = "The list is still loading: "
	for _, typed := range []string{"", "team-2999"} { // the last account, which is not listed yet
		if o := f.offered(t, "account", typed); len(o) == 0 || typed != "" && len(o) > 1 || !strings.Contains(o[0].Text, preparing) && !strings.Contains(o[0].Text, soFar) {
			t.Fatalf("before there is a catalog, %q is offered %+v", typed, o)
		}
	}
	eventually(t, 30*time.Second, "some accounts are offered", func() error {
		o := f.offered(t, "account", "team")
		if len(o) > 1 && strings.Contains(o[0].Text, soFar) && strings.HasPrefix(o[1].Text, "team-") {
			t.Logf("%s after the page: %s", time.Since(began).Round(time.Second), o[0].Text)
			return nil
		}
		return fmt.Errorf("offered %d options: %+v", len(o), o[:min(len(o), 2)])
	})
	// The select shows a text, which is not an option.
	option := f.offered(t, "account", "")[0].Value
	res := starting.untilAnswered(t, "alice chooses the text", func() (res simulator.Result, told bool) {
		before := f.view(t).Hash
		if err := starting.post("/sim/press", map[string]string{"person": alice, "view_id": f.viewID, "action_id": "account", "option": option}, &res); err != nil {
			t.Fatalf("choosing it: %v", err)
		}
		v := f.view(t)
		return res, res.OK && (v.Hash == before || v.says(notInTime, loading))
	})
	if !res.OK {
		t.Fatalf("choosing it: %+v", res)
	}
	v := f.view(t)
	var form struct {
		Blocks          json.RawMessage `json:"blocks"`
		PrivateMetadata string          `json:"private_metadata"`
	}
	if err := json.Unmarshal(v.Raw, &form); err != nil || !strings.Contains(string(form.Blocks), preparing) || strings.Contains(form.PrivateMetadata, option) {
		t.Errorf("then the form has the blocks %s and remembers %s, %v", form.Blocks, form.PrivateMetadata, err)
	}
	f.unlock()
	select {
	case line := <-p.lines:
		t.Fatalf("it says %s before there is a catalog", line)
	default:
	}

	s, err := p.ready()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready %s after the page", time.Since(began).Round(time.Second))
	f = s.open(t, alice)
	defer f.unlock()
	if all := f.offered(t, "account", ""); len(all) != 100 {
		t.Errorf("%d accounts are offered, want Slack's 100", len(all))
	}
	f.choose(t, "account", "team-2999")
	f.choose(t, "permission_set", "MadeElsewhere") // without a session duration
	for _, check := range []func() error{s.denialsInLog, s.secretsInLog} {
		if err := check(); err != nil {
			t.Error(err)
		}
	}
}
