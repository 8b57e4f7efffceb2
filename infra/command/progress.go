package command

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// drawEvery is the time before the first drawing of the line, and between two
// drawings. A faster command shows no line.
const drawEvery = time.Second

// clearLine moves the cursor to the start of the line and clears the line.
const clearLine = "\r\x1b[K"

// Progress is a line at the bottom of the terminal. It shows what a command is
// doing, and for how long. A nil Progress shows nothing; its methods do nothing.
type Progress struct {
	terminal io.Writer
	width    func() int // of the terminal, in characters

	mu    sync.Mutex
	text  string
	since time.Time
	drawn bool
	// unfinished is set if the command's output so far doesn't end with a line break.
	unfinished bool
	hide       chan struct{} // closed by Hide; nil if no line is shown
}

// Show changes the text of the line. The first Show starts the clock.
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

// Hide removes the line.
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
	// A line as wide as the terminal would wrap, and clearLine couldn't clear it.
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
