package ingress

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/cases"
	"sso-elevator/functions/adapters/cases/casestest"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/claims"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/slack"
)

var now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

const (
	secret     = "8f742231b10e8888abcd99yyyzzz85a5"
	readOnly   = "arn:aws:sso:::permissionSet/ssoins-1/ps-1"
	admin      = "arn:aws:sso:::permissionSet/ssoins-1/ps-2"
	billing    = "arn:aws:sso:::permissionSet/ssoins-1/ps-3"
	stateARN   = "arn:aws:states:eu-west-1:123456789012:execution:m:"
	production = "111111111111"
	sandbox    = "222222222222"
)

var (
	jane = access.Person{SlackID: "UJANE", Email: "jane@example.com", PrincipalID: "p-jane"}
	ann  = access.Person{SlackID: "UANN", Email: "ann@example.com", PrincipalID: "p-ann"}
	bob  = access.Person{SlackID: "UBOB", Email: "bob@example.com", PrincipalID: "p-bob"}
	ann2 = access.Person{SlackID: "UANN2", Email: "annie@example.com", PrincipalID: "p-ann"} // ann's second Slack user
	twin = access.Person{SlackID: "UTWIN", Email: "twin@example.com", PrincipalID: "p-jane"} // jane's second Slack user
)

// world is everything that ingress calls, and the results.
type world struct {
	session time.Duration // of the permission set Admin
	people  map[string]access.Person
	rows    map[string]access.Request
	claims  map[string]access.Claims // by principal id
	limit   int                      // of undecided requests
	// memory has the people as cached lookups find them; nil: as they are now. remembered
	// counts these lookups, and looked the others that presses make.
	memory             map[string]access.Person
	remembered, looked atomic.Int64
	// denyReason, cooldown and confirms are settings.
	confirms     bool
	notInSlack   []string // emails of approvers
	approversErr error
	asked        []string // the emails of approvers who were looked up
	members      map[string]catalog.Members
	slackGroups  map[string]string // of evaluate
	renamed      map[string]string // the Slack ids of some emails
	denyReason   DenyReason
	cooldown     time.Duration
	runs         map[string]access.Run
	leases       map[string]access.Lease
	leaseErr     error
	leaseStalls  bool                      // a read of a lease ends only with its context
	updateStalls bool                      // an update of a message ends only with its context
	leaseReads   int                       // calls of Lease
	endErr       error                     // of EndHolder
	ending       func(id string)           // what happens just before the next RequestEnd or EndHolder
	ended        []string                  // the requests of EndHolder, sorted
	mu           sync.Mutex                // guards rows, claims, ended and resumed where the handler works on several requests at the same time
	behind       map[string]access.Request // rows as the requester index still has them
	indexErr     error
	policy       access.Policy
	groups       casestest.Groups
	// units are the accounts in organizational units as the catalog has them.
	units map[string][]string
	// management is the management account as the catalog has it.
	management string

	log     bytes.Buffer
	views   []shown
	told    []string        // texts that only one person saw
	started []string        // execution names
	resumed []string        // "token output"
	order   []string        // what happened in which order: "resume token" and "update channel timestamp"
	updated []string        // "channel timestamp fallback text"
	shows   []slack.Message // what they were updated to
	left    atomic.Int64    // nanoseconds that the last call had; see timeLeft

	blocks    access.Blocks
	blocksErr error
	blockLost int                      // how many writes of the blocks lose against another one
	strangers map[string]access.Person // whom only Anyone finds

	gets       atomic.Int64 // calls of Get
	unreadable string       // the id of a request that Get can't read
	homes      []home       // what people saw in the Home tab

	publishErr, openRequestsErr error

	checked  []string                // Slack ids of approvers who were checked again
	checkErr error                   // of that check
	others   []func(*access.Request) // what happens to the row just before ChangeApprovals
	late     func(*access.Request)   // what happens to it while a message is updated
	lost     bool                    // the answer of the next ChangeApprovals is lost

	partial *catalog.Partial // the lists that are loading; nil if there are none

	openErr, updateErr, peopleErr, remainsErr, catalogErr, policyErr, claimsErr, createErr, startErr, resumeErr, decideErr, appendErr, respondErr, ephemeralErr error
	rival                                                                                                                                                       *access.Outcome // written by someone else just before Decide
	rivals                                                                                                                                                      []func(*access.Run)
	findings                                                                                                                                                    []access.Finding
	decidable                                                                                                                                                   map[string]int // of the report
	unscheduled                                                                                                                                                 bool           // no removal is scheduled
	reportErr, pressErr, carryErr, refuseErr, getErr                                                                                                            error
	pressed                                                                                                                                                     []access.FindingRef // carried out
	refusals                                                                                                                                                    []string            // runs whose refused presses are recorded
	unindexed                                                                                                                                                   map[string]bool     // requests that the index of requesters lacks
	findingsErr                                                                                                                                                 error
}

