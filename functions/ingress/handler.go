package ingress

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/cases"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/claims"
	"sso-elevator/functions/adapters/people"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/slack"
)

// Table is the part of the requests table that the handler uses.
type Table interface {
	Create(ctx context.Context, r access.Request) (stored access.Request, created bool, err error)
	Get(ctx context.Context, id string) (access.Request, error)
	Decide(ctx context.Context, id string, o access.Outcome) (r access.Request, won bool, err error)
	ChangeApprovals(ctx context.Context, r access.Request, c table.ApprovalChange) (now access.Request, won bool, err error)
	Lease(ctx context.Context, key string) (l access.Lease, found bool, err error)
	RequestEnd(ctx context.Context, id string, e access.EndRequest) (r access.Request, won bool, err error)
	EndHolder(ctx context.Context, id string, e access.EndRequest) (r access.Request, won bool, err error)
	EndShown(ctx context.Context, id string) error
	AppendEvent(ctx context.Context, r access.Request, e access.Event) (access.Request, error)
	LatestOpenRequests(ctx context.Context, limit int) (ids []string, more bool, err error)
	RequestsOf(ctx context.Context, principalID string, limit int) (found []access.Request, more bool, err error)
	Claims(ctx context.Context, principalID string) (access.Claims, error)
	Blocks(ctx context.Context) (access.Blocks, error)
	PutBlocks(ctx context.Context, b access.Blocks, expect int64) error
	Run(ctx context.Context, id string) (access.Run, error)
	AnswerRun(ctx context.Context, run access.Run, a access.RunAnswer, last bool) (r access.Run, won bool, err error)
	AddPress(ctx context.Context, run access.Run, p access.FindingPress) (r access.Run, won bool, err error)
	AddRefusedPress(ctx context.Context, run access.Run, p access.RefusedPress) (recorded *access.RefusedPress, err error)
}

// Findings reads what runs found, and their reports.
type Findings interface {
	Findings(ctx context.Context, run string) ([]access.Finding, error)
	Report(ctx context.Context, run string) (access.DriftReport, error)
}

// Slack is the part of Slack's Web API that the handler uses.
type Slack interface {
	OpenView(ctx context.Context, triggerID string, view slackgo.ModalViewRequest) (viewID, hash string, err error)
	UpdateView(ctx context.Context, viewID, hash string, view slackgo.ModalViewRequest) error
	PublishView(ctx context.Context, user string, view slackgo.HomeTabViewRequest) error
	Update(ctx context.Context, channel, ts string, m slack.Message) error
	Respond(ctx context.Context, responseURL, text string) error
	Ephemeral(ctx context.Context, channel, user, threadTS, text string) error
}

// People looks people up.
type People interface {
	Requester(ctx context.Context, slackID string) (access.Person, error)
	Approver(ctx context.Context, slackID string) (access.Person, error)
	Approvers(ctx context.Context, emails []string) (known []access.Person, unknown []string, err error)
	// KnownApprovers asks nobody. ok is false if it doesn't know all of them.
	KnownApprovers(emails []string) (known []access.Person, unknown []string, ok bool)
	CheckRequester(ctx context.Context, requester access.Person) error
	CheckApprover(ctx context.Context, approver access.Person) error
	Anyone(ctx context.Context, slackID string) (access.Person, error)
}

// CachedPeople looks people up with answers that may be a minute old. Nothing may be
// decided by it.
type CachedPeople interface {
	Approver(ctx context.Context, slackID string) (access.Person, error)
	CheckRequester(ctx context.Context, requester access.Person) error
}

// Catalog lists what can be requested.
type Catalog interface {
	Accounts(ctx context.Context) (*catalog.List[access.Account], error)
	PermissionSets(ctx context.Context) (*catalog.List[access.PermissionSet], error)
	Groups(ctx context.Context) (*catalog.List[access.Group], error)
	// Loading returns how far the first lists are; ok is false if they are whole.
	Loading(ctx context.Context) (l catalog.Loading, ok bool)
	ApproverGroup(ctx context.Context, id string) (name string, m catalog.Members)
	Complete(ctx context.Context, t access.Target) (access.Target, error)
	ManagementAccount(ctx context.Context) string
	// Session returns zero if the catalog doesn't know it.
	Session(ctx context.Context, permissionSetARN string) time.Duration
	// OUsOf returns a function that returns the organizational units above an account,
	// at least those that are wanted. NotReady: it doesn't know all of them yet.
	OUsOf(ctx context.Context, wanted []string) (func(accountID string) []string, error)
}

// Policy loads the policy in force.
type Policy interface {
	Load(ctx context.Context) (access.Policy, string, error)
}

// Machine is the request machine.
type Machine interface {
	// Start starts the execution of a request. It returns nil if the
	// execution is already running or has ended.
	Start(ctx context.Context, r access.Request) error
	// ExecutionARN returns the ARN of the machine's execution with that name.
	ExecutionARN(name string) string
}

// Tokens resumes the waits of the state machines.
type Tokens interface {
	Resume(ctx context.Context, token, output string) error
}

