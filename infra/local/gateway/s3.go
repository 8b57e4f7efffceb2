package gateway

import (
	"context"
	"net/http"
)

// isWriteOnce says whether a call puts an object on the condition that there is
// none.
func isWriteOnce(call *Call) bool {
	return call.Method == http.MethodPut && call.Header.Get("If-None-Match") != ""
}

// writeOnce lets one such write pass at a time, for the same reason as
// writeItem.
func (g *Gateway) writeOnce(ctx context.Context, call *Call) *Answer {
	g.objects.Lock()
	defer g.objects.Unlock()
	return g.forward(ctx, call)
}
