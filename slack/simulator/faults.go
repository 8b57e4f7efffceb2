package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// fault makes the next calls of a method go wrong. See the package comment.
type fault struct {
	Method     string   `json:"method"`
	Error      string   `json:"error"`
	Count      int      `json:"count"`
	Delay      duration `json:"delay"`
	RetryAfter int      `json:"retry_after"` // seconds, for ratelimited; default 1
	Lost       bool     `json:"lost"`
	Match      string   `json:"match"` // part of the call's arguments; empty for any call
}

// duration is a time.Duration that JSON writes as "1.5s".
type duration time.Duration

func (d duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

func (d *duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New(`a delay is written as "1.5s"`)
	}
	if s == "" {
		*d = 0
		return nil
	}
	parsed, err := time.ParseDuration(s)
	*d = duration(parsed)
	return err
}

type faultList struct {
	mu   sync.Mutex
	list []*fault
}

func (l *faultList) add(f fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.Count == 0 {
		f.Count = 1
	}
	l.list = append(l.list, &f)
}

// clear removes the faults with that match, or all faults if match is empty.
func (l *faultList) clear(match string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = slices.DeleteFunc(l.list, func(f *fault) bool { return match == "" || f.Match == match })
}

func (l *faultList) listPending() []fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []fault{}
	for _, f := range l.list {
		if f.Count != 0 {
			out = append(out, *f)
		}
	}
	return out
}

// take returns the fault that affects this call, and counts it. ok is false if there is
// none. A fault for "*" affects all Web API methods and response_url.
func (l *faultList) take(method, arguments string) (f fault, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.list {
		if f.Count == 0 || f.Method != method && (f.Method != "*" || method == "request") {
			continue
		}
		if !strings.Contains(arguments, f.Match) {
			continue
		}
		if f.Count > 0 {
			f.Count--
		}
		return *f, true
	}
	return fault{}, false
}

// inject applies the fault that affects this call, if any. It returns false if it has
// already answered the call. Otherwise, the caller must write its answer to the
// returned ResponseWriter.
func (l *faultList) inject(w http.ResponseWriter, r *http.Request, method string) (http.ResponseWriter, bool) {
	f, ok := l.take(method, argumentsText(r))
	if !ok {
		return w, true
	}
	if f.Lost {
		return lostAnswer{r.Context(), time.Duration(f.Delay)}, true
	}
	if !sleep(r.Context(), time.Duration(f.Delay)) {
		return w, false
	}
	status, isStatus := strings.CutPrefix(f.Error, "http_")
	switch {
	case f.Error == "":
		return w, true
	case f.Error == "ratelimited":
		w.Header().Set("Retry-After", strconv.Itoa(max(f.RetryAfter, 1)))
		writeJSON(w, http.StatusTooManyRequests, map[string]any{"ok": false, "error": "ratelimited"})
	case isStatus:
		code, err := strconv.Atoi(status)
		if err != nil || code < 400 || code > 599 {
			code = http.StatusInternalServerError
		}
		http.Error(w, "Internal Error", code)
	default:
		writeJSON(w, http.StatusOK, map[string]any{"ok": false, "error": f.Error})
	}
	return w, false
}

// argumentsText returns the query and the body of a call, decoded if they are a form. The
// caller can still read the body afterwards.
func argumentsText(r *http.Request) string {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), r.Body))
	if err != nil {
		return ""
	}
	text := r.URL.RawQuery + "\n" + string(body)
	if decoded, err := url.QueryUnescape(text); err == nil {
		return decoded
	}
	return text
}

// sleep waits for d. It returns false if ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// lostAnswer drops the connection after a delay, instead of sending the answer. The call has
// been executed, but the app does not learn of it.
type lostAnswer struct {
	ctx   context.Context
	delay time.Duration
}

func (l lostAnswer) Header() http.Header       { return http.Header{} }
func (l lostAnswer) WriteHeader(int)           { l.drop() }
func (l lostAnswer) Write([]byte) (int, error) { l.drop(); return 0, nil }

func (l lostAnswer) drop() {
	sleep(l.ctx, l.delay)
	panic(http.ErrAbortHandler)
}
