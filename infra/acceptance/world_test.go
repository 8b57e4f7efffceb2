package acceptance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/infra/deployed"
	"sso-elevator/slack"
	"sso-elevator/statemachine"
)

// world is a working system and the people in Slack, in memory and in virtual time. A
// test can break one thing through its fields.
type world struct {
	mu        sync.Mutex
	rows      map[string]*access.Request
	assigned  map[string]bool // by subject
	leases    map[string]access.Lease
	states    map[string]Status // of executions
	stopped   map[string]context.CancelFunc
	objects   []Record
	runs      []string
	unasked   []string // assignments created and deleted by hand
	firstSeen time.Time

	stack     Stack
	functions []deployed.Function
	machines  []string // problems
	nMachines int
	catalog   catalog.Names
	account   string // of the stack
	history   History
	emails    []string

	// These fields change what happens. With nil or zero, everything works.
	noRequest     bool
	wrong         bool                    // the first request is for something else
	create        func(r *access.Request) // runs when ingress creates a request
	evaluate      func(r *access.Request) // runs after a request is evaluated and posted
	approve       func(r *access.Request) // runs instead of an approval
	grant         func(r *access.Request) // runs after the grant
	unassigned    bool                    // a grant creates no assignment
	noLease       bool
	lasts         func(time.Duration) time.Duration // how long access lasts
	late          time.Duration                     // how long until a removal begins
	stuck         bool                              // nothing is ever removed
	back          bool                              // access returns after its removal
	noEnd         bool                              // End now has no effect
	keepsRunning  bool                              // StopExecution has no effect
	sweeps        time.Duration                     // how long until the sweep comes: 0 for 60 s, negative for never
	close         func(r *access.Request)           // runs before the request is closed
	record        func(r *access.Request, all []Record) []Record
	deny          func(r *access.Request)
	warn          Status
	blind         bool // the reconciliation doesn't find the assignment made by hand
	noFinding     bool // the reconciliation doesn't record it
	assignFails   bool // runs after the assignment
	unassignFails bool
	onAssign      func()
	startFails    bool
	silentFrom    time.Time // Identity Center, if not zero
	silentFor     time.Duration
}

func newWorld() *world {
	w := &world{
		rows: map[string]*access.Request{}, assigned: map[string]bool{}, leases: map[string]access.Lease{}, states: map[string]Status{}, stopped: map[string]context.CancelFunc{},
		stack:     Stack{Status: "CREATE_COMPLETE", Changed: time.Now()},
		nMachines: 2, account: "555555555555",
		catalog: catalog.Names{ReadAt: time.Now(), Bytes: 321, ManagementAccount: "999999999999",
			Accounts:       map[string]string{"111111111111": "shop", "222222222222": "network", "999999999999": "management", "333333333333": "twin", "444444444444": "twin"},
			PermissionSets: map[string]string{"arn:dev": "Developer", "arn:read": "ReadOnly"},
		},
		history: History{Events: 70, Largest: 900}, emails: []string{"Ann@Example.com"},
		sweeps: time.Minute, warn: Status{State: succeeded},
	}
	for _, name := range slices.Sorted(maps.Keys(statemachine.FunctionTimeouts)) {
		w.functions = append(w.functions, deployed.Function{Name: "elevator-" + name})
		w.stack.Resources = append(w.stack.Resources, Resource{LogicalID: strings.ToUpper(name[:1]) + name[1:] + "FunctionABC", Type: "AWS::Lambda::Function", PhysicalID: "elevator-" + name, Status: "CREATE_COMPLETE"})
	}
	return w
}

func (w *world) Stack(context.Context) (Stack, error)                   { return w.stack, nil }
func (w *world) Functions(context.Context) ([]deployed.Function, error) { return w.functions, nil }
func (w *world) Machines(context.Context) ([]string, int, error) {
	return w.machines, w.nMachines, nil
}
func (w *world) Catalog(context.Context) (catalog.Names, error) {
	if w.catalog.ReadAt.IsZero() {
		return catalog.Names{}, access.Errorf(access.CodeNotFound, "there is no catalog")
	}
	return w.catalog, nil
}

func (w *world) Open(context.Context) (ids []string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, r := range w.rows {
		if r.ClosedAt.IsZero() {
			ids = append(ids, id)
		}
	}
	return append(ids, "gone"), nil // the index lags
}

func (w *world) Request(_ context.Context, id string) (access.Request, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.rows[id]; r != nil {
		row := *r
		row.Posts, row.Events = maps.Clone(r.Posts), slices.Clone(r.Events)
		return row, nil
	}
	return access.Request{}, access.Errorf(access.CodeNotFound, "there is no request %s", id)
}

