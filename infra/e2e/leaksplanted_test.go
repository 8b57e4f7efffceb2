package e2e

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// TestLeaksAreFound checks the search that follows all tests. It covers a whole
// request, finds nothing that does not belong there, and finds planted values.
func TestLeaksAreFound(t *testing.T) {
	t.Parallel()
	r := local.ask(t, wish{alice, "data-lake", "DeveloperAccess", 10})
	m := r.message(t)
	// While the request waits, the row has the token.
	eventually(t, soon, "the row has the token of the wait", func() error {
		if local.requestRow(t, r.id, "approval_token").ApprovalToken == "" {
			return errNotYet
		}
		return nil
	})
	waiting := local.gathered(t, r.id)
	if !slices.ContainsFunc(waiting.rows, func(found row) bool {
		return found.key == "request#"+r.id && len(found.attributes["approval_token"]) == 1
	}) {
		t.Error("while it waits, gathered finds no token in its row")
	}
	if leaks := waiting.leaks(); len(leaks) > 0 {
		t.Errorf("while it waits: %q", leaks)
	}
	if res := local.press(t, bob, m, "approve", false); !res.OK {
		t.Fatalf("press: %+v", res)
	}
	r.finished(t, sfntypes.ExecutionStatusSucceeded, 10*time.Second+removalLimit+soon)
	e := local.gathered(t, r.id)
	if leaks := e.leaks(); len(leaks) > 0 {
		t.Errorf("at the end: %q", leaks)
	}

	tokens := map[string]bool{}
	for _, event := range e.histories {
		if event.token != "" {
			tokens[event.token] = true
		}
	}
	if len(tokens) < 2 { // a wait that was started again has another token
		t.Fatalf("the history has %d tokens, want at least those of the waits for the approval and for the end", len(tokens))
	}
	var token, responseURL, trigger, signature string
	for token = range tokens {
	}
	for _, d := range e.incoming {
		if urls, id := slackCredentials(d.Body); strings.Contains(d.Body, r.id) && len(urls) > 0 {
			responseURL, trigger, signature = urls[0], id, d.Signature
		}
	}
	if responseURL == "" || trigger == "" || signature == "" {
		t.Fatalf("the press came with the response URL %q, the trigger %q, the signature %q", responseURL, trigger, signature)
	}
	for place, there := range map[string]bool{
		"row": slices.ContainsFunc(e.rows, func(found row) bool { return found.key == "request#"+r.id }),
		"audit record": slices.ContainsFunc(e.kept, func(w written) bool {
			return strings.HasPrefix(w.where, "s3://") && strings.Contains(w.text, `"granted"`)
		}),
		"pointer to the policy": slices.ContainsFunc(e.kept, func(w written) bool { return strings.HasPrefix(w.where, "the parameter ") }),
		"message":               slices.ContainsFunc(e.kept, func(w written) bool { return w.where == "a message in Slack" && strings.Contains(w.text, r.id) }),
		"line of the log": slices.ContainsFunc(e.kept, func(w written) bool {
			return strings.HasPrefix(w.where, "the log ") && strings.Contains(w.text, r.id)
		}),
		"metric": slices.ContainsFunc(e.kept, func(w written) bool {
			return strings.HasPrefix(w.where, "the log ") && strings.Contains(w.text, "CloudWatchMetrics")
		}),
		"secret in Parameter Store": slices.Contains(keysOf(e.secrets), signingSecret) && e.secrets[botToken] != "bot token",
	} {
		if !there {
			t.Errorf("the look through sees no %s", place)
		}
	}

	where := func(prefix string) int {
		i := slices.IndexFunc(e.kept, func(w written) bool { return strings.HasPrefix(w.where, prefix) })
		if i < 0 {
			t.Fatalf("there is nothing of %q", prefix)
		}
		return i
	}
	for what, value := range map[string]string{
		"secret": signingSecret, "bot token": botToken, "task token": token, "response URL": responseURL, "trigger": trigger, "signature": signature,
	} {
		for place, plant := range map[string]func(*evidence){
			"an event of the history": func(e *evidence) { e.histories[3].text += value },
			// This stands beside its own token, which belongs there.
			"the parameters of a task that waits": func(e *evidence) {
				i := slices.IndexFunc(e.histories, func(h historyEvent) bool { return h.token != "" })
				e.histories[i].text += value
			},
			"an attribute of a row":   func(e *evidence) { e.rows[0].attributes["reason"] = []string{"because of " + value} },
			"an attribute of a lease": func(e *evidence) { e.rows = append(e.rows, row{"lease#x", map[string][]string{"token": {value}}}) },
			"an object in S3":         func(e *evidence) { e.kept[where("s3://")].text += value },
			"a parameter":             func(e *evidence) { e.kept[where("the parameter ")].text += value },
			"a message":               func(e *evidence) { e.kept[where("a message ")].text += value },
			"a form":                  func(e *evidence) { e.kept[where("a form ")].text += value },
			"the log":                 func(e *evidence) { e.kept[where("the log ")].text += value },
			"an answer to Slack":      func(e *evidence) { e.incoming[0].Answer += value },
		} {
			planted := e.clone()
			plant(planted)
			if leaks := planted.leaks(); len(leaks) != 1 {
				t.Errorf("a %s in %s: %q is found, want one", what, place, leaks)
			}
		}
	}
	// A form or a button that contained it would send it back.
	planted := e.clone()
	planted.incoming[0].Body += "&x=" + url.QueryEscape(token)
	if leaks := planted.leaks(); len(leaks) != 1 {
		t.Errorf("a token in what comes back from Slack: %q is found, want one", leaks)
	}
}

func (s *stack) gathered(t *testing.T, about string) *evidence {
	t.Helper()
	e, err := s.gather(about)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func keysOf(m map[string]string) (keys []string) {
	for key := range m {
		keys = append(keys, key)
	}
	return keys
}

// clone returns a copy that values can be planted in.
func (e *evidence) clone() *evidence {
	c := *e
	c.histories, c.kept, c.incoming = slices.Clone(e.histories), slices.Clone(e.kept), slices.Clone(e.incoming)
	c.rows = nil
	for _, r := range e.rows {
		attributes := map[string][]string{}
		for name, texts := range r.attributes {
			attributes[name] = texts
		}
		c.rows = append(c.rows, row{r.key, attributes})
	}
	return &c
}
