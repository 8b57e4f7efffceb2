package main

import (
	"path/filepath"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	"sso-elevator/infra/build"
)

// Every synthesis prints the settings' warnings and notices, and continues.
func TestSettingsWarningsAreAnnotations(t *testing.T) {
	root, err := build.Root()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	app, err := newApp(root, filepath.Join(folder, "cdk.out"))
	if err != nil {
		t.Fatal(err)
	}
	s := goldenSettings(t)
	s.Warnings = []string{"elevator.yaml:3: config[0]: one", "elevator.yaml:9: config[1]: another"}
	s.Notices = []string{"elevator.yaml:9: config[1]: a notice"}
	stack, err := newTestStack(app, elevatorProps{settings: s}, folder)
	if err != nil {
		t.Fatal(err)
	}
	said := *assertions.Annotations_FromStack(stack).FindWarning(jsii.String("/"+s.NamePrefix), assertions.Match_AnyValue())
	if len(said) != 2 {
		t.Fatalf("there are %d warnings, want 2", len(said))
	}
	for i, want := range []string{
		"elevator.yaml:3: config[0]: one [ack: sso-elevator:settings-1]",
		"elevator.yaml:9: config[1]: another [ack: sso-elevator:settings-2]",
	} {
		//lint:ignore SA1019 the type only moved, and the CDK's Go library has no other one
		if got := said[i].Entry.Data; got != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	told := *assertions.Annotations_FromStack(stack).FindInfo(jsii.String("/"+s.NamePrefix), assertions.Match_AnyValue())
	//lint:ignore SA1019 as above
	if len(told) != 1 || told[0].Entry.Data != s.Notices[0] {
		t.Errorf("there are %d notices, want one: %s", len(told), s.Notices[0])
	}
}
