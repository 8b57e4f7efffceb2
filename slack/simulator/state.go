package simulator

import (
	"slices"
	"strings"
)

func (w *workspace) currentVersion() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.version
}

// firstPerson returns the person that the page starts with.
func (w *workspace) firstPerson() Person {
	for _, p := range w.cfg.People {
		if !p.Deleted {
			return p
		}
	}
	return Person{}
}

func showMessage(m message, person string, withMetadata bool) shownMessage {
	s := shownMessage{
		Channel: m.Channel, TS: m.TS, ThreadTS: m.ThreadTS, User: m.User, Text: m.Text, Blocks: m.Blocks,
		Only: m.EphemeralTo, AnswerTo: m.AnswerTo, EditedTS: m.EditedTS, Mentions: isMentioned(m, person),
	}
	if s.Blocks == nil {
		s.Blocks = []any{}
	}
	if withMetadata {
		s.Metadata = m.Metadata
	}
	return s
}

// isMentioned reports whether a message mentions a person in a way that makes Slack
// notify them.
func isMentioned(m message, person string) bool {
	if person == "" || m.User == person {
		return false
	}
	if len(m.Blocks) == 0 {
		return strings.Contains(m.Text, "<@"+person+">") || strings.Contains(m.Text, "<@"+person+"|")
	}
	var walk func(any) bool
	walk = func(v any) bool {
		switch v := v.(type) {
		case []any:
			return slices.ContainsFunc(v, walk)
		case map[string]any:
			switch v["type"] {
			case "mrkdwn":
				return strings.Contains(text(v["text"]), "<@"+person+">") || strings.Contains(text(v["text"]), "<@"+person+"|")
			case "user":
				return v["user_id"] == person
			case "plain_text":
				return false
			}
			for _, inner := range v {
				if walk(inner) {
					return true
				}
			}
		}
		return false
	}
	return slices.ContainsFunc(m.Blocks, walk)
}

// countUnread counts the messages that a person has not read. important counts all of
// them in direct messages. In the channel, it counts only ephemeral messages and those
// that mention the person.
func (w *workspace) countUnread(p Person, channel string) (unread, important int) {
	w.mu.Lock()
	read := w.read[p.SlackID][channel]
	w.mu.Unlock()
	for _, m := range w.selectMessages(func(m *message) bool {
		return m.Channel == channel && m.TS > read && m.User != p.SlackID && w.isVisible(p, m)
	}) {
		unread++
		if channel == imChannel(p.SlackID) || isMentioned(m, p.SlackID) || m.EphemeralTo != "" {
			important++
		}
	}
	return unread, important
}

type shownPerson struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Email     string `json:"email"`
	Title     string `json:"title"`
	InChannel bool   `json:"in_channel"`
	Guest     bool   `json:"guest,omitempty"`
	Deleted   bool   `json:"deleted,omitempty"`
	Waiting   int    `json:"waiting"`
}

type shownConversation struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Kind    string `json:"kind"` // channel or im
	Members int    `json:"members,omitempty"`
	Unread  int    `json:"unread"`
	Waiting int    `json:"waiting"`
	// ReadOnly reports whether people can't write here.
	ReadOnly bool `json:"read_only,omitempty"`
}

// pageState returns everything that the page draws for one person.
func (w *workspace) pageState(p Person, version int) map[string]any {
	people := []shownPerson{}
	members := 0
	for _, q := range w.cfg.People {
		_, waiting := w.countUnread(q, imChannel(q.SlackID))
		for _, channel := range w.channels() {
			_, n := w.countUnread(q, channel.ID)
			waiting += n
		}
		people = append(people, shownPerson{
			ID: q.SlackID, Name: q.Name, Email: q.Email, Title: q.Title,
			InChannel: q.InChannel, Guest: q.Guest, Deleted: q.Deleted, Waiting: waiting,
		})
		if q.InChannel && !q.Deleted {
			members++
		}
	}
	conversations := []shownConversation{}
	channels := map[string]string{}
	for _, c := range w.channels() {
		if channels[c.ID] = c.Name; p.InChannel {
			unread, waiting := w.countUnread(p, c.ID)
			conversations = append(conversations, shownConversation{ID: c.ID, Name: c.Name,
				Kind: "channel", Members: members, Unread: unread, Waiting: waiting})
		}
	}
	unread, waiting := w.countUnread(p, imChannel(p.SlackID))
	conversations = append(conversations, shownConversation{ID: imChannel(p.SlackID), Name: w.cfg.AppName,
		Kind: "im", Unread: unread, Waiting: waiting, ReadOnly: w.cfg.MessagesReadOnly})

	messages := []shownMessage{}
	for _, m := range w.selectMessages(func(m *message) bool { return w.isVisible(p, m) }) {
		messages = append(messages, showMessage(m, p.SlackID, false))
	}
	var top any
	if open := w.openViews(p.SlackID); len(open) > 0 {
		top = w.viewPayload(open[len(open)-1], true)
	}
	return map[string]any{
		"version": version, "person": p.SlackID, "people": people, "conversations": conversations,
		"messages": messages, "view": top, "home": w.shownHome(p.SlackID), "home_tab": w.cfg.HomeTab, "team": w.cfg.TeamName, "now": w.cfg.Now().UTC(),
		"app":      map[string]any{"name": w.cfg.AppName, "user": w.botUser()},
		"slackbot": slackbot, "commands": w.cfg.Commands, "shortcuts": w.cfg.Shortcuts,
		"tour": w.cfg.Tour, "experiments": w.cfg.Experiments != nil,
		"channel": map[string]any{"id": w.cfg.ChannelID, "name": w.cfg.ChannelName}, "channels": channels,
	}
}
