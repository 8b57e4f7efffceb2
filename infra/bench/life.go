package main

import (
	"encoding/json"
	"fmt"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// wished is access that a life requests, and the id of its form.
type wished struct {
	target access.Target
	view   string
}

func (w wished) requestID() string { return access.RequestID(stubTeam, w.view) }

// wishedFrom returns access to the i-th combination of account and permission set.
func wishedFrom(w world, i int) wished {
	set, account := w.permissionSets[i%len(w.permissionSets)], w.accounts[i/len(w.permissionSets)%len(w.accounts)]
	return wished{
		target: access.Target{Kind: access.KindAccount, AccountID: account[0], AccountName: account[1], PermissionSet: set[1], PermissionSetARN: set[0]},
		view:   fmt.Sprintf("V0LIFE%d", i),
	}
}

// player plays the lives of requests: what people do in Slack, and the states of the
// request machine. Each function has one process.
type player struct {
	binaries  *binaries
	world     *living
	processes map[string]*running
}

func newPlayer(b *binaries, l *living) *player {
	return &player{binaries: b, world: l, processes: map[string]*running{}}
}

// stop ends all processes, so that every function is cold again. It returns an error if
// a function has complained.
func (p *player) stop() error {
	var first error
	for name, f := range p.processes {
		if err := f.checkComplaints(); err != nil && first == nil {
			first = fmt.Errorf("%s: %w", name, err)
		}
		f.stop()
	}
	clear(p.processes)
	return first
}

// answered is a function's answer, with the time since when the function could work:
// the start of its process, or the event.
type answered struct {
	from, to time.Time
	body     []byte
}

// invoke gives the function an event. It starts a process if there is none.
func (p *player) invoke(function string, event []byte) (answered, error) {
	f, warm := p.processes[function]
	if !warm {
		var err error
		if f, err = startFunction(p.binaries.path(function), p.world.environment(function)); err != nil {
			return answered{}, err
		}
		p.processes[function] = f
	}
	answer, took, err := f.invoke(event)
	if err != nil {
		return answered{}, fmt.Errorf("%s: %w\n%s", function, err, f.stopAndReadLog())
	}
	a := answered{from: answer.at.Add(-took), to: answer.at, body: answer.body}
	if !warm {
		a.from = f.started
	}
	return a, nil
}

// slack sends ingress a request of Slack. want is as for slackRequest.
func (p *player) slack(body, want string) (answered, error) {
	a, err := p.invoke("ingress", signEvent(body))
	if err == nil {
		err = checkAnswer(a.body, want)
	}
	return a, err
}

// task runs a task of the request machine.
func (p *player) task(function, operation string, w wished, execution string, more object) (answered, error) {
	payload := object{"operation": operation, "request_id": w.requestID(), "execution": execution, "waits": true}
	for name, value := range more {
		payload[name] = value
	}
	event, _ := json.Marshal(payload)
	a, err := p.invoke(function, event)
	if err != nil {
		return a, fmt.Errorf("%s: %w", operation, err)
	}
	return a, nil
}

// bodies of the requests of Slack, in the order of a request's life.

func openBody() string {
	return interactionBody("shortcut", stubRequester, object{"trigger_id": "1.2.3", "callback_id": slack.CallbackAccount})
}

func (w wished) choiceBody(action, value string) string {
	return interactionBody("block_actions", stubRequester, object{
		"actions": []any{object{"action_id": action, "selected_option": object{"value": value}}}, "view": w.form(false),
	})
}

func (w wished) form(whole bool) object {
	view := formView(w.target, whole)
	view["id"] = w.view
	return view
}

func (w wished) submitBody() string {
	return interactionBody("view_submission", stubRequester, object{"view": w.form(true)})
}

func (w wished) approveBody(s *stub) string {
	return interactionBody("block_actions", stubApprover, object{
		"response_url": s.url + "/ingress/api/respond", "channel": object{"id": stubChannel}, "message": object{"ts": "1767265200.000100"},
		"actions": []any{object{"action_id": slack.ActionApprove, "value": w.requestID()}},
	})
}

// fillForm opens the form and fills it in.
func (p *player) fillForm(w wished) error {
	for _, step := range []struct{ body, want string }{
		{openBody(), ""},
		{suggestionBody(slack.ActionAccount, w.target.AccountName, w.target), w.target.AccountID},
		{w.choiceBody(slack.ActionAccount, w.target.AccountID), ""},
		{suggestionBody(slack.ActionPermissionSet, w.target.PermissionSet, w.target), w.target.PermissionSetARN},
		{w.choiceBody(slack.ActionPermissionSet, w.target.PermissionSetARN), ""},
	} {
		if _, err := p.slack(step.body, step.want); err != nil {
			return err
		}
	}
	return nil
}

// requested has the times of a submission, until the message is sent.
type requested struct {
	submission, evaluation, announcement answered
	execution                            string
	subject                              json.RawMessage
}

// request submits the form, and runs the machine until it waits for the approval. The
// execution starts as soon as ingress calls Step Functions, which takes no time here.
func (p *player) request(w wished) (r requested, err error) {
	submitted := make(chan error, 1)
	go func() {
		var err error
		r.submission, err = p.slack(w.submitBody(), "clear")
		submitted <- err
	}()
	name, err := await(p.world.executions, "StartExecution", submitted)
	if err != nil {
		return r, err
	}
	r.execution = executionARN(name)
	if r.evaluation, err = p.task("evaluate", "evaluate", w, r.execution, nil); err != nil {
		return r, err
	}
	var evaluated struct {
		Next    string          `json:"next"`
		Subject json.RawMessage `json:"subject"`
	}
	if err := json.Unmarshal(r.evaluation.body, &evaluated); err != nil || evaluated.Next != "approval" {
		return r, fmt.Errorf("evaluate answers %s", r.evaluation.body)
	}
	r.subject = evaluated.Subject
	if r.announcement, err = p.task("notify", "announce", w, r.execution, nil); err != nil {
		return r, err
	}
	return r, <-submitted
}

// await returns what the stub received, or the error of the function that should have
// sent it.
func await(received <-chan string, what string, done <-chan error) (string, error) {
	select {
	case text := <-received:
		return text, nil
	case err := <-done:
		if err == nil {
			err = fmt.Errorf("it answered")
		}
		return "", fmt.Errorf("without %s: %w", what, err)
	}
}

const approvalToken = "token-of-the-approval"

// awaitApproval stores the token of the wait for the approval.
func (p *player) awaitApproval(w wished, r requested) error {
	_, err := p.task("await", "approval", w, r.execution, object{"token": approvalToken})
	return err
}

// approved has the times of a press of Approve, until the access is created.
type approved struct{ press, grant answered }

// approve presses Approve and runs the state Grant, which starts as soon as ingress calls
// Step Functions.
func (p *player) approve(w wished, r requested) (a approved, err error) {
	pressed := make(chan error, 1)
	go func() {
		var err error
		a.press, err = p.slack(w.approveBody(p.world.stub), "")
		pressed <- err
	}()
	if _, err := await(p.world.tokens, "SendTaskSuccess", pressed); err != nil {
		return a, err
	}
	if a.grant, err = p.task("grant", "start", w, r.execution, nil); err != nil {
		return a, err
	}
	return a, <-pressed
}

// end runs the rest of the machine: the access is confirmed, and removed again.
func (p *player) end(w wished, r requested) error {
	for i, step := range []struct {
		function, operation string
		more                object
	}{
		{"grant", "confirm", nil},
		{"audit", "granted", nil},
		{"await", "end", object{"token": "token-of-the-end"}},
		{"notify", "granted", nil},
		{"revoke", "start", object{"subject": r.subject, "grant_started": true}},
		{"revoke", "confirm", object{"subject": r.subject, "grant_started": true}},
		{"audit", "revoked", nil},
		{"notify", "revoked", nil},
		{"audit", "close", nil},
	} {
		if i == firstOfRemoval {
			p.world.settleLeases()
		}
		if _, err := p.task(step.function, step.operation, w, r.execution, step.more); err != nil {
			return err
		}
	}
	return nil
}

// firstOfRemoval is the index of the removal's first state in end. Until then, time has
// passed on AWS.
const firstOfRemoval = 4

// live plays a whole life.
func (p *player) live(w wished) error {
	if err := p.fillForm(w); err != nil {
		return err
	}
	r, err := p.request(w)
	if err != nil {
		return err
	}
	if err := p.awaitApproval(w, r); err != nil {
		return err
	}
	if _, err := p.approve(w, r); err != nil {
		return err
	}
	return p.end(w, r)
}
