package main

import (
	"context"
	"sync"
)

// fact is something that several checks need to know. The first check that needs
// it asks, and all get the same answer.
type fact[T any] struct {
	line string // of the report, which says why if the fact can't be found out
	ask  func() (T, error)
}

// learn returns a fact that needs other facts. It asks with ctx, not with the
// context of the first check, whose time may end before that of the others.
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

// known returns the answer. It panics if there is none: a check and a fact may
// only use what they declare in their needs.
func (f fact[T]) known() T {
	v, err := f.ask()
	if err != nil {
		panic("needs what the line " + f.line + " says, and does not declare it")
	}
	return v
}

// lacking returns why a line of the report can't use the fact: the error, if the
// fact belongs to this line, otherwise the name of the line that reports the error.
func (f fact[T]) lacking(line string) error {
	_, err := f.ask()
	if err != nil && line != f.line {
		return blocked{f.line}
	}
	return err
}

// needs are facts. They are asked in this order, and the first one that can't be
// found out is the reason for skipping.
type needs []interface{ lacking(line string) error }

func (n needs) lacking(line string) error {
	for _, fact := range n {
		if err := fact.lacking(line); err != nil {
			return err
		}
	}
	return nil
}
