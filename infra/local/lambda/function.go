// Package lambda runs function binaries the way AWS Lambda does. Each process
// speaks the Lambda Runtime API with its own listener and serves one invocation at
// a time. It stays warm for the next one, and is killed at its timeout.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package lambda

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Latest is the version that every function has.
const Latest = "$LATEST"

// Function is one function as the template describes it.
type Function struct {
	Name        string
	Dir         string // holds the executable "bootstrap"
	Handler     string
	Environment map[string]string
	Role        string // name
	Timeout     time.Duration
	MemoryMB    int
	// Aliases maps an alias to its version.
	Aliases map[string]string
	// Versions are the published versions, without $LATEST.
	Versions []string
}

// AccessKey returns the access key id of the function's processes. It identifies the
// function that makes a call.
func (f *Function) AccessKey() string { return "local-" + f.Name }

func (f *Function) executable() string { return filepath.Join(f.Dir, "bootstrap") }

// version returns the version that a qualifier names. ok is false if there is none.
// An empty qualifier names $LATEST.
func (f *Function) version(qualifier string) (version string, ok bool) {
	if qualifier == "" || qualifier == Latest {
		return Latest, true
	}
	if v, ok := f.Aliases[qualifier]; ok {
		return v, true
	}
	for _, v := range f.Versions {
		if v == qualifier {
			return v, true
		}
	}
	return "", false
}

// splitName splits a function's name as the Invoke API accepts it: a name, a
// partial ARN or an ARN, each with or without a qualifier.
func splitName(name string) (function, qualifier string, err error) {
	parts := strings.Split(name, ":")
	for i, part := range parts {
		if part == "function" {
			parts = parts[i+1:]
			break
		}
	}
	switch {
	case len(parts) == 1 && parts[0] != "":
		return parts[0], "", nil
	case len(parts) == 2 && parts[0] != "" && parts[1] != "":
		return parts[0], parts[1], nil
	}
	return "", "", fmt.Errorf("%q is not a function name", name)
}
