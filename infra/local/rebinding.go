package local

import (
	"net"
	"net/http"
	"net/netip"
)

// checkHost returns a handler for a server that listens at l. If only this machine can
// reach l, the handler rejects requests for any host but this machine. Otherwise a website
// could point its own name at 127.0.0.1, and its scripts could use the page in the
// visitor's browser (DNS rebinding).
func checkHost(l net.Listener, h http.Handler) http.Handler {
	if address, ok := l.Addr().(*net.TCPAddr); !ok || !address.IP.IsLoopback() {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isThisMachine(r.Host) {
			http.Error(w, "this page answers only to localhost and 127.0.0.1", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// isThisMachine reports whether a Host header names the machine itself.
func isThisMachine(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if name == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback()
}
