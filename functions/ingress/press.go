package ingress

import (
	"context"
	"log/slog"
	"net/http"
	"regexp"

	"github.com/aws/aws-lambda-go/events"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/slack"
)

// action is what a button does. The functions are called in this order.
type action struct {
	about subject
	// tooLate reports whether nothing is left to do, and returns the reply to that.
	tooLate func(*press) (reply, bool)
	// allow finds out who pressed. It returns the text for somebody who may not do
	// this, and "" for somebody who may.
	allow func(*press, context.Context) (refusal string, err error)
	do    func(*press, context.Context) (reply, error)
}

// subject is what a button is about. Its id is the button's value.
type subject struct {
	name  string // for the person who pressed
	idKey string // in the log
	load  func(*press, context.Context) error
}

var (
	aRequest = subject{"request", "request_id", (*press).loadRequest}
	aRun     = subject{"run", "run", (*press).loadRun}
)

// actions has the buttons in messages, by their action id.
var actions = map[string]action{
	slack.ActionApprove:     {aRequest, (*press).tooLateToDecide, (*press).allowApprove, (*press).approve},
	slack.ActionDeny:        {aRequest, (*press).tooLateToDecide, (*press).allowDeny, (*press).deny},
	slack.ActionWithdraw:    {aRequest, (*press).tooLateToWithdraw, (*press).allowWithdraw, (*press).withdraw},
	slack.ActionEnd:         {aRequest, (*press).tooLateToEnd, (*press).allowEnd, (*press).end},
	slack.ActionDriftRemove: {aRun, (*press).tooLateToAnswer, (*press).allowAnswer, (*press).remove},
	slack.ActionDriftLeave:  {aRun, (*press).tooLateToAnswer, (*press).allowAnswer, (*press).leave},
}

// press is one press of a button in a message. The context of its methods is the
// one for finding out and for writing the row; what takes place after that is in
// the reply.
type press struct {
	*Handler
	in  slack.Interaction
	log *slog.Logger

	// Only one of them is there, as the table has it.
	request access.Request
	run     access.Run

	by       access.Person // who pressed
	policy   access.Policy // in force, and its digest, where allow needs it
	digest   string
	question question // of the run
}

// reply is what follows a press. Its fields are carried out in this order.
type reply struct {
	// token and output resume a wait of the execution. No token means that the
	// wait has not begun; it will find the row.
	token, output string
	// notResumed takes the place of text if the execution can't be resumed.
	notResumed string
	// decided: the request is decided now, and its claim no longer needed.
	decided bool
	// answered: the run's question shows who said what about findings.
	answered bool
	findings []access.Finding
	// text is for the person who pressed; "" if the message shows what happened.
	text string
}

// press follows a button in a message. Its value is the id of the request, or of
// the run; what it may do is found out here, from the table and the policy in
// force.
func (h *Handler) press(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	p := &press{Handler: h, in: in, log: log.With("action", in.Action.ID)}
	work, cancel := workContext(ctx)
	defer cancel()
	text := p.carryOut(ctx, p.handle(work))
	if text != "" && !p.tell(ctx, text) {
		// Then Slack shows by itself, beside the button, that something went wrong.
		return emptyResponse(http.StatusInternalServerError)
	}
	return emptyResponse(http.StatusOK)
}

// handle does what the button is for, or says why not.
func (p *press) handle(ctx context.Context) reply {
	a, ok := actions[p.in.Action.ID]
	if !ok {
		p.log.Warn("an unknown action in a message")
		return reply{text: "This app does not know this button."}
	}
	r, err := a.perform(ctx, p)
	if access.CodeOf(err) == access.CodeNotFound {
		p.log.Warn("the " + a.about.name + " of a button doesn't exist")
		return reply{text: "This " + a.about.name + " is too old: nothing is known about it any more."}
	}
	if err != nil {
		p.log.Error("a button had no effect", "code", access.CodeOf(err), "error", host.ErrorMessage(err))
		// Whether a write that was not answered took place is not known: a second
		// press tells, and changes nothing that the first one did.
		text, _ := explain(err)
		return reply{text: text}
	}
	return r
}

func (a action) perform(ctx context.Context, p *press) (reply, error) {
	if err := checkID(p.in.Action.Value); err != nil {
		return reply{}, err
	}
	p.log = p.log.With(a.about.idKey, p.in.Action.Value)
	if err := a.about.load(p, ctx); err != nil {
		return reply{}, err
	}
	if r, late := a.tooLate(p); late {
		return r, nil
	}
	refusal, err := a.allow(p, ctx)
	if err != nil || refusal != "" {
		return reply{text: refusal}, err
	}
	return a.do(p, ctx)
}

// id is what the value of a button of ours looks like: the id of a request, or
// of a run, which is the name of an execution.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// checkID says NotFound of a value that no button of ours has. No table is asked
// about it, which has limits of its own for keys, and no log repeats it.
func checkID(value string) error {
	if !idPattern.MatchString(value) {
		return access.Errorf(access.CodeNotFound, "the button's value is no id")
	}
	return nil
}

// carryOut does what the reply says, and returns the text for the person.
func (p *press) carryOut(ctx context.Context, r reply) (text string) {
	text = r.text
	if !p.resume(ctx, r.token, r.output) && r.notResumed != "" {
		text = r.notResumed
	}
	if r.decided {
		p.freeClaim(ctx, p.log, p.request)
	}
	if r.answered {
		p.showAnswers(ctx, r.findings)
	}
	return text
}

// resume lets the execution go on. Where that fails it is not lost: the row has
// what was decided, and the execution looks there when its wait is over.
func (p *press) resume(ctx context.Context, token, output string) (ok bool) {
	if token == "" {
		return true
	}
	err := p.Tokens.Resume(ctx, token, output)
	if err != nil {
		p.log.Error("the execution could not be resumed; it will look by itself", "error", host.ErrorMessage(err))
	}
	return err == nil
}

// tell shows a text to the person who pressed, and to nobody else. It reports
// whether it could.
func (p *press) tell(ctx context.Context, text string) bool {
	err := access.Errorf(access.CodeInvalid, "there is no response URL")
	if p.in.ResponseURL != "" {
		err = p.Slack.Respond(ctx, p.in.ResponseURL, text)
	}
	if err != nil && p.in.Channel != "" {
		err = p.Slack.Ephemeral(ctx, p.in.Channel, p.in.UserID, "", text)
	}
	if err != nil {
		p.log.Error("the person could not be told", "error", host.ErrorMessage(err))
	}
	return err == nil
}
