package simulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"
)

// parseContent reads and checks the content of a message. given says which parts the
// call contained. failure is nil if the content is valid.
func (c *call) parseContent(maximum int) (m message, given map[string]bool, failure answer) {
	given = map[string]bool{}
	for _, name := range []string{"text", "blocks", "metadata"} {
		_, given[name] = c.args[name]
	}
	m.Text = c.str("text")
	if utf8.RuneCountInString(m.Text) > maximum {
		return m, given, errorAnswer("msg_too_long")
	}
	if a := c.args["attachments"]; a != nil && a != "" && a != "[]" {
		// Slack allows attachments. The app uses only blocks, and the page does not
		// show attachments, so reject them instead of dropping them silently.
		return m, given, errorAnswer("invalid_attachments", "[ERROR] this workspace does not show attachments")
	}
	blocks := c.args["blocks"]
	if s, ok := blocks.(string); ok && s != "" {
		if json.Unmarshal([]byte(s), &blocks) != nil {
			return m, given, errorAnswer("invalid_blocks_format")
		}
	}
	switch b := blocks.(type) {
	case nil, string:
	case []any:
		m.Blocks = b
	default:
		return m, given, errorAnswer("invalid_blocks_format")
	}
	if problems := messageProblems(m.Blocks); len(problems) > 0 {
		return m, given, errorAnswer("invalid_blocks", problems...)
	}
	fillIDs(m.Blocks)
	if given["metadata"] {
		var ok bool
		if m.Metadata, ok = parseMetadata(c.args["metadata"]); !ok {
			return m, given, errorAnswer("invalid_metadata_format")
		}
		if len(m.Metadata) > maxMetadata {
			return m, given, errorAnswer("metadata_too_large")
		}
	}
	return m, given, nil
}

// parseMetadata checks message metadata: an event type and a flat or nested payload. An
// empty object means no metadata.
func parseMetadata(raw any) (json.RawMessage, bool) {
	if s, ok := raw.(string); ok {
		if json.Unmarshal([]byte(s), &raw) != nil {
			return nil, false
		}
	}
	m, ok := raw.(map[string]any)
	if !ok {
		return nil, false
	}
	kind := text(m["event_type"])
	if kind == "" && m["event_payload"] == nil {
		return nil, true
	}
	if _, ok := m["event_payload"].(map[string]any); !ok || kind == "" {
		return nil, false
	}
	b, err := json.Marshal(map[string]any{"event_type": kind, "event_payload": m["event_payload"]})
	return b, err == nil
}

func chatPostMessage(c *call) answer {
	channel, code := c.w.resolveChannel(c.str("channel"))
	if code != "" {
		return errorAnswer(code)
	}
	m, _, failure := c.parseContent(maxMessageText)
	if failure != nil {
		return failure
	}
	if m.Text == "" && len(m.Blocks) == 0 {
		return errorAnswer("no_text")
	}
	m.Channel, m.User, m.ThreadTS = channel, c.w.botUser(), c.str("thread_ts")
	if parent, ok := c.w.find(channel, m.ThreadTS); !ok || parent.ThreadTS != "" {
		m.ThreadTS = "" // without such a thread, Slack posts to the channel
	}
	m = c.w.post(m)
	return answer{"channel": channel, "ts": m.TS, "message": c.w.messagePayload(m, true)}
}

func chatPostEphemeral(c *call) answer {
	channel, code := c.w.resolveChannel(c.str("channel"))
	if code != "" {
		return errorAnswer(code)
	}
	m, _, failure := c.parseContent(maxMessageText)
	if failure != nil {
		return failure
	}
	if m.Text == "" && len(m.Blocks) == 0 {
		return errorAnswer("no_text")
	}
	p, ok := c.w.person(c.str("user"))
	if !ok || p.Deleted {
		return errorAnswer("user_not_found")
	}
	if !c.w.sees(p, channel) {
		return errorAnswer("user_not_in_channel")
	}
	m.Channel, m.User, m.ThreadTS, m.EphemeralTo = channel, c.w.botUser(), c.str("thread_ts"), p.SlackID
	m = c.w.post(m)
	return answer{"message_ts": m.TS}
}

