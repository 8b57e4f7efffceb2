package simulator

import (
	"fmt"
	"net/url"
)

// commonPayload returns the fields of every payload.
func (w *workspace) commonPayload(kind string, p Person) map[string]any {
	return map[string]any{
		"type": kind, "api_app_id": w.cfg.AppID,
		"token": "verification-token-not-in-use", "is_enterprise_install": false, "enterprise": nil,
		"team": map[string]any{"id": w.cfg.TeamID, "domain": w.teamDomain()},
		"user": map[string]any{
			"id": p.SlackID, "username": userName(p), "name": userName(p), "team_id": w.personTeam(p),
		},
	}
}

func (w *workspace) personTeam(p Person) string {
	if p.TeamID != "" {
		return p.TeamID
	}
	return w.cfg.TeamID
}

func (w *workspace) actionTS() string {
	us := w.cfg.Now().UnixMicro()
	return fmt.Sprintf("%d.%06d", us/1e6, us%1e6)
}

func (w *workspace) channelName(channel string) string {
	if c, ok := w.channel(channel); ok {
		return c.Name
	}
	return "directmessage"
}

func (w *workspace) shortcutPayload(p Person, callbackID string) map[string]any {
	m := w.commonPayload("shortcut", p)
	m["callback_id"], m["trigger_id"], m["action_ts"] = callbackID, w.newTrigger(p.SlackID, ""), w.actionTS()
	return m
}

// commandForm returns the form of a slash command, the only request without a payload.
func (w *workspace) commandForm(p Person, command, words, channel, host string) url.Values {
	return url.Values{
		"token": {"verification-token-not-in-use"}, "team_id": {w.cfg.TeamID}, "team_domain": {w.teamDomain()},
		"channel_id": {channel}, "channel_name": {w.channelName(channel)},
		"user_id": {p.SlackID}, "user_name": {userName(p)}, "command": {command}, "text": {words},
		"api_app_id": {w.cfg.AppID}, "is_enterprise_install": {"false"},
		"response_url": {w.newResponseURL(responseURL{user: p.SlackID, channel: channel, ephemeral: true}, host)},
		"trigger_id":   {w.newTrigger(p.SlackID, "")},
	}
}

func (w *workspace) suggestionPayload(p Person, v view, f field, query string) map[string]any {
	m := w.commonPayload("block_suggestion", p)
	m["container"] = map[string]any{"type": "view", "view_id": v.ID}
	m["view"] = w.viewPayload(v, false)
	m["action_id"], m["block_id"], m["value"] = f.ActionID, f.BlockID, query
	return m
}

// actionPayload returns the pressed or changed element as an entry of a payload's "actions".
func (w *workspace) actionPayload(f field, state map[string]any) map[string]any {
	a := map[string]any{"type": f.Type, "action_id": f.ActionID, "block_id": f.BlockID, "action_ts": w.actionTS()}
	if f.Type == "button" {
		for _, name := range []string{"text", "value", "style"} {
			if v, ok := f.Element[name]; ok {
				a[name] = v
			}
		}
		return a
	}
	for name, v := range state {
		if name != "type" {
			a[name] = v
		}
	}
	if f.Element["placeholder"] != nil {
		a["placeholder"] = f.Element["placeholder"]
	}
	return a
}

func (w *workspace) messageActionPayload(p Person, msg message, f field, host string) map[string]any {
	m := w.commonPayload("block_actions", p)
	container := map[string]any{
		"type": "message", "message_ts": msg.TS, "channel_id": msg.Channel, "is_ephemeral": msg.EphemeralTo != "",
	}
	if msg.ThreadTS != "" {
		container["thread_ts"] = msg.ThreadTS
	}
	m["container"] = container
	m["channel"] = map[string]any{"id": msg.Channel, "name": w.channelName(msg.Channel)}
	m["message"] = w.messagePayload(msg, false)
	m["state"] = map[string]any{"values": map[string]any{}}
	m["trigger_id"] = w.newTrigger(p.SlackID, "")
	m["response_url"] = w.newResponseURL(responseURL{
		user: p.SlackID, channel: msg.Channel, thread: msg.ThreadTS, ts: msg.TS, ephemeral: msg.EphemeralTo != "",
	}, host)
	m["actions"] = []any{w.actionPayload(f, nil)}
	return m
}

func (w *workspace) viewActionPayload(p Person, v view, f field) map[string]any {
	m := w.commonPayload("block_actions", p)
	m["container"] = map[string]any{"type": "view", "view_id": v.ID}
	m["view"] = w.viewPayload(v, true)
	m["trigger_id"] = w.newTrigger(p.SlackID, v.ID)
	state, _ := v.Values[f.BlockID][f.ActionID].(map[string]any)
	m["actions"] = []any{w.actionPayload(f, state)}
	return m
}

func (w *workspace) submissionPayload(p Person, v view) map[string]any {
	m := w.commonPayload("view_submission", p)
	m["view"] = w.viewPayload(v, true)
	m["trigger_id"], m["response_urls"] = w.newTrigger(p.SlackID, v.ID), []any{}
	return m
}

func (w *workspace) closedPayload(p Person, v view, cleared bool) map[string]any {
	m := w.commonPayload("view_closed", p)
	m["view"], m["is_cleared"] = w.viewPayload(v, true), cleared
	return m
}
