package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The sizes of the organizations in which calls are counted and chains are measured.
const (
	chainAccounts = 100
	chainSets     = 20
	chainUsers    = 1_000
	// chainOthers is how many users have each access: Identity Center lists them in three
	// pages.
	chainOthers = 250
)

// The targets for the calls of AWS in one request's life: 70 cold, 75 in a large
// organization, and 45 warm. They were set when infra/e2e counted 91 calls. Each call that
// was added on purpose since then moves them. Six of the 91 calls don't happen here: the
// stub needs no polling, and has one signing secret.
const (
	addedForClaims     = 5 // read, write, read again, delete; and a read when the request closes
	addedForRequester  = 2 // at the press, the requester is looked up again
	addedForUsers      = 2 // grant looks up requester and approver
	addedForBackground = 1 // the requester's earlier requests
	addedForMessage    = 1 // the row, after the message shows an approval
	addedForEmails     = 3 // the index of emails, in ingress, evaluate and grant; kept when warm
	addedForExtensions = 3 // the lease, in the form, at its submission and in evaluate
	addedForBlocks     = 8 // who is blocked: three times in ingress, once in evaluate, four times in grant
	polls              = 5
	secondSecret       = 1

	addedWarm = addedForClaims + addedForRequester + addedForUsers + addedForBackground + addedForMessage +
		addedForExtensions + addedForBlocks - polls
	addedCold = addedWarm + addedForEmails - secondSecret

	coldSmallTarget = 70 + addedCold
	coldLargeTarget = 75 + addedCold
	warmTarget      = 45 + addedWarm
)

// chainWorld returns an organization with a policy without groups.
func chainWorld() world {
	w := smallWorld()
	w.accounts, w.permissionSets, w.users = nil, nil, chainUsers
	for i := range chainAccounts {
		w.accounts = append(w.accounts, [2]string{largeAccount(i), fmt.Sprintf("workload-%03d", i)})
	}
	for i := range chainSets {
		w.permissionSets = append(w.permissionSets, [2]string{largeSet(i), largeSetName(i)})
	}
	return w
}

// measureCalls counts the calls of one request from the form to its removal. Cold means
// that every function starts for this request, and has one process for all its tasks.
// Warm means that the same processes have just served another request.
func measureCalls(b *bench, built *binaries) ([]line, error) {
	var lines []line
	for _, size := range []struct {
		name   string
		world  world
		others int
		cold   int
	}{{"small", smallWorld(), 0, coldSmallTarget}, {"large", chainWorld(), chainOthers, coldLargeTarget}} {
		l, err := newLiving(size.world, size.others)
		if err != nil {
			return nil, err
		}
		defer l.close()
		p := newPlayer(built, l)
		for i, run := range []struct {
			name string
			most int
		}{{"cold", size.cold}, {"warm", warmTarget}} {
			err := p.live(wishedFrom(size.world, i))
			if err != nil {
				p.stop()
				return nil, fmt.Errorf("%s, %s: %w", size.name, run.name, err)
			}
			counts := countCalls(l.takeLog())
			n := counts.ofAWS()
			lines = append(lines, line{
				fmt.Sprintf("AWS calls per approved request, %s, %s organization", run.name, size.name),
				fmt.Sprint(run.most), fmt.Sprintf("%d (DynamoDB %d)", n, counts.of("DynamoDB")), judge(n <= run.most),
			})
			fmt.Fprintf(&b.report, "calls of one approved request, %s, %s organization\n%s\n", run.name, size.name, counts)
		}
		if err := p.stop(); err != nil {
			return nil, err
		}
		if err := l.checkComplaints(); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// callCounts are calls by function, and by service and operation.
type callCounts map[string]map[string]int

func countCalls(log []timedCall) callCounts {
	c := callCounts{}
	for _, call := range log {
		if c[call.caller] == nil {
			c[call.caller] = map[string]int{}
		}
		c[call.caller][call.name]++
	}
	return c
}

// of returns the number of calls of a service.
func (c callCounts) of(service string) (n int) {
	for _, calls := range c {
		for name, count := range calls {
			if strings.HasPrefix(name, service+".") {
				n += count
			}
		}
	}
	return n
}

// ofAWS returns the number of calls of all services but Slack.
func (c callCounts) ofAWS() (n int) {
	for _, calls := range c {
		for _, count := range calls {
			n += count
		}
	}
	return n - c.of("Slack")
}

// String returns a line for each function.
func (c callCounts) String() string {
	var text strings.Builder
	for _, caller := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&text, "  %s:", caller)
		for _, name := range slices.Sorted(maps.Keys(c[caller])) {
			fmt.Fprintf(&text, " %s %d", name, c[caller][name])
		}
		text.WriteString("\n")
	}
	return text.String()
}
