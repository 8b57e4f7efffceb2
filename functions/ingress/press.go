package ingress

import (
	"context"
	"crypto/rand"
	"log/slog"
	"math"
	"net/http"
	"regexp"

	"github.com/aws/aws-lambda-go/events"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/approvals"
	"sso-elevator/functions/adapters/cases"
	"sso-elevator/slack"
)

// action is what a button does. Its functions are called in the order of the
// fields.
type action struct {
	about subject
	// tooLate reports whether the press comes too late, and returns the reply.
	tooLate func(*press) (reply, bool)
	// allow checks whether the person may do this. It returns the text for a
	// person who may not, and "" for a person who may.
	allow func(*press, context.Context) (refusal string, err error)
	do    func(*press, context.Context) (reply, error)
}

// subject is the kind of thing that a button acts on. The button's value is its id.
type subject struct {
	name  string // in the log
	idKey string // key in the log
	lost  string // for people, if it doesn't exist
	// hasIndex means that the value also names one finding of the run.
	hasIndex bool
	load     func(*press, context.Context) error
}

var (
	aRequest = subject{"request", "request_id", "This app no longer has this request. If you still need the access, submit a new request.", false, (*press).loadRequest}
	aRun     = subject{"run", "run", "This app no longer has this question, so you can't answer it. A later check asks again if needed.", false, (*press).loadRun}
	aFinding = subject{"finding", "run", "This app no longer has this report, so you can't decide about it. A later check reports the access again.", true, (*press).loadRun}
)

// actions has every button in a message, by action id.
var actions = map[string]action{
	slack.ActionApprove:     {aRequest, (*press).tooLateToDecide, (*press).allowApprove, (*press).approve},
	slack.ActionDeny:        {aRequest, (*press).tooLateToDecide, (*press).allowDeny, (*press).deny},
	slack.ActionTakeBack:    {aRequest, (*press).tooLateToDecide, (*press).allowTakeBack, (*press).takeBack},
	slack.ActionWithdraw:    {aRequest, (*press).tooLateToWithdraw, (*press).allowWithdraw, (*press).withdraw},
	slack.ActionEnd:         {aRequest, (*press).tooLateToEnd, (*press).allowEnd, (*press).end},
	slack.ActionAskAgain:    {aRequest, (*press).alwaysInTime, (*press).allowRepeat, (*press).openRepeat},
	slack.ActionMoreTime:    {aRequest, (*press).alwaysInTime, (*press).allowRepeat, (*press).openMoreTime},
	slack.ActionDriftRemove: {aRun, (*press).tooLateToAnswer, (*press).allowAnswer, (*press).remove},
	slack.ActionDriftLeave:  {aRun, (*press).tooLateToAnswer, (*press).allowAnswer, (*press).leave},

	slack.ActionFindingRemove: {aFinding, (*press).tooLateForFinding, (*press).allowFinding, (*press).decideFinding},
	slack.ActionFindingLeave:  {aFinding, (*press).tooLateForFinding, (*press).allowFinding, (*press).decideFinding},
}

// press handles one press of a button in a message, or the submission of the dialog that
// a press opened. Its methods look up and write rows with a context that ends
// before Slack's deadline. They return as a reply what has to happen after that, such as
// resuming the execution.
type press struct {
	*Handler
	id  string // new for each press
	in  slack.Interaction
	log *slog.Logger

	action    string // id of the button
	subjectID string // of the row that the button acts on
	finding   int    // index in the run's findings, or access.NoFinding
	// confirmed means that the person submitted the dialog, which showed them the row.
	// denialReason is what they wrote in it.
	confirmed    bool
	denialReason string

	// The row that the button acts on: one of the two is set.
	request access.Request
	run     access.Run
	// keeper is set if someone pressed End now of a request that has ended, and another one
	// keeps the access: the press ends that one.
	keeper access.Request

	// cached means that the people may be as they were a minute ago, and that the blocks
	// were not read. Then the press may open a dialog, and do nothing else.
	cached   bool
	reads    *parallel.Group // those that checks need
	approver *approverReads  // nil if not started yet
	extends  chainSource     // what the request would extend now; nil if not started yet
	by       access.Person   // the person who pressed
	as       access.Identity // that person as the policy sees them, if allow asked it
	index    *access.Index   // of the policy in force, if allow loaded it
	digest   string
	asked    *access.Case     // the request under the policy
	check    *approvals.Check // of the approvals given before
	standing access.Tally     // of these, when they were last counted
	question question         // of the run
	refused  bool             // whether an execution records the refused presses of the run
}

