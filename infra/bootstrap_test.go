package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBootstrapVersion checks which bootstrap version the template requires. The
// doctor's test compares its own version with the template.
func TestBootstrapVersion(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(sharedStack(t).path), "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Artifacts map[string]struct {
			Type       string
			Properties struct {
				RequiresBootstrapStackVersion     int
				BootstrapStackVersionSsmParameter string
			}
		}
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	tpl := sharedStack(t).template
	stacks := 0
	for name, artifact := range manifest.Artifacts {
		if artifact.Type != "aws:cloudformation:stack" {
			continue
		}
		stacks++
		asked := artifact.Properties
		least := fmt.Sprintf("CDK bootstrap stack version %d required.", asked.RequiresBootstrapStackVersion)
		if parameter := tpl.Parameters["BootstrapVersion"].Default; asked.BootstrapStackVersionSsmParameter != parameter || !strings.Contains(fmt.Sprint(tpl.Rules["CheckBootstrapVersion"]), least) {
			t.Errorf("%s asks for %+v, the template for %s: %v", name, asked, parameter, tpl.Rules["CheckBootstrapVersion"])
		}
	}
	if stacks != 1 {
		t.Errorf("%d stacks", stacks)
	}
}
