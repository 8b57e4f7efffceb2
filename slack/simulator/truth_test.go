package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

func TestTruthIsReadOnceASecond(t *testing.T) {
	now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	reads := 0
	var problem error
	r := &truthReader{now: func() time.Time { return now }, read: func(context.Context) (Truth, error) {
		reads++
		return Truth{Assignments: []Assignment{{AccountID: "111111111111"}}}, problem
	}}
	for range 5 {
		r.current(t.Context())
	}
	same(t, "reads within a second", reads, 1)

	now, problem = now.Add(time.Second), errors.New("moto does not answer")
	a := r.current(t.Context())
	same(t, "reads", reads, 2)
	same(t, "error", a.Error, "moto does not answer")
	same(t, "last known", len(a.Truth.Assignments), 1)
}

func TestNoTruth(t *testing.T) {
	rec := httptest.NewRecorder()
	(&truthReader{now: time.Now}).ServeHTTP(rec, httptest.NewRequest("GET", "/sim/truth", nil))
	var a truthAnswer
	if err := json.Unmarshal(rec.Body.Bytes(), &a); err != nil || a.Available {
		t.Errorf("answered %s, %v", rec.Body, err)
	}
}

func TestTruthPage(t *testing.T) {
	var reads atomic.Int32
	srv := httptest.NewServer(TruthPage(func(context.Context) (Truth, error) { reads.Add(1); return Truth{}, nil }))
	defer srv.Close()
	for path, want := range map[string]int{"/": 200, "/assets/app.js": 200, "/sim/truth": 200, "/sim/state": 404, "/sim/messages": 404} {
		r, err := srv.Client().Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		same(t, path, r.StatusCode, want)
	}
	same(t, "reads", reads.Load(), int32(1))
}
