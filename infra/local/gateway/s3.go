package gateway

import (
	"context"
	"net/http"
)

// isConditionalPut reports whether a call writes an object on a condition: that it
// doesn't exist, or that it is unchanged.
func isConditionalPut(call *Call) bool {
	return call.Method == http.MethodPut && (call.Header.Get("If-None-Match") != "" || call.Header.Get("If-Match") != "")
}

// putConditionally allows one such write at a time, for the same reason as writeItem.
func (g *Gateway) putConditionally(ctx context.Context, call *Call) *Answer {
	g.objects.Lock()
	defer g.objects.Unlock()
	return g.forward(ctx, call)
}
