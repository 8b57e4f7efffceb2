package command

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// TestProgress checks that the progress line appears after a second, changes, makes
// room for the command's output, and disappears.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var terminal bytes.Buffer
		p := &Progress{terminal: &terminal, width: func() int { return 20 }}
		out := p.writer(&terminal)
		want := func(text string) {
			t.Helper()
			synctest.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			if got := terminal.String(); got != text {
				t.Errorf("got %q, want %q", got, text)
			}
			terminal.Reset()
		}
		p.Show("reading %d", 1)
		time.Sleep(drawEvery / 2)
		want("")
		time.Sleep(drawEvery)
		want("\r\x1b[Kreading 1 (1 s)")
		p.Show("reading 2")
		time.Sleep(drawEvery)
		want("\r\x1b[Kreading 2 (2 s)")
		fmt.Fprint(out, "half of ")
		want("\r\x1b[Khalf of ")
		time.Sleep(drawEvery)
		want("")
		fmt.Fprint(out, "a line\n")
		want("a line\n")
		p.Show("a line that is wider than it")
		time.Sleep(drawEvery)
		want("\r\x1b[Ka line that … (4 s)")
		p.Hide()
		want("\r\x1b[K")
		p.Hide()
		time.Sleep(2 * drawEvery)
		want("")
		p.Show("again")
		time.Sleep(drawEvery)
		want("\r\x1b[Kagain (1 s)")
		p.Hide()
	})
}

// TestNoTerminal checks that a file gets only the command's output.
func TestNoTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := Files(os.Stdin, f, f)
	if s.Progress != nil || s.Err != f || s.Out != f {
		t.Errorf("got %+v", s)
	}
	s.Progress.Show("nothing")
	s.Progress.Hide()
}
