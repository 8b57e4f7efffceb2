package simulator

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	triggerLife     = 3 * time.Second // docs.slack.dev, "Handling user interaction"
	responseURLLife = 30 * time.Minute
	responseURLUses = 5
	slackbot        = "USLACKBOT" // shows Slack's own messages
)

// workspace is the state of the Slack workspace. Its methods lock w.mu unless they say
// otherwise. They return copies, or values that never change.
type workspace struct {
	cfg Config

	mu        sync.Mutex
	version   int
	lastTS    int64 // microseconds
	messages  []*message
	views     map[string]*view
	stacks    map[string][]string // person → ids of open views, the top one last
	homes     map[string]string   // person → id of their Home tab
	verified  bool                // the app has answered a challenge
	triggers  map[string]*trigger
	responses map[string]*responseURL
	ims       map[string]bool              // people with an open direct message channel with the app
	read      map[string]map[string]string // person → channel → ts
	apiURL    string
}

type message struct {
	Channel     string
	TS          string
	ThreadTS    string
	User        string // the app's bot user, a person, or slackbot
	Text        string
	Blocks      []any
	Metadata    json.RawMessage
	EphemeralTo string // empty if everyone in the channel sees it
	AnswerTo    string // the message whose button was pressed, if this message answers a press
	EditedTS    string
	Gone        bool
	// earlierBlocks are the blocks of previous versions, for presses on stale buttons.
	earlierBlocks [][]any
}

type trigger struct {
	user    string
	view    string // the modal or Home tab that was used; empty elsewhere
	expires time.Time
	used    bool
	opened  string // the modal that the app opened with it
}

// responseURL is an address at which the app can answer one interaction.
type responseURL struct {
	user, channel, thread, ts string
	ephemeral                 bool
	expires                   time.Time
	uses                      int
}

func newWorkspace(cfg Config) *workspace {
	return &workspace{
		cfg: cfg, version: 1,
		views: map[string]*view{}, stacks: map[string][]string{}, homes: map[string]string{},
		triggers: map[string]*trigger{}, responses: map[string]*responseURL{},
		ims: map[string]bool{}, read: map[string]map[string]string{},
		apiURL: cfg.APIURL,
	}
}

// randomID returns prefix and n characters of 0-9A-F. The services behind the app may
// outlive the workspace, so ids must differ from run to run.
func randomID(prefix string, n int) string {
	b := make([]byte, (n+1)/2)
	rand.Read(b) // never fails
	return prefix + strings.ToUpper(hex.EncodeToString(b))[:n]
}

func (w *workspace) botUser() string { return "U0" + strings.TrimPrefix(w.cfg.AppID, "A") + "BOT" }
func (w *workspace) botID() string   { return "B0" + strings.TrimPrefix(w.cfg.AppID, "A") }

func (w *workspace) person(id string) (Person, bool) {
	for _, p := range w.cfg.People {
		if p.SlackID == id {
			return p, true
		}
	}
	return Person{}, false
}

func (w *workspace) personByEmail(email string) (Person, bool) {
	for _, p := range w.cfg.People {
		if !p.Deleted && p.Email != "" && strings.EqualFold(p.Email, email) {
			return p, true
		}
	}
	return Person{}, false
}

// userName returns a person's user name in payloads.
func userName(p Person) string {
	if local, _, ok := strings.Cut(p.Email, "@"); ok {
		return strings.ToLower(local)
	}
	return strings.ToLower(strings.ReplaceAll(p.Name, " ", "."))
}

func (w *workspace) teamDomain() string {
	return strings.ToLower(strings.ReplaceAll(w.cfg.TeamName, " ", "-"))
}

// imChannel returns the id of a person's direct message channel with the app.
func imChannel(person string) string { return "D" + strings.TrimPrefix(person, "U") }

// imOwner returns the person of a direct message channel.
func (w *workspace) imOwner(channel string) (Person, bool) {
	for _, p := range w.cfg.People {
		if imChannel(p.SlackID) == channel {
			return p, true
		}
	}
	return Person{}, false
}

// channels returns all channels, the first one first.
func (w *workspace) channels() []Channel {
	return append([]Channel{{ID: w.cfg.ChannelID, Name: w.cfg.ChannelName}}, w.cfg.Channels...)
}

// channel returns the channel with that id. ok is false if there is none, or if the id is
// one of direct messages.
func (w *workspace) channel(id string) (c Channel, ok bool) {
	for _, c := range w.channels() {
		if c.ID == id {
			return c, true
		}
	}
	return Channel{}, false
}

// isConversation reports whether id is a channel or one of direct messages.
func (w *workspace) isConversation(id string) bool {
	_, isChannel := w.channel(id)
	_, isDirect := w.imOwner(id)
	return isChannel || isDirect
}