// reply is what happens after a press. carryOut says in which order.
type reply struct {
	// token and output resume a wait of the execution. Without a token, the
	// wait hasn't begun and will read the row.
	token, output string
	// others are other requests whose access ends with this one. Their executions are resumed,
	// and their posts updated.
	others []access.Request
	// notResumed replaces text if the execution can't be resumed.
	notResumed string
	// decided means that this press decided the request, so its claim is freed. If it
	// approved the request, the posts are updated, too. That may fail: notify updates them
	// again.
	decided bool
	// ending means that the request's access ends, so its posts are updated, unless the
	// person has to press End now again.
	ending bool
	// changed means that the request's posts are updated to show its approvals. behind means
	// that this press didn't change them, but the message in the channel may not show them: only
	// that message is updated.
	changed, behind bool
	// answered means that the run's question is updated to show the answers for findings,
	// which may be nil if the question has ended.
	answered bool
	findings []access.Finding
	// dialog means that this press opened a dialog, and changed nothing.
	dialog bool
	// opened is a form that this press opened, which is updated.
	opened *opened
	// pressed means that the press about the finding is carried out: an execution removes the
	// access or records that it stays, and the report shows it.
	pressed bool
	// failed means that the app could not do what the button does. A second press may succeed.
	failed bool
	// text is for the person who pressed. It is "" if the message shows the
	// result.
	text string
}

// press handles a button in a message. Its value names the request or run.
// The table and the policy in force decide whether the press has an effect.
func (h *Handler) press(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	if in.Action.ID == slack.ActionOpenPortal {
		return emptyResponse(http.StatusOK) // the browser follows the link
	}
	p := &press{Handler: h, id: rand.Text(), in: in, log: log.With("action", in.Action.ID), action: in.Action.ID, subjectID: in.Action.Value}
	work, cancel := workContext(ctx)
	defer cancel()
	r := p.handle(work)
	text := p.carryOut(ctx, r)
	told := false
	if in.OnHome() {
		told = p.answerOnHome(ctx, r, text)
	} else {
		told = text == "" || p.tell(ctx, text)
	}
	if !told {
		// On this status, Slack shows its own warning beside the button.
		return emptyResponse(http.StatusInternalServerError)
	}
	return emptyResponse(http.StatusOK)
}

