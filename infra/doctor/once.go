package doctor

import (
	"context"
	"sync"
)

// once is a question that several checks ask: the first asks it, all get the
// answer. It is not asked in the name of the first one, whose time may end
// before that of the others, but in that of ctx.
func once[T any](ctx context.Context, ask func(context.Context) (T, error)) func() (T, error) {
	return sync.OnceValues(func() (T, error) {
		ctx, cancel := context.WithTimeout(ctx, long)
		defer cancel()
		return ask(ctx)
	})
}

// after is the answer of a question that another line of the report is about:
// its failure is told there.
func after[T any](line string, ask func() (T, error)) (T, error) {
	v, err := ask()
	if err != nil {
		return v, blocked{line}
	}
	return v, nil
}