// home is what a person saw in the Home tab.
type home struct {
	user string
	view slackgo.HomeTabViewRequest
}

// shown is a view that was opened (with a trigger) or updated (with a hash).
type shown struct {
	trigger, id, hash string
	view              slackgo.ModalViewRequest
}

func newWorld() *world {
	yes := true
	return &world{
		people: map[string]access.Person{"UJANE": jane, "UANN": ann, "UBOB": bob, "UTWIN": twin, "UANN2": ann2},
		rows:   map[string]access.Request{},
		claims: map[string]access.Claims{}, limit: 10,
		runs: map[string]access.Run{},
		policy: access.Policy{
			Accounts: []access.Statement{
				{Resources: []string{production}, PermissionSets: []string{"ReadOnly"}, ApprovalIsNotRequired: &yes},
				{Resources: []string{production}, PermissionSets: []string{"Admin"}, Approvers: []string{"ann@example.com", "twin@example.com"}},
				{Resources: []string{sandbox}, PermissionSets: []string{"Admin"}, Approvers: []string{"jane@example.com"}},
			},
			Groups: []access.Statement{{Resources: []string{"g-1"}, Approvers: []string{"jane@example.com"}, AllowSelfApproval: &yes}},
		},
	}
}

// withSandboxApprover returns a world in which jane, too, can get access to the sandbox.
func withSandboxApprover() *world {
	w := newWorld()
	sandboxed := &w.policy.Accounts[2]
	sandboxed.Approvers = append(sandboxed.Approvers, "lead@example.com")
	return w
}

func (w *world) Requester(ctx context.Context, id string) (access.Person, error) {
	if p, ok := w.people[id]; ok {
		return p, w.peopleErr
	}
	return access.Person{}, access.Errorf(access.CodeRefused, "No guests.")
}

func (w *world) Approver(ctx context.Context, id string) (access.Person, error) {
	w.looked.Add(1)
	return w.Requester(ctx, id)
}

// remembering is a world whose people are those in its memory.
type remembering struct{ *world }

func (r remembering) Approver(ctx context.Context, id string) (access.Person, error) {
	r.remembered.Add(1)
	return r.then().Requester(ctx, id)
}

func (r remembering) CheckRequester(ctx context.Context, requester access.Person) error {
	r.remembered.Add(1)
	return r.then().checkRequester(requester)
}

func (r remembering) then() *world {
	if r.memory == nil {
		return r.world
	}
	return &world{people: r.memory}
}

// CheckRequester returns what people.Finder does if the person has changed or is gone.
func (w *world) CheckRequester(_ context.Context, requester access.Person) error {
	w.looked.Add(1)
	return w.checkRequester(requester)
}

func (w *world) checkRequester(requester access.Person) error {
	if w.remainsErr != nil {
		return w.remainsErr
	}
	if w.people[requester.SlackID].PrincipalID != requester.PrincipalID {
		return access.Errorf(access.CodeRefused, "The requester is gone.")
	}
	return nil
}

