package host

import (
	"context"
	"log/slog"
	"slices"
)

// logArgsKey is where a context has what its log lines say beside their own.
type logArgsKey struct{}

// withLogArgs is ctx, whose lines in a log of Logger say which task they belong
// to: what is deep inside knows its context, and not the task.
func withLogArgs(ctx context.Context, args []any) context.Context {
	return context.WithValue(ctx, logArgsKey{}, args)
}

// lines is a slog.Handler that adds to each line what its context has, except
// what the line or its logger says already.
type lines struct {
	slog.Handler
	said []string // keys that the logger has
}

func (l lines) Handle(ctx context.Context, r slog.Record) error {
	args, _ := ctx.Value(logArgsKey{}).([]any)
	if len(args) == 0 {
		return l.Handler.Handle(ctx, r)
	}
	said := slices.Clone(l.said)
	r.Attrs(func(a slog.Attr) bool {
		said = append(said, a.Key)
		return true
	})
	r = r.Clone()
	more := slog.Record{}
	more.Add(args...)
	more.Attrs(func(a slog.Attr) bool {
		if !slices.Contains(said, a.Key) {
			r.AddAttrs(a)
		}
		return true
	})
	return l.Handler.Handle(ctx, r)
}

func (l lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	said := slices.Clone(l.said)
	for _, a := range attrs {
		said = append(said, a.Key)
	}
	return lines{l.Handler.WithAttrs(attrs), said}
}

func (l lines) WithGroup(name string) slog.Handler {
	return lines{l.Handler.WithGroup(name), l.said}
}
