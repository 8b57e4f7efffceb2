package simulator

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// maxBody limits the bodies that the simulator reads, in bytes.
const maxBody = 1 << 20

// call is one call of a Web API method. Its arguments come from the query, a form or a
// JSON body.
type call struct {
	w       *workspace
	args    map[string]any
	request *http.Request
}

// str returns an argument as text. It converts numbers and booleans, because forms send
// them as text, too.
func (c *call) str(name string) string {
	switch v := c.args[name].(type) {
	case string:
		return v
	case bool:
		if v {
			return "1"
		}
	case json.Number:
		return v.String()
	case float64:
		b, _ := json.Marshal(v)
		return string(b)
	}
	return ""
}

// answer is the answer of a Web API method, without "ok".
type answer map[string]any

// errorAnswer returns a Web API error. problems go into response_metadata.messages.
func errorAnswer(code string, problems ...string) answer {
	a := answer{"error": code}
	if len(problems) > 0 {
		a["response_metadata"] = map[string]any{"messages": problems}
		a["errors"] = problems
	}
	return a
}

var methods = map[string]func(*call) answer{
	"auth.test":             authTest,
	"bots.info":             botsInfo,
	"chat.postMessage":      chatPostMessage,
	"chat.postEphemeral":    chatPostEphemeral,
	"chat.update":           chatUpdate,
	"chat.getPermalink":     chatGetPermalink,
	"views.open":            viewsOpen,
	"views.update":          viewsUpdate,
	"views.push":            viewsPush,
	"views.publish":         viewsPublish,
	"users.info":            usersInfo,
	"users.lookupByEmail":   usersLookupByEmail,
	"conversations.info":    conversationsInfo,
	"conversations.members": conversationsMembers,
	"conversations.open":    conversationsOpen,
	"conversations.history": conversationsHistory,
	"conversations.replies": conversationsReplies,
}

// API returns the handler of the Web API. Mount it at /api/.
func (s *Server) API() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/{method}", s.serveMethod)
	mux.HandleFunc("POST /api/response/{team}/{id}", s.serveResponseURL)
	return mux
}

func (s *Server) serveMethod(w http.ResponseWriter, r *http.Request) {
	method := r.PathValue("method")
	w, proceed := s.faults.inject(w, r, method)
	if !proceed {
		return
	}
	handler, ok := methods[method]
	if !ok {
		writeAnswer(w, errorAnswer("unknown_method"))
		return
	}
	args, code := parseArguments(r)
	if code != "" {
		writeAnswer(w, errorAnswer(code))
		return
	}
	switch token := tokenOf(r, args); token {
	case "":
		writeAnswer(w, errorAnswer("not_authed"))
		return
	case s.ws.cfg.BotToken:
	default:
		writeAnswer(w, errorAnswer("invalid_auth"))
		return
	}
	s.ws.learnAPIURL(r.Host)
	// Every answer lists the token's scopes in a header:
	// https://docs.slack.dev/authentication/tokens.
	w.Header().Set("X-OAuth-Scopes", strings.Join(s.ws.cfg.Scopes, ","))
	writeAnswer(w, handler(&call{w: s.ws, args: args, request: r}))
}

func writeAnswer(w http.ResponseWriter, a answer) {
	_, failed := a["error"]
	a["ok"] = !failed
	writeJSON(w, http.StatusOK, a)
}

// tokenOf returns the bearer token, else the argument "token".
func tokenOf(r *http.Request, args map[string]any) string {
	if t, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return t
	}
	return text(args["token"])
}

// parseArguments reads the query and a form or JSON body. It returns the Web API's error
// code if it cannot.
func parseArguments(r *http.Request) (map[string]any, string) {
	args := map[string]any{}
	put := func(values url.Values) {
		for name := range values {
			args[name] = values.Get(name)
		}
	}
	put(r.URL.Query())
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return nil, "request_timeout"
	}
	if len(body) == 0 {
		return args, ""
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if cs := params["charset"]; err == nil && cs != "" && !strings.EqualFold(cs, "utf-8") && !strings.EqualFold(cs, "iso-8859-1") {
		return nil, "invalid_charset"
	}
	switch kind {
	case "application/json":
		if err := json.Unmarshal(body, &args); err != nil {
			return nil, "invalid_json"
		}
	case "application/x-www-form-urlencoded":
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, "invalid_form_data"
		}
		put(values)
	default:
		return nil, "invalid_post_type"
	}
	return args, ""
}

func authTest(c *call) answer {
	return answer{
		"url": "https://" + c.w.teamDomain() + ".slack.com/", "team": c.w.cfg.TeamName, "user": "sso-elevator",
		"team_id": c.w.cfg.TeamID, "user_id": c.w.botUser(), "bot_id": c.w.botID(), "is_enterprise_install": false,
	}
}

func botsInfo(c *call) answer {
	if c.str("bot") != c.w.botID() {
		return errorAnswer("bot_not_found")
	}
	return answer{"bot": map[string]any{
		"id": c.w.botID(), "app_id": c.w.cfg.AppID, "user_id": c.w.botUser(), "name": c.w.cfg.AppName, "deleted": false, "updated": 0,
	}}
}
