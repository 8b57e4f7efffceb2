package simulator

import (
	"encoding/base64"
	"strconv"
	"strings"
)

func usersInfo(c *call) answer {
	id := c.str("user")
	switch id {
	case c.w.botUser():
		return answer{"user": map[string]any{
			"id": id, "team_id": c.w.cfg.TeamID, "name": "sso-elevator", "real_name": c.w.cfg.AppName,
			"deleted": false, "is_bot": true, "is_app_user": false,
			"profile": map[string]any{"real_name": c.w.cfg.AppName, "bot_id": c.w.botID(), "api_app_id": c.w.cfg.AppID},
		}}
	case slackbot: // Slack does not mark Slackbot as a bot
		return answer{"user": map[string]any{
			"id": id, "team_id": c.w.cfg.TeamID, "name": "slackbot", "real_name": "Slackbot",
			"deleted": false, "is_bot": false, "is_app_user": false, "profile": map[string]any{"real_name": "Slackbot"},
		}}
	}
	p, ok := c.w.person(id)
	if !ok {
		return errorAnswer("user_not_found")
	}
	return answer{"user": c.w.userPayload(p)}
}

func usersLookupByEmail(c *call) answer {
	p, ok := c.w.personByEmail(strings.TrimSpace(c.str("email")))
	if !ok {
		return errorAnswer("users_not_found")
	}
	return answer{"user": c.w.userPayload(p)}
}

func (w *workspace) userPayload(p Person) map[string]any {
	team := p.TeamID
	if team == "" {
		team = w.cfg.TeamID
	}
	first, last, _ := strings.Cut(p.Name, " ")
	payload := map[string]any{
		"id": p.SlackID, "team_id": team, "name": userName(p), "real_name": p.Name, "deleted": p.Deleted,
		"tz": "Etc/UTC", "tz_label": "Coordinated Universal Time", "tz_offset": 0,
		"is_admin": false, "is_owner": false, "is_primary_owner": false,
		"is_restricted": p.Guest, "is_ultra_restricted": false, "is_stranger": p.Stranger,
		"is_bot": false, "is_app_user": false, "updated": 0,
		"profile": map[string]any{
			"real_name": p.Name, "real_name_normalized": p.Name, "display_name": p.Name,
			"display_name_normalized": p.Name, "first_name": first, "last_name": last,
			"email": p.Email, "title": p.Title, "team": team,
		},
	}
	if !p.Stranger { // Slack reports this only for the workspace's own people
		payload["is_email_confirmed"] = !p.EmailUnconfirmed
	}
	return payload
}

func conversationsInfo(c *call) answer {
	id := c.str("channel")
	if p, ok := c.w.imOwner(id); ok {
		return answer{"channel": map[string]any{"id": id, "is_im": true, "user": p.SlackID, "is_archived": false}}
	}
	channel, ok := c.w.channel(id)
	if !ok {
		return errorAnswer("channel_not_found")
	}
	return answer{"channel": map[string]any{
		"id": id, "name": channel.Name, "is_channel": true, "is_private": false, "is_archived": channel.Archived,
		"is_shared": channel.Shared, "is_ext_shared": channel.Shared, "is_org_shared": false, "is_pending_ext_shared": false,
		"is_member": !channel.BotOutside, "context_team_id": c.w.cfg.TeamID,
	}}
}

func conversationsMembers(c *call) answer {
	channel := c.str("channel")
	var members []string
	if of, ok := c.w.channel(channel); ok {
		for _, p := range c.w.cfg.People {
			if p.InChannel && !p.Deleted {
				members = append(members, p.SlackID)
			}
		}
		if !of.BotOutside {
			members = append(members, c.w.botUser())
		}
	} else if p, ok := c.w.imOwner(channel); ok {
		members = []string{p.SlackID, c.w.botUser()}
	} else {
		return errorAnswer("channel_not_found")
	}
	return paginate(c, "members", members, 1000, 100, membersPage)
}

// membersPage is the most members that a page contains, even if the call asks for more.
// Slack says that a page may be short although more items follow:
// https://docs.slack.dev/apis/web-api/pagination.
const membersPage = 50

