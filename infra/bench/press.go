package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/infra/local/moto"
	"sso-elevator/infra/local/process"
	"sso-elevator/slack/simulator"
)

const (
	pressTarget = 150 * time.Millisecond
	// startTimeout allows for compiling and synthesizing on a cold cache.
	startTimeout = 5 * time.Minute
	pressTimeout = 30 * time.Second
	// uncountedPresses start the functions and fill their caches.
	uncountedPresses = 2
)

// measurePress measures the time from the press of Approve to the assignment in
// Identity Center. It uses the local stack with the example organization: the
// functions as they are deployed, and moto in place of AWS.
func measurePress(ctx context.Context, b *bench) ([]line, error) {
	s, err := startStack(ctx, b)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	var totals, motos, engines []time.Duration
	for i, w := range wishes() {
		taken, err := s.approve(w)
		if err != nil {
			return nil, fmt.Errorf("%s in %s for %s: %w", w.permissionSet, w.account, w.person, err)
		}
		if i >= uncountedPresses {
			totals, motos, engines = append(totals, taken.total), append(motos, taken.moto), append(engines, taken.engine)
		}
	}
	const what = "press of Approve ► assignment exists"
	total := durationLine(what, median(totals), pressTarget)
	total.figure += fmt.Sprintf(" (p90 %s, of %d)", formatDuration(percentile(totals, 90)), len(totals))
	return []line{
		total,
		{measure: what + ", time in calls to moto", figure: formatDuration(median(motos))},
		{measure: what + ", time from the token's return to Grant's first call", figure: formatDuration(median(engines))},
	}, nil
}

// wish is a request by someone in the example organization, which Bob approves.
type wish struct{ person, account, permissionSet string }

const pressingApprover = "U0BOB0002"

// wishes returns requests for different access: existing access is not created
// again.
func wishes() []wish {
	var all []wish
	for _, person := range []string{"U0ALICE01", "U0DAVE004", "U0GRACE07", "U0ERIN005"} {
		for _, account := range []string{"shop-production", "shop-staging", "shop-development"} {
			all = append(all, wish{person, account, "DeveloperAccess"})
		}
	}
	return all
}

// pressStack is a local stack with a proxy before its moto.
type pressStack struct {
	process *process.Process
	moto    *moto.Server
	proxy   *httptest.Server
	calls   callLog
	page    string
}

// callLog has the calls to moto, in the order of their answers.
type callLog struct {
	mu  sync.Mutex
	all []call
}

type call struct {
	operation string
	from, to  time.Time
	ok        bool
}

func (l *callLog) add(c call) {
	l.mu.Lock()
	l.all = append(l.all, c)
	l.mu.Unlock()
}

// callsSince returns the calls that began at t or later.
func (l *callLog) callsSince(t time.Time) []call {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.all), func(c call) bool { return c.from.Before(t) })
}

// observe returns a proxy for moto that logs every call.
func (l *callLog) observe(motoURL string) http.Handler {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := time.Now()
		out := r.Clone(r.Context())
		out.RequestURI = ""
		out.URL.Scheme, out.URL.Host = "http", strings.TrimPrefix(motoURL, "http://")
		response, err := client.Do(out)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		l.add(call{operation, from, time.Now(), response.StatusCode == http.StatusOK})
		for name, values := range response.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(response.StatusCode)
		w.Write(body)
	})
}

func startStack(ctx context.Context, b *bench) (_ *pressStack, err error) {
	s := &pressStack{}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	program := filepath.Join(b.dir, "elevator")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./infra/elevator")
	build.Dir = b.root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build elevator: %w\n%s", err, out)
	}
	gateway, err := freeAddress()
	if err != nil {
		return nil, err
	}
	if s.moto, err = moto.Start(ctx, moto.Config{Root: b.root, GatewayPort: gateway.Port}); err != nil {
		return nil, err
	}
	s.proxy = httptest.NewServer(s.calls.observe(s.moto.URL))
	log, err := os.Create(filepath.Join(b.dir, "local.log"))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "local", "-config", filepath.Join(b.root, "infra/local/demo/elevator.yaml"),
		"-listen", "127.0.0.1:0", "-gateway", gateway.String(), "-aws", s.proxy.URL, "-settle", "0s")
	cmd.Dir, cmd.Stderr = b.root, log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if s.process, err = process.Start(cmd); err != nil {
		return nil, err
	}
	first := make(chan string, 1)
	go func() {
		in := bufio.NewScanner(stdout)
		in.Scan()
		first <- in.Text()
	}()
	failed := func(why string) error {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("the local stack %s\n%s", why, text[max(0, len(text)-2000):])
	}
	select {
	case text := <-first:
		var ready struct{ Page string }
		if json.Unmarshal([]byte(text), &ready) != nil || ready.Page == "" {
			return nil, failed("is not ready")
		}
		s.page = strings.TrimSuffix(ready.Page, "/")
	case <-time.After(startTimeout):
		return nil, failed("does not start")
	}
	return s, s.awaitCatalog()
}

func freeAddress() (*net.TCPAddr, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr), nil
}

func (s *pressStack) stop() {
	if s.process != nil {
		s.process.Stop(5 * time.Second)
	}
	if s.proxy != nil {
		s.proxy.Close()
	}
	if s.moto != nil {
		s.moto.Stop()
	}
}

// awaitCatalog waits until the schedule has filled the catalog.
func (s *pressStack) awaitCatalog() error {
	return poll("the catalog", func() (bool, error) {
		_, err := s.fillForm(wishes()[0])
		return err == nil, nil
	})
}

// share says how the time of one press was spent.
type share struct{ total, moto, engine time.Duration }

