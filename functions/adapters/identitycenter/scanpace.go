package identitycenter

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sso-elevator/functions/access"
)

// Ledger stores the pace that all scans share. Reads are consistent.
type Ledger interface {
	Pace(context.Context) (access.Pace, error)
	// PutPace replaces the row with that version, and returns the new row. won is false if
	// another scan wrote it.
	PutPace(context.Context, access.Pace) (stored access.Pace, won bool, err error)
}

const (
	// turnsAtOnce is how many turns a scan reserves with one write of the ledger. At full
	// rate they last a third of a second, so a scan learns soon that others need the quota.
	turnsAtOnce = 5
	// ledgerTries is how often a scan reads the ledger again because another scan wrote
	// it. A few scans run at once.
	ledgerTries = 20
	// ledgerTimeout bounds these tries.
	ledgerTimeout = 5 * time.Second
	// aloneEvery is the time between two calls if the ledger can't be used: four functions
	// that don't know of each other then make 16 calls a second.
	aloneEvery = time.Second / 4
)

// ScanPace makes calls wait for their turns in the ledger, and counts them. Like a quota,
// it counts every page and every repeated attempt. All clients made with its Config share
// it. It is safe for concurrent use.
//
// If the ledger can't be read or written, calls are slow, but go on.
type ScanPace struct {
	Ledger Ledger
	Now    func() time.Time
	// Sleep waits, or returns ctx's error.
	Sleep  func(context.Context, time.Duration) error
	Logger *slog.Logger

	made sync.Once
	turn chan struct{} // a lock of the next four: holds one element while someone waits for turns

	known access.Pace  // the newest row that this process knows
	turns access.Turns // from the next one on
	left  int          // turns

	mu          sync.Mutex // a lock of these
	isThrottled bool
	calls       map[string]int
}

// Config returns cfg with all calls paced.
func (p *ScanPace) Config(cfg aws.Config) aws.Config {
	return withClient(cfg, func(next aws.HTTPClient) aws.HTTPClient { return scanClient{p, next} })
}

// Calls returns the number of calls by operation ("ListUsers").
func (p *ScanPace) Calls() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return copyCalls(p.calls)
}

// wait counts a call, and waits for its turn.
func (p *ScanPace) wait(ctx context.Context, operation string) error {
	p.count(operation)
	p.made.Do(func() { p.turn = make(chan struct{}, 1) })
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	at, err := p.next(ctx)
	<-p.turn
	if err != nil {
		return err
	}
	return p.sleepUntil(ctx, at)
}

func (p *ScanPace) sleepUntil(ctx context.Context, at time.Time) error {
	if wait := at.Sub(p.Now()); wait > 0 {
		return p.Sleep(ctx, wait)
	}
	return nil
}

func (p *ScanPace) count(operation string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls == nil {
		p.calls = map[string]int{}
	}
	p.calls[operation]++
}

// next returns when the next call may start. It reserves turns only when the ones before
// are over, because it can't give turns back when a request needs the quota.
func (p *ScanPace) next(ctx context.Context) (time.Time, error) {
	p.mu.Lock()
	isThrottled := p.isThrottled
	p.isThrottled = false
	p.mu.Unlock()
	missed := p.turns.First.Before(p.Now().Add(-p.turns.Every)) // all at once they would be too many calls
	if p.left == 0 || missed || isThrottled {
		if !missed {
			if err := p.sleepUntil(ctx, p.turns.First.Add(-p.turns.Every)); err != nil {
				return time.Time{}, err
			}
		}
		p.turns, p.left = p.reserve(ctx, isThrottled), turnsAtOnce
	}
	at := p.turns.First
	p.turns.First = at.Add(p.turns.Every)
	p.left--
	return at, nil
}

