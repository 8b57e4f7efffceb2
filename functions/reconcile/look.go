package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/host"
)

// atOnce is how many calls of a look are made at the same time.
const atOnce = 16

// Look starts a sweep for each interrupted request and abandoned lease, and starts
// the removal of late access without a sweep. Two looks may run at once, because
// everything they do may be repeated.
//
// Late access comes first, and needs no list of executions. So a full list, or a
// failure of Step Functions, doesn't delay removals.
func (s *Sweep) Look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	open, err := s.Table.OpenRequests(ctx)
	if err != nil {
		return err
	}
	l := &look{Sweep: s, now: s.Now(), requests: map[string]examined{}}
	defer l.sendMessages(ctx, open) // last, so that it delays none of these removals
	reading, cancelReading := context.WithTimeout(ctx, examineTimeout)
	defer cancelReading()

	openLeases, err := s.Table.OpenLeases(ctx)
	if err != nil {
		l.fail(err)
	} else {
		s.Gauge(metric.ActiveAccess, len(openLeases))
	}
	leases := l.readLeases(reading, l.listDue(openLeases))
	ids := l.listDue(open)
	for _, lease := range leases {
		ids = append(ids, slices.Sorted(maps.Keys(lease.Holders))...)
	}
	l.examine(reading, ids)
	for _, lease := range leases {
		l.judgeLease(lease)
	}
	l.remove(ctx)

	l.examineUnlisted(reading, open)
	l.remove(ctx)
	s.Gauge(metric.AccessOverdue, l.overdue)
	l.start(ctx)
	if l.later > 0 {
		l.fail(access.Errorf(access.CodeThrottled, "too many executions to describe: %d requests wait for the next checks", l.later))
	}
	if len(l.failures) > 0 {
		return access.Wrap(access.CodeOf(l.failures[0]), errors.Join(l.failures...), "find interrupted requests and abandoned leases")
	}
	s.Count(metric.SweepLooked, nil)
	return nil
}

// look is the state of one look. A request that can't be read doesn't stop the look.
type look struct {
	*Sweep
	now       time.Time
	running   map[string]bool // ARNs
	listed    bool            // the list of running executions was read
	described int             // how many executions, so far
	requests  map[string]examined
	later     int // how many requests are left to the next looks
	found     []leftBehind
	removals  []removal
	overdue   int // how much access is overdue, in requests and leases
	failures  []error
}

// removal is access that the look removes without an execution.
type removal struct {
	Removal
	begun bool // its removal has begun, or it has no row: it can't be granted anymore
}

// examined has what a look found out about one request.
type examined struct {
	row       access.Request
	err       error
	postponed bool // only the row was read so far
	liveness
}

// isOpen reports whether the request is neither closed nor its access removed. A
// request that can't be read counts as open, because it may be.
func (e examined) isOpen() bool {
	if e.err != nil {
		return access.CodeOf(e.err) != access.CodeNotFound // if there is none, the index was behind
	}
	return !e.row.IsFinished()
}

// leftBehind is one sweep to start.
type leftBehind struct {
	prefix string // of the name of the sweep's execution
	in     sweepInput
	first  bool // there may be access
	// since is when the running execution should have removed the access; zero if no
	// execution is running.
	since time.Time
	// execution is the ARN of the request's own execution, or of one that the
	// lease was made for; "" for a lease without holders.
	execution string
}

func (l *look) fail(err error) { l.failures = append(l.failures, err) }

