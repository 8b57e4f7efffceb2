package experiments

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sso-elevator/infra/local/faults"
	"sso-elevator/slack"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

// The people of the demo's organization who take part. The visitor acts as Alice and Bob, so
// the experiments leave those two alone, except that Bob presses a button.
var (
	erin  = person{slackID: "U0ERIN005", email: "erin@example.com", name: "Erin"}
	frank = person{slackID: "U0FRANK06", email: "frank@example.com", name: "Frank"}
	grace = person{slackID: "U0GRACE07", email: "grace@example.com", name: "Grace"}
	bob   = person{slackID: "U0BOB0002", email: "bob@example.com", name: "Bob"}
	carol = person{slackID: "U0CAROL03", email: "carol@example.com", name: "Carol"}
)

type person struct{ slackID, email, name string }

// list returns all experiments. Each has its own access, so that they can run at once.
// Requesting and pressing need Slack, and wait while another experiment has taken it down.
func (e *Experiments) list() []*Experiment {
	all := []*Experiment{
		{
			ID: "stop", Title: "Stop the execution", LimitSeconds: 150,
			Promise: "The access is removed anyway. Removal begins within 150 s.",
		},
		{
			ID: "kill", Title: "Kill the functions", LimitSeconds: 180,
			Promise: "Each step runs again. The access appears once, and is removed after one minute.",
		},
		{
			ID: "slack", Title: "Take Slack down", LimitSeconds: 60,
			Promise: "Access ends within 60 s of its scheduled end. Removal doesn’t need Slack.",
		},
		{
			ID: "byhand", Title: "Add access by hand", LimitSeconds: 120,
			Promise: "A reconciliation finds and removes it. On AWS, one runs every night. Here, one starts right away.",
		},
		{
			ID: "twice", Title: "Press twice at once", LimitSeconds: 60,
			Promise: "Bob presses Approve and Carol presses Deny, each twice in the same moment. One decision counts. The other presses get an answer that says so.",
		},
	}
	play := map[string]func(*trial, context.Context) error{
		"stop": (*trial).stopExecution, "kill": (*trial).killFunctions, "slack": (*trial).takeSlackDown,
		"byhand": (*trial).addByHand, "twice": (*trial).pressTwice,
	}
	for _, x := range all {
		x.State = Ready
		x.play = func(ctx context.Context, t *trial) error { return play[x.ID](t, ctx) }
	}
	return all
}

func (t *trial) stopExecution(ctx context.Context) error {
	a := grant{erin, "playground", "DeveloperAccess"}
	if err := t.activate(ctx, a, "5 minutes"); err != nil {
		return err
	}
	arn, err := t.executionOf(ctx, t.x.RequestID)
	if err != nil {
		return err
	}
	if _, err := t.sfn.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &arn}); err != nil {
		return err
	}
	t.startClock(time.Now())
	t.say("Stopped the execution that would have removed %s.", a)
	if err := t.awaitGone(ctx, a); err != nil {
		return err
	}
	t.say("%s was removed %s after its execution was stopped.", a, t.stopClock())
	return nil
}

// killed are the functions that a request needs. In the middle of its work, each loses
// the process that has the task.
var killed = []string{"evaluate", "notify", "await", "grant", "audit", "revoke"}

func (t *trial) killFunctions(ctx context.Context) error {
	a := grant{erin, "playground", "DatabaseAdmin"}
	var rules []faults.Rule
	for _, function := range killed {
		// The process dies after its effect, before anyone learns of it: the hardest moment.
		rules = append(rules, faults.Rule{Kind: faults.KillAfter, Function: function})
	}
	if err := t.submit(ctx, a, "1 minute", rules...); err != nil {
		return err
	}
	t.startClock(time.Now())
	t.say("Killing the process of each function as soon as it has done its work.")
	if err := t.await(ctx, a.String()+" is not there", t.has(a, true)); err != nil {
		return err
	}
	t.say("%s is there, and ends after 1 minute.", a)
	if err := t.awaitGone(ctx, a); err != nil {
		return err
	}
	hits, err := t.hits(ctx)
	if err != nil {
		return err
	}
	if hits == 0 {
		return errors.New("no process was killed")
	}
	t.say("%d processes were killed. %s appeared once and was removed, all within %s.", hits, a, t.stopClock())
	return nil
}

