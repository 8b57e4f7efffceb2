// Package command runs the commands of elevator. It parses their flags and turns
// their errors into exit codes.
//
// A command is a struct with a method Run. Its fields are the flags, described by
// kong's tags. Run takes a Streams, and also a context if it handles interrupts.
// Without a context, an interrupt ends the program.
package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

// Exit codes, besides 0.
const (
	exitNo       = 1 // the answer is no, something is missing, or the command failed
	exitBadInput = 2 // the command line, or a file that it names, has a mistake
	exitStopped  = 3 // the command stopped at a limit, before it had an answer
)

// ErrNo is the error of a command whose answer is no. The command has already
// printed the answer, so the error is not printed.
var ErrNo = errors.New("no")

// badInput is an error that users can fix by changing their input.
type badInput struct{ error }

func (e badInput) Unwrap() error { return e.error }

// BadInput returns err as an error that exits with 2. It returns nil for nil.
func BadInput(err error) error {
	if err == nil {
		return nil
	}
	return badInput{err}
}

// stopped is an error of a command that gave up before it had an answer.
type stopped struct{ error }

func (e stopped) Unwrap() error { return e.error }

// Stopped returns err, which is not nil, as an error that exits with 3.
func Stopped(err error) error { return stopped{err} }

// Run parses args, runs the command that they name, and returns the exit code.
// model is a pointer to a command, or to a struct of commands.
func Run(ctx context.Context, model any, args []string, s Streams, options ...kong.Option) int {
	ended := false // set by --help and --version
	parser, err := kong.New(model, append([]kong.Option{
		kong.Name("elevator"), kong.Writers(s.Out, s.Err), kong.Exit(func(int) { ended = true }),
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.KindMapper(reflect.String, kong.MapperFunc(decodeString)),
		kong.Help(printHelp),
		kong.Bind(s),
	}, options...)...)
	if err != nil {
		panic(err) // wrong tags in the model
	}
	args = normalize(args, longFlags(parser.Model.Node))
	chosen, err := parser.Parse(args)
	switch {
	case ended:
		return 0
	case err != nil:
		fmt.Fprintf(s.Err, "%s; see %s --help\n", usageError(err, args), commandOf(err))
		return exitBadInput
	}
	stop := func() {}
	defer func() { stop() }()
	interruptible := func() (context.Context, error) {
		ctx, stop = signal.NotifyContext(ctx, os.Interrupt)
		return ctx, nil
	}
	if err := chosen.BindToProvider(interruptible); err != nil {
		panic(err)
	}
	err = chosen.Run()
	s.Progress.Hide()
	switch {
	case err == nil:
		return 0
	case errors.Is(err, ErrNo):
		return exitNo
	}
	fmt.Fprintln(s.Err, err)
	var bad badInput
	var stopped stopped
	switch {
	case errors.As(err, &bad):
		return exitBadInput
	case errors.As(err, &stopped):
		return exitStopped
	}
	return exitNo
}

// decodeString accepts any word as the value of a flag. Kong's own decoder refuses
// values that begin with a dash, and secrets can. It also changes bytes that are not
// UTF-8.
func decodeString(ctx *kong.DecodeContext, target reflect.Value) error {
	token := ctx.Scan.Pop()
	if token.IsEOL() {
		return errors.New("its value is missing")
	}
	target.SetString(token.String())
	return nil
}

// usageError returns the text of a usage error. Kong reads -colour as -c -o -l… and
// names only the first letter; usageError names the whole flag.
func usageError(err error, args []string) string {
	text := err.Error()
	letter, is := strings.CutPrefix(text, "unknown flag -")
	if !is || letter == "" || letter[0] == '-' {
		return text
	}
	for _, arg := range args {
		if len(arg) > 2 && arg[:2] == "-"+letter[:1] {
			return "unknown flag " + arg
		}
	}
	return text
}

// printHelp prints the help of the chosen command. If that has only further commands,
// it prints the help of its default command.
func printHelp(o kong.HelpOptions, ctx *kong.Context) error {
	if n := ctx.Selected(); n != nil && n.DefaultCmd != nil {
		ctx.Path = append(ctx.Path, &kong.Path{Command: n.DefaultCmd})
	}
	return kong.DefaultHelpPrinter(o, ctx)
}

// commandOf returns the command of a usage error, as users type it.
func commandOf(err error) string {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		if chosen := parse.Context.Selected(); chosen != nil {
			if chosen.Parent != nil && chosen.Parent.DefaultCmd == chosen {
				chosen = chosen.Parent // its name may be left out
			}
			return chosen.FullPath()
		}
		return parse.Context.Model.Name
	}
	return "elevator"
}
