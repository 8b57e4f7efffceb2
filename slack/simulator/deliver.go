package simulator

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// answerWithin is how long Slack waits for an app's answer.
const answerWithin = 3 * time.Second

// maxDeliveries is how many deliveries the log keeps.
const maxDeliveries = 1000

// delivery is one request to the app, and the app's answer.
type delivery struct {
	N         int       `json:"n"` // number, from 1
	Kind      string    `json:"kind"`
	Person    string    `json:"person"`
	At        time.Time `json:"at"`
	URL       string    `json:"url"`
	Timestamp string    `json:"timestamp"`
	Signature string    `json:"signature"`
	Body      string    `json:"body"`
	// ContentType is that of an event; empty for a form.
	ContentType string `json:"content_type,omitempty"`
	// Retry is why Slack sends an event again; empty the first time.
	Retry  string `json:"retry,omitempty"`
	Status int    `json:"status"` // 0 if there was no answer
	Answer string `json:"answer"`
	Millis int64  `json:"millis"`
	Error  string `json:"error,omitempty"` // timeout, unreachable, status_500, …

	triggerID string
}

type deliveryLog struct {
	mu    sync.Mutex
	count int
	list  []delivery
}

func (l *deliveryLog) add(d delivery) delivery {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	d.N = l.count
	l.list = append(l.list, d)
	if len(l.list) > maxDeliveries {
		l.list = l.list[len(l.list)-maxDeliveries:]
	}
	return d
}

// listAfter returns the deliveries after number n.
func (l *deliveryLog) listAfter(n int) []delivery {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []delivery{}
	for _, d := range l.list {
		if d.N > n {
			out = append(out, d)
		}
	}
	return out
}

func (l *deliveryLog) get(n int) (delivery, bool) {
	for _, d := range l.listAfter(n - 1) {
		if d.N == n {
			return d, true
		}
	}
	return delivery{}, false
}

// sign returns Slack's signature (version v0) of a body and a timestamp.
func sign(secret, timestamp, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("v0:" + timestamp + ":" + body))
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// deliver signs a form, sends it to the app and waits at most 3 s for the answer.
func (s *Server) deliver(ctx context.Context, kind, person, triggerID string, form url.Values) delivery {
	d := delivery{Kind: kind, Person: person, Body: form.Encode(), triggerID: triggerID}
	d.Timestamp = strconv.FormatInt(s.ws.cfg.Now().Unix(), 10)
	d.Signature = sign(s.ws.cfg.SigningSecret, d.Timestamp, d.Body)
	return s.send(ctx, d)
}

// deliverPayload delivers an interaction payload. Only slash commands have no payload.
func (s *Server) deliverPayload(ctx context.Context, person string, payload map[string]any) delivery {
	b, err := json.Marshal(payload)
	if err != nil {
		return delivery{Kind: text(payload["type"]), Person: person, Error: "internal: " + err.Error()}
	}
	return s.deliver(ctx, text(payload["type"]), person, text(payload["trigger_id"]), url.Values{"payload": {string(b)}})
}

func (s *Server) send(ctx context.Context, d delivery) delivery {
	d.At, d.URL = s.ws.cfg.Now().UTC(), s.ws.cfg.RequestURL
	d.Status, d.Answer, d.Error = 0, "", ""
	if f, ok := s.faults.take("request", ""); ok {
		if sleep(ctx, time.Duration(f.Delay)); f.Error != "" {
			d.Error = f.Error
			return s.log.add(d)
		}
	}
	start := time.Now() // real time, because the workspace's clock may be fake
	d.Status, d.Answer, d.Error = s.exchange(ctx, d)
	d.Millis = time.Since(start).Milliseconds()
	return s.log.add(d)
}

func (s *Server) exchange(ctx context.Context, d delivery) (status int, answer, problem string) {
	// The app gets its 3 s even if the browser stops waiting earlier.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.answerWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, strings.NewReader(d.Body))
	if err != nil || d.URL == "" {
		return 0, "", "unreachable"
	}
	req.Header.Set("Content-Type", cmp.Or(d.ContentType, "application/x-www-form-urlencoded"))
	req.Header.Set("Accept", "application/json,*/*")
	req.Header.Set("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
	req.Header.Set("X-Slack-Request-Timestamp", d.Timestamp)
	req.Header.Set("X-Slack-Signature", d.Signature)
	if d.Retry != "" {
		req.Header.Set("X-Slack-Retry-Num", "1")
		req.Header.Set("X-Slack-Retry-Reason", d.Retry)
	}
	resp, err := s.client.Do(req)
	if err == nil {
		defer resp.Body.Close()
		var b []byte
		if b, err = io.ReadAll(io.LimitReader(resp.Body, maxBody)); err == nil {
			if resp.StatusCode != http.StatusOK {
				problem = "status_" + strconv.Itoa(resp.StatusCode)
			}
			return resp.StatusCode, string(b), problem
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return 0, "", "timeout"
	}
	return 0, "", "unreachable"
}
