package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sso-elevator/infra/build"
)

// tool is a program that make installs.
func tool(t *testing.T, path ...string) string {
	t.Helper()
	root, err := build.Root()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(append([]string{root}, path...)...)
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v: make tools installs it", err)
	}
	return program
}

func TestTemplatePassesCfnLint(t *testing.T) {
	// W3005: the CDK declares a function's dependency on its role although a reference
	// implies it. That is harmless.
	output, err := exec.Command(tool(t, ".venv", "bin", "cfn-lint"), "--ignore-checks", "W3005", "--regions", "us-east-1", "--", sharedStack(t).path).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

func TestDefinitionPassesAslValidator(t *testing.T) {
	arn := func(name string) string {
		return "arn:aws:lambda:us-east-1:123456789012:function:sso-elevator-" + name + ":live"
	}
	for name, machine := range map[string]interface{ Render() (string, error) }{
		"requests":  requestPlaceholders(goldenSettings(t), "aws", arn),
		"reconcile": reconcilePlaceholders(goldenSettings(t), "aws", arn),
	} {
		definition, err := machine.Render()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name+".asl.json")
		if err := os.WriteFile(path, []byte(definition), 0o644); err != nil {
			t.Fatal(err)
		}
		output, err := exec.Command(tool(t, "node_modules", ".bin", "asl-validator"), "--json-definition", path).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, output)
		}
	}
}

// The CDK CLI synthesizes everything, including the functions, without an AWS account.
func TestCLISynthesizesWithoutAccount(t *testing.T) {
	cdk := tool(t, "node_modules", ".bin", "cdk")
	root, err := build.Root()
	if err != nil {
		t.Fatal(err)
	}
	app, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	config, err := filepath.Abs(filepath.Join("testdata", "elevator.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	out, home := filepath.Join(t.TempDir(), "cdk.out"), t.TempDir()
	cmd := exec.Command(cdk, "synth", "--quiet", "--no-notices", "--app", app, "--output", out,
		"--context", "config="+config, "--context", "architecture=x86_64")
	cmd.Dir = root
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "AWS_") }),
		appVariable+"=1", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE="+home, "AWS_SHARED_CREDENTIALS_FILE="+home,
		"CDK_DISABLE_CLI_TELEMETRY=true")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}

	text, err := os.ReadFile(filepath.Join(out, "sso-elevator.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	var made template
	if err := json.Unmarshal(text, &made); err != nil {
		t.Fatal(err)
	}
	for id := range sharedStack(t).template.Resources {
		if _, ok := made.Resources[id]; !ok && !versionID.MatchString(id) {
			t.Errorf("what the CLI synthesizes has no %s: its context differs", id)
		}
	}
	binaries, err := filepath.Glob(filepath.Join(out, "asset.*", "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(binaries), len(functionNames); got != want {
		t.Errorf("there are %d binaries to upload, want %d", got, want)
	}
	if _, err := os.Stat(filepath.Join(out, manifestFile)); err != nil {
		t.Error(err)
	}
}
