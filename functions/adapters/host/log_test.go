package host

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestLinesSayWhichTaskTheyBelongTo(t *testing.T) {
	const task = `"operation":"start","request_id":"r1","execution":"arn:e"`
	for _, tt := range []struct {
		name string
		log  func(context.Context, *slog.Logger)
		want string
	}{
		{"deep inside", func(ctx context.Context, l *slog.Logger) { l.InfoContext(ctx, "x", "n", 1) }, `"n":1,` + task},
		{"where the logger knows", func(ctx context.Context, l *slog.Logger) {
			l.With("operation", "start", "request_id", "r1", "execution", "arn:e").InfoContext(ctx, "x")
		}, task},
		{"where the line says otherwise", func(ctx context.Context, l *slog.Logger) { l.InfoContext(ctx, "x", "request_id", "r2") },
			`"request_id":"r2","operation":"start","execution":"arn:e"`},
		{"outside", func(_ context.Context, l *slog.Logger) { l.Info("x", "n", 1) }, `"n":1`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			logger := NewLogger(&out, slog.LevelInfo)
			handle := TaskHandler(Process{Logger: logger}, func(ctx context.Context, _ input) (struct{}, error) {
				tt.log(ctx, logger)
				return struct{}{}, nil
			})
			if _, err := handle(t.Context(), input{Input: Input{Operation: "start", RequestID: "r1", Execution: "arn:e"}}); err != nil {
				t.Fatal(err)
			}
			_, got, _ := strings.Cut(strings.TrimSpace(out.String()), `"msg":"x",`)
			if got != tt.want+"}" {
				t.Errorf("the line ends with\n%s\nwant\n%s}", got, tt.want)
			}
			if !json.Valid(out.Bytes()) {
				t.Errorf("no JSON: %s", out.String())
			}
		})
	}
}

// A logger created before the task learns about the task only from the context of each
// line.
func TestNoLineForgetsItsContext(t *testing.T) {
	bare := regexp.MustCompile(`\b(Logger|Log)\.(Debug|Info|Warn|Error)\(`)
	root := filepath.Join("..", "..")
	looked := 0
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		if path == filepath.Join(root, "ingress", "handler.go") || path == filepath.Join(root, "ingress", "function.go") {
			return nil // before the signature is checked, no request is known
		}
		looked++
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(source), "\n") {
			if bare.MatchString(line) {
				t.Errorf("%s:%d: this line does not know which task it belongs to: %s", path, i+1, strings.TrimSpace(line))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if looked < 50 {
		t.Errorf("looked at %d files only", looked)
	}
}