// handle performs the button's action, or replies why it can't.
func (p *press) handle(ctx context.Context) reply {
	a, ok := actions[p.action]
	if !ok {
		p.log.Warn("unknown button in a message")
		return reply{text: "This app doesn't know this button. Please tell the people who run it."}
	}
	r, err := a.perform(ctx, p)
	if access.CodeOf(err) == access.CodeNotFound {
		p.log.Warn(a.about.name + " of a button doesn't exist")
		return reply{text: a.about.lost}
	}
	if err != nil {
		p.log.Error("press failed", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		// If a write got no response, we don't know whether it took effect. A
		// second press shows it, and repeats nothing that the first one did.
		text, personal := explain(err)
		if p.confirmed && !personal && p.action != slack.ActionDeny {
			text += " " + p.confirmAgain()
		}
		return reply{text: text, failed: !personal}
	}
	return r
}

// perform loads the row, runs the checks and does the action.
func (a action) perform(ctx context.Context, p *press) (reply, error) {
	p.finding = access.NoFinding
	if a.about.hasIndex {
		ref, ok := access.ParseButtonValue(p.subjectID)
		if !ok {
			return reply{}, access.Errorf(access.CodeNotFound, "the value does not name a finding")
		}
		p.subjectID, p.finding = ref.Run, ref.Index
	}
	if err := checkID(p.subjectID); err != nil {
		return reply{}, err
	}
	p.log = p.log.With(a.about.idKey, p.subjectID)
	p.reads = parallel.Begin(ctx)
	defer p.reads.End() // if the press comes too late, nobody needs the rest
	if p.isForApprovers() {
		p.cached = p.opensDialog()
		p.startApproverReads() // beside the row: they don't need it
	}
	if err := a.about.load(p, ctx); err != nil {
		return reply{}, err
	}
	if r, late := a.tooLate(p); late {
		if a.about.hasIndex {
			p.recordLate(ctx)
		}
		if p.action != slack.ActionEnd {
			return r, nil
		}
		if r, done, err := p.endLate(ctx, r); done || err != nil {
			return r, err
		}
	}
	if p.action == slack.ActionEnd {
		p.cached = p.opensDialog()
	}
	if p.cached && p.mayChangeApprovals() {
		p.lookAgain()
	}
	refusal, err := a.allow(p, ctx)
	if err == nil && refusal != "" && p.cached {
		p.lookAgain() // only what is true now refuses a press
		refusal, err = a.allow(p, ctx)
	}
	if err != nil || refusal != "" {
		return reply{text: refusal}, err
	}
	return a.do(p, ctx)
}

// errCached is the error of a press that would decide something by cached lookups.
var errCached = access.Errorf(access.CodeUnavailable, "a press decides nothing by cached lookups")

// lookAgain drops the cached lookups, and looks everything up as a press that decides.
func (p *press) lookAgain() {
	p.cached = false
	p.by, p.as, p.asked = access.Person{}, access.Identity{}, nil
	p.startApproverReads()
}

// people returns how the press looks people up.
func (p *press) people() CachedPeople {
	if p.cached {
		return p.CachedPeople
	}
	return p.People
}

// cases returns how the press reads memberships.
func (p *press) cases() cases.Reader {
	if p.cached {
		return p.Cases
	}
	return p.FreshCases
}

// idPattern matches the values of this app's buttons: the id of a request, or
// of a run, which is the name of an execution.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// checkID returns NotFound for a value that no button or dialog of this app has. Such a
// value goes neither to the table, which limits the length of keys, nor to
// the log.
func checkID(value string) error {
	if !idPattern.MatchString(value) {
		return access.Errorf(access.CodeNotFound, "the value is not an id")
	}
	return nil
}

// carryOut performs the reply's actions, and returns the text for the person. It resumes
// executions first, those of other requests before that of the request, because access must end
// or begin even if Slack is slow. Then it updates posts and views. Only after that is the text
// final.
func (p *press) carryOut(ctx context.Context, r reply) (text string) {
	text = r.text
	p.resumeOthers(ctx, r.others)
	show := r.others
	switch resumed := p.resume(ctx, r.token, r.output); {
	case !resumed && r.notResumed != "":
		text = r.notResumed
	case r.ending:
		show = append([]access.Request{p.request}, show...) // first: the person looks at it
	}
	if r.decided {
		p.freeClaim(ctx, p.log, p.request)
		if p.request.IsApproved() {
			show = append(show, p.request)
		}
	}
	showing := ctx
	switch {
	case p.isAtHome():
		var cancel context.CancelFunc
		showing, cancel = beforeHome(ctx)
		defer cancel()
	case text != "" || r.changed:
		var cancel context.CancelFunc
		showing, cancel = workContext(ctx) // leaves time to tell the text, which a failed update may need
		defer cancel()
	}
	p.showRequests(showing, p.log, source{p.id, p.in.UserID}, show)
	if r.changed || r.behind {
		most := math.MaxInt
		if r.behind {
			most = 1
		}
		if !p.showRequest(showing, p.log, source{p.id, p.in.UserID}, p.request, most) && text == "" {
			text = "Your press is recorded. The message will show it later."
		}
	}
	if r.answered {
		p.showAnswers(ctx, r.findings)
	}
	if o := r.opened; o != nil {
		p.Handler.update(ctx, p.log, o.viewID, o.hash, o.form)
	}
	if r.pressed {
		text = p.carryOutFinding(ctx, text)
	}
	if p.refused {
		p.recordRefused(ctx)
	}
	return text
}

// resume resumes the execution, and reports whether it could. If it couldn't,
// nothing is lost: the row has the decision, and the execution reads it when
// its wait ends.
func (p *press) resume(ctx context.Context, token, output string) (ok bool) {
	if token == "" {
		return true
	}
	err := p.Tokens.Resume(ctx, token, output)
	if err != nil {
		p.log.Error("execution could not be resumed; it will read the press from the table later", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
	return err == nil
}

// tell shows a text only to the person who pressed. It reports whether it could.
func (p *press) tell(ctx context.Context, text string) bool {
	err := access.Errorf(access.CodeInvalid, "Slack sent no response URL")
	if p.in.ResponseURL != "" {
		err = p.Slack.Respond(ctx, p.in.ResponseURL, text)
	}
	if err != nil && p.in.Channel != "" {
		err = p.Slack.Ephemeral(ctx, p.in.Channel, p.in.UserID, "", text)
	}
	if err != nil {
		p.log.Error("reply could not be shown in Slack", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
	return err == nil
}
