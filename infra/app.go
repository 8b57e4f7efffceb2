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

	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/infra/build"
	"sso-elevator/infra/deployed"
	"sso-elevator/infra/settings"
)

const (
	defaultConfig = "elevator.yaml"
	exampleConfig = "elevator.example.yaml"
	// firstContext is the context key that sets elevatorProps.first. infra/deploy
	// passes it.
	firstContext = "first"
)

// centerOf returns the instance in the settings with its identity store, or the instance
// that infra/deploy found. Without both ids, the functions look them up.
func centerOf(s *settings.Settings, context func(key string) string) identitycenter.Settings {
	center := identitycenter.Settings{InstanceARN: s.SSOInstanceARN, Region: s.SSORegion}
	arn, store := context(deployed.InstanceContext), context(deployed.IdentityStoreContext)
	if arn != "" && store != "" && (s.SSOInstanceARN == "" || s.SSOInstanceARN == arn) {
		center.InstanceARN, center.IdentityStore = arn, store
	}
	return center
}

// options come from the command line or from the CDK CLI. An option that neither sets
// is empty.
type options struct {
	config, architecture, out string
}

// synthesize builds the functions and writes the cloud assembly. It writes warnings
// to stderr.
func synthesize(o options, stderr io.Writer) (err error) {
	// The CDK's library reports errors by panicking.
	defer func() {
		if said := recover(); said != nil {
			err = fmt.Errorf("synthesize: %v", said)
		}
	}()
	root, err := build.Root()
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
		fmt.Fprintf(stderr, "infra: there is no %s, so this template has the example settings and can't be deployed. Copy %s to %[1]s and edit it.\n", defaultConfig, exampleConfig)
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
	newElevatorStack(app, elevatorProps{
		settings: s, example: example, first: context(firstContext) == "true", binaries: binaries, policy: policy, center: centerOf(s, context),
	})
	assembly := app.Synth(nil)
	return writeManifest(filepath.Join(*assembly.Directory(), manifestFile), s)
}

// newApp makes an app with the context in cdk.json. Only the CDK CLI reads this file
// by itself, and without its context the same code produces a different template. The
// context that the CLI passes has precedence.
func newApp(root, out string) (awscdk.App, error) {
	text, err := os.ReadFile(filepath.Join(root, "cdk.json"))
	if err != nil {
		return nil, fmt.Errorf("read the CDK's context: %w", err)
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

// loadSettings reads the settings from path, which is relative to the working
// folder. The default name is relative to root, and if that file does not exist yet,
// loadSettings reads the example instead.
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

func first(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}