func (w *world) Lease(_ context.Context, s access.Subject) (access.Lease, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l, found := w.leases[s.Key()]
	return l, found, nil
}

func (w *world) User(_ context.Context, email string) (string, error) {
	if email == "eve@example.com" {
		return "p-eve", nil
	}
	return "", errors.New("there is no such user")
}

func (w *world) Emails(context.Context, string) ([]string, error) { return w.emails, nil }

func (w *world) Assigned(_ context.Context, s access.Subject) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if silent := time.Since(w.silentFrom); !w.silentFrom.IsZero() && silent > 0 && silent < w.silentFor {
		return false, errors.New("Identity Center does not answer")
	}
	return w.assigned[s.Key()], nil
}

func (w *world) set(s access.Subject, there bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.assigned[s.Key()] = there
}

func (w *world) Assign(ctx context.Context, s access.Subject) error {
	w.set(s, true)
	w.mu.Lock()
	w.unasked = append(w.unasked, "+"+s.Key())
	w.mu.Unlock()
	if w.onAssign != nil {
		w.onAssign()
	}
	if w.assignFails {
		return errors.New("no answer")
	}
	return ctx.Err()
}

func (w *world) Unassign(_ context.Context, s access.Subject) error {
	if w.unassignFails {
		return errors.New("not permitted")
	}
	w.set(s, false)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unasked = append(w.unasked, "-"+s.Key())
	return nil
}

func (w *world) Status(_ context.Context, execution string) (Status, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.states[execution], nil
}

func (w *world) Stop(_ context.Context, execution string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.keepsRunning {
		w.states[execution] = Status{State: aborted}
		w.stopped[execution]()
	}
	return nil
}

func (w *world) History(context.Context, string) (History, error) { return w.history, nil }

func (w *world) StartWarn(_ context.Context, name string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.startFails {
		return "", errors.New("not permitted to start it")
	}
	w.runs, w.states[name] = append(w.runs, name), Status{State: running}
	time.AfterFunc(30*time.Second, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.states[name] = w.warn
		for i, f := range w.findings() {
			if !w.noFinding && w.firstSeen.IsZero() {
				finding := auditrecord.Finding{Finding: f, Kind: access.EventDriftFound, Run: access.Run{ID: name}, Index: i}
				w.objects = append(w.objects, Record{auditrecord.FindingKey("logs", finding), 500, auditrecord.OfFinding(finding)})
			}
		}
	})
	return name, nil
}

func (w *world) findings() []access.Finding {
	if w.blind {
		return []access.Finding{{FirstSeen: time.Now()}}
	}
	at := w.firstSeen
	if at.IsZero() {
		at = time.Now()
	}
	subject := access.Subject{Target: w.target("111111111111", "arn:dev"), PrincipalID: "p-eve"}
	return []access.Finding{{FirstSeen: time.Now()}, {Subject: subject, FirstSeen: at}}
}

func (w *world) target(account, set string) access.Target {
	return access.Target{Kind: access.KindAccount, AccountID: account, AccountName: w.catalog.Accounts[account], PermissionSet: w.catalog.PermissionSets[set], PermissionSetARN: set}
}

func (w *world) Findings(context.Context, string) ([]access.Finding, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.findings(), nil
}

func (w *world) AuditPrefix() string { return "logs" }

func (w *world) Records(_ context.Context, prefix string) (found []Record, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.objects {
		if strings.HasPrefix(o.Key, prefix) {
			found = append(found, o)
		}
	}
	return found, nil
}

// change changes a row, as a function does.
func (w *world) change(id string, f func(r *access.Request)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w.rows[id])
}

func happens(r *access.Request, kind access.EventKind) {
	r.Events = append(r.Events, access.Event{Kind: kind, At: time.Now().UTC()})
}

// people are the people in Slack. They press at once.
type people struct{ *world }

func (p people) Request(_ context.Context, w Wish) error {
	if p.noRequest {
		return nil
	}
	email := w.Email
	if email == "" {
		email = "bea@example.com"
	}
	if p.wrong {
		p.wrong = false
		p.submit(w, p.world.target("222222222222", "arn:read"), email)
		time.AfterFunc(10*time.Second, func() { p.submit(w, w.Target, email) })
		return nil
	}
	p.submit(w, w.Target, email)
	return nil
}

