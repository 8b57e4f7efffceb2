package identitycenter_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter"
)

// throttled answers the first calls with an error after which the SDK tries again.
type throttled struct {
	mu   sync.Mutex
	left int
}

func (h *throttled) Do(*http.Request) (*http.Response, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	status, body := http.StatusOK, `{"Instances":[]}`
	if h.left > 0 {
		h.left--
		status, body = http.StatusBadRequest, `{"__type":"ThrottlingException"}`
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// Every attempt waits for its turn and is counted.
func TestPace(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	var waits []time.Duration
	pace := &identitycenter.Pace{Every: 200 * time.Millisecond, Now: func() time.Time { return now }, Sleep: func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		return nil
	}}
	cfg := pace.Config(aws.Config{
		Region: "us-east-1", HTTPClient: &throttled{left: 1}, RetryMaxAttempts: 3,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	client := ssoadmin.NewFromConfig(cfg)
	for range 2 {
		if _, err := client.ListInstances(ctx, &ssoadmin.ListInstancesInput{}); err != nil {
			t.Fatal(err)
		}
	}
	if want := []time.Duration{200 * time.Millisecond, 400 * time.Millisecond}; !slices.Equal(waits, want) {
		t.Errorf("waited %v, want %v: three attempts at the same moment", waits, want)
	}
	if got := pace.Calls(); !maps.Equal(got, map[string]int{"ListInstances": 3}) {
		t.Errorf("counted %v", got)
	}
	waits, now = nil, now.Add(time.Minute)
	if _, err := client.ListInstances(ctx, &ssoadmin.ListInstancesInput{}); err != nil || len(waits) != 0 {
		t.Errorf("a minute later: waited %v, %v; want no wait", waits, err)
	}
	gone := errors.New("the time is over")
	pace.Sleep = func(context.Context, time.Duration) error { return gone }
	if _, err := client.ListInstances(ctx, &ssoadmin.ListInstancesInput{}); !errors.Is(err, gone) {
		t.Errorf("got %v, want the pause's error", err)
	}
}

// pagesOfAccounts answers ListAccounts with this many pages.
type pagesOfAccounts struct{ pages int }

func (h *pagesOfAccounts) Do(*http.Request) (*http.Response, error) {
	h.pages--
	body := `{"Accounts":[]}`
	if h.pages > 0 {
		body = `{"Accounts":[],"NextToken":"more"}`
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// 2,000 accounts are 100 pages. No second has more than 4 calls; Organizations allows
// 8.
func TestAccountsAreListedAtAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := identitycenter.Paced(aws.Config{
			Region: "us-east-1", HTTPClient: &pagesOfAccounts{100}, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		}, identitycenter.OrganizationsEvery)
		client := identitycenter.New(nil, nil, organizations.NewFromConfig(cfg), "")
		began := time.Now()
		if _, err := client.Accounts(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 99*250*time.Millisecond {
			t.Errorf("100 pages took %s, want 24.75 s", took)
		}
		// The next call waits for its turn as long as its caller's context allows.
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := client.Accounts(short); access.CodeOf(err) != access.CodeUnavailable {
			t.Errorf("a call without the time to wait: %v, want Unavailable", err)
		}
	})
}
