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
	RequestEnd(ctx context.Context, id string, e access.EndRequest) (r access.Request, won bool, err error)
	AppendEvent(ctx context.Context, r access.Request, e access.Event) (access.Request, error)
	Run(ctx context.Context, id string) (access.Run, error)
	AnswerRun(ctx context.Context, run access.Run, a access.RunAnswer, last bool) (r access.Run, won bool, err error)
}

// Findings are what runs found.
type Findings interface {
	Findings(ctx context.Context, run string) ([]access.Finding, error)
}

// Slack is the part of Slack's Web API that the handler uses.
type Slack interface {
	OpenView(ctx context.Context, triggerID string, view slackgo.ModalViewRequest) (viewID, hash string, err error)
	UpdateView(ctx context.Context, viewID, hash string, view slackgo.ModalViewRequest) error
	Update(ctx context.Context, channel, ts string, m slack.Message) error
	Respond(ctx context.Context, responseURL, text string) error
	Ephemeral(ctx context.Context, channel, user, threadTS, text string) error
}

// People finds out who somebody is.
type People interface {
	Requester(ctx context.Context, slackID string) (access.Person, error)
	Approver(ctx context.Context, slackID string) (access.Person, error)
	Remains(ctx context.Context, requester access.Person) error
}

// Catalog knows what there is to ask for.
type Catalog interface {
	Accounts(ctx context.Context) (*catalog.List[access.Account], error)
	PermissionSets(ctx context.Context) (*catalog.List[access.PermissionSet], error)
	Groups(ctx context.Context) (*catalog.List[access.Group], error)
	Complete(ctx context.Context, t access.Target) (access.Target, error)
	ManagementAccount(ctx context.Context) string
}

// Policy gives the policy in force.
type Policy interface {
	Load(ctx context.Context) (access.Policy, string, error)
}

// Machine is the request machine.
type Machine interface {
	// Start starts the execution of a request. One that runs or ran already is
	// no error.
	Start(ctx context.Context, r access.Request) error
	// ExecutionARN is the ARN of the machine's execution of that name.
	ExecutionARN(name string) string
}

// Tokens resumes the machines' waits.
type Tokens interface {
	Resume(ctx context.Context, token, output string) error
}

var (
	_ Table   = (*table.Table)(nil)
	_ Slack   = (*slack.Client)(nil)
	_ People  = (*people.Finder)(nil)
	_ Catalog = (*catalog.Catalog)(nil)
)

// Slack gives a request three seconds, https://docs.slack.dev/interactivity.
// The rest is for the way here and back.
const (
	answerTimeout = 2600 * time.Millisecond
	// tellingTime is what finding out has to leave of it: there must be time to
	// say that it took too long.
	tellingTime = 500 * time.Millisecond
	// leastTimeout is how long a request is worked on that was late already: it
	// may still be in time, and what is pressed is to be decided all the same.
	leastTimeout = time.Second
)

// timeLeft is what is left of answerTimeout for a request that the HTTP API took
// at arrived, in milliseconds since 1970: of a cold start Slack waits for the
// start, too. Where it is not known when, or that is not before now, all is left.
func timeLeft(arrived int64, now time.Time) time.Duration {
	if arrived <= 0 {
		return answerTimeout
	}
	spent := max(0, now.Sub(time.UnixMilli(arrived)))
	return max(leastTimeout, answerTimeout-spent)
}

// working is the context for finding out.
func working(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithTimeout(ctx, answerTimeout-tellingTime)
	}
	return context.WithDeadline(ctx, deadline.Add(-tellingTime))
}

// Handler answers Slack.
type Handler struct {
	Table   Table
	Slack   Slack
	People  People
	Catalog Catalog
	Policy  Policy
	Claims  *claims.Claims
	Machine Machine
	Tokens  Tokens
	// Findings are what runs ask about.
	Findings Findings

	// SigningSecrets are those that Slack may sign with: two while one is
	// changed for another.
	SigningSecrets func(context.Context) ([]string, error)
	// Refresh has SigningSecrets read them again, unless it just did: then it is
	// false.
	Refresh      func() bool
	TeamID       string
	EnterpriseID string // empty: the workspace is in none
	AppID        string
	Account      string          // that this runs in
	Durations    []time.Duration // that the form offers
	Now          func() time.Time
	Logger       *slog.Logger

	menus menus
}

