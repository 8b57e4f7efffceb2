package policytab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sso-elevator/infra/local/organization"
)

const demoFile = "../demo/elevator.yaml"

// newDemo returns the handler of the demo, and the text that it starts from.
func newDemo(t *testing.T) (h http.Handler, text string) {
	t.Helper()
	o, err := organization.Load("../demo/organization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var ids organization.IDs
	raw, err := os.ReadFile("../organization/testdata/demo.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &ids); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(demoFile)
	if err != nil {
		t.Fatal(err)
	}
	h, err = New(Config{File: demoFile, Text: file, Organization: NewOrganization(o, ids, "123456789012")})
	if err != nil {
		t.Fatal(err)
	}
	return h, string(file)
}

func send(h http.Handler, method, contentType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/sim/policy", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// result is the part of a reply that tests compare.
type result struct {
	reply
	Answer *struct {
		Outcome, Reason, Says, Because, Longest string
		Approvers                               []string
		Matching                                []struct{ Path, Text string }
	} `json:"answer"`
}

func ask(t *testing.T, h http.Handler, q question) result {
	t.Helper()
	body, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	w := send(h, http.MethodPost, "application/json", string(body))
	var a result
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != http.StatusOK {
		t.Fatalf("status %d, %v: %s", w.Code, err, w.Body)
	}
	return a
}

func TestTry(t *testing.T) {
	h, text := newDemo(t)
	edit := func(old, new string) string {
		t.Helper()
		if strings.Count(text, old) != 1 {
			t.Fatalf("the demo's policy has %q %d times", old, strings.Count(text, old))
		}
		return strings.Replace(text, old, new, 1)
	}
	lineOf := func(part string) int {
		before, _, _ := strings.Cut(text, part)
		return 1 + strings.Count(before, "\n")
	}
	const (
		shop, payments, playground = "808414852538", "589481131144", "014156183654"
		deployers                  = "c3bf64e9-54b1-4301-9c39-6f5e256d1082"
		limit                      = "    Approvers: [bob@example.com, carol@example.com]\n    AllowSelfApproval: true\n"
	)
	for _, tt := range []struct {
		name     string
		q        question
		outcome  string // outcome, reason and approvers, or the mistakes of the question
		problems []string
		changes  []string // how they begin
	}{
		{name: "the text as it is", q: question{Text: text, Requester: "Alice@example.com ", Account: shop, PermissionSet: "DeveloperAccess"},
			outcome: "needs_approval RequiresApproval [bob@example.com carol@example.com]"},
		{name: "a person from elsewhere", q: question{Text: text, Requester: "zoe@example.org", Account: playground, PermissionSet: "DeveloperAccess"},
			outcome: "automatic ApprovalNotRequired []"},
		{name: "a group", q: question{Text: text, Requester: "bob@example.com", Group: deployers},
			outcome: "needs_approval RequiresApproval [carol@example.com]"},
		{name: "no person", q: question{Text: text, Account: shop, PermissionSet: "DeveloperAccess"},
			outcome: "requester is missing: give the requester's email"},
		{name: "two mistakes", q: question{Text: text, Requester: "bob", Account: shop, PermissionSet: "DeveloperAccess", Duration: "soon"},
			outcome: "requester \"bob\" is not an email address\nduration \"soon\" is not a duration like \"90s\", \"5m\", \"2h\" or \"1h30m\""},
		{name: "an edit that widens", q: question{Text: edit(limit, "    ApprovalIsNotRequired: true\n"), Requester: "alice@example.com", Account: shop, PermissionSet: "DeveloperAccess"},
			outcome: "automatic ApprovalNotRequired []",
			changes: []string{"wider: Everyone except bob@example.com and carol@example.com can get DeveloperAccess and ReadOnlyAccess in shop-staging (220297299752)", "other: Requests for ReadOnlyAccess in shop-development", "other: Requests by bob@example.com and carol@example.com"}},
		{name: "an edit that narrows", q: question{Text: edit(limit, limit+"    MaxDuration: 1h\n    AllowedUsers: [alice@example.com]\n"), Requester: "alice@example.com", Account: shop, PermissionSet: "DeveloperAccess", Duration: "2h"},
			outcome: "refused DurationTooLong []",
			changes: []string{"narrower: Everyone except alice@example.com, bob@example.com and carol@example.com can no longer get DeveloperAccess", "narrower: bob@example.com and carol@example.com can no longer get DeveloperAccess", "narrower: Requests by alice@example.com", "other: Requests by everyone except alice@example.com"}},
		{name: "an organizational unit", q: question{Text: edit("Account\n    Resource: [\"589481131144\", \"400088387371\"] # payments-production, payments-staging", "OU\n    Resource: ou-v2se-oi459d43"), Requester: "alice@example.com", Account: payments, PermissionSet: "DeveloperAccess"},
			outcome: "needs_approval RequiresApproval [carol@example.com erin@example.com zoe@example.com]",
			changes: []string{"wider: Everyone can request DatabaseAdmin in shop-production", "wider: Requests by everyone except bob@example.com and carol@example.com for DeveloperAccess in shop-production", "narrower: Everyone can no longer get DatabaseAdmin and DeveloperAccess in payments-staging", "other: Reconciliations ignore", "other: Reconciliations remove", "other: Requests by bob@example.com"}},
		{name: "a ticket that is missing", q: question{Text: edit(limit, limit+"    Ticket: {Required: true, Pattern: 'OPS-\\d+'}\n"), Requester: "alice@example.com", Account: shop, PermissionSet: "DeveloperAccess", Ticket: new("")},
			outcome: "refused TicketMissing []",
			changes: []string{"narrower: Requests for DeveloperAccess"}},
		{name: "a ticket", q: question{Text: edit(limit, limit+"    Ticket: {Required: true, Pattern: 'OPS-\\d+'}\n"), Requester: "bob@example.com", Account: shop, PermissionSet: "DeveloperAccess", Ticket: new("OPS-12")},
			outcome: "automatic SelfApproval []",
			changes: []string{"narrower: Requests for DeveloperAccess"}},
		{name: "a wrong edit", q: question{Text: edit("AllowSelfApproval: false", "AllowSelfAproval: false"), Requester: "alice@example.com", Account: shop, PermissionSet: "DeveloperAccess"},
			problems: []string{fmt.Sprintf("%d config[4].AllowSelfAproval: unknown key; did you mean AllowSelfApproval?", lineOf("AllowSelfApproval: false"))}},
		{name: "nothing", q: question{Requester: "alice@example.com", Account: shop, PermissionSet: "DeveloperAccess"},
			problems: []string{"1 the file is empty"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := ask(t, h, tt.q)
			got := a.Mistakes
			if a.Answer != nil {
				got = fmt.Sprint(a.Answer.Outcome, " ", a.Answer.Reason, " ", a.Answer.Approvers)
			}
			if got != tt.outcome {
				t.Errorf("answer %q, want %q", got, tt.outcome)
			}
			var problems []string
			for _, p := range a.Problems {
				if p.IsError {
					problems = append(problems, fmt.Sprint(p.Line, " ", p.Text))
				}
			}
			if !slices.Equal(problems, tt.problems) {
				t.Errorf("errors %q, want %q", problems, tt.problems)
			}
			var changes []string
			for _, c := range a.Changes {
				changes = append(changes, fmt.Sprint(c.Effect, ": ", c.Text))
			}
			if !slices.EqualFunc(changes, tt.changes, strings.HasPrefix) {
				t.Errorf("changes %q, want %q", changes, tt.changes)
			}
			if a.IsValid != (len(tt.problems) == 0) {
				t.Errorf("valid: %v", a.IsValid)
			}
		})
	}
}

// TestTryWarns checks that warnings have their lines, as elevator policy prints them.
func TestTryWarns(t *testing.T) {
	h, _ := newDemo(t)
	const text = "config:\n  - ResourceType: Account\n    Resource: \"*\"\n    PermissionSet: \"*\"\n    ApprovalIsNotRequired: true\n"
	a := ask(t, h, question{Text: text, Requester: "alice@example.com", Account: "808414852538", PermissionSet: "DeveloperAccess"})
	if len(a.Problems) == 0 {
		t.Fatal("no warnings")
	}
	for _, p := range a.Problems {
		if p.IsError || p.Line < 2 || !strings.HasPrefix(p.Text, "config[0]") {
			t.Errorf("%+v", p)
		}
	}
}

// TestAnythingElseIsRefused checks what keeps other web pages, and large bodies, out.
func TestAnythingElseIsRefused(t *testing.T) {
	h, _ := newDemo(t)
	long, err := json.Marshal(question{Text: strings.Repeat("#", maxText+1)})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, method, contentType, body string
		status                          int
	}{
		{"a form of another page", http.MethodPost, "text/plain", `{"text":""}`, http.StatusUnsupportedMediaType},
		{"no JSON", http.MethodPost, "application/json", `text`, http.StatusBadRequest},
		{"an unknown field", http.MethodPost, "application/json", `{"file":"/etc/passwd"}`, http.StatusBadRequest},
		{"a long text", http.MethodPost, "application/json", string(long), http.StatusRequestEntityTooLarge},
		{"a long body", http.MethodPost, "application/json", `{"text":"` + strings.Repeat("#", 1<<20), http.StatusRequestEntityTooLarge},
		{"another method", http.MethodPut, "application/json", `{}`, http.StatusMethodNotAllowed},
	} {
		if w := send(h, tt.method, tt.contentType, tt.body); w.Code != tt.status {
			t.Errorf("%s: status %d, want %d: %s", tt.name, w.Code, tt.status, w.Body)
		}
	}
}

// processorTime returns what this process has used. Other processes don't matter.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestHostileText checks that no text keeps the tab busy, or makes a large answer.
func TestHostileText(t *testing.T) {
	h, _ := newDemo(t)
	const statement = "{ResourceType: Account, Resource: '*', PermissionSet: '*', Approvers: bob@example.com}\n"
	bomb := func(format string) string {
		var b strings.Builder
		b.WriteString("k0: &m0 {x: y}\n")
		for i := 1; i < 10; i++ {
			fmt.Fprintf(&b, format, i, strings.Repeat(fmt.Sprintf("*m%d, ", i-1), 10))
		}
		return b.String() + "config: [*m9]\n"
	}
	var keys bytes.Buffer
	for i := range maxText / 20 {
		fmt.Fprintf(&keys, "k%06d: 1\n", i)
	}
	statements := func(n int, format string) string {
		b := bytes.NewBufferString("config:\n")
		for i := range n {
			fmt.Fprintf(b, "  - {ResourceType: Account, "+format+"}\n", i)
		}
		return b.String()
	}
	const (
		ownGroup  = "Resource: '*', PermissionSet: '*', AllowedGroups: [99999999-8888-7777-6666-%012[1]d], Approvers: bob@example.com"
		ownTarget = "Resource: '1%011[1]d', PermissionSet: P%[1]d, Approvers: bob@example.com"
	)
	times := func(s string) string { return strings.Repeat(s, maxText/2/len(s)) }
	for _, tt := range []struct{ name, text, want string }{
		{"alias bomb", bomb("k%d: &m%[1]d [%s]\n"), "error"},
		{"merge bomb", bomb("k%d: &m%[1]d {<<: [%s]}\n"), "error"},
		{"an alias in itself", "config: &a [*a, *a, *a]\n", "error"},
		{"large aliases", "config:\n  - &s {ResourceType: Account, Resource: '*', PermissionSet: '*', Approvers: [" + times("bob@example.com,") + "]}\n" + times("  - *s\n")[:maxText/3], "error"},
		{"open brackets", times("["), "error"},
		{"nested lists", times("- "), "error"},
		{"many statements", "config:\n" + times("  - "+statement), "compared"},
		{"many mistakes", "config:\n" + times("  - x\n"), "error"},
		{"many unknown keys", keys.String(), "error"},
		{"one long value", "config: " + times("x"), "error"},
		{"zero bytes", times("\x00"), "error"},
		{"broken UTF-8", times("\xff"), "error"},
		{"a long key", times("k") + ": 1\nconfig: []\n", "error"},
		{"markup", "config: <script>alert(1)</script>\n", "error"},
		{"statements for 200 groups", statements(200, ownGroup), "any"},
		{"statements for 1200 groups", statements(1200, ownGroup), "too large"},
		{"statements for 2000 targets", statements(2000, ownTarget), "any"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			began, start := processorTime(t), time.Now()
			body, err := json.Marshal(question{Text: tt.text, Requester: "alice@example.com", Account: "808414852538", PermissionSet: "DeveloperAccess"})
			if err != nil {
				t.Fatal(err)
			}
			w := send(h, http.MethodPost, "application/json", string(body))
			var a result
			if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
				t.Fatal(err)
			}
			if took := processorTime(t) - began; took > 10*time.Second {
				t.Errorf("takes %s of processor time", took)
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("takes %s", took)
			}
			if w.Body.Len() > 2*len(tt.text)+maxProblems*2*maxProblemText {
				t.Errorf("the answer has %d bytes", w.Body.Len())
			}
			got := "compared"
			switch {
			case w.Code != http.StatusOK || !a.IsValid && len(a.Problems) > 0 && a.Problems[0].IsError:
				got = "error"
			case a.NotCompared != "":
				got = "too large"
			}
			if got != tt.want && tt.want != "any" { // any: whether it is in time depends on the machine
				t.Errorf("%s, want %s: %.1000s", got, tt.want, w.Body)
			}
		})
	}
}