// reserve returns this scan's next turns.
func (p *ScanPace) reserve(ctx context.Context, isThrottled bool) access.Turns {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	var err error
	for range ledgerTries {
		next, turns := p.known.Reserve(p.Now(), turnsAtOnce, isThrottled)
		var stored access.Pace
		var won bool
		stored, won, err = p.Ledger.PutPace(ctx, next)
		switch {
		case err != nil:
		case won:
			isNews := !stored.YieldUntil.Equal(next.YieldUntil)
			p.known, isThrottled = stored, false
			if isNews && stored.YieldUntil.After(turns.First) {
				continue // a request needs the quota now
			}
			return turns
		default:
			p.known, err = p.Ledger.Pace(ctx)
		}
		if err != nil {
			break
		}
	}
	p.Logger.WarnContext(ctx, "pace of scans could not be shared; going on slowly", "error", access.ErrorMessage(err))
	first := p.turns.First // after the last turn
	if now := p.Now(); first.Before(now) {
		first = now
	}
	return access.Turns{First: first.Add(aloneEvery - p.turns.Every), Every: aloneEvery}
}

// throttled makes the next reservation slower.
func (p *ScanPace) throttled() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isThrottled = true
}

type scanClient struct {
	pace *ScanPace
	next aws.HTTPClient
}

func (c scanClient) Do(r *http.Request) (*http.Response, error) {
	if err := c.pace.wait(r.Context(), operationOf(r)); err != nil {
		return nil, err
	}
	out, err := c.next.Do(r)
	if err == nil && isThrottling(out) {
		c.pace.throttled()
	}
	return out, err
}

// isThrottling reports whether the response is an error of throttling. Its body stays
// readable.
func isThrottling(out *http.Response) bool {
	if out.StatusCode == http.StatusTooManyRequests {
		return true
	}
	if out.StatusCode != http.StatusBadRequest || out.Body == nil {
		return false
	}
	const enough = 64 << 10 // AWS's errors are short
	head, err := io.ReadAll(io.LimitReader(out.Body, enough))
	var rest io.Reader = out.Body
	if err != nil {
		rest = failingReader{err}
	}
	out.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), rest), out.Body}
	kind := out.Header.Get("X-Amzn-Errortype") + string(head)
	return strings.Contains(kind, "Throttling") || strings.Contains(kind, "TooManyRequests")
}

// failingReader returns the error that ended a body.
type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

// Urgent returns cfg for calls for which people wait. If Identity Center throttles one,
// askToYield makes scans stop; it is called at most once in each access.PaceYield. Its
// errors are only logged: the SDK tries the call again anyway.
func Urgent(cfg aws.Config, askToYield func(ctx context.Context, until time.Time) error, now func() time.Time, logger *slog.Logger) aws.Config {
	u := &urgency{ask: askToYield, now: now, logger: logger}
	return withClient(cfg, func(next aws.HTTPClient) aws.HTTPClient { return urgentClient{u, next} })
}

type urgency struct {
	ask    func(ctx context.Context, until time.Time) error
	now    func() time.Time
	logger *slog.Logger

	mu    sync.Mutex
	until time.Time // the last that was asked for
}

// yieldTimeout bounds the call that asks scans to stop.
const yieldTimeout = 300 * time.Millisecond

func (u *urgency) askToYield(ctx context.Context) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.now()
	if now.Before(u.until) {
		return
	}
	u.until = now.Add(access.PaceYield)
	ctx, cancel := context.WithTimeout(ctx, yieldTimeout)
	defer cancel()
	if err := u.ask(ctx, u.until); err != nil {
		u.logger.WarnContext(ctx, "scans could not be asked to yield", "error", access.ErrorMessage(err))
	}
}

type urgentClient struct {
	urgency *urgency
	next    aws.HTTPClient
}

func (c urgentClient) Do(r *http.Request) (*http.Response, error) {
	out, err := c.next.Do(r)
	if err == nil && isThrottling(out) {
		c.urgency.askToYield(r.Context())
	}
	return out, err
}
