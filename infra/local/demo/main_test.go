package main

import (
	"bytes"
	"strings"
	"testing"

	"sso-elevator/infra/command"
	"sso-elevator/infra/local/gateway"
)

func TestRun(t *testing.T) {
	for _, tt := range []struct {
		line        string
		code        int
		out, stderr string
	}{
		{line: "--help", out: "(default: " + gateway.DefaultSettleDelay.String() + ")"},
		{line: "--seed nowhere.yaml", code: 2, stderr: "local: load the example organization"},
		{line: "--config x", code: 2, stderr: "unknown flag --config; see demo --help"},
	} {
		var out, stderr bytes.Buffer
		code := run(strings.Fields(tt.line), command.Streams{Out: &out, Err: &stderr})
		if code != tt.code || !strings.Contains(out.String(), tt.out) || !strings.Contains(stderr.String(), tt.stderr) {
			t.Errorf("demo %s: code %d, want %d\n%s\n%s", tt.line, code, tt.code, out.String(), stderr.String())
		}
	}
}
