package moto

import (
	"bytes"
	"crypto/rand"
	"io"
	"log"
	"net/http"
)

// callHeader names a call. The server answers a repeated call with the answer to the
// first try.
const callHeader = "Moto-Call"

// tries is how often Transport makes a call without an answer.
const tries = 3

// Transport makes calls to a server. On busy machines, an answer of moto is lost now and
// then. Transport then repeats the call and gets the same answer, so a write happens once.
// Only a server that Start started gives the same answer.
type Transport struct {
	// Base makes each try. The default ignores the environment's proxy settings, because
	// moto is local.
	Base http.RoundTripper
}

// direct makes each call on its own connection: moto's web server closes idle ones at any
// time, and the client doesn't repeat a POST on a closed one.
var direct = &http.Transport{DisableKeepAlives: true, DisableCompression: true}

// RoundTrip implements [http.RoundTripper]. The body of the response is in memory.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	base := t.Base
	if base == nil {
		base = direct
	}
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	call := rand.Text()
	for try := 1; ; try++ {
		again := r.Clone(r.Context())
		again.Header.Set(callHeader, call)
		again.Body = http.NoBody
		if len(body) > 0 {
			again.Body = io.NopCloser(bytes.NewReader(body))
		}
		response, err := whole(base.RoundTrip(again))
		if err == nil || r.Context().Err() != nil {
			return response, err
		}
		log.Printf("moto's answer to %s %s %s was lost: %v", r.Method, r.URL.Path, r.Header.Get("X-Amz-Target"), err)
		if try == tries {
			return nil, err
		}
	}
}

// whole reads the body of a response.
func whole(response *http.Response, err error) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}
