package identitycenter_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/functions/adapters/identitycenter/identitycentertest"
)

// quota answers calls as Identity Center does: at most 20 in any second. It notes when
// each call came.
type quota struct {
	mu        sync.Mutex
	calls     []time.Time // those that were not throttled
	throttled []time.Time
}

func (q *quota) Do(*http.Request) (*http.Response, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if n := len(q.calls); n >= 20 && now.Sub(q.calls[n-20]) < time.Second {
		q.throttled = append(q.throttled, now)
		return response(http.StatusBadRequest, `{"__type":"ThrottlingException"}`), nil
	}
	q.calls = append(q.calls, now)
	return response(http.StatusOK, `{"Instances":[]}`), nil
}

func response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// most returns the largest number of calls within a second.
func most(calls []time.Time) int {
	most := 0
	for i, from := range calls {
		n := 0
		for _, at := range calls[i:] {
			if at.Sub(from) < time.Second {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

func configOf(client aws.HTTPClient) aws.Config {
	return aws.Config{
		Region: "us-east-1", HTTPClient: client, RetryMaxAttempts: 10,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

func newScanPace(ledger identitycenter.Ledger) *identitycenter.ScanPace {
	return &identitycenter.ScanPace{Ledger: ledger, Now: time.Now, Sleep: host.Sleep, Logger: slog.New(slog.DiscardHandler)}
}

// scan makes that many calls, workers at a time.
func scan(t *testing.T, cfg aws.Config, calls, workers int) {
	client := ssoadmin.NewFromConfig(cfg)
	left := make(chan bool, calls)
	for range calls {
		left <- true
	}
	close(left)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range left {
				if _, err := client.ListInstances(t.Context(), &ssoadmin.ListInstancesInput{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// However many scans run at once, each in its own process, together they never make more
// than 16 calls in a second, and no fewer than the pace allows.
func TestScansShareOnePace(t *testing.T) {
	for _, scans := range []int{1, 2, 5} {
		synctest.Test(t, func(t *testing.T) {
			q, ledger := &quota{}, &identitycentertest.Ledger{}
			began := time.Now()
			var all sync.WaitGroup
			for range scans {
				all.Go(func() { scan(t, newScanPace(ledger).Config(configOf(q)), 600/scans, 6) })
			}
			all.Wait()
			took := time.Since(began)
			if n := most(q.calls); n > 16 {
				t.Errorf("%d scans: %d calls in a second, want at most 16", scans, n)
			}
			if len(q.throttled) > 0 {
				t.Errorf("%d scans: %d calls were throttled", scans, len(q.throttled))
			}
			// 600 calls at 15 a second. The scans that end last use the others' turns only
			// after these.
			if took < 39*time.Second || took > 45*time.Second {
				t.Errorf("%d scans: 600 calls took %s, want 40 s", scans, took)
			}
		})
	}
}

// Scans leave turns that they missed: a process that slept doesn't make up for them.
func TestMissedTurnsAreLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, ledger := &quota{}, &identitycentertest.Ledger{}
		cfg := newScanPace(ledger).Config(configOf(q))
		scan(t, cfg, 2, 1) // reserves five turns
		time.Sleep(3 * time.Second)
		scan(t, newScanPace(ledger).Config(configOf(q)), 5, 1)
		before := len(q.calls)
		scan(t, cfg, 5, 5)
		if gap := q.calls[before+1].Sub(q.calls[before]); gap < 60*time.Millisecond {
			t.Errorf("two calls came within %s", gap)
		}
	})
}

// When others use the quota up, scans go on at half of the rate, and recover slowly.
func TestThrottledScansSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, ledger := &quota{}, &identitycentertest.Ledger{}
		stop := make(chan bool)
		var other sync.WaitGroup
		other.Go(func() { // takes 10 calls a second for a minute
			for range 600 {
				q.Do(nil)
				time.Sleep(100 * time.Millisecond)
			}
			close(stop)
		})
		scan(t, newScanPace(ledger).Config(configOf(q)), 600, 6)
		row, _ := ledger.Pace(t.Context())
		<-stop
		other.Wait()
		if len(q.throttled) == 0 || len(q.throttled) > 60 {
			t.Errorf("%d of 1,200 calls were throttled, want a few", len(q.throttled))
		}
		if row.Rate >= access.PaceRate {
			t.Errorf("after a minute of throttling the rate is %g calls a second", row.Rate)
		}
		scan(t, newScanPace(ledger).Config(configOf(q)), 600, 6)
		if row, _ = ledger.Pace(t.Context()); row.Rate != access.PaceRate {
			t.Errorf("600 undisturbed calls later, the rate is %g calls a second", row.Rate)
		}
	})
}

// A throttled request stops the scans of all processes within half a second, for two
// seconds. It asks for that once.
func TestScansYieldToRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, ledger := &quota{}, &identitycentertest.Ledger{}
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() { scan(t, newScanPace(ledger).Config(configOf(q)), 200, 6) })
		}
		time.Sleep(5 * time.Second)
		asked := 0
		refused := &throttled{left: 3}
		ask := func(ctx context.Context, until time.Time) error {
			asked++
			return ledger.AskToYield(ctx, until)
		}
		requests := ssoadmin.NewFromConfig(identitycenter.Urgent(configOf(refused), ask, time.Now, slog.New(slog.DiscardHandler)))
		at := time.Now()
		if _, err := requests.ListInstances(t.Context(), &ssoadmin.ListInstancesInput{}); err != nil {
			t.Fatal(err)
		}
		if asked == 0 || asked > 2 { // the SDK's retries may take longer than the first stop
			t.Errorf("asked %d times to yield", asked)
		}
		all.Wait()
		n := 0
		for _, call := range q.calls {
			if since := call.Sub(at); since > time.Second && since < access.PaceYield {
				n++
			}
		}
		if n > 0 {
			t.Errorf("%d calls of scans came within a second before the end of the stop", n)
		}
	})
}

