package command

import (
	"encoding/json"
	"io"
	"os"

	"golang.org/x/term"
)

// Streams is the input and output of a command.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Progress is nil if Err is not a terminal. Its methods then do nothing.
	Progress *Progress
}

// Files returns the streams of a program. They show progress if err is a terminal.
func Files(in, out, err *os.File) Streams {
	fd := int(err.Fd())
	if !term.IsTerminal(fd) || os.Getenv("TERM") == "dumb" {
		return Streams{In: in, Out: out, Err: err}
	}
	p := &Progress{terminal: err, width: func() int {
		width, _, err := term.GetSize(fd)
		if err != nil || width == 0 { // some terminals have no size
			return 80
		}
		return width
	}}
	return Streams{In: in, Out: p.writer(out), Err: p.writer(err), Progress: p}
}

// WriteJSON writes v as indented JSON, with <, > and & as they are.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
