package stack

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Whatever the stack consists of, the local stack makes it or says why it need
// not: seen here before a demo ends with it.
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
