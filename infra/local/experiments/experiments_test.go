package experiments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestVerdicts checks the three results of an experiment: its promise is kept, is kept
// too late, or the experiment itself fails. Only one experiment runs at a time, and it
// can run again.
func TestVerdicts(t *testing.T) {
	clock := func(seconds int) func(context.Context, *trial) error {
		return func(ctx context.Context, tr *trial) error {
			began := time.Now()
			tr.startClock(began)
			if err := tr.await(ctx, "it is still there", func(context.Context) (bool, error) {
				return time.Since(began) > time.Duration(seconds)*time.Second, nil
			}); err != nil {
				return err
			}
			tr.say("It took %s.", tr.stopClock())
			return nil
		}
	}
	undone := 0
	e := &Experiments{all: []*Experiment{
		{ID: "kept", State: Ready, LimitSeconds: 10, play: clock(0)},
		{ID: "broken", State: Ready, LimitSeconds: 5, play: clock(60)},
		{ID: "failed", State: Ready, LimitSeconds: 10, play: func(_ context.Context, tr *trial) error {
			tr.undo = append(tr.undo, func() { undone++ })
			return errors.New("the form did not open")
		}},
	}}
	server := httptest.NewServer(e.handler(t.Context()))
	defer server.Close()
	start := func(body, contentType string) int {
		t.Helper()
		answer, err := http.Post(server.URL+"/sim/experiments", contentType, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	wait := func(id string, want State) Experiment {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			answer, err := http.Get(server.URL + "/sim/experiments")
			if err != nil {
				t.Fatal(err)
			}
			var all struct{ Experiments []Experiment }
			err = json.NewDecoder(answer.Body).Decode(&all)
			answer.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range all.Experiments {
				if x.ID == id && x.State == want {
					return x
				}
				if x.ID == id && time.Now().After(deadline) {
					t.Fatalf("%s is %s, want %s: %s", id, x.State, want, x.Says)
				}
			}
		}
	}
	for _, tt := range []struct {
		body, contentType string
		want              int
	}{
		{`{"id":"kept"}`, "text/plain", http.StatusBadRequest}, // a request that another web page could send
		{`{"id":"unknown"}`, "application/json", http.StatusNotFound},
		{`{"id":"broken"}`, "application/json", http.StatusAccepted},
		{`{"id":"broken"}`, "application/json", http.StatusConflict},
		{`{"id":"kept"}`, "application/json", http.StatusAccepted},
		{`{"id":"failed"}`, "application/json", http.StatusAccepted},
	} {
		if got := start(tt.body, tt.contentType); got != tt.want {
			t.Errorf("start %s as %s: %d, want %d", tt.body, tt.contentType, got, tt.want)
		}
	}
	if x := wait("kept", Kept); x.Says != fmt.Sprintf("It took %.1f s.", x.ClockTo.Sub(x.ClockFrom).Seconds()) || !x.ClockTo.After(x.ClockFrom) {
		t.Errorf("kept: %+v", x)
	}
	if x := wait("broken", Broken); x.Says != "After 5s, it is still there." || x.ClockTo.Sub(x.ClockFrom) < 5*time.Second {
		t.Errorf("broken: %+v", x)
	}
	if x := wait("failed", Failed); x.Says != "the form did not open" || undone != 1 {
		t.Errorf("failed: %+v, undone %d times", x, undone)
	}
	if got := start(`{"id":"kept"}`, "application/json"); got != http.StatusAccepted {
		t.Errorf("once more: %d", got)
	}
	wait("kept", Kept)
}
