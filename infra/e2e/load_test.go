package e2e

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/slack"
)

// load is how many requests are open at once, how many presses come every second,
// and for how many seconds.
type load struct{ open, presses, seconds int }

var (
	fullLoad = load{200, 50, 60}
	// smallLoad is the load of make test.
	smallLoad = load{8, 5, 5}
)

// slackWaits is how long Slack waits for an answer.
const slackWaits = 3 * time.Second

// pressed is the result of one press.
type pressed struct {
	took   time.Duration
	status int
	// toldAgain reports whether the dialog told the person to try again.
	toldAgain bool
	err       error
}

// TestLoad opens 200 requests, and then lets 50 people a second press for a minute
// (far fewer without -full). Most may not; once a second someone denies. No press
// is lost. The test prints how long presses took, with the share of the one process
// that plays the table. At the end all requests are denied.
//
// No answer may come after Slack's 3 s. Without -full, all of this is repeated if one does:
// machines of make test may pause for seconds.
func TestLoad(t *testing.T) {
	if *full {
		if late := loaded.runLoad(t, fullLoad); late > 0 {
			t.Errorf("%d answers came after Slack's %s", late, slackWaits)
		}
		return
	}
	const rounds = 3
	for range rounds {
		if local.runLoad(t, smallLoad) == 0 {
			return
		}
	}
	t.Errorf("in each of %d rounds, answers came after Slack's %s", rounds, slackWaits)
}

// runLoad runs one round of TestLoad, and returns how many answers came too late.
func (s *stack) runLoad(t *testing.T, much load) (late int) {
	t.Helper()
	requests := s.openMany(t, much.open)

	stop := make(chan struct{})
	reads := s.timeReads(t, requests[0].id, stop)

	total := much.presses * much.seconds
	// Once a second someone decides. Each decision causes some 40 calls to the only
	// moto.
	denies := func(i int) bool { return i%much.presses == much.presses/2 }
	toldBefore := s.toldToPressAgain(t, carol, "")
	results := make([]pressed, total)
	var all sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(much.presses))
	defer tick.Stop()
	for i := range total {
		<-tick.C
		r, person, action := requests[i%len(requests)], alice, "approve"
		if denies(i) {
			r, person, action = requests[i/much.presses], carol, "deny"
		}
		all.Go(func() { results[i] = r.pressAsSlack(person, action) })
	}
	all.Wait()
	close(stop)

	var took []time.Duration
	failed, warned, warnedDecisions, toldInDialog := 0, 0, 0, 0
	for i, p := range results {
		if p.status == http.StatusInternalServerError {
			warned++ // Slack shows that something went wrong
			if denies(i) {
				warnedDecisions++
			}
		} else if p.toldAgain {
			toldInDialog++
		} else if p.err != nil || p.status != http.StatusOK {
			failed++
			if failed < 10 {
				t.Errorf("press %d: status %d, %v", i, p.status, p.err)
			}
			continue
		}
		took = append(took, p.took)
		if p.took > slackWaits {
			late++
		}
	}
	t.Logf("%d presses, %d a second: p50 %s, p99 %s, longest %s; %d failed, after %d Slack showed a warning, %d came after Slack's %s", total, much.presses,
		quantile(took, 0.5), quantile(took, 0.99), quantile(took, 1), failed, warned, late, slackWaits)
	read := <-reads
	t.Logf("a read of one row of the table alone, meanwhile: p50 %s, p99 %s; a press makes two calls to the table or more", quantile(read, 0.5), quantile(read, 0.99))

	// A press that the table was too slow for is not lost, because the person knows
	// and presses again.
	undecided := 0
	for _, r := range requests[:much.seconds] {
		if s.requestRow(t, r.id, "outcome").Outcome == nil {
			undecided++
		}
	}
	told := s.toldToPressAgain(t, carol, "") - toldBefore + toldInDialog
	t.Logf("%d of %d decisions came while the table didn't answer in time; %d times who pressed them was told to press again, %d times Slack showed a warning",
		undecided, much.seconds, told, warnedDecisions)
	if told+warnedDecisions < undecided {
		t.Errorf("%d decisions are lost without a word", undecided-told-warnedDecisions)
	}
	for some := range slices.Chunk(requests, 8) { // each denial causes some 40 calls to moto
		s.denyAll(t, some)
	}
	return late
}

