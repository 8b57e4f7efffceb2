package host

import (
	"context"
	"log/slog"
	"slices"
)

// logArgsKey is the key of a context's log arguments.
type logArgsKey struct{}

// withLogArgs returns a context whose log lines also have args. Code deep inside has
// the context but doesn't know the task.
func withLogArgs(ctx context.Context, args []any) context.Context {
	return context.WithValue(ctx, logArgsKey{}, args)
}

// contextHandler is a slog.Handler that adds the log arguments of the context to each
// line, except keys that the line or its logger has already.
type contextHandler struct {
	slog.Handler
	keys []string // of the logger
}

func (l contextHandler) Handle(ctx context.Context, r slog.Record) error {
	args, _ := ctx.Value(logArgsKey{}).([]any)
	if len(args) == 0 {
		return l.Handler.Handle(ctx, r)
	}
	keys := slices.Clone(l.keys)
	r.Attrs(func(a slog.Attr) bool {
		keys = append(keys, a.Key)
		return true
	})
	r = r.Clone()
	more := slog.Record{}
	more.Add(args...)
	more.Attrs(func(a slog.Attr) bool {
		if !slices.Contains(keys, a.Key) {
			r.AddAttrs(a)
		}
		return true
	})
	return l.Handler.Handle(ctx, r)
}

func (l contextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	keys := slices.Clone(l.keys)
	for _, a := range attrs {
		keys = append(keys, a.Key)
	}
	return contextHandler{l.Handler.WithAttrs(attrs), keys}
}

func (l contextHandler) WithGroup(name string) slog.Handler {
	return contextHandler{l.Handler.WithGroup(name), l.keys}
}
