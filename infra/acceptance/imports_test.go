package acceptance

import (
	"os/exec"
	"strings"
	"testing"
)

// TestImports checks that the acceptance imports neither the CDK nor anything of the
// local stack, because it is for deployed systems.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Fields(string(out))
	for _, path := range all {
		if strings.HasPrefix(path, "sso-elevator/infra/local") || strings.HasPrefix(path, "sso-elevator/slack/simulator") || strings.Contains(path, "aws-cdk-go") || strings.Contains(path, "jsii") {
			t.Errorf("it imports %s", path)
		}
	}
	if len(all) < 100 {
		t.Errorf("it imports %d packages only", len(all))
	}
}
