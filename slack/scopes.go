package slack

// BotScopes are what the app may do in Slack, each with the reason: the
// manifest asks for them, and an installation is compared with them.
var BotScopes = []string{
	"commands",         // the shortcuts and slash commands
	"chat:write",       // messages, and changing them
	"users:read",       // who is a full member of the workspace
	"users:read.email", // whose email leads to the Identity Center user, and the approvers
	"channels:read",    // who is in the channel: others get direct messages
	"channels:history", // finding a message before it would be sent twice
	"groups:read",      // the same two for a private channel
	"groups:history",
	"im:write", // direct messages
}
