package policy

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sso-elevator/functions/access/accesstest"
)

// A look-alike of an approver's address is rejected as not an address: in flags, in a
// batch, and in the policy itself.
func TestLookAlikesAreNoEmails(t *testing.T) {
	dir := t.TempDir()
	write := func(name, approver string) string {
		path := filepath.Join(dir, name)
		quoted, err := json.Marshal(approver)
		if err != nil {
			t.Fatal(err)
		}
		text := "config:\n- Resource: \"111111111111\"\n  PermissionSet: Admin\n  AllowSelfApproval: true\n  Approvers: " + string(quoted) + "\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config := write("elevator.yaml", accesstest.Email)
	const what = " --account 111111111111 --permission-set Admin --json "
	if code, stdout, stderr := runLine("", "--config "+config+what+"--requester ann@example.com --approver KIM.S@BIGBANK.COM"); code != 0 || !strings.Contains(stdout, `"permitted":true`) {
		t.Fatalf("the address itself: exit %d, %s%s", code, stdout, stderr)
	}
	n := 0
	for name, email := range accesstest.LookAlikes() {
		t.Run(name, func(t *testing.T) {
			n++
			if strings.ContainsRune(email, '\u00A0') {
				return // runLine splits its flags at every space
			}
			for role, flags := range map[string]string{
				"requester": "--requester " + email,
				"approver":  "--requester ann@example.com --approver " + email,
			} {
				code, stdout, stderr := runLine("", "--config "+config+what+flags)
				if code != 2 || stdout != "" || !strings.Contains(stderr, fmt.Sprintf("%s %q is not an email address\n", role, email)) {
					t.Errorf("as %s: exit %d, %q, %q", role, code, stdout, stderr)
				}
			}
		})
		t.Run(name+" in a batch", func(t *testing.T) {
			for role, query := range map[string]map[string]string{
				"requester": {"requester": email},
				"approver":  {"requester": "ann@example.com", "approver": email},
			} {
				query["account"], query["permission_set"] = "111111111111", "Admin"
				line, _ := json.Marshal(query)
				code, stdout, _ := runLine(string(line), "--config "+config+" --batch -")
				var got struct{ Error string }
				if err := json.Unmarshal([]byte(stdout), &got); code != 0 || err != nil || !strings.HasPrefix(got.Error, role+" ") || !strings.HasSuffix(got.Error, "is not an email address") {
					t.Errorf("as %s: exit %d, %q", role, code, stdout)
				}
			}
		})
		t.Run(name+" in the policy", func(t *testing.T) {
			path := write(fmt.Sprintf("lookalike-%d.yaml", n), email)
			code, stdout, stderr := runLine("", "--config "+path+what+"--requester ann@example.com")
			if code != 2 || stdout != "" || !strings.Contains(stderr, path+":5: config[0].Approvers: ") || !strings.Contains(stderr, "must be an email address like ann@example.com") {
				t.Errorf("exit %d, %q, %q", code, stdout, stderr)
			}
		})
	}
}