// brokenLedger can't be read or written.
type brokenLedger struct{}

func (brokenLedger) Pace(context.Context) (access.Pace, error) {
	return access.Pace{}, errors.New("the table is down")
}
func (brokenLedger) PutPace(context.Context, access.Pace) (access.Pace, bool, error) {
	return access.Pace{}, false, errors.New("the table is down")
}

// busyLedger is written by others before each write.
type busyLedger struct{ identitycentertest.Ledger }

func (l *busyLedger) PutPace(ctx context.Context, p access.Pace) (access.Pace, bool, error) {
	row, _ := l.Pace(ctx)
	_, _, _ = l.Ledger.PutPace(ctx, row)
	return l.Ledger.PutPace(ctx, p)
}

// Without the ledger, four scans at once make no more calls than with it.
func TestScansWithoutLedger(t *testing.T) {
	for name, ledger := range map[string]identitycenter.Ledger{"broken": brokenLedger{}, "busy": &busyLedger{}} {
		synctest.Test(t, func(t *testing.T) {
			q := &quota{}
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() { scan(t, newScanPace(ledger).Config(configOf(q)), 50, 6) })
			}
			all.Wait()
			if n := most(q.calls); n > 16 || len(q.throttled) > 0 {
				t.Errorf("%s: %d calls in a second, %d throttled", name, n, len(q.throttled))
			}
		})
	}
}

// Reading the kind of an error leaves it to the caller.
func TestThrottlingStaysReadable(t *testing.T) {
	body := response(http.StatusBadRequest, `{"__type":"ResourceNotFoundException","Message":"gone"}`)
	cfg := newScanPace(&identitycentertest.Ledger{}).Config(configOf(always{body}))
	client := identitycenter.New(ssoadmin.NewFromConfig(cfg), nil, nil, "")
	if _, err := client.PermissionSetARNs(t.Context()); access.CodeOf(err) != access.CodeNotFound || !strings.Contains(err.Error(), "gone") {
		t.Errorf("got %v, want AWS's error", err)
	}
}

type always struct{ out *http.Response }

func (a always) Do(*http.Request) (*http.Response, error) { return a.out, nil }
