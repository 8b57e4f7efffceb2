package main

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// testFolder is for files that several tests share. It is removed at the end.
var testFolder string

// appVariable makes the test binary run as the CDK app. So the CDK CLI runs the
// tested code without compiling it again.
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