var (
	_ Table   = (*table.Table)(nil)
	_ Slack   = (*slack.Client)(nil)
	_ People  = (*people.Finder)(nil)
	_ Catalog = (*catalog.Catalog)(nil)

	_ CachedPeople = people.Cached{}
)

// Slack waits three seconds for a response,
// https://docs.slack.dev/interactivity. responseTimeout leaves the rest for
// the network.
const (
	responseTimeout = 2600 * time.Millisecond
	// tellTime is the last part of responseTimeout, reserved for telling the person that
	// something took too long. Lookups and writes must not use it.
	tellTime = 500 * time.Millisecond
	// minTimeout is how long we work on a request that arrived late. Slack
	// may still be waiting, and a pressed button should take effect even if
	// it isn't.
	minTimeout = time.Second
)

// timeLeft returns how much of responseTimeout is left for a request that the
// HTTP API received at arrived, in milliseconds since 1970. During a cold
// start Slack is already waiting. If arrived is unknown or in the future, all
// of it is left.
func timeLeft(arrived int64, now time.Time) time.Duration {
	if arrived <= 0 {
		return responseTimeout
	}
	spent := max(0, now.Sub(time.UnixMilli(arrived)))
	return max(minTimeout, responseTimeout-spent)
}

// workContext returns the context for lookups and writes. It ends tellTime
// before ctx.
func workContext(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithTimeout(ctx, responseTimeout-tellTime)
	}
	return context.WithDeadline(ctx, deadline.Add(-tellTime))
}

// Handler responds to Slack.
type Handler struct {
	Table  Table
	Slack  Slack
	People People
	// CachedPeople is for presses that only open a dialog.
	CachedPeople CachedPeople

	Catalog Catalog
	Policy  Policy
	Claims  *claims.Claims
	// Cases is for forms, FreshCases for presses: it reads memberships anew. Both take
	// the units of accounts from the catalog, because Slack doesn't wait for up to six
	// calls of Organizations. If an account has moved since, grant notices.
	Cases, FreshCases cases.Reader
	Machine           Machine
	Tokens            Tokens
	// Findings returns the findings and reports of runs.
	Findings Findings
	// Pressed has a recorded press on a finding carried out, and doesn't wait for that.
	Pressed func(context.Context, access.FindingRef) error
	// Refused has the refused presses in a run's row recorded, and doesn't wait for that.
	Refused func(ctx context.Context, run string) error

	// SigningSecrets returns the secrets that Slack may sign with. There are
	// two during a rotation.
	SigningSecrets func(context.Context) ([]string, error)
	// Refresh makes SigningSecrets read the secrets again. It returns false
	// if that was done a moment ago.
	Refresh      func() bool
	TeamID       string
	EnterpriseID string // empty if the workspace belongs to none
	AppID        string
	Account      string          // the app's own
	Durations    []time.Duration // offered in the form
	// ConfirmApprovals makes approvers confirm every approval. Otherwise the policy says
	// which ones.
	ConfirmApprovals bool
	// DenyReason is what a press of Deny asks for: optional or required open a dialog.
	DenyReason DenyReason
	Now        func() time.Time
	Logger     *slog.Logger

	menus menus
}

// Handle responds to one request of the HTTP API, within Slack's three
// seconds. It reads and logs nothing of a request before the signature is
// verified. Until then it calls nothing but the store of the secrets, and
// that rarely. It never returns an error: Slack gets a status.
func (h *Handler) Handle(ctx context.Context, event events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, timeLeft(event.RequestContext.TimeEpoch, h.Now()))
	defer cancel()

	// The API has no other route, but a function URL accepts every method.
	// Slack always posts, and its signature doesn't cover the method.
	if method := event.RequestContext.HTTP.Method; method != "" && method != http.MethodPost {
		return emptyResponse(http.StatusMethodNotAllowed), nil
	}
	// API Gateway accepts 10 MB and Lambda 6 MB. Strangers must not make us decode and
	// hash more than Slack would send.
	if len(event.Body) > base64.StdEncoding.EncodedLen(slack.MaxBody) {
		return emptyResponse(http.StatusRequestEntityTooLarge), nil
	}
	body, ok := rawBody(event)
	switch {
	case !ok:
		return emptyResponse(http.StatusBadRequest), nil
	case len(body) > slack.MaxBody:
		return emptyResponse(http.StatusRequestEntityTooLarge), nil
	}
	signed, err := h.isSigned(ctx, event, body)
	if err == nil && !signed && h.Refresh() {
		signed, err = h.isSigned(ctx, event, body) // the secret may have just been rotated
	}
	if err != nil {
		h.Logger.Error("no signing secret could be read", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		return emptyResponse(http.StatusInternalServerError), nil
	}
	if !signed {
		h.Logger.Warn("a request is not signed by Slack, or not recent")
		return emptyResponse(http.StatusUnauthorized), nil
	}
	in, err := slack.Parse(header(event, "Content-Type"), body)
	if err != nil {
		h.Logger.Warn("payload from Slack could not be parsed", "error", err)
		return emptyResponse(http.StatusBadRequest), nil
	}
	switch in.Kind {
	case slack.KindSSLCheck:
		return emptyResponse(http.StatusOK), nil
	case slack.KindVerification: // it names no workspace and no app
		return jsonResponse(slack.ChallengeResponse(in.Challenge)), nil
	}
	if why := h.foreignReason(in); why != "" {
		h.Logger.Warn("payload is from another workspace or app", "why", why, "team", in.TeamID, "enterprise", in.EnterpriseID, "app", in.AppID)
		return emptyResponse(http.StatusForbidden), nil
	}
	return h.dispatch(ctx, in), nil
}

