package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"sso-elevator/functions/access"
)

type input struct {
	Input
	Error string `json:"error"`
}

func TestTaskHandlerNamesTheErrorAndLogsIt(t *testing.T) {
	var out bytes.Buffer
	handle := TaskHandler(Process{Logger: slog.New(slog.NewJSONHandler(&out, nil))}, func(context.Context, input) (struct{}, error) {
		return struct{}{}, fmt.Errorf("do it: %w", access.Errorf(access.CodeThrottled, "too many"))
	})
	var in input
	payload := `{"operation":"start","request_id":"r1","execution":"arn:e","error":"Lost"}`
	if err := json.Unmarshal([]byte(payload), &in); err != nil {
		t.Fatal(err)
	}
	_, err := handle(t.Context(), in)
	if want := (messages.InvokeResponse_Error{Type: "Throttled", Message: "do it: too many"}); !reflect.DeepEqual(err, error(want)) {
		t.Errorf("got %#v, want %#v", err, want)
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"operation": "start", "request_id": "r1", "execution": "arn:e", "level": "WARN", "code": "Throttled", "error": "do it: too many"} {
		if line[key] != want {
			t.Errorf("log line has %s %v, want %s", key, line[key], want)
		}
	}
}

func TestTaskHandlerCountsWhatAPersonHasToMend(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want int
	}{
		{"nothing", nil, 0},
		{"a person has to mend it", fmt.Errorf("post: %w", access.Errorf(access.CodeMisconfigure, "token_revoked")), 1},
		{"a retry may mend it", access.Errorf(access.CodeUnavailable, "x"), 0},
		{"a person has to mend it before the policy can decide", access.Wrap(access.CodeUndecidable, access.Errorf(access.CodeMisconfigure, "x"), "decide"), 1},
		{"a retry may mend it before the policy can decide", access.Wrap(access.CodeUndecidable, access.Errorf(access.CodeThrottled, "x"), "decide"), 0},
	} {
		var written bytes.Buffer
		p := Process{Logger: slog.New(slog.DiscardHandler), Metrics: &Emitter{W: &written, Now: time.Now}}
		_, _ = TaskHandler(p, func(context.Context, input) (struct{}, error) { return struct{}{}, tt.err })(t.Context(), input{})
		if counted := strings.Count(written.String(), `"Misconfigured":1`); counted != tt.want {
			t.Errorf("%s: counted %d times, want %d: %s", tt.name, counted, tt.want, &written)
		}
		undecidable := 0
		if access.CodeOf(tt.err) == access.CodeUndecidable {
			undecidable = 1
		}
		if strings.Count(written.String(), `"Undecidable":1`) != undecidable || strings.Count(written.String(), "\n") != tt.want+undecidable {
			t.Errorf("%s: counted %s", tt.name, &written)
		}
	}
}

func TestTaskHandlerTellsWhatIsRetriedFromWhatIsNot(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"a quota", access.Errorf(access.CodeThrottled, "x"), "WARN"},
		{"not finished", access.Errorf(access.CodeInProgress, "x"), "WARN"},
		{"time is over, without a code", context.DeadlineExceeded, "WARN"},
		{"refused", access.Errorf(access.CodeRefused, "x"), "WARN"},
		{"undecidable because of a quota", access.Wrap(access.CodeUndecidable, access.Errorf(access.CodeThrottled, "x"), "decide"), "WARN"},
		{"undecidable, and a person has to mend it", access.Wrap(access.CodeUndecidable, access.Errorf(access.CodeMisconfigure, "x"), "decide"), "ERROR"},
		{"exempt", access.Errorf(access.CodeExempt, "x"), "WARN"},
		{"an invalid payload", access.Errorf(access.CodeInvalid, "x"), "ERROR"},
		{"a defect", errors.New("x"), "ERROR"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			handle := TaskHandler(Process{Logger: slog.New(slog.NewJSONHandler(&out, nil)), Metrics: &Emitter{W: io.Discard, Now: time.Now}}, func(context.Context, input) (struct{}, error) { return struct{}{}, test.err })
			_, _ = handle(t.Context(), input{})
			var line struct{ Level string }
			if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Level != test.want {
				t.Errorf("logged %s, want level %s", out.String(), test.want)
			}
		})
	}
}

func TestTaskHandlerLeavesSuccessAlone(t *testing.T) {
	handle := TaskHandler(Process{Logger: slog.New(slog.DiscardHandler), Metrics: &Emitter{W: io.Discard, Now: time.Now}}, func(_ context.Context, in input) (string, error) { return in.RequestID, nil })
	if out, err := handle(t.Context(), input{Input: Input{RequestID: "r1"}}); out != "r1" || err != nil {
		t.Errorf("got %q, %v; want r1 and no error", out, err)
	}
}
