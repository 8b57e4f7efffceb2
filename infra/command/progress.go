package command

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// drawEvery is the time between two updates of the line, and before the first:
// a command that is done within it shows none.
const drawEvery = time.Second

// clearLine moves the cursor to the start of the line, and empties the line.
const clearLine = "\r\x1b[K"

// Progress is the last line of a terminal. It says what a command does, and for
// how long it has done it. All methods can be called on nil, and do nothing.
type Progress struct {
	terminal io.Writer
	width    func() int // of the terminal, in characters

	mu    sync.Mutex
	text  string
	since time.Time
	drawn bool
	// unfinished: the last line that the command wrote has no end yet.
	unfinished bool
	hide       chan struct{} // nil: nothing is shown
}

// Show changes what the line says. The first Show starts the time.
func (p *Progress) Show(format string, args ...any) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = fmt.Sprintf(format, args...)
	if p.hide != nil {
		return
	}
	p.since, p.hide = time.Now(), make(chan struct{})
	go p.redraw(p.hide)
}

// Hide takes the line away.
func (p *Progress) Hide() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hide != nil {
		close(p.hide)
		p.hide = nil
	}
	p.clear()
}

func (p *Progress) redraw(hidden <-chan struct{}) {
	tick := time.NewTicker(drawEvery)
	defer tick.Stop()
	for {
		select {
		case <-hidden:
			return
		case <-tick.C:
			p.draw(hidden)
		}
	}
}

func (p *Progress) draw(hidden <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hide != hidden || p.unfinished {
		return
	}
	elapsed := fmt.Sprintf(" (%.0f s)", time.Since(p.since).Seconds())
	text := []rune(p.text)
	// A line as wide as the terminal would wrap, and could not be cleared.
	if room := p.width() - 1 - len(elapsed); len(text) > room {
		text = append(text[:max(room-1, 0)], '…')
	}
	fmt.Fprint(p.terminal, clearLine+string(text)+elapsed)
	p.drawn = true
}

func (p *Progress) clear() {
	if p.drawn {
		fmt.Fprint(p.terminal, clearLine)
		p.drawn = false
	}
}

// writer returns a writer that clears the line before it writes to w.
func (p *Progress) writer(w io.Writer) io.Writer { return progressWriter{p, w} }

type progressWriter struct {
	progress *Progress
	io.Writer
}

func (w progressWriter) Write(text []byte) (int, error) {
	p := w.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	if len(text) > 0 {
		p.unfinished = !bytes.HasSuffix(text, []byte("\n"))
	}
	return w.Writer.Write(text)
}