// isSigned reports whether Slack signed the request, and recently. It doesn't say why
// not, because that would help only attackers.
func (h *Handler) isSigned(ctx context.Context, event events.APIGatewayV2HTTPRequest, body []byte) (bool, error) {
	secrets, err := h.SigningSecrets(ctx)
	if err != nil {
		return false, err
	}
	return slack.Verify(secrets, header(event, "X-Slack-Request-Timestamp"), header(event, "X-Slack-Signature"), body, h.Now()) == nil, nil
}

// foreignReason returns why an interaction isn't from the workspace and app
// in the settings, or "" if it is.
func (h *Handler) foreignReason(in slack.Interaction) string {
	inTeam := in.TeamID != "" && in.TeamID == h.TeamID
	inEnterprise := h.EnterpriseID != "" && in.EnterpriseID == h.EnterpriseID
	switch {
	case !inTeam && !inEnterprise:
		return "another workspace"
	case in.AppID != h.AppID:
		return "another app"
	default:
		return ""
	}
}

func (h *Handler) dispatch(ctx context.Context, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	log := h.Logger.With("kind", in.Kind, "user", in.UserID)
	switch in.Kind {
	case slack.KindShortcut:
		return h.open(ctx, log, in, in.CallbackID, nil)
	case slack.KindCommand:
		return h.command(ctx, log, in)
	case slack.KindSuggestion:
		return h.suggest(ctx, log, in)
	case slack.KindAction:
		switch {
		case in.OnHome():
			return h.pressOnHome(ctx, log, in)
		case in.View != nil:
			return h.choose(ctx, log, in)
		}
		return h.press(ctx, log, in)
	case slack.KindSubmission:
		if action, ok := slack.ActionOf(in.View.CallbackID); ok {
			return h.confirm(ctx, log, in, action)
		}
		if submit, ok := blockSubmissions[in.View.Dialog()]; ok {
			return submit(h, ctx, log, in)
		}
		return h.submit(ctx, log, in)
	case slack.KindHomeOpened:
		return h.openHome(ctx, log, in)
	case slack.KindClosed, slack.KindOtherEvent:
		return emptyResponse(http.StatusOK)
	default:
		log.Warn("unknown kind of payload")
		return emptyResponse(http.StatusBadRequest)
	}
}

// explain returns the text that a person sees for an error. personal reports
// whether the error is about the person or their request. If not, it is a
// failure of the system.
func explain(err error) (text string, personal bool) {
	switch access.CodeOf(err) {
	case access.CodeRefused, access.CodeNotFound:
		return err.Error(), true
	case access.CodeMisconfigure:
		return "This app is not set up correctly. Please tell the people who run it.", false
	case access.CodeNotReady:
		return "The list is being prepared. Please try again in a minute.", false
	default:
		return "Something went wrong. Please try again in a moment.", false
	}
}

func emptyResponse(status int) events.APIGatewayV2HTTPResponse {
	return events.APIGatewayV2HTTPResponse{StatusCode: status}
}

// jsonResponse returns the response with a JSON body.
func jsonResponse(body []byte) events.APIGatewayV2HTTPResponse {
	return events.APIGatewayV2HTTPResponse{
		StatusCode: http.StatusOK,
		Headers:    map[string]string{"Content-Type": "application/json; charset=utf-8"},
		Body:       string(body),
	}
}

// ephemeralResponse responds to a slash command with a text that only its
// user sees.
func ephemeralResponse(text string) events.APIGatewayV2HTTPResponse {
	body, _ := json.Marshal(map[string]any{
		"response_type": "ephemeral",
		"blocks": []any{map[string]any{
			"type": "section", "text": map[string]any{"type": "plain_text", "text": text},
		}},
	})
	return jsonResponse(body)
}

// rawBody returns the request's body, byte for byte as Slack sent it.
func rawBody(event events.APIGatewayV2HTTPRequest) ([]byte, bool) {
	if !event.IsBase64Encoded {
		return []byte(event.Body), true
	}
	body, err := base64.StdEncoding.DecodeString(event.Body)
	return body, err == nil
}

// header returns a header's value, ignoring the case of its name.
func header(event events.APIGatewayV2HTTPRequest, name string) string {
	if v, ok := event.Headers[strings.ToLower(name)]; ok {
		return v
	}
	for k, v := range event.Headers {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}