func chatUpdate(c *call) answer {
	channel, code := c.w.resolveChannel(c.str("channel"))
	if code != "" {
		return errorAnswer(code)
	}
	old, ok := c.w.find(channel, c.str("ts"))
	switch {
	case !ok || old.EphemeralTo != "":
		return errorAnswer("message_not_found")
	case old.User != c.w.botUser():
		return errorAnswer("cant_update_message")
	}
	next, given, failure := c.parseContent(maxUpdateText)
	if failure != nil {
		return failure
	}
	if next.Text == "" && !given["blocks"] {
		return errorAnswer("no_text")
	}
	m, ok := c.w.edit(channel, old.TS, func(m *message) {
		if given["text"] {
			m.Text = next.Text
		}
		if given["blocks"] { // if the call has no blocks, the message keeps its blocks
			m.Blocks = next.Blocks
		}
		if given["metadata"] {
			m.Metadata = next.Metadata
		}
	})
	if !ok {
		return errorAnswer("message_not_found")
	}
	return answer{"channel": channel, "ts": m.TS, "text": m.Text, "message": c.w.messagePayload(m, true)}
}

func chatGetPermalink(c *call) answer {
	channel := c.str("channel")
	m, ok := c.w.find(channel, c.str("message_ts"))
	if !c.w.isConversation(channel) {
		return errorAnswer("channel_not_found")
	}
	if !ok {
		return errorAnswer("message_not_found")
	}
	link := "http://" + c.request.Host + "/archives/" + channel + "/p" + strings.ReplaceAll(m.TS, ".", "")
	return answer{"channel": channel, "permalink": link}
}

// messagePayload returns a message as it appears in Slack's answers and payloads.
func (w *workspace) messagePayload(m message, withMetadata bool) map[string]any {
	p := map[string]any{"type": "message", "ts": m.TS, "user": m.User, "text": m.Text, "team": w.cfg.TeamID}
	if m.User == w.botUser() {
		p["bot_id"], p["app_id"] = w.botID(), w.cfg.AppID
	}
	if len(m.Blocks) > 0 {
		p["blocks"] = m.Blocks
	}
	if m.ThreadTS != "" {
		p["thread_ts"] = m.ThreadTS
	}
	if m.EditedTS != "" {
		p["edited"] = map[string]any{"user": m.User, "ts": m.EditedTS}
	}
	if m.EphemeralTo != "" {
		p["is_ephemeral"] = true
	}
	if withMetadata && len(m.Metadata) > 0 {
		p["metadata"] = m.Metadata
	}
	return p
}

// serveResponseURL accepts the app's answer to an interaction.
func (s *Server) serveResponseURL(w http.ResponseWriter, r *http.Request) {
	w, proceed := s.faults.inject(w, r, "response_url")
	if !proceed {
		return
	}
	args, code := parseArguments(r)
	if code != "" {
		writeJSON(w, http.StatusBadRequest, map[string]any{"ok": false, "error": code})
		return
	}
	u, code := s.ws.takeResponse(r.PathValue("id"))
	if code != "" || r.PathValue("team") != s.ws.cfg.TeamID {
		writeJSON(w, http.StatusNotFound, map[string]any{"ok": false, "error": code})
		return
	}
	c := &call{w: s.ws, args: args, request: r}
	if failure := c.respond(u); failure != nil {
		failure["ok"] = false
		writeJSON(w, http.StatusBadRequest, failure)
		return
	}
	w.Header().Set("Content-Type", "text/html")
	w.Write([]byte("ok"))
}

// respond applies the app's answer to an interaction. The answer is a new message, by
// default visible only to the person, or a change to the original message.
func (c *call) respond(u responseURL) answer {
	if c.args["delete_original"] == true {
		c.w.edit(u.channel, u.ts, func(m *message) { m.Gone = true })
		return nil
	}
	m, _, failure := c.parseContent(maxMessageText)
	if failure != nil {
		return failure
	}
	if m.Text == "" && len(m.Blocks) == 0 {
		return errorAnswer("no_text")
	}
	if c.args["replace_original"] == true && u.ts != "" {
		c.w.edit(u.channel, u.ts, func(old *message) { old.Text, old.Blocks = m.Text, m.Blocks })
		return nil
	}
	m.Channel, m.User = u.channel, c.w.botUser()
	if m.ThreadTS = c.str("thread_ts"); m.ThreadTS == "" {
		m.ThreadTS = u.thread
	}
	if c.str("response_type") != "in_channel" {
		m.EphemeralTo = u.user
	}
	m.AnswerTo = u.ts
	c.w.post(m)
	return nil
}
