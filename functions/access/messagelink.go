package access

import "strings"

// PostAnnounce is the purpose of a request's message in the channel.
const PostAnnounce = "announce"

// MessageLink returns the address of the request's message in the channel. It is empty if
// the message was not posted, or if the workspace's domain is unknown.
func (r *Request) MessageLink() string { return r.LinkTo(r.Posts[PostAnnounce]) }

// LinkTo returns the address of one of the request's messages, in the form of Slack's
// permalinks (docs.slack.dev, chat.getPermalink). It is empty if the message is not known
// to have arrived, or if the workspace's domain is unknown.
func (r *Request) LinkTo(p Post) string {
	if r.TeamDomain == "" || p.Channel == "" || p.TS == "" {
		return ""
	}
	return "https://" + r.TeamDomain + ".slack.com/archives/" + p.Channel + "/p" + strings.ReplaceAll(p.TS, ".", "")
}
