package simulation

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/identitycenter/identitycentertest"
	"sso-elevator/functions/adapters/policyinforce"
)

// trouble is what may go wrong in a history before quietAt. The numbers are
// probabilities per call, invocation or request.
type trouble struct {
	name string

	errors  float64 // a call fails before or after its effect; calls to Lambda do, too
	kills   float64 // a function is killed, at any of its calls
	stalls  float64 // a function stalls, for up to 45 s
	orphans float64 // a machine gives up a function, which keeps running
	slow    float64 // a call takes seconds, an operation of Identity Center up to 90 s
	failed  float64 // an operation of Identity Center fails
	late    float64 // a call to Identity Center gets no response, and arrives seconds later
	lags    float64 // the index, or the list of executions, lags behind

	outages int     // at most this many services are down, for minutes
	stops   float64 // per request: someone stops or redrives its execution, or starts another one for it
	byHand  float64 // per request: someone creates or removes the same access by hand
	rows    float64 // per request: someone deletes its row while it has access
	policy  float64 // per request: the policy changes
	alone   bool    // one person requests the same access again and again
	insider bool    // someone starts, stops and redrives executions, and uses task tokens
	greedy  bool    // one person makes one request after another
	gone    float64 // per request: someone is disabled or deleted, and may come back
	groups  float64 // policies name groups; per request: someone enters or leaves one between press and grant
	reads   float64 // a read of a membership, or of the organization's tree, fails
	managed bool    // the deciding group is one that people request
	units   bool    // policies name organizational units, and accounts move
	blocks  float64 // people block others, at any time and between press and grant, and lift blocks
	drift   bool    // runs of the reconciliation in mode warn and revoke

	quietAt time.Time
}

func (t *trouble) isActive(now time.Time) bool { return now.Before(t.quietAt) }

// faultless reports whether nothing fails. Then everyone keeps access until its end.
func (t *trouble) faultless() bool {
	return t.errors+t.late+t.kills+t.stalls+t.orphans+t.stops+t.rows == 0 && t.outages == 0 && !t.insider
}

// lag returns how far an eventually consistent read lags behind.
func (t *trouble) lag(d *dice, most time.Duration) time.Duration {
	if !d.chance(t.lags) {
		return 0
	}
	return d.between(0, most)
}

// world is everything in a history: clock, services, functions, and the ledger.
type world struct {
	seed    uint64
	clock   *clock
	trouble *trouble
	source  *source
	logger  *slog.Logger

	steps   *steps
	lambda  *lambda
	table   *table
	objects *objects
	ssm     *parameters
	center  *identitycentertest.Center
	slack   *workspace
	absent  absences
	ledger  *ledger
	insider *insider // nil if there is none

	outages []outage
	// fault, if set, returns what happens to an attempt of a call; "" if nothing. about is
	// what the call is about, such as a row's key.
	fault func(inv *invocation, operation, about string) string
	// doing is the invocation whose call is taking effect.
	doing *invocation

	violations []string
}

type outage struct {
	service  string
	from, to time.Time
}

func newWorld(seed uint64, t trouble, wire functions, story *strings.Builder) *world {
	c := newClock()
	c.story = story
	w := &world{seed: seed, clock: c, trouble: &t, source: newSource(seed), logger: slog.New(slog.DiscardHandler)}
	if story != nil {
		w.logger = slog.New(&storyteller{clock: c})
	}
	w.steps = &steps{world: w, machines: map[string]*machine{requestMachineARN: requestMachine, reconcileMachineARN: reconcileMachine},
		executions: map[string]*execution{}, tokens: map[string]*token{}, source: newSource(mix(seed, 1))}
	w.lambda = &lambda{world: w, wire: wire, idle: map[string][]handler{}, source: newSource(mix(seed, 2))}
	w.table = &table{world: w, rows: map[string]row{}, indexed: map[string]row{}, source: newSource(mix(seed, 3))}
	w.objects = &objects{world: w, objects: map[string][]byte{catalogKey: snapshot, catalogBucket + "/" + catalog.EmailsKey: emailIndex(seed)}, written: map[string]int{}}
	w.ssm = &parameters{world: w}
	w.center = newCenter(w, newSource(mix(seed, 4)))
	w.slack = &workspace{world: w}
	w.absent = absences{}
	w.ledger = newLedger(w)
	if t.insider {
		w.insider = newInsider(w)
	}
	return w
}

// emailIndex returns the index of emails. In half of the histories everyone was created
// after it was written, so it is empty.
func emailIndex(seed uint64) []byte {
	text := "emails 1\n"
	if mix(seed, 5)%2 == 0 {
		for _, p := range people {
			text += p.Email + " " + p.PrincipalID + "\n"
		}
	}
	return []byte(text)
}

// broken notes a broken invariant.
func (w *world) broken(invariant, what string) {
	w.clock.say("BROKEN %s: %s", invariant, what)
	w.violations = append(w.violations, invariant+": "+what)
}

// enforce puts a policy in force.
func (w *world) enforce(p access.Policy) {
	if w.trouble.blocks > 0 {
		p.IncidentResponders = responders
	}
	body, digest := encoded(p)
	w.objects.objects[policyBucket+"/"+digest] = body
	pointer, _ := json.Marshal(policyinforce.NewPointer(policyBucket, digest, digest, &p))
	w.ssm.value, w.ssm.set = string(pointer), w.clock.now()
	w.ledger.policies = append(w.ledger.policies, inForce{w.clock.now(), p})
	w.clock.say("policy %s is in force", digest[:8])
}

func (w *world) isDown(service string) bool {
	now := w.clock.now()
	for _, o := range w.outages {
		if o.service == service && !now.Before(o.from) && now.Before(o.to) {
			return true
		}
	}
	return false
}

func (w *world) noteInvocation(inv *invocation)       { w.ledger.noteInvocation(inv) }
func (w *world) noteState(e *execution, state string) { w.ledger.noteState(e, state) }
func (w *world) noteEnd(e *execution)                 { w.ledger.noteEnd(e) }
func (w *world) at(after time.Duration) time.Time     { return w.clock.start.Add(after) }
func (w *world) since() time.Duration                 { return w.clock.now().Sub(w.clock.start) }
func (w *world) executionsRunning(machine string) (n int) {
	for _, e := range w.steps.inOrder {
		if e.of == machine && e.status == "RUNNING" {
			n++
		}
	}
	return n
}

// then runs do at a time.
func (w *world) then(at time.Time, order uint64, do func()) {
	w.clock.spawn(func() {
		defer func() {
			if r := recover(); r != nil {
				w.broken("the world", fmt.Sprintf("%v\n%s", r, stack()))
			}
		}()
		w.clock.until(at, order)
		do()
	})
}
