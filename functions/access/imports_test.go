package access_test

import (
	"os/exec"
	"strings"
	"testing"
)

// The domain packages import only the standard library and functions/access.
func TestDomainImports(t *testing.T) {
	const here = "sso-elevator/functions/access"
	for _, domain := range []string{here + "/...", "sso-elevator/functions/drift", "sso-elevator/functions/leavers", "sso-elevator/functions/schedule"} {
		out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", domain).Output()
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Fields(string(out))
		for _, path := range all {
			if path != domain && path != here && !strings.HasPrefix(path, here+"/") {
				t.Errorf("%s imports %s", domain, path)
			}
		}
		if len(all) == 0 {
			t.Errorf("%s: there is no such package", domain)
		}
	}
}
