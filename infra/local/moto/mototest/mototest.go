// Package mototest gives the tests of a package a moto server. The server starts
// when the first test asks for it, and ends after the last test.
//
//	func TestMain(m *testing.M) { os.Exit(mototest.Run(m)) }
//
//	func TestX(t *testing.T) { client := dynamodb.NewFromConfig(mototest.Config(t)) … }
//
// A test fails if moto is not installed. The error says how to install it.
package mototest

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"sso-elevator/infra/build"
	"sso-elevator/infra/local/moto"
)

// Region is the region of Config.
const Region = "us-east-1"

// server is the server of all tests in this process.
var server struct {
	once    sync.Once
	started *moto.Server
	err     error
}

// Run runs the package's tests and stops the server, if a test started it. It
// returns the exit code.
func Run(m *testing.M) int {
	code := m.Run()
	if server.started != nil {
		server.started.Stop()
	}
	return code
}

// URL returns the server's address. The first call starts the server.
func URL(t testing.TB) string {
	t.Helper()
	server.once.Do(func() {
		var root string
		if root, server.err = build.Root(); server.err == nil {
			server.started, server.err = moto.Start(context.Background(), moto.Config{Root: root})
		}
	})
	if server.err != nil {
		t.Fatal(server.err)
	}
	return server.started.URL
}

// Config returns the configuration of an AWS client that calls the server. Calls
// are made one at a time. moto checks the condition of a write in one step and
// writes in another, so with two writers at once both could succeed. That never
// happens on AWS. Callers can still interleave their calls in any order.
//
// A lost answer of moto is repeated, see [moto.Transport]. So the SDK never repeats a
// call.
func Config(t testing.TB) aws.Config {
	t.Helper()
	return aws.Config{
		Region:       Region,
		BaseEndpoint: aws.String(URL(t)),
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient:   &oneAtATime{},
	}
}

// oneAtATime makes one call at a time. All clients of a test process share the
// lock, as they share the server. The time that a call waits here, and that moto
// takes, doesn't count.
type oneAtATime struct{}

var calls sync.Mutex

func (*oneAtATime) Do(r *http.Request) (*http.Response, error) {
	calls.Lock()
	defer calls.Unlock()
	return transport.RoundTrip(r.WithContext(context.WithoutCancel(r.Context())))
}

var transport moto.Transport
