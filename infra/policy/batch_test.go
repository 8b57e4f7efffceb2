package policy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/accesstest"
	"sso-elevator/infra/settings"
)

func TestBatch(t *testing.T) {
	lines := []struct{ query, want string }{
		{`{"requester":"eve@example.com","account":"333333333333","permission_set":"ReadOnly"}`, `{"outcome":"automatic","reason":"ApprovalNotRequired","approvers":[],"statements":[1],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}`},
		{`{"approver":"DEE@example.com","permission_set":"Admin","account":"333333333333","requester":"Eve@Example.com"}`, `{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["dee@example.com"],"statements":[4],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null,"permitted":true}`},
		{`  { "requester" : "ann@example.com", "group": "99999999-8888-7777-6666-555555555555", "approver": "eve@example.com" } ` + "\r", `{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["bob@example.com","cid@example.com"],"statements":[1],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null,"permitted":false}`},
		{`{"requester":"ann@example.com","group":"99999999-8888-7777-6666-555555555555","account":"","permission_set":null,"approver":""}`, `{"outcome":"needs_approval","reason":"RequiresApproval","approvers":["bob@example.com","cid@example.com"],"statements":[1],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}`},
		{``, `{"error":"the line is empty"}`},
		{`  `, `{"error":"the line is empty"}`},
		{`{`, `{"error":"not a query: the JSON object is not closed"}`},
		{`nonsense`, `{"error":"not a query: invalid character 'o' in literal null (expecting 'u')"}`},
		{`null`, `{"error":"not a query: must be a JSON object, not null"}`},
		{`[]`, `{"error":"not a query: must be a JSON object, not array"}`},
		{`"x"`, `{"error":"not a query: must be a JSON object, not string"}`},
		{`{}`, `{"error":"requester is missing: give the requester's email; target is missing: give an account and a permission set, or a group"}`},
		{`{"requester":7,"account":"111111111111","permission_set":"Admin"}`, `{"error":"not a query: requester must be a string, not number"}`},
		{`{"requester":"ann@example.com","account":111111111111,"permission_set":"Admin"}`, `{"error":"not a query: account must be a string, not number"}`},
		{`{"requester":"ann@example.com","account":"111111111111","permission-set":"Admin"}`, `{"error":"not a query: unknown field \"permission-set\""}`},
		{`{"requester":"ann@example.com","account":"111111111111"}`, `{"error":"permission set is missing: give its name"}`},
		{`{"requester":"<b>&","account":"prod","permission_set":"Admin"}`, `{"error":"requester \"<b>&\" is not an email address; account \"prod\" is not an account id (12 digits)"}`},
		{`{"requester":"ann@example.com","account":"111111111111","permission_set":"Admin","group":"99999999-8888-7777-6666-555555555555"}`, `{"error":"give a group, or an account and a permission set, not both"}`},
		{`{"requester":"ann@example.com","group":"admins"}`, `{"error":"group \"admins\" is not a group id like 99999999-8888-7777-6666-555555555555"}`},
		{`{"requester":"ann@example.com","group":"99999999-8888-7777-6666-555555555555","approver":"bob"}`, `{"error":"approver \"bob\" is not an email address"}`},
		{`{"requester":"a@example.com","group":"99999999-8888-7777-6666-555555555555"} {}`, `{"error":"not a query: there is text after the JSON object"}`},
		{`{"requester":"a@example.com","group":"99999999-8888-7777-6666-555555555555"} x`, `{"error":"not a query: there is text after the JSON object"}`},
		{strings.Repeat(" ", maxLine+1) + `{}`, `{"error":"the line is longer than 1048576 bytes"}`},
		{strings.Repeat(" ", bufferSize+7) + `{"requester":"eve@example.com","account":"333333333333","permission_set":"ReadOnly"}`, `{"outcome":"automatic","reason":"ApprovalNotRequired","approvers":[],"statements":[1],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}`},
		{`{"requester":"dee@example.com","account":"333333333333","permission_set":"Admin"}`, `{"outcome":"refused","reason":"NoApprovers","approvers":[],"statements":[4],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}`},
	}
	var queries, want strings.Builder
	for i, l := range lines {
		queries.WriteString(l.query)
		if i < len(lines)-1 { // the last line may have no line break
			queries.WriteByte('\n')
		}
		want.WriteString(l.want + "\n")
	}
	check := func(t *testing.T, code int, stdout, stderr string) {
		t.Helper()
		if code != 0 || stderr != warnings {
			t.Errorf("exit %d, standard error %q", code, stderr)
		}
		got := strings.Split(stdout, "\n")
		for i, w := range strings.Split(want.String(), "\n") {
			if i >= len(got) || got[i] != w {
				t.Fatalf("line %d:\ngot  %s\nwant %s", i+1, strings.Join(got[min(i, len(got)):min(i+1, len(got))], ""), w)
			}
		}
		if stdout != want.String() {
			t.Errorf("more answers than lines: %q", stdout[len(want.String()):])
		}
	}
	t.Run("file", func(t *testing.T) {
		f := filepath.Join(t.TempDir(), "queries.jsonl")
		if err := os.WriteFile(f, []byte(queries.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := runLine("", "--config "+file+" --batch "+f)
		check(t, code, stdout, stderr)
	})
	t.Run("standard input", func(t *testing.T) {
		code, stdout, stderr := runLine(queries.String(), "--json --config "+file+" --batch -")
		check(t, code, stdout, stderr)
	})
	t.Run("an end after the last line", func(t *testing.T) {
		code, stdout, stderr := runLine(queries.String()+"\n", "--config "+file+" --batch -")
		check(t, code, stdout, stderr)
	})
	t.Run("no lines", func(t *testing.T) {
		if code, stdout, stderr := runLine("", "--config "+file+" --batch -"); code != 0 || stdout != "" || stderr != warnings {
			t.Errorf("exit %d, %q, %q", code, stdout, stderr)
		}
	})
	t.Run("a line that is too long and the last", func(t *testing.T) {
		code, stdout, _ := runLine(strings.Repeat("x", maxLine+1), "--config "+file+" --batch -")
		if want := `{"error":"the line is longer than 1048576 bytes"}` + "\n"; code != 0 || stdout != want {
			t.Errorf("exit %d, got %s, want %s", code, stdout, want)
		}
	})
}

// A hundred thousand queries give the same answers as single decisions, in order.
func TestBatchOfMany(t *testing.T) {
	policy, _, err := settings.LoadPolicy(file)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 5))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	var queries, want bytes.Buffer
	for range 100_000 {
		q := query{Requester: pick("ann", "BOB", "cid", "dee", "eve") + "@example.com"}
		if r.IntN(4) == 0 {
			q.Group = pick("11111111", "99999999", "22222222") + "-8888-7777-6666-555555555555"
		} else {
			q.Account = pick("111111111111", "222222222222", "333333333333", "444444444444")
			q.PermissionSet = pick("ReadOnly", "Admin", "Billing")
		}
		if r.IntN(2) == 0 {
			q.Approver = pick("ann", "bob", "Cid", "dee", "eve") + "@example.com"
		}
		line, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		queries.Write(append(line, '\n'))

		target := access.Target{Kind: access.KindAccount, AccountID: q.Account, PermissionSet: q.PermissionSet}
		if q.Group != "" {
			target = access.Target{Kind: access.KindGroup, GroupID: q.Group}
		}
		d, err := json.Marshal(accesstest.Decide(policy, q.Requester, target))
		if err != nil {
			t.Fatal(err)
		}
		d = append(d[:len(d)-1], `,"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}`...)
		if q.Approver != "" {
			d = fmt.Appendf(d[:len(d)-1], `,"permitted":%v}`, accesstest.Permits(policy, q.Requester, q.Approver, target))
		}
		want.Write(append(d, '\n'))
	}
	var out, errs bytes.Buffer
	if code := run([]string{"--config", file, "--batch", "-"}, &queries, &out, &errs); code != 0 || errs.String() != warnings {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	got, expected := bufio.NewScanner(&out), bufio.NewScanner(&want)
	for n := 1; expected.Scan(); n++ {
		if !got.Scan() || got.Text() != expected.Text() {
			t.Fatalf("line %d:\ngot  %s\nwant %s", n, got.Text(), expected.Text())
		}
	}
	if got.Scan() {
		t.Errorf("an answer too many: %s", got.Text())
	}
}

// Each answer arrives before the next question is asked.
func TestBatchLineByLine(t *testing.T) {
	questions, ask := io.Pipe()
	answers, say := io.Pipe()
	done := make(chan int)
	go func() {
		code := run([]string{"--config", file, "--batch", "-"}, questions, say, io.Discard)
		say.Close()
		done <- code
	}()
	lines := bufio.NewScanner(answers)
	for range 3 {
		fmt.Fprintln(ask, `{"requester":"eve@example.com","account":"333333333333","permission_set":"ReadOnly"}`)
		if !lines.Scan() {
			t.Fatal("no answer")
		}
		if want := `{"outcome":"automatic","reason":"ApprovalNotRequired","approvers":[],"statements":[1],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}`; lines.Text() != want {
			t.Errorf("got %s, want %s", lines.Text(), want)
		}
	}
	ask.Close()
	if code := <-done; code != 0 {
		t.Errorf("exit %d", code)
	}
}

// brokenReader returns some lines, and then an error.
type brokenReader struct{ lines io.Reader }

var errBroken = errors.New("broken")

func (r brokenReader) Read(p []byte) (int, error) {
	n, err := r.lines.Read(p)
	if err != nil {
		return n, errBroken
	}
	return n, nil
}

func TestBatchReadError(t *testing.T) {
	var out, errs bytes.Buffer
	in := brokenReader{strings.NewReader(`{"requester":"eve@example.com","account":"333333333333","permission_set":"ReadOnly"}` + "\n{")}
	code := run([]string{"--config", file, "--batch", "-"}, in, &out, &errs)
	if code != 2 || errs.String() != warnings+"read queries: broken\n" {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	if want := `{"outcome":"automatic","reason":"ApprovalNotRequired","approvers":[],"statements":[1],"approvals_needed":1,"requirements":[],"max_duration_seconds":null,"ticket_required":false,"warnings":[],"channel":null}` + "\n"; out.String() != want {
		t.Errorf("got %s, want the answer of the line before: %s", out.String(), want)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteError(t *testing.T) {
	for _, args := range [][]string{
		{"--config", file, "--batch", "-"},
		{"--config", file, "--json", "--requester", "ann@example.com", "--account", "111111111111", "--permission-set", "Admin"},
		{"--config", file, "--requester", "ann@example.com", "--account", "111111111111", "--permission-set", "Admin"},
	} {
		var errs bytes.Buffer
		code := run(args, strings.NewReader("{}\n"), brokenWriter{}, &errs)
		if code != 1 || !strings.HasSuffix(errs.String(), ": broken\n") {
			t.Errorf("%v: exit %d: %s", args, code, errs.String())
		}
	}
}

func BenchmarkBatch(b *testing.B) {
	policy, _, err := settings.LoadPolicy(file)
	if err != nil {
		b.Fatal(err)
	}
	line := []byte(`{"requester":"eve@example.com","account":"222222222222","permission_set":"ReadOnly","approver":"ann@example.com"}` + "\n")
	queries := bytes.Repeat(line, b.N)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	b.ResetTimer()
	if err := answerAll(access.NewIndex(&policy), bytes.NewReader(queries), io.Discard); err != nil {
		b.Fatal(err)
	}
}