// denyAll denies the requests at once, unless they are decided, so that none expires before
// its turn. It waits until they are closed, and checks their records.
func (s *stack) denyAll(t *testing.T, requests []*request) {
	t.Helper()
	eventually(t, settleLimit, "the requests are denied", func() (err error) {
		var all sync.WaitGroup
		defer all.Wait()
		for _, r := range requests {
			if s.requestRow(t, r.id, "outcome").Outcome == nil {
				all.Go(func() { r.pressAsSlack(carol, "deny") })
				err = errNotYet
			}
		}
		return err
	})
	for _, r := range requests {
		eventually(t, settleLimit, "request "+r.id+" is closed", func() error {
			if s.requestRow(t, r.id, "closed_at").ClosedAt.IsZero() {
				return errNotYet
			}
			return nil
		})
		// A person who may not press is recorded once, unless the request was decided
		// before they pressed.
		got, denied := r.events(t), []string{"requested", "denied"}
		if !slices.Equal(got, denied) && !slices.Equal(got, []string{"requested", "press_refused", "denied"}) {
			t.Errorf("request %s: records %q, want %q, and a refused press between them at most", r.id, got, denied)
		}
	}
}

// openMany opens n requests one after another: moto takes half a minute for 200
// that start at once.
func (s *stack) openMany(t *testing.T, n int) []*request {
	t.Helper()
	people := []string{dave, erin, frank, grace, judy, kim, lena, zoe}
	requests := make([]*request, n)
	var all sync.WaitGroup
	for p, person := range people {
		all.Go(func() {
			for i := p; i < n; i += len(people) {
				w := wish{person, accounts[i/len(people)%len(accounts)], []string{"DeveloperAccess", "BillingAccess", "DatabaseAdmin"}[i/len(people)/len(accounts)%3], 10}
				requests[i] = s.ask(t, w)
			}
		})
	}
	all.Wait()
	for _, r := range requests {
		eventually(t, settleLimit, "the request waits", func() error {
			row := s.requestRow(t, r.id, "approval_token", "posts")
			m := row.Posts["announce"]
			if row.ApprovalToken == "" || m.TS == "" {
				return errNotYet
			}
			r.announced = post{Channel: m.Channel, TS: m.TS}
			return nil
		})
	}
	return requests
}

// pressAsSlack sends a signed press and measures the time until the answer. Instead of a
// press of Deny, it sends the submission of its dialog, which decides.
func (r *request) pressAsSlack(person, action string) pressed {
	body := approval(r, r.announced, func(p map[string]any) {
		p["user"] = map[string]any{"id": person, "team_id": team}
		p["actions"] = []any{map[string]any{"type": "button", "action_id": action, "block_id": "b", "value": r.id}}
		if action == "deny" {
			delete(p, "actions")
			p["type"] = "view_submission"
			p["view"] = map[string]any{"id": "V0DENIAL", "type": "modal", "callback_id": slack.CallbackDenial, "private_metadata": r.id, "state": map[string]any{"values": map[string]any{}}}
		}
	})
	at, signature := sign(signingSecret, time.Now(), body)
	req, err := http.NewRequest(http.MethodPost, r.stack.SlackRequestURL, strings.NewReader(body))
	if err != nil {
		return pressed{err: err}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Slack-Request-Timestamp", at)
	req.Header.Set("X-Slack-Signature", signature)
	began := time.Now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return pressed{err: err}
	}
	answer, err := io.ReadAll(res.Body)
	res.Body.Close()
	return pressed{took: time.Since(began), status: res.StatusCode, toldAgain: strings.Contains(string(answer), notInTime), err: err}
}

// timeReads measures reads of a row, twice a second, until stop is closed.
func (s *stack) timeReads(t *testing.T, id string, stop chan struct{}) chan []time.Duration {
	t.Helper()
	name := s.ids.get("table", "", func() string { return "" })
	out := make(chan []time.Duration, 1)
	go func() {
		var took []time.Duration
		defer func() { out <- took }()
		for {
			select {
			case <-stop:
				return
			case <-time.After(500 * time.Millisecond):
			}
			began := time.Now()
			_, err := s.table.GetItem(context.Background(), &dynamodb.GetItemInput{
				TableName: &name, ConsistentRead: aws.Bool(true), Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "request#" + id}},
			})
			if err == nil {
				took = append(took, time.Since(began))
			}
		}
	}()
	return out
}

// quantile returns the smallest duration that this share of them does not exceed.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)].Round(100 * time.Microsecond)
}
