package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"sso-elevator/infra/bootstrap"
)

// What package bootstrap says is what the CDK asks for.
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
	stacks := 0
	for name, artifact := range manifest.Artifacts {
		if artifact.Type != "aws:cloudformation:stack" {
			continue
		}
		stacks++
		asked := artifact.Properties
		if asked.RequiresBootstrapStackVersion != bootstrap.Version || asked.BootstrapStackVersionSsmParameter != bootstrap.Parameter {
			t.Errorf("%s asks for %+v", name, asked)
		}
	}
	if stacks != 1 {
		t.Errorf("%d stacks", stacks)
	}
}
