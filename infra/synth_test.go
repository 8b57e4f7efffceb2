package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"sso-elevator/infra/build"
	"sso-elevator/infra/settings"
)

// synthesized is a synthesized stack.
type synthesized struct {
	path     string // of the template, in the cloud assembly
	template template
}

// template is the part of a CloudFormation template that the tests read.
type template struct {
	Parameters map[string]struct{ Default string }
	Resources  map[string]resource
	Outputs    map[string]struct{ Value any }
	Rules      map[string]any
}

type resource struct {
	Type                string
	Properties          map[string]any
	DeletionPolicy      string
	UpdateReplacePolicy string
	DependsOn           []string
}

// shared is the stack of testdata/elevator.yaml, synthesized once.
var shared = sync.OnceValues(func() (*synthesized, error) {
	s, err := settings.Load(filepath.Join("testdata", "elevator.yaml"))
	if err != nil {
		return nil, err
	}
	return synthesizeStack(s, false)
})

func sharedStack(t *testing.T) *synthesized {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func synthesizeStack(s *settings.Settings, example bool) (*synthesized, error) {
	return synthesizeProps(elevatorProps{settings: s, example: example})
}

// synthesizeProps fills in the policy, and functions that are never run.
func synthesizeProps(props elevatorProps) (*synthesized, error) {
	s := props.settings
	root, err := build.Root()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(testFolder, "")
	if err != nil {
		return nil, err
	}
	app, err := newApp(root, filepath.Join(folder, "cdk.out"))
	if err != nil {
		return nil, err
	}
	if _, err := newTestStack(app, props, folder); err != nil {
		return nil, err
	}
	made := &synthesized{path: filepath.Join(*app.Synth(nil).Directory(), s.NamePrefix+".template.json")}
	text, err := os.ReadFile(made.path)
	if err != nil {
		return nil, err
	}
	return made, json.Unmarshal(text, &made.template)
}

// newTestStack creates the stack that props describe, with functions that are never
// run.
func newTestStack(app awscdk.App, props elevatorProps, folder string) (awscdk.Stack, error) {
	binaries := map[string]build.Binary{}
	for _, name := range functionNames {
		content := []byte("not a program: " + name)
		in := filepath.Join(folder, "functions", "cmd", name)
		if err := os.MkdirAll(in, 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(in, "bootstrap"), content, 0o755); err != nil {
			return nil, err
		}
		binaries[name] = build.Binary{Folder: in, SHA256: fmt.Sprintf("%x", sha256.Sum256(content))}
	}
	policy, err := build.Policy(folder, props.settings.PolicyJSON())
	if err != nil {
		return nil, err
	}
	props.binaries, props.policy = binaries, policy
	props.center = centerOf(props.settings, func(string) string { return "" })
	return newElevatorStack(app, props), nil
}

func goldenSettings(t *testing.T) *settings.Settings {
	t.Helper()
	s, err := settings.Load(filepath.Join("testdata", "elevator.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