// listDue returns the ids of the requests or leases that should have ended.
func (l *look) listDue(of []access.Due) []string {
	var ids []string
	for _, d := range of {
		if !l.now.Before(d.At.Add(lateAfter)) {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// readLeases reads the leases with these keys, as far as they still exist.
func (l *look) readLeases(ctx context.Context, keys []string) []access.Lease {
	type answer struct {
		lease access.Lease
		found bool
		err   error
	}
	answers := make([]answer, len(keys))
	parallel.Do(len(keys), atOnce, func(i int) {
		a := &answers[i]
		a.lease, a.found, a.err = l.Table.Lease(ctx, keys[i])
	})
	var leases []access.Lease
	for i, a := range answers {
		if a.err != nil {
			l.fail(a.err)
		} else if a.found {
			a.lease.Key = keys[i]
			leases = append(leases, a.lease)
		}
	}
	return leases
}

// examine reads the requests that this look has not examined yet. It finds out
// whether their executions are alive, and what is left to do.
//
// Before the running executions are listed, it only reads requests that have no access and get
// none: nothing about them is urgent, and while Slack is down, there may be many.
func (l *look) examine(ctx context.Context, ids []string) {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { e, read := l.requests[id]; return read && !e.postponed })
	slices.Sort(ids)
	ids = slices.Compact(ids)
	all := make([]examined, len(ids))
	parallel.Do(len(ids), atOnce, func(i int) { all[i].row, all[i].err = l.Table.Get(ctx, ids[i]) })

	var unlisted []int
	for i := range all {
		r := &all[i].row
		switch {
		case all[i].err != nil, r.IsClosed():
		case !l.listed && r.IsClosable():
			all[i].postponed = true
		case l.running[r.ExecutionARN], r.RevokingExecutionARN != "" && l.running[r.RevokingExecutionARN]:
			all[i].liveness = liveness{alive: true, started: true}
		default:
			unlisted = append(unlisted, i)
		}
	}
	unlisted, later := l.inTurn(unlisted, func(i int) bool { return all[i].row.MayHaveAccess() && !all[i].row.IsFinished() })
	for _, i := range later {
		all[i].liveness.err = errLater
	}
	l.described += len(unlisted)
	parallel.Do(len(unlisted), atOnce, func(n int) {
		e := &all[unlisted[n]]
		e.liveness = l.describe(ctx, e.row)
	})
	for i, id := range ids {
		if l.requests[id] = all[i]; !all[i].postponed {
			l.judgeRequest(ctx, id, all[i])
		}
	}
}

// errLater is the error for an execution that this look doesn't describe: the next
// looks will.
var errLater = errors.New("not described in this check")

// inTurn splits the indexes into those that this look describes, and those that
// it leaves to the next looks. Urgent ones come first; the others start at a
// different place each minute.
func (l *look) inTurn(indexes []int, isUrgent func(int) bool) (now, later []int) {
	n, most := len(indexes), max(mostDescribed-l.described, 0)
	if n <= most {
		return indexes, nil
	}
	first := int(l.now.Unix()/60) * most % n
	turned := slices.Concat(indexes[first:], indexes[:first])
	slices.SortStableFunc(turned, func(a, b int) int { return trueFirst(isUrgent(a), isUrgent(b)) })
	return turned[:most], turned[most:]
}

// trueFirst compares a and b so that true sorts before false.
func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// judgeRequest notes what is left to do for a request.
func (l *look) judgeRequest(ctx context.Context, id string, e examined) {
	if access.CodeOf(e.err) == access.CodeNotFound {
		return
	}
	if e.err != nil {
		l.fail(e.err)
		return
	}
	end, hasEnd := removalDue(e.row, e.liveness)
	isPast := func(by time.Duration) bool { return hasEnd && !l.now.Before(end.Add(by)) }
	// A running execution that has begun the removal gets more time.
	begun := e.row.HasRemovalBegun()
	if isPast(overdueAfter) || isPast(lateAfter) && !(e.alive && begun) {
		l.removals = append(l.removals, removal{Removal{Operation: host.OperationConfirm, RequestID: id, Subject: e.row.Subject(), Granted: e.row.HasAccess()}, begun})
	}
	if isPast(overdueAfter) {
		l.overdue++
	}
	next, late, err := l.decideNext(ctx, e.row, e.liveness)
	if errors.Is(err, errLater) {
		l.later++
		return
	}
	if err != nil {
		l.fail(err)
		return
	}
	if next == nothing {
		return
	}
	left := leftBehind{prefix: "sweep-" + id + "-", in: sweepInput{Mode: "sweep", RequestID: id}, first: next == revoke, execution: e.row.ExecutionARN}
	if late {
		left.since = end.Add(lateAfter)
	}
	l.found = append(l.found, left)
}

// judgeLease notes what is left to do for a lease that is due. It leaves the lease
// alone while one of its holders is open, even if the index of open requests lacks
// that holder. If a holder's row was deleted, judgeLease notes that the holder's
// access must be removed at its end.
func (l *look) judgeLease(lease access.Lease) {
	isHeld := false
	for _, id := range slices.Sorted(maps.Keys(lease.Holders)) {
		isHeld = isHeld || l.requests[id].isOpen()
		if access.CodeOf(l.requests[id].err) == access.CodeNotFound && lease.Holders[id].HasEnded(l.now.Add(-lateAfter)) {
			l.removals = append(l.removals, removal{Removal: Removal{Operation: host.OperationConfirm, RequestID: id, Subject: lease.Subject, Granted: true}, begun: true})
		}
	}
	if isHeld {
		return
	}
	if !l.now.Before(lease.EndsAt().Add(overdueAfter)) {
		l.removals = append(l.removals, removal{Removal: Removal{Operation: "settle", Lease: lease.Key}})
		l.overdue++
	}
	sum := sha256.Sum256([]byte(lease.Key))
	left := leftBehind{prefix: "sweep-lease-" + hex.EncodeToString(sum[:8]) + "-", in: sweepInput{Mode: "sweep", Lease: lease.Key, Drift: lease.Drift}, first: true}
	for _, id := range slices.Sorted(maps.Keys(lease.Holders)) {
		left.execution = lease.Holders[id].ExecutionARN
	}
	l.found = append(l.found, left)
}

// remove invokes the function revoke for all late access, however much there is,
// so that nobody can delay a removal by stopping executions.
func (l *look) remove(ctx context.Context) {
	failed := make([]error, len(l.removals))
	parallel.Do(len(l.removals), atOnce, func(i int) {
		in := l.removals[i]
		subject := in.Lease // a lease's key is its subject's
		if subject == "" {
			subject = in.Subject.Key()
		}
		l.Logger.WarnContext(ctx, "access is late; removing it without an execution", "request_id", in.RequestID, "lease", in.Lease, "subject", subject)
		if in.RequestID != "" && !in.begun {
			if _, err := l.giveUp(ctx, in.RequestID); err != nil {
				failed[i] = err
				return
			}
		}
		failed[i] = l.Remover.Remove(ctx, in.Removal)
	})
	l.removals = nil
	l.failures = append(l.failures, slices.DeleteFunc(failed, func(err error) bool { return err == nil })...)
}

// examineUnlisted examines the open requests whose own execution is missing from
// the list of running ones.
func (l *look) examineUnlisted(ctx context.Context, open []access.Due) {
	running, complete, err := l.Executions.Running(ctx)
	if err != nil {
		l.fail(err)
		return
	}
	if !complete {
		l.Logger.WarnContext(ctx, "too many running executions to list all", "read", len(running))
	}
	l.running, l.listed = running, true
	l.mu.Lock()
	executions := map[string]string{}
	for _, d := range open {
		if arn := l.executions[d.ID]; arn != "" {
			executions[d.ID] = arn
		}
	}
	l.mu.Unlock()
	var unlisted []string
	for _, d := range open {
		if !running[executions[d.ID]] {
			unlisted = append(unlisted, d.ID)
		}
	}
	for id, e := range l.requests {
		if e.postponed && !running[e.row.ExecutionARN] {
			unlisted = append(unlisted, id)
		}
	}
	l.examine(ctx, unlisted)
	for id, e := range l.requests {
		if e.err == nil {
			executions[id] = e.row.ExecutionARN
		}
	}
	l.mu.Lock()
	l.executions = executions
	l.mu.Unlock()
}

// start starts the sweeps. Sweeps that may have access to remove come first, so that
// failing sweeps of other requests don't delay them.
func (l *look) start(ctx context.Context) {
	if len(l.found) == 0 {
		return
	}
	slices.SortStableFunc(l.found, func(a, b leftBehind) int { return trueFirst(a.first, b.first) })
	if n := len(l.found); n > mostSweeps {
		l.Logger.ErrorContext(ctx, "one check can't sweep all interrupted requests and abandoned leases; the next checks continue", "in_all", n, "started", mostSweeps)
	}
	sweeps, err := l.Executions.Sweeps(ctx)
	if err != nil {
		l.fail(err) // and sweep all the same: twice is better than not at all
	}
	for _, left := range l.found[:min(len(l.found), mostSweeps)] {
		if err := l.sweep(ctx, left, sweeps); err != nil {
			l.fail(err)
		}
	}
}

const stampFormat = "20060102-1504" // of a sweep's name

// Before it starts a sweep, the look checks whether that sweep is already running. It
// describes at most mostCandidates running executions with the sweep's prefix.
const mostCandidates = 2

// sweep starts one sweep, unless it is running. Its name contains the current minute,
// or the current ten minutes if the request's execution is still running. If someone
// took that name first, sweep uses another name at once.
func (l *look) sweep(ctx context.Context, left leftBehind, running []string) error {
	text, err := json.Marshal(left.in)
	if err != nil {
		return access.Wrap(access.CodeInternal, err, "start the sweep")
	}
	input := string(text)
	candidates := 0
	for _, name := range running {
		if candidates == mostCandidates {
			break
		}
		if !strings.HasPrefix(name, left.prefix) {
			continue
		}
		candidates++
		if e, err := l.Executions.DescribeSweep(ctx, name); err == nil && e.State == Running && e.Input == input {
			return nil
		}
	}
	stamp := l.now.Truncate(time.Minute)
	if !left.since.IsZero() {
		stamp = l.now.Truncate(lateAgain)
	}
	name := left.prefix + stamp.Format(stampFormat)
	l.Logger.WarnContext(ctx, "starting a sweep", "request_id", left.in.RequestID, "lease", left.in.Lease, "execution", left.execution)
	taken, err := l.Executions.Start(ctx, name, input)
	if err != nil || !taken {
		return err
	}
	// If it can't be described, it counts as someone else's: two sweeps are better than
	// none.
	if e, err := l.Executions.DescribeSweep(ctx, name); err == nil && e.Input == input {
		isRecent := !left.since.IsZero() && !e.StartedAt.Before(left.since)
		if e.State == Running || isRecent {
			return nil
		}
	}
	_, err = l.Executions.Start(ctx, name+"-"+l.Unique(), input)
	return err
}
