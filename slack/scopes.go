package slack

// Scope is something that the app may do in Slack, as its manifest asks for it.
type Scope struct {
	Name    string
	Methods string // of the Web API that need it, by space
	Reason  string
}

// Scopes are all that the app asks for. The methods are all that it and the
// doctor call, but for those that need no scope; each names its scopes at
// https://docs.slack.dev/reference/methods.
var Scopes = []Scope{
	{"commands", "", "the shortcuts and the slash commands"},
	{"chat:write", "chat.postMessage chat.postEphemeral chat.update", "messages, and changing them"},
	{"users:read", "users.info bots.info", "who is a full member of the workspace"},
	{"users:read.email", "users.info users.lookupByEmail", "whose email leads to the Identity Center user, and the approvers"},
	{"channels:read", "conversations.members conversations.info", "who is in the channel: others get direct messages"},
	{"channels:history", "conversations.history conversations.replies", "finding a message before it would be sent twice"},
	{"groups:read", "conversations.members conversations.info", "the same two for a private channel"},
	{"groups:history", "conversations.history conversations.replies", "the same"},
	{"im:history", "conversations.history", "finding a direct message before it would be sent twice"},
	{"im:write", "conversations.open", "direct messages"},
}

// BotName is the bot's name, of the characters that Slack permits in it (a-z, 0-9,
// "-", "_" and "."): who invites it to a channel types that.
const BotName = "aws-access"

// BotScopes are the names of Scopes.
var BotScopes = scopeNames(Scopes)

func scopeNames(scopes []Scope) []string {
	all := make([]string, len(scopes))
	for i, s := range scopes {
		all[i] = s.Name
	}
	return all
}