func (w *world) submit(wish Wish, target access.Target, email string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := fmt.Sprintf("r%d", len(w.rows)+1)
	r := &access.Request{ID: id, Target: target, Reason: "Try " + wish.Mark, Duration: int64(wish.Duration / time.Second), CreatedAt: time.Now().UTC(), ExecutionARN: "arn:aws:states:eu-west-1:" + w.account + ":execution:m:" + id,
		Requester: access.Person{SlackID: "U1", Email: access.NormalizeEmail(email), PrincipalID: "p-" + email}, Posts: map[string]access.Post{}}
	happens(r, access.EventRequested)
	if w.create != nil {
		w.create(r)
	}
	w.rows[id], w.states[r.ExecutionARN] = r, Status{State: running}
	alive, stop := context.WithCancel(context.Background())
	w.stopped[r.ExecutionARN] = stop
	time.AfterFunc(2*time.Second, func() {
		w.change(id, func(r *access.Request) {
			r.EvaluatedDecision = &access.Decision{}
			r.Posts[slack.PurposeAnnounce] = access.Post{TS: fmt.Sprintf("%d.000100", time.Now().Unix())}
			if w.evaluate != nil {
				w.evaluate(r)
			}
			if o := r.Outcome; o != nil && o.Kind.Grants() {
				happens(r, access.EventApproved)
				go w.live(alive, id)
			}
		})
	})
}

func (p people) Approve(_ context.Context, r access.Request) error {
	if p.world.approve != nil {
		p.change(r.ID, p.world.approve)
		return nil
	}
	p.change(r.ID, func(r *access.Request) {
		r.Outcome = &access.Outcome{Kind: access.OutcomeApproved, By: access.Person{SlackID: "U2", Email: "cy@example.com"}, At: time.Now().UTC()}
		happens(r, access.EventApproved)
	})
	alive, stop := context.WithCancel(context.Background())
	p.mu.Lock()
	p.stopped[r.ExecutionARN] = stop
	p.mu.Unlock()
	go p.live(alive, r.ID)
	return nil
}

func (p people) Deny(_ context.Context, r access.Request) error {
	if p.world.deny != nil {
		p.change(r.ID, p.world.deny)
		return nil
	}
	p.change(r.ID, func(r *access.Request) {
		r.Outcome = &access.Outcome{Kind: access.OutcomeDenied, By: access.Person{SlackID: "U2", Email: "cy@example.com"}, At: time.Now().UTC()}
		happens(r, access.EventDenied)
		p.finish(r)
	})
	return nil
}

func (p people) EndNow(_ context.Context, r access.Request) error {
	if !p.noEnd {
		p.change(r.ID, func(r *access.Request) {
			r.EndRequest = &access.EndRequest{At: time.Now().UTC()}
			happens(r, access.EventEnded)
		})
	}
	return nil
}

// live runs an execution from its grant until alive ends.
func (w *world) live(alive context.Context, id string) {
	time.Sleep(3 * time.Second)
	var end time.Time
	var s access.Subject
	w.change(id, func(r *access.Request) {
		s = r.Subject()
		w.assigned[s.Key()] = !w.unassigned
		if !w.noLease {
			w.leases[s.Key()] = access.Lease{Holders: map[string]access.Holder{id: {}}}
		}
		r.GrantedAt = time.Now().UTC()
		r.End, r.EndToken = r.GrantedAt.Add(time.Duration(r.Duration)*time.Second), "token"
		happens(r, access.EventGranted)
		if w.grant != nil {
			w.grant(r)
		}
		end = r.End
		if w.lasts != nil {
			end = r.GrantedAt.Add(w.lasts(r.End.Sub(r.GrantedAt)))
		}
	})
	swept := false
	for time.Now().Before(end) && !swept {
		time.Sleep(500 * time.Millisecond)
		if alive.Err() != nil {
			if w.sweeps < 0 {
				return
			}
			time.Sleep(w.sweeps)
			swept = true
		}
		if r, _ := w.Request(alive, id); r.EndRequest != nil {
			break
		}
	}
	time.Sleep(w.late)
	w.change(id, func(r *access.Request) {
		if r.RevokingAt, r.Tombstone = time.Now().UTC(), swept; w.stuck {
			return
		}
		w.assigned[s.Key()] = false
		delete(w.leases, s.Key())
		r.RevokedAt, r.Removal = time.Now().UTC(), access.RemovalDone
		happens(r, access.EventRevoked)
		w.finish(r)
	})
	if w.back {
		time.Sleep(5 * time.Second)
		w.set(s, true)
		time.Sleep(3 * time.Second)
		w.set(s, false)
	}
}

// finish closes a request and writes its records.
func (w *world) finish(r *access.Request) {
	r.Audited, r.ClosedAt, r.EndToken = len(r.Events), time.Now().UTC(), ""
	if w.close != nil {
		w.close(r)
	}
	var records []Record
	for seq := range r.Events {
		records = append(records, Record{auditrecord.Key("logs", *r, seq), 400, auditrecord.Of(*r, seq)})
	}
	if w.record != nil {
		records = w.record(r, records)
	}
	w.objects = append(w.objects, records...)
}
