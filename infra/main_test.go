package main

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// testFolder is for what outlives a test; it is removed at the end.
var testFolder string

// appVariable makes the test binary the app: the CDK CLI can then run what is
// tested without compiling it once more.
const appVariable = "INFRA_TEST_IS_APP"

func TestMain(m *testing.M) {
	if os.Getenv(appVariable) != "" {
		main()
	}
	var err error
	if testFolder, err = os.MkdirTemp("", "infra-test-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(testFolder)
	closeNode() // one for all tests: it takes seconds to start
	os.Exit(code)
}
