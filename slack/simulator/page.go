package simulator

import (
	"embed"
	"encoding/json"
	"html/template"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
)

//go:embed page
var pageFiles embed.FS

var pageTemplate = template.Must(template.ParseFS(pageFiles, "page/index.html"))

// Page returns the handler of the page and of the endpoints that drive the workspace.
// Mount it at /.
func (s *Server) Page() http.Handler {
	mux := http.NewServeMux()
	s.addDriveHandlers(mux)
	mux.HandleFunc("GET /sim/state", s.serveState)
	mux.HandleFunc("GET /sim/messages", s.serveMessages)
	mux.HandleFunc("GET /sim/views", s.serveViews)
	mux.HandleFunc("GET /sim/home", s.serveHome)
	mux.HandleFunc("GET /archives/{channel}/{ts}", func(w http.ResponseWriter, r *http.Request) {
		ts := strings.TrimPrefix(r.PathValue("ts"), "p")
		if len(ts) < 7 {
			http.NotFound(w, r)
			return
		}
		http.Redirect(w, r, "/#"+r.PathValue("channel")+"/"+ts[:len(ts)-6]+"."+ts[len(ts)-6:], http.StatusFound)
	})
	servePage(mux, pageParts{Mode: "workspace", Tour: s.ws.cfg.Tour != nil, Experiments: s.ws.cfg.Experiments != nil, Policy: s.ws.cfg.Policy != nil})
	return mux
}

// pageParts says which parts the page has. Mode is "workspace", or "truth" for the panel
// alone.
type pageParts struct {
	Mode                      string
	Tour, Experiments, Policy bool
}

// servePage adds the page and its assets to mux.
func servePage(mux *http.ServeMux, parts pageParts) {
	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		panic(err) // cannot happen: the folder is embedded
	}
	assets := http.StripPrefix("/assets/", http.FileServerFS(files))
	mux.HandleFunc("GET /assets/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		assets.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		// The page loads nothing from elsewhere and runs nothing inline, even if
		// someone injects HTML through a message.
		w.Header().Set("Content-Security-Policy",
			"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		pageTemplate.Execute(w, parts) // fails only if the client has gone
	})
}

// shownMessage is a message in the JSON of the page and of /sim/messages.
type shownMessage struct {
	Channel  string          `json:"channel"`
	TS       string          `json:"ts"`
	ThreadTS string          `json:"thread_ts,omitempty"`
	User     string          `json:"user"`
	Text     string          `json:"text"`
	Blocks   []any           `json:"blocks"`
	Only     string          `json:"ephemeral_to,omitempty"`
	AnswerTo string          `json:"answer_to,omitempty"`
	EditedTS string          `json:"edited_ts,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
	Mentions bool            `json:"mentions_you,omitempty"`
}

func (s *Server) serveMessages(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p, known := s.ws.person(q.Get("person"))
	if q.Get("person") != "" && !known {
		writeError(w, newBadRequest(http.StatusNotFound, "nobody has the id %q", q.Get("person")))
		return
	}
	list := s.ws.selectMessages(func(m *message) bool {
		return (q.Get("channel") == "" || m.Channel == q.Get("channel")) && (!known || s.ws.isVisible(p, m)) &&
			strings.Contains(string(m.Metadata), q.Get("about"))
	})
	out := []shownMessage{}
	for _, m := range list {
		out = append(out, showMessage(m, p.SlackID, q.Get("metadata") != ""))
	}
	writeJSON(w, http.StatusOK, map[string]any{"messages": out})
}

func (s *Server) serveViews(w http.ResponseWriter, r *http.Request) {
	out := []any{}
	for _, v := range s.ws.openViews(r.URL.Query().Get("person")) {
		out = append(out, s.ws.viewPayload(v, true))
	}
	writeJSON(w, http.StatusOK, map[string]any{"views": out})
}

// serveState serves everything that one person sees.
func (s *Server) serveState(w http.ResponseWriter, r *http.Request) {
	version := s.ws.currentVersion()
	q := r.URL.Query()
	if after, err := strconv.Atoi(q.Get("after")); err == nil && after == version {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	p, ok := s.ws.person(q.Get("person"))
	if !ok || p.Deleted {
		p = s.ws.firstPerson()
	}
	writeJSON(w, http.StatusOK, s.ws.pageState(p, version))
}