// Approvers finds everyone in Slack except w.notInSlack.
func (w *world) Approvers(_ context.Context, emails []string) (known []access.Person, unknown []string, err error) {
	for _, email := range emails {
		if slices.Contains(w.notInSlack, email) {
			unknown = append(unknown, email)
		} else {
			known = append(known, access.Person{SlackID: cmp.Or(w.renamed[email], "U-"+email), Email: email})
		}
	}
	w.asked = append(w.asked, emails...)
	return known, unknown, w.approversErr
}

// KnownApprovers knows those who were looked up.
func (w *world) KnownApprovers(emails []string) (known []access.Person, unknown []string, ok bool) {
	for _, email := range emails {
		if !slices.Contains(w.asked, email) {
			return nil, nil, false
		}
		if slices.Contains(w.notInSlack, email) {
			unknown = append(unknown, email)
		} else {
			known = append(known, access.Person{SlackID: cmp.Or(w.renamed[email], "U-"+email), Email: email})
		}
	}
	return known, unknown, true
}

func (w *world) Anyone(ctx context.Context, id string) (access.Person, error) {
	if p, ok := w.strangers[id]; ok {
		return p, w.peopleErr
	}
	if p, ok := w.people[id]; ok {
		return p, w.peopleErr
	}
	return access.Person{}, access.Errorf(access.CodeNotFound, "Slack has no user %s", id)
}

func (w *world) Blocks(context.Context) (access.Blocks, error) { return w.blocks, w.blocksErr }

func (w *world) PutBlocks(_ context.Context, b access.Blocks, expect int64) error {
	if w.blockLost > 0 {
		w.blockLost--
		w.blocks.Version++
	}
	if w.blocks.Version != expect {
		return access.Errorf(access.CodeLost, "somebody else wrote it")
	}
	w.blocks = b
	return w.blocksErr
}

func (w *world) Load(context.Context) (access.Policy, string, error) {
	return w.policy, "d1", w.policyErr
}

// inForce is a policySource.
func (w *world) inForce() (inForce, error) {
	return inForce{access.NewIndex(&w.policy), "d1"}, w.policyErr
}

func (w *world) OpenView(ctx context.Context, trigger string, view slackgo.ModalViewRequest) (string, string, error) {
	if w.openErr != nil {
		return "", "", w.openErr
	}
	w.noteTimeLeft(ctx)
	w.views = append(w.views, shown{trigger: trigger, view: view})
	return "V1", "h1", nil
}

func (w *world) UpdateView(_ context.Context, id, hash string, view slackgo.ModalViewRequest) error {
	w.views = append(w.views, shown{id: id, hash: hash, view: view})
	return w.updateErr
}

func (w *world) PublishView(ctx context.Context, user string, view slackgo.HomeTabViewRequest) error {
	w.noteTimeLeft(ctx)
	if w.publishErr == nil {
		w.homes = append(w.homes, home{user, view})
	}
	return w.publishErr
}

// LatestOpenRequests lists the rows by id.
func (w *world) LatestOpenRequests(_ context.Context, limit int) (ids []string, more bool, err error) {
	ids = slices.Sorted(maps.Keys(w.rows))
	ids = slices.DeleteFunc(ids, func(id string) bool { return !w.rows[id].ClosedAt.IsZero() })
	return ids[:min(len(ids), limit)], len(ids) > limit, w.openRequestsErr
}