func (t *trial) takeSlackDown(ctx context.Context) error {
	a := grant{grace, "playground", "SupportAccess"}
	if err := t.activate(ctx, a, "1 minute"); err != nil {
		return err
	}
	end, err := t.endOf(ctx, t.x.RequestID)
	if err != nil {
		return err
	}
	if err := t.setSlackDown(ctx); err != nil {
		return err
	}
	if time.Now().After(end) {
		return errors.New("the access ended while other experiments needed Slack; please start this one again")
	}
	t.startClock(end)
	t.say("Slack is down. %s ends at %s.", a, end.Format("15:04:05 UTC"))
	if err := t.awaitGone(ctx, a); err != nil {
		return err
	}
	t.say("Slack was down the whole time. %s was removed %s after its scheduled end.", a, t.stopClock())
	return nil
}

func (t *trial) addByHand(ctx context.Context) error {
	a := grant{frank, "shop-production", "AdministratorAccess"}
	if err := t.create(ctx, a); err != nil {
		return err
	}
	t.startClock(time.Now())
	t.say("Someone gave %s directly in Identity Center. Nobody requested it.", a)
	// The nightly schedule starts an execution with the same input.
	_, err := t.sfn.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &t.config.ReconcileMachine, Input: aws.String(`{"mode":"revoke"}`)})
	if err != nil {
		return fmt.Errorf("start the reconciliation: %w", err)
	}
	if err := t.awaitGone(ctx, a); err != nil {
		return err
	}
	t.say("%s was found and removed after %s. The channel has the report.", a, t.stopClock())
	return nil
}

func (t *trial) pressTwice(ctx context.Context) error {
	a := grant{erin, "shop-staging", "DeveloperAccess"}
	if err := t.submit(ctx, a, "1 minute"); err != nil {
		return err
	}
	t.say("Erin requested %s in %s. Bob and Carol are about to press.", a.permissionSet, a.account)
	var m message
	err := t.await(ctx, "the message has no buttons", func(ctx context.Context) (ok bool, err error) {
		m, ok, err = t.findMessage(ctx, slack.ActionApprove)
		return ok, err
	})
	if err != nil {
		return err
	}
	done, err := t.useSlack(ctx)
	if err != nil {
		return err
	}
	done = sync.OnceFunc(done)
	defer done()
	t.startClock(time.Now())
	presses := []struct {
		person
		action string
	}{{bob, slack.ActionApprove}, {carol, slack.ActionDeny}, {bob, slack.ActionApprove}, {carol, slack.ActionDeny}}
	failed := make([]error, len(presses))
	var all sync.WaitGroup
	for i, p := range presses {
		all.Go(func() { failed[i] = t.press(ctx, m, p.person, p.action) })
	}
	all.Wait()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	t.say("Bob pressed Approve and Carol pressed Deny, each twice, in the same moment.")
	decisions := func() (events []string, err error) { return t.recorded(ctx, "approved", "denied") }
	asked, last := 0, time.Now()
	err = t.await(ctx, "no decision is recorded", func(ctx context.Context) (bool, error) {
		if events, err := decisions(); err != nil || len(events) > 0 {
			return len(events) > 0, err
		}
		// Perhaps nothing answered the app in time. Bob does what he is asked to.
		n, err := t.timesAsked(ctx, m, bob)
		if err != nil || n <= asked || time.Since(last) < repeatAfter {
			return false, err
		}
		asked, last = n, time.Now()
		return false, t.press(ctx, m, bob, slack.ActionApprove)
	})
	if err != nil {
		return err
	}
	done()
	took := t.stopClock()
	// The execution takes no more decisions once it has ended, or the access is active.
	if err := t.await(ctx, "the decision has no effect", t.isPastDecision); err != nil {
		return err
	}
	events, err := decisions()
	if err != nil {
		return err
	}
	if len(events) != 1 {
		t.say("The audit log has more than one decision: %q.", events)
		return errLate
	}
	counted := map[string]string{
		"approved": "Bob’s Approve counted, after %s. The audit log has one decision: approved. Erin has access for 1 minute.",
		"denied":   "Carol’s Deny counted, after %s. The audit log has one decision: denied. Erin gets no access.",
	}[events[0]]
	t.say(counted, took)
	return nil
}