// Handle answers one request of the HTTP API, within Slack's three seconds.
// Nothing of a request is read or logged before its signature is seen to be
// right, and until then nothing is called but, once in a while, what keeps the
// secrets. It returns no errors: Slack gets a status.
func (h *Handler) Handle(ctx context.Context, event events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, timeLeft(event.RequestContext.TimeEpoch, h.Now()))
	defer cancel()

	// The API has no other route; a function URL lets everything through. Slack
	// posts, and the signature does not cover the method.
	if method := event.RequestContext.HTTP.Method; method != "" && method != http.MethodPost {
		return empty(http.StatusMethodNotAllowed), nil
	}
	// API Gateway lets 10 MB through, Lambda 6 MB. No stranger has us decode and
	// hash more than Slack could have sent.
	if len(event.Body) > base64.StdEncoding.EncodedLen(slack.MaxBody) {
		return empty(http.StatusRequestEntityTooLarge), nil
	}
	body, ok := rawBody(event)
	switch {
	case !ok:
		return empty(http.StatusBadRequest), nil
	case len(body) > slack.MaxBody:
		return empty(http.StatusRequestEntityTooLarge), nil
	}
	signed, err := h.signed(ctx, event, body)
	if err == nil && !signed && h.Refresh() {
		signed, err = h.signed(ctx, event, body) // somebody may just have changed it
	}
	if err != nil {
		h.Logger.Error("there is no signing secret", "error", access.ErrorMessage(err))
		return empty(http.StatusInternalServerError), nil
	}
	if !signed {
		h.Logger.Warn("a request is not signed by Slack, or not recent")
		return empty(http.StatusUnauthorized), nil
	}
	in, err := slack.Parse(header(event, "Content-Type"), body)
	if err != nil {
		h.Logger.Warn("a request makes no sense", "error", err)
		return empty(http.StatusBadRequest), nil
	}
	if in.Kind == slack.KindSSLCheck {
		return empty(http.StatusOK), nil
	}
	if why := h.foreign(in); why != "" {
		h.Logger.Warn("a request comes from elsewhere", "why", why, "team", in.TeamID, "enterprise", in.EnterpriseID, "app", in.AppID)
		return empty(http.StatusForbidden), nil
	}
	return h.dispatch(ctx, in), nil
}

// signed says whether Slack signed the request, and recently. Why not is
// left out: it would help nobody but who tries.
func (h *Handler) signed(ctx context.Context, event events.APIGatewayV2HTTPRequest, body []byte) (bool, error) {
	secrets, err := h.SigningSecrets(ctx)
	if err != nil {
		return false, err
	}
	return slack.Verify(secrets, header(event, "X-Slack-Request-Timestamp"), header(event, "X-Slack-Signature"), body, h.Now()) == nil, nil
}

// foreign says why an interaction is not from the workspace and the app that
// the settings name; "" if it is.
func (h *Handler) foreign(in slack.Interaction) string {
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
		return h.open(ctx, log, in, in.CallbackID)
	case slack.KindCommand:
		return h.open(ctx, log, in, in.Command)
	case slack.KindSuggestion:
		return h.suggest(ctx, log, in)
	case slack.KindAction:
		if in.View != nil {
			return h.choose(ctx, log, in)
		}
		return h.press(ctx, log, in)
	case slack.KindSubmission:
		return h.submit(ctx, log, in)
	case slack.KindClosed:
		return empty(http.StatusOK)
	default:
		log.Warn("a request of an unknown kind")
		return empty(http.StatusBadRequest)
	}
}

// tell shows a text to the person who did something, and to nobody else. It says
// whether it could.
func (h *Handler) tell(ctx context.Context, log *slog.Logger, in slack.Interaction, text string) bool {
	err := access.Errorf(access.CodeInvalid, "there is no response URL")
	if in.ResponseURL != "" {
		err = h.Slack.Respond(ctx, in.ResponseURL, text)
	}
	if err != nil && in.Channel != "" {
		err = h.Slack.Ephemeral(ctx, in.Channel, in.UserID, "", text)
	}
	if err != nil {
		log.Error("a person could not be answered", "error", access.ErrorMessage(err))
	}
	return err == nil
}

// forPeople is what a person is told of an error, and whether the error is
// about them or what they asked for; otherwise it is the system's.
func forPeople(err error) (text string, theirs bool) {
	switch access.CodeOf(err) {
	case access.CodeRefused, access.CodeNotFound:
		return err.Error(), true
	case access.CodeMisconfigure:
		return "This app is not set up right. Please tell the people who run it.", false
	case access.CodeNotReady:
		return "The list is being prepared. Please try again in a minute.", false
	default:
		return "Something did not answer in time. Please try again.", false
	}
}

func empty(status int) events.APIGatewayV2HTTPResponse {
	return events.APIGatewayV2HTTPResponse{StatusCode: status}
}

func answer(body []byte) events.APIGatewayV2HTTPResponse {
	return events.APIGatewayV2HTTPResponse{
		StatusCode: http.StatusOK,
		Headers:    map[string]string{"Content-Type": "application/json; charset=utf-8"},
		Body:       string(body),
	}
}

// ephemeral answers a slash command with a text that only its user sees.
func ephemeral(text string) events.APIGatewayV2HTTPResponse {
	body, _ := json.Marshal(map[string]any{
		"response_type": "ephemeral",
		"blocks": []any{map[string]any{
			"type": "section", "text": map[string]any{"type": "plain_text", "text": text},
		}},
	})
	return answer(body)
}

// rawBody is the request's body, byte for byte as Slack sent it.
func rawBody(event events.APIGatewayV2HTTPRequest) ([]byte, bool) {
	if !event.IsBase64Encoded {
		return []byte(event.Body), true
	}
	body, err := base64.StdEncoding.DecodeString(event.Body)
	return body, err == nil
}

// header is a header's value, whatever the case of its name.
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
