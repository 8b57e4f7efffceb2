package local

import (
	"encoding/json"
	"net/http"
	"path"
	"strings"
	"sync"
)

// calls counts calls by caller, and then by service and operation. Tests use it to
// find out what a request costs. GET /_calls of the gateway returns the counts.
type calls struct {
	mu sync.Mutex
	n  map[string]map[string]int
}

// count returns a handler that counts each request before it passes it on. caller
// names the caller of a request.
func (c *calls) count(handler http.Handler, caller func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name := operation(r); name != "" {
			c.add(caller(r), name)
		}
		handler.ServeHTTP(w, r)
	})
}

func (c *calls) add(caller, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]map[string]int{}
	}
	if c.n[caller] == nil {
		c.n[caller] = map[string]int{}
	}
	c.n[caller][name]++
}

func (c *calls) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(c.n)
}

// operation returns the service and operation of a request: "DynamoDB.GetItem",
// "Lambda.evaluate" for an invocation, "S3.PUT", "HTTPAPI.POST",
// "Slack.chat.postMessage". It returns "" for requests that it doesn't count.
func operation(r *http.Request) string {
	if service, name, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		service, _, _ = strings.Cut(service, "_")
		return service + "." + name
	}
	if function, ok := strings.CutSuffix(r.URL.Path, "/invocations"); ok {
		name := path.Base(function)
		if _, after, found := strings.Cut(name, ":function:"); found {
			name, _, _ = strings.Cut(after, ":")
		}
		return "Lambda." + shortName(name)
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

// shortName returns a function's name without the deployment's prefix.
func shortName(name string) string { return name[strings.LastIndexByte(name, '-')+1:] }
