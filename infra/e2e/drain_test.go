package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sso-elevator/slack/simulator"
)

// TestDrain drains a stack of its own: it ends access and a request that waits, and
// stops new requests. The command's report must be true, and requests must work
// again after --reopen.
func TestDrain(t *testing.T) {
	t.Parallel()
	s, stop, err := start("quiet", "drain", "organization")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	drain := func(args ...string) (code int, out, said string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		cmd := exec.Command(program, append([]string{"drain", "-config", "testdata/quiet.yaml"}, args...)...)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+s.AWSEndpointURL, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local")
		if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
	}

	countsCalls(t, s) // while nothing else happens on this stack

	active := s.ask(t, wish{kim, "data-lake", "ReadOnlyAccess", 129600})
	active.waitAssigned(t)
	active.waitsIn(t, "AwaitEnd")
	waiting := s.ask(t, wish{alice, "data-lake", "DeveloperAccess", 12})
	waiting.waitsIn(t, "AwaitApproval")

	code, out, said := drain()
	if code != 1 || !strings.Contains(out, "Open requests: 2, leases: 1, running executions: 2.") || !strings.Contains(out, "has access") {
		t.Fatalf("before: code %d\n%s\n%s", code, out, said)
	}
	if !active.assigned(t) {
		t.Fatal("looking has ended it")
	}

	code, out, said = drain("-yes", "-wait", "5m")
	if code != 0 || !strings.Contains(out, "Drained: no open request, no lease and no running execution is left. Requests ended: 2.") {
		t.Fatalf("code %d\n%s\n%s", code, out, said)
	}
	for r, want := range map[*request]string{active: "over, access removed", waiting: "over, refused"} {
		line := ""
		for l := range strings.Lines(out) {
			if strings.HasPrefix(l, r.id) {
				line = strings.TrimSpace(l)
			}
		}
		if !strings.HasSuffix(line, want) {
			t.Errorf("the table says %q, want %q", line, want)
		}
		if row := s.row(t, "request#"+r.id); row["closed_at"] == nil {
			t.Errorf("the request is not closed: %v", row)
		}
		if state := r.leaseState(t); state != "" {
			t.Errorf("a lease is left, %s", state)
		}
	}
	if active.assigned(t) {
		t.Error("access is left behind")
	}
	wantEvents(t, active, "requested", "approved", "granted", "revoked")
	wantEvents(t, waiting, "requested", "refused")

	asks := func() bool {
		t.Helper()
		var answer simulator.Result
		if err := s.post("/sim/shortcut", map[string]string{"person": kim, "callback_id": "request_for_access"}, &answer); err != nil {
			t.Fatal(err)
		}
		return answer.OK
	}
	if asks() {
		t.Error("people can still ask")
	}
	if code, out, said := drain("-reopen"); code != 0 {
		t.Fatalf("reopen: code %d\n%s\n%s", code, out, said)
	}
	again := s.ask(t, wish{kim, "network", "ReadOnlyAccess", 12})
	again.waitAssigned(t)
	again.waitGone(t, 12*time.Second+removalLimit)
	if err := s.secretsInLog(); err != nil {
		t.Error(err)
	}
}
