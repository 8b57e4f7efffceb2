package statemachine

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestRenderFillsIn(t *testing.T) {
	p := filled
	p.NotifyFunction = "${Token[TOKEN.1]}:\"live\"<&>"
	p.RevokeWaitSeconds = 42
	rendered, err := p.Render()
	if err != nil {
		t.Fatal(err)
	}
	m := decode(t, rendered)
	if got := m.States["Announce"].function(); got != p.NotifyFunction {
		t.Errorf("Announce invokes %q, want %q", got, p.NotifyFunction)
	}
	if got := m.States["RevokeWait"].Seconds; got != 42 {
		t.Errorf("RevokeWait waits %d s, want 42", got)
	}
	if got := m.States["Grant"].Retry[0].MaxDelaySeconds; got != p.ConfirmMaxDelaySeconds {
		t.Errorf("the first retrier of Grant has a MaxDelaySeconds of %d, want %d", got, p.ConfirmMaxDelaySeconds)
	}
}

// The files are valid JSON before they are filled in, so that editors understand them.
func TestDefinitionIsJSON(t *testing.T) {
	for name, source := range map[string]string{"request.asl.json": requestSource, "reconcile.asl.json": reconcileSource} {
		if !json.Valid([]byte(source)) {
			t.Errorf("%s is not valid JSON", name)
		}
	}
}

func TestRenderReportsEveryMistake(t *testing.T) {
	type values struct {
		Name  string
		Count int
	}
	tests := []struct {
		name   string
		source string
		values values
		want   []string // parts of the error; empty: no error
	}{
		{
			name:   "none",
			source: `{"a": "${Name}", "b": "x ${Name} y", "c": "${Count}"}`,
			values: values{"n", 1},
		},
		{
			name:   "placeholder without a value",
			source: `["${Name}", "${Count}", "${Other}"]`,
			values: values{"n", 1},
			want:   []string{"placeholder ${Other} has no value"},
		},
		{
			name:   "value without a placeholder",
			source: `["${Name}"]`,
			values: values{"n", 1},
			want:   []string{"no placeholder ${Count}"},
		},
		{
			name:   "values that are not set",
			source: `["${Name}", "${Count}"]`,
			want:   []string{"Name is not set", "Count is 0, want at least 1"},
		},
		{
			name:   "number within a text",
			source: `["${Name}", "every ${Count} s"]`,
			values: values{"n", 1},
			want:   []string{"placeholder ${Count} is a number and must stand alone in its quotes"},
		},
		{
			name:   "errors within a text",
			source: `["${Name}", "${Count}", ["${TransientErrors}", "not ${TransientErrors}"]]`,
			values: values{"n", 1},
			want:   []string{"placeholder ${TransientErrors} has no value"},
		},
		{
			name:   "no JSON",
			source: `["${Name}", "${Count}"`,
			values: values{"n", 1},
			want:   []string{"not valid JSON"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := render(tt.source, reflect.ValueOf(tt.values))
			if (err != nil) != (len(tt.want) > 0) {
				t.Fatalf("got error %v, want %q", err, tt.want)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got error %q, want it to say %q", err, part)
				}
			}
		})
	}
}