// approve submits a request, waits for its buttons, and measures Bob's press.
func (s *pressStack) approve(w wish) (share, error) {
	view, err := s.fillForm(w)
	if err != nil {
		return share{}, err
	}
	if err := s.post("/sim/submit", object{"person": w.person, "view_id": view, "values": object{"duration": "3600", "reason": "To measure how long it takes."}}, nil); err != nil {
		return share{}, err
	}
	id := access.RequestID("T0EXAMPLE1", view)
	var ts, channel string
	if err := poll("the message", func() (bool, error) {
		ts, channel, err = s.findMessage(id)
		return ts != "", err
	}); err != nil {
		return share{}, err
	}
	// Once moto gets no more calls, the state machine is waiting for the decision.
	if err := s.awaitIdle(); err != nil {
		return share{}, err
	}
	pressed := time.Now()
	go s.post("/sim/press", object{"person": pressingApprover, "channel": channel, "ts": ts, "action_id": "approve"}, nil)
	var there time.Time
	if err := poll("the assignment", func() (bool, error) {
		for _, c := range s.calls.callsSince(pressed) {
			if c.operation == "CreateAccountAssignment" && c.ok {
				there = c.to
			}
		}
		return !there.IsZero(), nil
	}); err != nil {
		return share{}, err
	}
	shares := computeShare(s.calls.callsSince(pressed), pressed, there)
	return shares, s.awaitIdle() // so that the rest of this request does not delay the next one
}

// computeShare adds up the calls between a press and the assignment. Parallel calls
// count once.
func computeShare(calls []call, pressed, there time.Time) share {
	taken := share{total: there.Sub(pressed)}
	slices.SortFunc(calls, func(a, b call) int { return a.from.Compare(b.from) })
	until, resumed := pressed, time.Time{}
	for _, c := range calls {
		if c.from.After(there) {
			break
		}
		if c.operation != "SendTaskSuccess" && !resumed.IsZero() && c.from.After(resumed) && taken.engine == 0 {
			taken.engine = c.from.Sub(resumed)
		}
		if c.operation == "SendTaskSuccess" {
			resumed = c.to
		}
		from, to := c.from, c.to
		if from.Before(until) {
			from = until
		}
		if to.After(there) {
			to = there
		}
		if to.After(from) {
			taken.moto += to.Sub(from)
			until = to
		}
	}
	return taken
}

// awaitIdle waits until moto has had no calls for a while.
func (s *pressStack) awaitIdle() error {
	const pause = 700 * time.Millisecond
	return poll("waiting until moto is idle", func() (bool, error) {
		return len(s.calls.callsSince(time.Now().Add(-pause))) == 0, nil
	})
}

// fillForm opens the form, fills it in, and returns the view's id.
func (s *pressStack) fillForm(w wish) (string, error) {
	if err := s.post("/sim/shortcut", object{"person": w.person, "callback_id": "request_for_access"}, nil); err != nil {
		return "", err
	}
	var views struct {
		Views []struct {
			ID string `json:"id"`
		} `json:"views"`
	}
	response, err := http.Get(s.page + "/sim/views?person=" + w.person)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&views); err != nil {
		return "", err
	}
	if len(views.Views) == 0 {
		return "", errors.New("there is no open form")
	}
	view := views.Views[len(views.Views)-1].ID
	for _, choice := range [][2]string{{"account", w.account}, {"permission_set", w.permissionSet}} {
		where := object{"person": w.person, "view_id": view, "action_id": choice[0], "query": choice[1]}
		var offered simulator.Result
		if err := s.post("/sim/suggest", where, &offered); err != nil {
			return "", err
		}
		if len(offered.Options) == 0 {
			return "", fmt.Errorf("%s is not offered", choice[1])
		}
		where["option"] = offered.Options[0].Value
		if err := s.post("/sim/press", where, nil); err != nil {
			return "", err
		}
	}
	return view, nil
}

// findMessage finds the channel's message about a request, once it has its button.
func (s *pressStack) findMessage(id string) (ts, channel string, err error) {
	response, err := http.Get(s.page + "/sim/messages?metadata=1&person=")
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close()
	var posts struct {
		Messages []struct {
			Channel  string          `json:"channel"`
			TS       string          `json:"ts"`
			ThreadTS string          `json:"thread_ts"`
			Blocks   json.RawMessage `json:"blocks"`
			Metadata struct {
				Payload map[string]string `json:"event_payload"`
			} `json:"metadata"`
		} `json:"messages"`
	}
	if err := json.NewDecoder(response.Body).Decode(&posts); err != nil {
		return "", "", err
	}
	for _, p := range posts.Messages {
		if p.ThreadTS == "" && strings.HasPrefix(p.Channel, "C") && p.Metadata.Payload["request_id"] == id && bytes.Contains(p.Blocks, []byte(`"approve"`)) {
			return p.TS, p.Channel, nil
		}
	}
	return "", "", nil
}

// post calls the simulator. If the app rejects the input, it returns an error.
func (s *pressStack) post(path string, body object, into *simulator.Result) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	response, err := http.Post(s.page+path, "application/json", bytes.NewReader(text))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var result simulator.Result
	if err := json.NewDecoder(response.Body).Decode(&result); err != nil {
		return fmt.Errorf("%s: %s: %w", path, response.Status, err)
	}
	if !result.OK {
		return fmt.Errorf("%s: %+v", path, result)
	}
	if into != nil {
		*into = result
	}
	return nil
}

// poll calls done every few milliseconds until it returns true. done looks only at
// files and calls of this process, so polling costs the stack nothing.
func poll(what string, done func() (bool, error)) error {
	for end := time.Now().Add(pressTimeout); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok, err := done(); ok || err != nil {
			return err
		}
	}
	return fmt.Errorf("%s did not happen within %s", what, pressTimeout)
}