// paginate answers with one page. It contains at most the number of items that the call's
// limit (preset by default) and most allow. Cursors are base64, as Slack's are.
func paginate[T any](c *call, name string, all []T, maximum, preset, most int) answer {
	limit, start := preset, 0
	if s := c.str("limit"); s != "" && s != "0" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maximum {
			return errorAnswer("invalid_limit")
		}
		limit = n
	}
	if s := c.str("cursor"); s != "" {
		b, err := base64.StdEncoding.DecodeString(s)
		n, found := strings.CutPrefix(string(b), "after:")
		start, _ = strconv.Atoi(n)
		if err != nil || !found || start < 1 || start > len(all) {
			return errorAnswer("invalid_cursor")
		}
	}
	end := min(start+min(limit, most), len(all))
	next := ""
	if end < len(all) {
		next = base64.StdEncoding.EncodeToString([]byte("after:" + strconv.Itoa(end)))
	}
	page := all[start:end]
	if page == nil {
		page = []T{}
	}
	return answer{name: page, "has_more": next != "", "response_metadata": map[string]any{"next_cursor": next}}
}

func conversationsOpen(c *call) answer {
	users := strings.Split(c.str("users"), ",")
	if id := c.str("channel"); id != "" {
		p, ok := c.w.imOwner(id)
		if !ok {
			return errorAnswer("channel_not_found")
		}
		users = []string{p.SlackID}
	}
	if len(users) > 1 || users[0] == "" {
		return errorAnswer("users_list_not_supplied")
	}
	p, ok := c.w.person(users[0])
	switch {
	case !ok:
		return errorAnswer("user_not_found")
	case p.Deleted:
		return errorAnswer("user_disabled")
	}
	c.w.mu.Lock()
	open := c.w.ims[p.SlackID]
	c.w.ims[p.SlackID] = true
	c.w.mu.Unlock()
	a := answer{"channel": map[string]any{"id": imChannel(p.SlackID), "is_im": true, "user": p.SlackID}}
	if open {
		a["already_open"], a["no_op"] = true, true
	}
	return a
}

func conversationsHistory(c *call) answer { return c.listMessages(false) }

func conversationsReplies(c *call) answer { return c.listMessages(true) }

// listMessages answers with a channel's messages, latest first, or with a thread's
// messages, oldest first, starting with the parent.
func (c *call) listMessages(thread bool) answer {
	channel, parent := c.str("channel"), c.str("ts")
	if !c.w.isConversation(channel) {
		return errorAnswer("channel_not_found")
	}
	if thread {
		if m, ok := c.w.find(channel, parent); !ok || m.ThreadTS != "" {
			return errorAnswer("thread_not_found")
		}
	}
	truthy := func(name string) bool { v := c.str(name); return v == "1" || v == "true" }
	oldest, latest, inclusive := c.str("oldest"), c.str("latest"), truthy("inclusive")
	list := c.w.selectMessages(func(m *message) bool {
		if m.Channel != channel || m.EphemeralTo != "" {
			return false
		}
		if thread {
			if m.TS == parent {
				return true
			}
			if m.ThreadTS != parent {
				return false
			}
		} else if m.ThreadTS != "" {
			return false
		}
		after := oldest == "" || oldest == "0" || m.TS > oldest || inclusive && m.TS == oldest
		before := latest == "" || m.TS < latest || inclusive && m.TS == latest
		return after && before
	})
	payloads := make([]map[string]any, 0, len(list))
	for _, m := range list {
		p := c.w.messagePayload(m, truthy("include_all_metadata"))
		if replies := c.w.selectMessages(func(r *message) bool {
			return r.Channel == channel && r.ThreadTS == m.TS && r.EphemeralTo == ""
		}); len(replies) > 0 {
			p["thread_ts"], p["reply_count"], p["latest_reply"] = m.TS, len(replies), replies[len(replies)-1].TS
		}
		if thread {
			payloads = append(payloads, p)
		} else {
			payloads = append([]map[string]any{p}, payloads...)
		}
	}
	if thread {
		return paginate(c, "messages", payloads, 1000, 1000, 1000)
	}
	return paginate(c, "messages", payloads, 999, 100, 999)
}
