package e2e

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"sso-elevator/infra/local/faults"
)

// The cells in this file are about requests that need groups and two approvals:
// faults.yaml and quiet.yaml have a statement with AllowedGroups, a group as approver, and
// ApprovalsNeeded. The reads that fail decide these requests, or the second approval can't
// be written. None of that may refuse a request: each is granted in the end.

// securityTeam are the members of the group that may request and approve.
var securityTeam = []string{alice, carol, zoe}

// secondApproval is not a state: people press again until the approval counts.
const secondApproval = "second approval"

const ingress = "ingress"

// ingress returns the end of the name of the function that answers Slack.
func (s *stack) ingress() string {
	if s == quiet {
		return "access-requester" // requester_lambda_name in quiet.yaml
	}
	return "-" + ingress
}

// groupStates are where the calls happen.
var groupStates = []state{
	{"Evaluate", "evaluate", "evaluate", straight, "approve"},
	{secondApproval, ingress, "", straight, "approve"},
	{"RemindOrExpire", "evaluate", "next", straight, "approve late"},
	{"Grant", "grant", "start", straight, "approve"},
}

// groupCalls are the calls that fail.
var groupCalls = []struct {
	name, target, body string
	states             []string
}{
	{"memberships", directory + "IsMemberInGroups", "", []string{"Evaluate", "RemindOrExpire", "Grant"}},
	{"members of the group", directory + "ListGroupMemberships", "", []string{"Evaluate"}},
	{"lease of the membership", table + "GetItem", "lease#group#", []string{"Evaluate", "RemindOrExpire", "Grant"}},
	{"approval's write", table + "UpdateItem", "approval_progress", []string{secondApproval}},
}

// groupKinds are what happens to a call.
var groupKinds = []struct {
	name string
	kind faults.Kind
}{
	{"throttled", faults.Throttle},
	{"down", faults.ServerError},
	{"denied", faults.Denied},
	{"answer lost", faults.ResetAfter},
	{"no answer", faults.Hang},
}

// groupTroubles are all calls with all that can happen to them.
func groupTroubles() (all []trouble) {
	for _, call := range groupCalls {
		for _, kind := range groupKinds {
			all = append(all, trouble{name: call.name + ": " + kind.name, service: call.target, kind: kind.kind, states: call.states, more: func(r *faults.Rule) {
				if call.body != "" {
					r.Body = append(r.Body, call.body)
				}
				if slices.Contains(call.states, secondApproval) {
					r.Skip = 1 // the first approval
				}
			}})
		}
	}
	return all
}

// appliesToGroups reports whether the trouble can occur there. RemindOrExpire doesn't
// retry what it can't read: the next reminder does.
func (c cell) appliesToGroups() bool {
	return slices.Contains(c.trouble.states, c.state.name) && !(c.spent && c.state.name == "RemindOrExpire")
}

// wholeGroups returns every cell, the slow ones first.
func wholeGroups(named *regexp.Regexp) (cells []cell) {
	for _, spent := range []bool{true, false} {
		for _, tr := range groupTroubles() {
			for _, s := range groupStates {
				if c := (cell{s, tr, spent, true}); c.applies() && named.MatchString(c.name()) {
					cells = append(cells, c)
				}
			}
		}
	}
	return cells
}

// sampleGroups returns one cell for each state that the quiet stack has: it sends no
// reminders. Evaluate and Grant fail until their retries are spent, because then they
// wait.
func sampleGroups(r *rand.Rand) (cells []cell) {
	for _, s := range groupStates {
		var choice []cell
		for _, tr := range groupTroubles() {
			if c := (cell{s, tr, s.name != secondApproval, true}); c.applies() && tr.kind != faults.Hang {
				choice = append(choice, c)
			}
		}
		if len(choice) > 0 {
			cells = append(cells, choice[r.IntN(len(choice))])
		}
	}
	return cells
}

// groupWishes gives each cell access that no other cell requests meanwhile.
func groupWishes() chan wish {
	where, set, seconds := []string{"payments-production", "payments-staging"}, "SupportAccess", 12 // in quiet.yaml
	if *full {
		where, set, seconds = accounts, "PartnerAccess", 10
	}
	all := make(chan wish, len(securityTeam)*len(where))
	for _, account := range where {
		for _, person := range securityTeam {
			all <- wish{person, account, set, seconds}
		}
	}
	return all
}

// approvers returns who presses in a cell, in this order.
func (c cell) approvers(w wish) []string {
	if !c.groups {
		return []string{bob}
	}
	return slices.DeleteFunc(slices.Clone(securityTeam), func(person string) bool { return person == w.person })
}

// groupText returns the part of the matrix's page about these cells.
func (m *matrix) groupText(verdict func(cell) string) string {
	var b strings.Builder
	b.WriteString(`
## Groups and two approvals

The requests here need membership in a group, and two approvals by members of a group. A column is a state that reads this, or the press of the second
approver. A row is a call, and what happens to it. While reads fail, Evaluate and Grant wait, so each of these requests is granted in the end.
`)
	for _, spent := range []bool{false, true} {
		if spent {
			b.WriteString("\nUntil the state's retries are spent, or for three presses:\n\n")
		} else {
			b.WriteString("\nOnce:\n\n")
		}
		b.WriteString("| |")
		for _, s := range groupStates {
			b.WriteString(" " + s.name + " |")
		}
		b.WriteString("\n|---|" + strings.Repeat("---|", len(groupStates)) + "\n")
		for _, tr := range groupTroubles() {
			fmt.Fprintf(&b, "| %s |", tr.name)
			for _, s := range groupStates {
				b.WriteString(" " + verdict(cell{s, tr, spent, true}) + " |")
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}
