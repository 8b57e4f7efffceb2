package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"path"
	"strings"
	"sync"
)

// calls counts what passes, by service and operation, so that a test can say
// what a request costs. GET /_calls of the gateway answers with the numbers.
type calls struct {
	mu sync.Mutex
	n  map[string]int
}

// of counts the requests to a handler before it gets them.
func (c *calls) of(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name := operation(r); name != "" {
			c.mu.Lock()
			if c.n == nil {
				c.n = map[string]int{}
			}
			c.n[name]++
			c.mu.Unlock()
		}
		handler.ServeHTTP(w, r)
	})
}

func (c *calls) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	n := maps.Clone(c.n)
	c.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(n)
}

// operation is what a request asks for: "DynamoDB.GetItem", "Lambda.evaluate"
// for an invocation, "S3.PUT", "HTTPAPI.POST", "Slack.chat.postMessage".
func operation(r *http.Request) string {
	if service, name, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		service, _, _ = strings.Cut(service, "_")
		return service + "." + name
	}
	if function, ok := strings.CutSuffix(r.URL.Path, "/invocations"); ok {
		name, _, _ := strings.Cut(path.Base(function), ":function:")
		if _, after, found := strings.Cut(path.Base(function), ":function:"); found {
			name, _, _ = strings.Cut(after, ":")
		}
		return "Lambda." + name[strings.LastIndexByte(name, '-')+1:]
	}
	switch {
	case strings.HasPrefix(r.URL.Path, "/_api/"):
		return "HTTPAPI." + r.Method
	case strings.HasPrefix(r.URL.Path, "/api/"):
		return "Slack." + strings.TrimPrefix(r.URL.Path, "/api/")
	case strings.HasPrefix(r.URL.Path, "/_"), strings.HasPrefix(r.URL.Path, "/20"):
		return ""
	default:
		return "S3." + r.Method
	}
}
