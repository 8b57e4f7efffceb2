package ingress

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/secrets"
	"sso-elevator/slack"
)

// counted counts the calls to AWS and Slack that a press causes.
type counted struct {
	*world
	mu    *sync.Mutex // the world allows one call at a time
	calls *atomic.Int64
}

func (c counted) Get(ctx context.Context, id string) (access.Request, error) {
	c.calls.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.world.Get(ctx, id)
}

func (c counted) Approver(ctx context.Context, id string) (access.Person, error) {
	c.calls.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.world.Approver(ctx, id)
}

func (c counted) CheckRequester(ctx context.Context, requester access.Person) error {
	c.calls.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.world.CheckRequester(ctx, requester)
}

// vault is SSM with two signing secrets. It counts its calls.
type vault struct{ asked atomic.Int64 }

func (v *vault) GetParameter(_ context.Context, in *ssm.GetParameterInput, _ ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	v.asked.Add(1)
	return &ssm.GetParameterOutput{Parameter: &ssmtypes.Parameter{Value: aws.String(map[string]string{"/new": "not used yet", "/old": secret}[*in.Name])}}, nil
}

func (v *vault) GetParameters(ctx context.Context, in *ssm.GetParametersInput, _ ...func(*ssm.Options)) (*ssm.GetParametersOutput, error) {
	v.asked.Add(1)
	out := &ssm.GetParametersOutput{}
	for _, name := range in.Names {
		value := map[string]string{"/new": "not used yet", "/old": secret, "/token": "xoxb"}[name]
		out.Parameters = append(out.Parameters, ssmtypes.Parameter{Name: &name, Value: &value})
	}
	return out, nil
}

// As many unsigned requests arrive as do beside the presses of ten people. They cause
// no call to AWS or Slack, change nothing, and delay no reply to a press.
// docs/reference/security.md says what API Gateway's rate limit does before that.
func TestUnsignedFloodBesidePresses(t *testing.T) {
	const strangers, each, presses = 8, 150, 10
	forged := []func(*events.APIGatewayV2HTTPRequest){
		func(e *events.APIGatewayV2HTTPRequest) { delete(e.Headers, "x-slack-signature") },
		func(e *events.APIGatewayV2HTTPRequest) {
			e.Headers["x-slack-signature"] = "v0=" + strings.Repeat("0f", 32)
		},
		func(e *events.APIGatewayV2HTTPRequest) { e.Headers["x-slack-request-timestamp"] = "1" },
		func(e *events.APIGatewayV2HTTPRequest) { e.Body += "x" },
		func(e *events.APIGatewayV2HTTPRequest) { e.Body = strings.Repeat("x", slack.MaxBody) }, // all of it is hashed
		func(e *events.APIGatewayV2HTTPRequest) { e.Body = strings.Repeat("x", 4*slack.MaxBody) },
	}
	press := payload("block_actions", "UANN", object{
		"actions":      []any{object{"action_id": "approve", "block_id": "b", "type": "button", "value": "not-there"}},
		"response_url": "https://hooks.slack.com/actions/1", "channel": object{"id": "C1"},
	})

	w := newWorld()
	h := w.handler()
	var calls atomic.Int64
	c := counted{world: w, mu: new(sync.Mutex), calls: &calls}
	h.Table, h.People = c, c
	var kept vault
	names := []string{"ssm:/new", "ssm:/old"}
	reader := secrets.New(&kept, nil, h.Now, append([]string{"ssm:/token"}, names...)...)
	h.SigningSecrets = reader.AnySource(names, func(err error) { t.Error(err) })
	h.Refresh = func() bool { return reader.Refresh(names...) }

	var flood sync.WaitGroup
	var answered [600]atomic.Int64
	stop := make(chan struct{})
	for i := range strangers {
		flood.Go(func() {
			for n := range each {
				select {
				case <-stop:
					return
				default:
				}
				e := sign(press, now)
				forged[(i+n)%len(forged)](&e)
				got, err := h.Handle(t.Context(), e)
				if err != nil {
					t.Error(err)
				}
				answered[got.StatusCode].Add(1)
			}
		})
	}
	var slow []time.Duration
	for range presses {
		before := calls.Load()
		start := time.Now()
		got, err := h.Handle(t.Context(), sign(press, now))
		if took := time.Since(start); took > responseTimeout {
			slow = append(slow, took)
		}
		if err != nil || got.StatusCode != http.StatusOK {
			t.Errorf("a press got %d, %v; want 200", got.StatusCode, err)
		}
		if calls.Load() == before {
			t.Error("a press was answered without looking at anything: this test proves nothing")
		}
	}
	// The machine itself may pause once.
	if len(slow) > 1 {
		t.Errorf("%d of %d presses took longer than %s: %s", len(slow), presses, responseTimeout, slow)
	}
	ofPresses := calls.Load()
	flood.Wait()
	close(stop)

	if got := calls.Load(); got != ofPresses {
		t.Errorf("strangers caused %d calls", got-ofPresses)
	}
	if got := kept.asked.Load(); got != 1 {
		t.Errorf("SSM was asked %d times, want once for all secrets", got)
	}
	refused := answered[http.StatusUnauthorized].Load() + answered[http.StatusRequestEntityTooLarge].Load()
	if want := int64(strangers * each); refused != want {
		t.Errorf("%d of %d unsigned requests were refused", refused, want)
	}
	if len(w.resumed)+len(w.started)+len(w.views) > 0 {
		t.Error("something came of it")
	}
}
