package simulation

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// storyteller writes the functions' log lines into the story.
type storyteller struct {
	clock *clock
	attrs []slog.Attr
}

func (s *storyteller) Enabled(context.Context, slog.Level) bool { return true }

func (s *storyteller) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	each := func(a slog.Attr) bool {
		if a.Key != "request_id" && a.Key != "execution" {
			fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		}
		return true
	}
	for _, a := range s.attrs {
		each(a)
	}
	r.Attrs(each)
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	s.clock.say("    log %s%s", r.Message, b.String())
	return nil
}

func (s *storyteller) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &storyteller{s.clock, append(append([]slog.Attr{}, s.attrs...), attrs...)}
}

func (s *storyteller) WithGroup(string) slog.Handler { return s }