func (w *world) Update(ctx context.Context, channel, ts string, m slack.Message) error {
	if w.updateStalls {
		<-ctx.Done()
		return access.Wrap(access.CodeUnavailable, ctx.Err(), "update")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.order = append(w.order, "update "+channel+" "+ts)
	if w.updateErr == nil {
		w.updated = append(w.updated, channel+" "+ts+" "+m.Text)
		w.shows = append(w.shows, m)
	}
	if w.late != nil {
		r := w.rows[m.RequestID]
		w.late(&r)
		w.rows[m.RequestID], w.late = r, nil
	}
	return w.updateErr
}

func (w *world) Respond(_ context.Context, responseURL, text string) error {
	if w.respondErr == nil {
		w.told = append(w.told, text)
	}
	return w.respondErr
}

func (w *world) Ephemeral(_ context.Context, channel, user, _, text string) error {
	if w.ephemeralErr == nil {
		w.told = append(w.told, channel+" "+user+" "+text)
	}
	return w.ephemeralErr
}

func (w *world) noteTimeLeft(ctx context.Context) {
	deadline, _ := ctx.Deadline()
	w.left.Store(int64(time.Until(deadline)))
}

func (w *world) timeLeft() time.Duration { return time.Duration(w.left.Load()) }

func (w *world) Create(_ context.Context, r access.Request) (access.Request, bool, error) {
	if w.createErr != nil {
		return access.Request{}, false, w.createErr
	}
	if stored, ok := w.rows[r.ID]; ok {
		return stored, false, nil
	}
	w.rows[r.ID] = r
	return r, true, nil
}

func (w *world) Get(ctx context.Context, id string) (access.Request, error) {
	w.noteTimeLeft(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gets.Add(1)
	if r, ok := w.rows[id]; ok {
		if id == w.unreadable {
			return access.Request{}, access.Errorf(access.CodeUnavailable, "no answer")
		}
		return r, w.getErr
	}
	return access.Request{}, access.Errorf(access.CodeNotFound, "there is no request %q", id)
}

// RequestsOf returns what the index has, which may be behind the table.
func (w *world) RequestsOf(ctx context.Context, principalID string, limit int) ([]access.Request, bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, false, access.Wrap(access.CodeUnavailable, err, "list requests")
	}
	if w.indexErr != nil {
		return nil, false, w.indexErr
	}
	var found []access.Request
	for id, r := range w.rows {
		if older, ok := w.behind[id]; ok {
			r = older
		}
		if r.Requester.PrincipalID != principalID || w.unindexed[id] {
			continue
		}
		found = append(found, access.Request{ID: r.ID, CreatedAt: r.CreatedAt, Target: r.Target, Outcome: r.Outcome, GrantedAt: r.GrantedAt, End: r.End,
			EndRequest: r.EndRequest, RevokingAt: r.RevokingAt, RevokedAt: r.RevokedAt, Tombstone: r.Tombstone, ClosedAt: r.ClosedAt})
	}
	slices.SortFunc(found, func(a, b access.Request) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	return found[:min(len(found), limit)], len(found) > limit, nil
}

func (w *world) Claims(_ context.Context, principalID string) (access.Claims, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.claims[principalID]
	if !ok {
		return access.Claims{PrincipalID: principalID}, w.claimsErr
	}
	c.Claims = maps.Clone(c.Claims)
	return c, w.claimsErr
}

func (w *world) PutClaims(_ context.Context, c access.Claims, expect int64, _ time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.claimsErr != nil {
		return w.claimsErr
	}
	if w.claims[c.PrincipalID].Version != expect {
		return access.Errorf(access.CodeLost, "somebody else wrote it")
	}
	if c.Version++; len(c.Claims)+len(c.Denials) == 0 {
		delete(w.claims, c.PrincipalID)
	} else {
		w.claims[c.PrincipalID] = c
	}
	return nil
}

func (w *world) FreeOnlyClaim(_ context.Context, principalID, key, requestID string, denial *access.Denial, at time.Time) (access.Claims, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.claims[principalID]
	if !ok || w.claimsErr != nil {
		return access.Claims{PrincipalID: principalID}, false, w.claimsErr
	}
	if len(c.Claims) != 1 || c.Claims[key].RequestID != requestID || len(c.Denials) > 0 {
		c.Claims, c.Denials = maps.Clone(c.Claims), maps.Clone(c.Denials)
		return c, false, nil
	}
	delete(w.claims, principalID)
	if denial != nil {
		w.claims[principalID] = access.Claims{PrincipalID: principalID, Denials: map[string]access.Denial{key: *denial}, Version: at.UnixNano()}
	}
	return access.Claims{}, true, nil
}

func (w *world) Decide(_ context.Context, id string, o access.Outcome) (access.Request, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.rows[id]
	if w.decideErr != nil {
		return access.Request{}, false, w.decideErr
	}
	if w.rival != nil {
		r.Outcome = w.rival
	}
	won := r.Outcome == nil
	if won {
		r.Outcome = &o
	}
	w.rows[id] = r
	return r, won, nil
}

// CheckApprover is what people.Finder says of somebody who approved.
func (w *world) CheckApprover(_ context.Context, approver access.Person) error {
	w.mu.Lock() // several approvers are checked at the same time
	w.checked = append(w.checked, approver.SlackID)
	w.mu.Unlock()
	if w.checkErr != nil {
		return w.checkErr
	}
	if now := w.people[approver.SlackID]; now.PrincipalID != approver.PrincipalID || now.Email != approver.Email {
		return access.Errorf(access.CodeRefused, "The approver is gone.")
	}
	return nil
}

// ChangeApprovals is what the table does. w.others change the row first, one at each
// call.
func (w *world) ChangeApprovals(_ context.Context, r access.Request, c table.ApprovalChange) (access.Request, bool, error) {
	if w.decideErr != nil {
		return access.Request{}, false, w.decideErr
	}
	now := w.rows[r.ID]
	if len(w.others) > 0 {
		w.others[0](&now)
		w.others = w.others[1:]
	}
	won := now.Outcome == nil && len(now.Events) == len(r.Events)
	if won {
		now.Approvals, now.ApprovalProgress = c.Tally.Approvals, c.Tally.Requirements
		now.Events = slices.Clone(now.Events)
		now.Posts = maps.Clone(now.Posts)
		for _, purpose := range c.Purposes {
			if post, ok := now.Posts[purpose]; ok {
				post.Digest = ""
				now.Posts[purpose] = post
			}
		}
		if c.Event != nil {
			now.Events = append(now.Events, *c.Event)
		}
		if c.Outcome != nil {
			now.Outcome = c.Outcome
			now.Events = append(now.Events, access.Event{Kind: access.EventOf(c.Outcome.Kind), By: c.Outcome.By})
		}
	}
	w.rows[r.ID] = now
	if w.lost {
		w.lost = false
		return access.Request{}, false, access.Errorf(access.CodeUnavailable, "no answer")
	}
	return now, won, nil
}

func (w *world) RequestEnd(_ context.Context, id string, e access.EndRequest) (access.Request, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beforeEnd(id)
	r := w.rows[id]
	if r.EndRequest != nil || r.HasRemovalBegun() || r.IsClosed() {
		return r, false, nil
	}
	r.EndRequest = &e
	w.rows[id] = r
	return r, true, nil
}

func (w *world) beforeEnd(id string) {
	if happens := w.ending; happens != nil {
		w.ending = nil
		happens(id)
	}
}

func (w *world) EndShown(_ context.Context, id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.rows[id]
	r.EndShown = true
	w.rows[id] = r
	return nil
}

func (w *world) Lease(ctx context.Context, key string) (access.Lease, bool, error) {
	if w.leaseStalls {
		<-ctx.Done()
		return access.Lease{}, false, access.Wrap(access.CodeUnavailable, ctx.Err(), "lease")
	}
	w.leaseReads++
	l, found := w.leases[key]
	l.Holders = maps.Clone(l.Holders)
	return l, found, w.leaseErr
}

func (w *world) EndHolder(_ context.Context, id string, e access.EndRequest) (access.Request, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beforeEnd(id)
	r := w.rows[id]
	if w.endErr != nil || r.EndRequest != nil || r.HasRemovalBegun() || r.IsClosed() {
		return r, false, w.endErr
	}
	r.EndRequest = &e
	w.rows[id] = r
	w.ended = append(w.ended, id)
	slices.Sort(w.ended)
	return r, true, nil
}

func (w *world) AppendEvent(_ context.Context, r access.Request, e access.Event) (access.Request, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.appendErr != nil {
		return access.Request{}, w.appendErr
	}
	r = w.rows[r.ID]
	if r.ClosedAt.IsZero() && !access.SkipsRefusedPress(r, e) {
		r.Events = append(r.Events, e)
		w.rows[r.ID] = r
	}
	return r, nil
}

func (w *world) Run(ctx context.Context, id string) (access.Run, error) {
	w.noteTimeLeft(ctx)
	if r, ok := w.runs[id]; ok {
		return r, nil
	}
	return access.Run{}, access.Errorf(access.CodeNotFound, "there is no run %q", id)
}

// AnswerRun works as the table does: if the row has changed meanwhile, it doesn't
// write the answer. w.rivals answer first, one at each call.
func (w *world) AnswerRun(_ context.Context, run access.Run, a access.RunAnswer, last bool) (access.Run, bool, error) {
	r := w.runs[run.ID]
	if w.decideErr != nil {
		return access.Run{}, false, w.decideErr
	}
	if len(w.rivals) > 0 {
		w.rivals[0](&r)
		w.rivals = w.rivals[1:]
	}
	won := r.Answer == nil && len(r.Answers) == len(run.Answers)
	if won {
		r.Answers = append(slices.Clone(r.Answers), a)
		if last {
			r.Answer = &a
		}
	}
	w.runs[run.ID] = r
	return r, won, nil
}

func (w *world) Findings(_ context.Context, run string) ([]access.Finding, error) {
	if _, ok := w.runs[run]; !ok {
		return nil, access.Errorf(access.CodeNotFound, "there are none")
	}
	return w.findings, w.findingsErr
}

func (w *world) Report(_ context.Context, run string) (access.DriftReport, error) {
	r := access.DriftReport{RunID: run, Decidable: w.decidable, NextRevocation: now.Add(10 * time.Hour)}
	if w.unscheduled {
		r.NextRevocation = time.Time{}
	}
	return r, w.reportErr
}

func (w *world) AddPress(_ context.Context, run access.Run, p access.FindingPress) (access.Run, bool, error) {
	r := w.runs[run.ID]
	if w.pressErr != nil {
		return access.Run{}, false, w.pressErr
	}
	if len(w.rivals) > 0 {
		w.rivals[0](&r)
		w.rivals = w.rivals[1:]
	}
	won := len(r.Presses) == len(run.Presses)
	if won {
		r.Presses = append(slices.Clone(r.Presses), p)
	}
	w.runs[run.ID] = r
	return r, won, nil
}

func (w *world) AddRefusedPress(_ context.Context, run access.Run, p access.RefusedPress) (*access.RefusedPress, error) {
	r := w.runs[run.ID]
	if w.refuseErr != nil {
		return nil, w.refuseErr
	}
	if has := r.Recorded(p); has != nil || !r.HasRoomFor(p) {
		return has, nil
	}
	r.RefusedPresses = append(slices.Clone(r.RefusedPresses), p)
	w.runs[run.ID] = r
	return &p, nil
}

func (w *world) recordRefused(_ context.Context, run string) error {
	w.refusals = append(w.refusals, run)
	return w.carryErr
}

func (w *world) carryOut(_ context.Context, ref access.FindingRef) error {
	w.pressed = append(w.pressed, ref)
	return w.carryErr
}

func (w *world) Start(_ context.Context, r access.Request) error {
	w.started = append(w.started, r.ExecutionName)
	return w.startErr
}

func (w *world) ExecutionARN(name string) string { return stateARN + name }

func (w *world) Resume(_ context.Context, token, output string) error {
	w.mu.Lock() // several executions are resumed at the same time
	defer w.mu.Unlock()
	w.resumed = append(w.resumed, token+" "+output)
	w.order = append(w.order, "resume "+token)
	return w.resumeErr
}

// stored is the catalog in S3.
type stored struct {
	catalog.Store
	of *world
}

func (s stored) Get(context.Context, string) (*catalog.Snapshot, string, error) {
	return &catalog.Snapshot{
		Accounts:       []access.Account{{ID: production, Name: "Production"}, {ID: sandbox, Name: "Sandbox"}, {ID: "333333333333", Name: "Secret"}},
		PermissionSets: []access.PermissionSet{{ARN: admin, Name: "Admin", Session: s.of.session}, {ARN: billing, Name: "Billing"}, {ARN: readOnly, Name: "ReadOnly"}},
		Groups:         []access.Group{{ID: "g-1", Name: "Auditors"}, {ID: "g-2", Name: "Owners"}},

		ManagementAccount: s.of.management,
		Units:             s.of.units,
		Members:           s.of.members,
	}, "1", s.of.catalogErr
}

// GetPartial returns the lists that are loading, if there are any.
func (w *world) GetPartial(context.Context, string) (*catalog.Partial, string, error) {
	if w.partial == nil {
		return nil, "", access.Errorf(access.CodeNotFound, "there are none")
	}
	return w.partial, "1", nil
}

func (w *world) PutPartial(context.Context, *catalog.Partial) error { panic("ingress lists nothing") }

func (w *world) handler() *Handler {
	lists := &catalog.Catalog{Store: stored{of: w}, Partial: w, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)}
	return &Handler{
		Claims: &claims.Claims{Table: w, Limit: w.limit, Cooldown: w.cooldown, Now: func() time.Time { return now }},
		Table:  w, Slack: w, People: w, CachedPeople: remembering{w}, Policy: w,
		Catalog: lists,
		Account: "123456789012", DenyReason: w.denyReason, ConfirmApprovals: w.confirms,
		Cases: cases.New(&w.groups, &w.groups, lists).Cached(func() time.Time { return now }), FreshCases: cases.New(&w.groups, &w.groups, lists),
		Machine: w, Tokens: w, Findings: w, Pressed: w.carryOut, Refused: w.recordRefused,
		SigningSecrets: func(context.Context) ([]string, error) { return []string{secret}, nil },
		Refresh:        func() bool { return false },
		TeamID:         "T1", AppID: "A1", Durations: []time.Duration{time.Hour, 2 * time.Hour},
		Now:    func() time.Time { return now },
		Logger: slog.New(slog.NewJSONHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

// sign returns a request as Slack signs it at a time.
func sign(body string, at time.Time) events.APIGatewayV2HTTPRequest {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:%s", timestamp, body)
	return events.APIGatewayV2HTTPRequest{
		Headers: map[string]string{
			"content-type":              "application/x-www-form-urlencoded",
			"x-slack-request-timestamp": timestamp,
			"x-slack-signature":         "v0=" + hex.EncodeToString(mac.Sum(nil)),
		},
		Body: body,
	}
}

// object is a JSON object.
type object = map[string]any

// payload is the body of an interaction by user, with additional fields.
func payload(kind, user string, fields object) string {
	all := object{"type": kind, "team": object{"id": "T1", "domain": "example"}, "user": object{"id": user}, "api_app_id": "A1"}
	for k, v := range fields {
		all[k] = v
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return url.Values{"payload": {string(text)}}.Encode()
}

func (w *world) send(t *testing.T, body string) events.APIGatewayV2HTTPResponse {
	t.Helper()
	response, err := handle(t, w.handler(), sign(body, now))
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// handle lets h answer an event. Time passes only while all its goroutines wait, so a slow
// machine takes none of the time to answer.
func handle(t *testing.T, h *Handler, event events.APIGatewayV2HTTPRequest) (response events.APIGatewayV2HTTPResponse, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { response, err = h.Handle(t.Context(), event) })
	return response, err
}
