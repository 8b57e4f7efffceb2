package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/infra/build"
	"sso-elevator/infra/settings"
)

const (
	defaultConfig = "elevator.yaml"
	exampleConfig = "elevator.example.yaml"
	// firstContext is the context key of elevatorProps.first; infra/deploy sets it.
	firstContext = "first"
)

// options are what the command line or the CDK CLI say; empty where they don't.
type options struct {
	config, architecture, out string
}

// synthesize builds the functions and writes the cloud assembly. Warnings go
// to stderr.
func synthesize(o options, stderr io.Writer) (err error) {
	// The CDK's library says by panicking what it finds wrong.
	defer func() {
		if said := recover(); said != nil {
			err = fmt.Errorf("synthesize: %v", said)
		}
	}()
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	app, err := newApp(root, o.out)
	if err != nil {
		return err
	}
	context := func(key string) string {
		value, _ := app.Node().TryGetContext(jsii.String(key)).(string)
		return value
	}
	s, example, err := loadSettings(root, first(o.config, context("config"), defaultConfig))
	if err != nil {
		return err
	}
	if example {
		fmt.Fprintf(stderr, "infra: there is no %s; this is the example's template, which can be looked at but not deployed\n", defaultConfig)
	}
	s.Architecture = first(o.architecture, context("architecture"), s.Architecture)
	binaries, err := build.Functions(root, s.Architecture, functionNames)
	if err != nil {
		return err
	}
	policy, err := build.Policy(root, s.PolicyJSON())
	if err != nil {
		return err
	}
	newElevatorStack(app, elevatorProps{settings: s, example: example, first: context(firstContext) == "true", binaries: binaries, policy: policy})
	assembly := app.Synth(nil)
	return writeManifest(filepath.Join(*assembly.Directory(), manifestFile), s)
}

// newApp makes an app with the context of cdk.json, which otherwise only the
// CDK CLI reads: without it the same code gives another template. What the CLI
// hands over has precedence.
func newApp(root, out string) (awscdk.App, error) {
	text, err := os.ReadFile(filepath.Join(root, "cdk.json"))
	if err != nil {
		return nil, fmt.Errorf("read context: %w", err)
	}
	var file struct {
		Context map[string]any `json:"context"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("read context from cdk.json: %w", err)
	}
	props := &awscdk.AppProps{Context: &file.Context, AnalyticsReporting: jsii.Bool(false)}
	if out != "" {
		props.Outdir = &out
	}
	return awscdk.NewApp(props), nil
}

// loadSettings reads the settings from path, a file name relative to the
// working folder or to root. Where the file with the default name is not there
// yet it reads the example instead.
func loadSettings(root, path string) (s *settings.Settings, example bool, err error) {
	if path == defaultConfig {
		path = filepath.Join(root, defaultConfig)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			path, example = filepath.Join(root, exampleConfig), true
		}
	}
	s, err = settings.Load(path)
	return s, example, err
}

// moduleRoot is the folder of go.mod, at or above the working folder.
func moduleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for folder := start; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("no go.mod at or above %s: run this from the project's folder", start)
		}
	}
}

func first(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}
