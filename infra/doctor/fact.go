package doctor

import (
	"context"
	"sync"
)

// fact is a result that several checks need. The first check that needs it asks AWS or
// Slack, and all checks get the same result.
type fact[T any] struct {
	line string // of the report; it says why the fact is unknown
	ask  func() (T, error)
}

// learn returns a fact, which is unknown if one of its needs is unknown. It asks with
// ctx, not with the first check's context, because that check may have less time than
// others.
func learn[T any](ctx context.Context, line string, needs needs, ask func(context.Context) (T, error)) fact[T] {
	return fact[T]{line, sync.OnceValues(func() (T, error) {
		ctx, cancel := context.WithTimeout(ctx, long)
		defer cancel()
		if err := needs.lacking(line); err != nil {
			var unknown T
			return unknown, err
		}
		return ask(ctx)
	})}
}

// known returns the answer of the fact. Only checks and facts that declare it as a
// need may call known. It panics if the fact is unknown.
func (f fact[T]) known() T {
	v, err := f.ask()
	if err != nil {
		panic("needs the result of the check " + f.line + " and doesn't declare it")
	}
	return v
}

// lacking returns nil if the fact is known. Otherwise, the check with the fact's own
// line gets the fact's error, and other checks get blocked.
func (f fact[T]) lacking(line string) error {
	_, err := f.ask()
	if err != nil && line != f.line {
		return blocked{f.line}
	}
	return err
}

// needs are facts, of any type. They are asked for in this order, and the first
// unknown one is the reason to skip a check.
type needs []interface{ lacking(line string) error }

func (n needs) lacking(line string) error {
	for _, fact := range n {
		if err := fact.lacking(line); err != nil {
			return err
		}
	}
	return nil
}
