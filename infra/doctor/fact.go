package doctor

import (
	"context"
	"sync"
)

// fact is an answer that several checks need. The first check asks for it, and all
// get the same answer.
type fact[T any] struct {
	line string // of the report; it says why the fact is unknown
	ask  func() (T, error)
}

// learn returns a fact, which is unknown if one of its needs is. It asks with ctx,
// not with the first check's context: that check may have less time than others.
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

// known returns the answer of a fact that a check, or another fact, declares among
// its needs. It panics if the fact is unknown.
func (f fact[T]) known() T {
	v, err := f.ask()
	if err != nil {
		panic("needs the result of the line " + f.line + " and doesn't declare it")
	}
	return v
}

// lacking returns nil if the fact is known. Otherwise it returns the fact's error to
// the fact's own line, and blocked to any other line.
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
