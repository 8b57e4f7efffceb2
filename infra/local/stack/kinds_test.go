package stack

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestKindsOfTheTemplateAreUnderstood checks that the local stack can create every
// kind of resource in the template, or knows why it needn't. Otherwise a demo would
// end with an error.
func TestKindsOfTheTemplateAreUnderstood(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "template.json"))
	if err != nil {
		t.Fatal(err)
	}
	var template Template
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	if len(template.Resources) == 0 {
		t.Fatal("the golden template has no resources")
	}
	d := &deployer{assembly: &Assembly{Template: template}}
	if err := d.checkTypes(); err != nil {
		t.Error(err)
	}
}
