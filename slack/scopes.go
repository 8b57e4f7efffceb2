package slack

// Scope is a permission in Slack that the app's manifest requests.
type Scope struct {
	Name    string
	Methods string // Web API methods that need the scope, separated by spaces
	Reason  string
}

// Scopes are all scopes that the app requests. They list all methods that the app and
// the doctor call, except methods that need no scope. The page of each method at
// https://docs.slack.dev/reference/methods names its scopes.
var Scopes = []Scope{
	{"commands", "", "the shortcuts and the slash commands"},
	{"chat:write", "chat.postMessage chat.postEphemeral chat.update", "posting messages and updating them"},
	{"users:read", "users.info bots.info", "who is a full member of the workspace"},
	{"users:read.email", "users.info users.lookupByEmail", "finding people by email, to match them with Identity Center"},
	{"channels:read", "conversations.members conversations.info", "who is in the channel (people outside get direct messages)"},
	{"channels:history", "conversations.history conversations.replies", "finding an earlier message, so that none is sent twice"},
	{"groups:read", "conversations.members conversations.info", "the same two in private channels"},
	{"groups:history", "conversations.history conversations.replies", "the same"},
	{"im:history", "conversations.history conversations.replies", "finding an earlier direct message, so that none is sent twice"},
	{"im:write", "conversations.open", "direct messages"},
}

// BotName is the bot's name. People type it to invite the bot to a channel. Slack allows
// a-z, 0-9, "-", "_" and "." in it.
const BotName = "aws-access"

// BotScopes lists the names of Scopes.
var BotScopes = scopeNames(Scopes)

func scopeNames(scopes []Scope) []string {
	all := make([]string, len(scopes))
	for i, s := range scopes {
		all[i] = s.Name
	}
	return all
}
