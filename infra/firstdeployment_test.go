package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// terminationProtection returns the CDK's metadata about the stack's termination
// protection, which is not in the template.
func (s *synthesized) terminationProtection(t *testing.T) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(s.path), "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Artifacts map[string]struct {
			Type       string
			Properties struct{ TerminationProtection bool }
		}
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	for _, artifact := range manifest.Artifacts {
		if artifact.Type == "aws:cloudformation:stack" {
			return artifact.Properties.TerminationProtection
		}
	}
	t.Fatal("there is no stack")
	return false
}

// TestFirstDeployment checks how the first deployment differs from later ones.
// Nothing prevents CloudFormation from cleaning up, no alarm treats the time before
// the system existed as silence, and the dashboard shows only existing alarms.
func TestFirstDeployment(t *testing.T) {
	first, err := synthesizeProps(elevatorProps{settings: goldenSettings(t), first: true})
	if err != nil {
		t.Fatal(err)
	}
	after := sharedStack(t)
	if first.terminationProtection(t) || !after.terminationProtection(t) {
		t.Error("termination protection must come with the second deployment")
	}
	var missing, changed []string
	for id, r := range after.template.Resources {
		got, there := first.template.Resources[id]
		switch name, _ := r.Properties["AlarmName"].(string); {
		case !there && r.Type == "AWS::CloudWatch::Alarm" && r.Properties["TreatMissingData"] == "breaching":
			missing = append(missing, name)
		case !there:
			t.Errorf("the first deployment has no %s", id)
		case !reflect.DeepEqual(got, r):
			changed = append(changed, r.Type)
		}
	}
	for id := range first.template.Resources {
		if _, there := after.template.Resources[id]; !there {
			t.Errorf("only the first deployment has %s", id)
		}
	}
	slices.Sort(missing)
	if want := []string{"sso-elevator-CatalogOld", "sso-elevator-RecheckMissing", "sso-elevator-SweepMissing"}; !slices.Equal(missing, want) {
		t.Errorf("the second deployment adds the alarms %q, want %q", missing, want)
	}
	slices.Sort(changed)
	if want := []string{"AWS::CloudWatch::Dashboard", "AWS::DynamoDB::Table"}; !slices.Equal(changed, want) {
		t.Errorf("the second deployment changes %q, want %q", changed, want)
	}
	table := first.template.one(t, "AWS::DynamoDB::Table")
	if table.Properties["DeletionProtectionEnabled"] != false {
		t.Errorf("deletion protection of the table is %v", table.Properties["DeletionProtectionEnabled"])
	}
	table.Properties["DeletionProtectionEnabled"] = true
	if !reflect.DeepEqual(table, after.template.one(t, "AWS::DynamoDB::Table")) {
		t.Error("the table differs in more than its deletion protection")
	}

	// Every other alarm that counts missing data as a breach uses an expression
	// (begunRuns) that ignores the time before the first data.
	for id, r := range first.template.of("AWS::CloudWatch::Alarm") {
		if r.Properties["TreatMissingData"] == "breaching" && r.Properties["Metrics"] == nil {
			t.Errorf("%s alarms before there is data", id)
		}
	}
}

// TestNothingOutlivesAFailedCreation checks that a rollback of the first deployment
// keeps nothing. Otherwise the leftovers would block the next attempt.
func TestNothingOutlivesAFailedCreation(t *testing.T) {
	kept := 0
	for id, r := range sharedStack(t).template.Resources {
		switch r.DeletionPolicy {
		case "RetainExceptOnCreate":
			kept++
		case "", "Delete":
		default:
			t.Errorf("%s (%s) has the DeletionPolicy %s", id, r.Type, r.DeletionPolicy)
		}
	}
	if want := 4 + len(functionNames); kept != want { // table, two buckets, the audit bucket's policy, and the functions' versions
		t.Errorf("%d resources outlive the stack, want %d", kept, want)
	}
}
