package local

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestCheckHost(t *testing.T) {
	loopback := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}
	for _, tt := range []struct {
		name   string
		listen net.Addr
		host   string
		want   int
	}{
		{"the address", loopback, "127.0.0.1:8080", http.StatusOK},
		{"its name", loopback, "localhost:8080", http.StatusOK},
		{"another port", loopback, "localhost:80", http.StatusOK},
		{"without a port", loopback, "127.0.0.1", http.StatusOK},
		{"IPv6", &net.TCPAddr{IP: net.IPv6loopback}, "[::1]:8080", http.StatusOK},
		{"a website's name", loopback, "rebound.example.com:8080", http.StatusMisdirectedRequest},
		{"a name that begins alike", loopback, "127.0.0.1.example.com", http.StatusMisdirectedRequest},
		{"a name that ends alike", loopback, "notlocalhost", http.StatusMisdirectedRequest},
		{"another machine's address", loopback, "192.0.2.7:8080", http.StatusMisdirectedRequest},
		{"no host", loopback, "", http.StatusMisdirectedRequest},
		{"others may reach the server", &net.TCPAddr{IP: net.IPv4zero}, "demo.example.com", http.StatusOK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := checkHost(listener{tt.listen}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			r := httptest.NewRequest(http.MethodPost, "/sim/press", nil)
			r.Host = tt.host
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != tt.want {
				t.Errorf("status %d, want %d", w.Code, tt.want)
			}
		})
	}
}

// listener is a listener at an address.
type listener struct{ at net.Addr }

func (l listener) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (l listener) Close() error              { return nil }
func (l listener) Addr() net.Addr            { return l.at }