// resolveChannel returns the channel id for a channel argument of chat.postMessage: the
// id or name of a channel, a direct message channel, or a person.
func (w *workspace) resolveChannel(channel string) (id, errCode string) {
	for _, c := range w.channels() {
		switch {
		case channel != c.ID && channel != "#"+c.Name:
		case c.BotOutside:
			return "", "not_in_channel"
		case c.Archived:
			return "", "is_archived"
		default:
			return c.ID, ""
		}
	}
	p, ok := w.imOwner(channel)
	if !ok {
		if p, ok = w.person(channel); !ok {
			return "", "channel_not_found"
		}
	}
	if p.Deleted {
		return "", "user_disabled"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ims[p.SlackID] = true
	return imChannel(p.SlackID), ""
}

// nextTS returns a timestamp that no message has. The caller must hold w.mu.
func (w *workspace) nextTS() string {
	us := w.cfg.Now().UnixMicro()
	if us <= w.lastTS {
		us = w.lastTS + 1
	}
	w.lastTS = us
	return fmt.Sprintf("%d.%06d", us/1e6, us%1e6)
}

// post adds a message and sets its timestamp.
func (w *workspace) post(m message) message {
	w.mu.Lock()
	defer w.mu.Unlock()
	m.TS = w.nextTS()
	w.messages = append(w.messages, &m)
	w.version++
	return m
}

func (w *workspace) find(channel, ts string) (message, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := w.locate(channel, ts); m != nil {
		return *m, true
	}
	return message{}, false
}

// locate finds a message, or returns nil if it does not exist or is gone. The caller must
// hold w.mu.
func (w *workspace) locate(channel, ts string) *message {
	for _, m := range w.messages {
		if m.Channel == channel && m.TS == ts && !m.Gone {
			return m
		}
	}
	return nil
}

// edit changes a message under the lock. It returns false if there is no such message.
func (w *workspace) edit(channel, ts string, change func(*message)) (message, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.locate(channel, ts)
	if m == nil {
		return message{}, false
	}
	before := m.Blocks
	change(m)
	m.earlierBlocks = append(slices.Clip(m.earlierBlocks), before)
	m.EditedTS = w.nextTS()
	w.version++
	return *m, true
}

// dismiss removes an ephemeral message. It returns false if the person does not see such
// a message.
func (w *workspace) dismiss(person, ts string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.messages {
		if m.TS == ts && m.EphemeralTo == person && !m.Gone {
			m.Gone = true
			w.version++
			return true
		}
	}
	return false
}

// isVisible reports whether a person sees a message.
func (w *workspace) isVisible(p Person, m *message) bool {
	switch {
	case m.Gone, m.EphemeralTo != "" && m.EphemeralTo != p.SlackID:
		return false
	default:
		return w.sees(p, m.Channel)
	}
}

// sees reports whether a person sees a channel or direct messages.
func (w *workspace) sees(p Person, conversation string) bool {
	if _, ok := w.channel(conversation); ok {
		return p.InChannel
	}
	return conversation == imChannel(p.SlackID)
}

// selectMessages returns the messages for which keep returns true, oldest first.
func (w *workspace) selectMessages(keep func(*message) bool) []message {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []message
	for _, m := range w.messages {
		if !m.Gone && keep(m) {
			out = append(out, *m)
		}
	}
	return out
}

func (w *workspace) newTrigger(user, view string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.cfg.Now()
	maps.DeleteFunc(w.triggers, func(_ string, t *trigger) bool { return now.Sub(t.expires) > time.Hour })
	id := fmt.Sprintf("%d.%d.%s", now.UnixNano()%1e13, len(w.triggers)+1, strings.ToLower(randomID("", 32)))
	w.triggers[id] = &trigger{user: user, view: view, expires: now.Add(triggerLife)}
	return id
}

// takeTrigger uses up a trigger id and returns its person. An id works once.
func (w *workspace) takeTrigger(id string) (user, errCode string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.triggers[id]
	switch {
	case t == nil:
		return "", "invalid_trigger_id"
	case t.used:
		return "", "exchanged_trigger_id"
	case w.cfg.Now().After(t.expires):
		return "", "expired_trigger_id"
	}
	t.used = true
	return t.user, ""
}

// newResponseURL creates an address at which the app can answer an interaction. It uses
// host if the address of the API is not known from the Config or an earlier call.
func (w *workspace) newResponseURL(r responseURL, host string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.cfg.Now()
	maps.DeleteFunc(w.responses, func(_ string, u *responseURL) bool { return now.Sub(u.expires) > time.Hour })
	id := randomID("", 24)
	r.expires = now.Add(responseURLLife)
	w.responses[id] = &r
	base := w.apiURL
	if base == "" {
		base = "http://" + host + "/api/"
	}
	return strings.TrimSuffix(base, "/") + "/response/" + w.cfg.TeamID + "/" + id
}

// takeResponse counts one use of a response URL. It returns an error code if the URL is
// unknown, expired or used up.
func (w *workspace) takeResponse(id string) (responseURL, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.responses[id]
	switch {
	case u == nil:
		return responseURL{}, "invalid_url"
	case w.cfg.Now().After(u.expires):
		return responseURL{}, "expired_url"
	case u.uses >= responseURLUses:
		return responseURL{}, "used_url"
	}
	u.uses++
	return *u, ""
}

// learnAPIURL records the address at which the app reaches the API, unless the Config
// sets it.
func (w *workspace) learnAPIURL(host string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cfg.APIURL == "" && host != "" {
		w.apiURL = "http://" + host + "/api/"
	}
}

func (w *workspace) markRead(person, channel string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	latest := ""
	for _, m := range w.messages {
		if m.Channel == channel && m.TS > latest {
			latest = m.TS
		}
	}
	if w.read[person] == nil {
		w.read[person] = map[string]string{}
	}
	if w.read[person][channel] != latest {
		w.read[person][channel] = latest
		w.version++
	}
}
