package slack

import (
	"net/url"
	"regexp"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// openPortal returns the button that leads to the requested account and permission set in
// the AWS console, or to the access portal for a group. It returns nil if the portal is
// not known. Slack also reports a press of it to the app, which has nothing to do.
func openPortal(r access.Request) slackgo.BlockElement {
	if !access.IsPortalURL(r.Portal.URL) {
		return nil
	}
	text, address := "Open AWS console", consoleAddress(r.Portal.URL, r.Target)
	if r.Target.Kind == access.KindGroup {
		text, address = "Open the access portal", r.Portal.URL
	}
	return slackgo.NewButtonBlockElement(ActionOpenPortal, r.ID, plainText(text)).WithStyle(slackgo.StylePrimary).WithURL(address)
}

// consoleAddress returns the portal's shortcut link to an account and a permission set
// (IAM Identity Center User Guide, "Creating shortcut links to AWS Management Console
// destinations").
func consoleAddress(portal string, t access.Target) string {
	return strings.TrimRight(portal, "/") + "/#/console?account_id=" + queryValue(t.AccountID) + "&role_name=" + queryValue(t.PermissionSet)
}

// queryValue escapes a name for a link. It is not certain that the portal reads + as a space.
func queryValue(s string) string {
	return strings.ReplaceAll(url.QueryEscape(cut(clean(s), maxName)), "+", "%20")
}

// AWS's own limits of these names, and only what is safe in every shell between double
// quotes.
var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	rolePattern    = regexp.MustCompile(`^[A-Za-z0-9_+=,.@][A-Za-z0-9_+=,.@-]{0,31}$`) // CreatePermissionSet, "Name"; but "-x" would be an option
	regionPattern  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	plainWord      = regexp.MustCompile(`^[A-Za-z0-9_./:-]+$`)
)

// terminalLines returns two lines for a terminal with the AWS CLI, version 2: the first
// one makes a profile for the account and the permission set, the second one signs in
// with it. It returns "" if they would not work, or if a name is not one that AWS would
// accept: people paste these lines into a shell.
func terminalLines(r access.Request) string {
	t, p := r.Target, r.Portal
	if t.Kind != access.KindAccount || !access.IsPortalURL(p.URL) || !regionPattern.MatchString(p.Region) ||
		!accountPattern.MatchString(t.AccountID) || !rolePattern.MatchString(t.PermissionSet) {
		return ""
	}
	profile := " --profile " + shellWord(t.AccountID+"-"+t.PermissionSet)
	var set []string
	for _, s := range []struct{ name, value string }{
		{"sso_start_url", p.URL}, {"sso_region", p.Region}, {"sso_account_id", t.AccountID}, {"sso_role_name", t.PermissionSet},
	} {
		set = append(set, "aws configure set "+s.name+" "+shellWord(s.value)+profile)
	}
	return strings.Join(set, " && ") + "\n" + "aws sso login" + profile
}

// shellWord returns s as one word, for sh, PowerShell and cmd. It must be one that the
// patterns above match.
func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return `"` + s + `"`
}

// hasLongSession reports whether a session may last longer than the access itself.
func hasLongSession(r access.Request) bool {
	return r.Target.Kind == access.KindAccount && r.SessionSeconds > r.Duration
}

func session(r access.Request) time.Duration { return time.Duration(r.SessionSeconds) * time.Second }

// afterEnd says how long sessions last after the end of access: a session that starts
// just before the end lasts as long as any other.
func afterEnd(session time.Duration) string {
	return "may last up to " + access.FormatDuration(session) + " after the access ends"
}

// SessionsAfterEnd returns a sentence about sessions that are longer than the access.
func SessionsAfterEnd(session time.Duration) string {
	return "Open sessions " + afterEnd(session) + "."
}

// writeReady says what the requester has now, and until when.
func writeReady(b *richText, r access.Request) {
	if r.IsExtension() {
		b.text("your access continues until ").time(r.End).text(": " + targetName(r.Target) + ". If you finish sooner, press End now, which ends all of it.")
	} else {
		b.text("your access is ready until ").time(r.End).text(": " + targetName(r.Target) + ". If you finish sooner, press End now.")
	}
	if hasLongSession(r) {
		b.text(" Open sessions may last until ").time(r.End.Add(session(r))).text(".")
	}
}

// writeTerminal says how to use the access in a terminal, if we know.
func writeTerminal(b *richText, r access.Request) {
	if lines := terminalLines(r); lines != "" {
		b.newLine().text("In a terminal (AWS CLI version 2):").code(lines)
	}
}

// targetName returns a target in a few words.
func targetName(t access.Target) string {
	if t.Kind == access.KindGroup {
		return "the group " + cut(firstNonEmpty(clean(t.GroupName), clean(t.GroupID)), maxName)
	}
	return cut(firstNonEmpty(clean(t.PermissionSet), clean(t.PermissionSetARN)), maxName) + " in " + nameWithID(t.AccountName, t.AccountID)
}
