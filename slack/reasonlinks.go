package slack

import (
	"net/url"
	"regexp"
	"strings"

	slackgo "github.com/slack-go/slack"
)

// Limits of the links in a reason. Further and longer addresses stay text.
const (
	maxReasonLinks = 10
	maxReasonLink  = 1000 // characters
)

// addressRun matches the characters of an address after its scheme, and what follows
// them up to a space or a mark that no address has. If something other than an address's
// characters is in it, it is no address that we would link to.
var addressRun = regexp.MustCompile(`https?://[^\s<>|"` + "`" + `]+`)

// addressCharacters matches an address of ASCII characters only: RFC 3986.
var addressCharacters = regexp.MustCompile(`^[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+$`)

// linkHost matches a host that a link may lead to: a name, whose last part begins with
// a letter, and maybe a port. IP addresses don't match.
var linkHost = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?(:[0-9]{1,5})?$`)

// linked returns a text as elements. Addresses in it become links whose text is the
// address itself. The elements' texts, one after another, are the text.
func linked(s string) []slackgo.RichTextSectionElement {
	var elements []slackgo.RichTextSectionElement
	text := func(s string) {
		if s != "" {
			elements = append(elements, slackgo.NewRichTextSectionTextElement(s, nil))
		}
	}
	rest, links := 0, 0
	for _, at := range addressRun.FindAllStringIndex(s, -1) {
		address := trimAddress(s[at[0]:at[1]])
		if links == maxReasonLinks || !isLinkable(address) || followsWord(s[:at[0]]) {
			continue
		}
		text(s[rest:at[0]])
		elements = append(elements, slackgo.NewRichTextSectionLinkElement(address, address, nil))
		rest, links = at[0]+len(address), links+1
	}
	text(s[rest:])
	return elements
}

// trimAddress removes the punctuation of the sentence around an address.
func trimAddress(s string) string {
	for {
		short := strings.TrimRight(s, `.,;:!?'*_]`)
		if strings.HasSuffix(short, ")") && strings.Count(short, "(") < strings.Count(short, ")") {
			short = strings.TrimSuffix(short, ")")
		}
		if short == s {
			return s
		}
		s = short
	}
}

// isLinkable reports whether people can see where the address leads: it is of http or
// https, without a user, and its host is a name of ASCII letters that doesn't stand for
// other letters.
func isLinkable(address string) bool {
	if len(address) > maxReasonLink || !addressCharacters.MatchString(address) {
		return false
	}
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.User == nil &&
		linkHost.MatchString(u.Host) && !strings.Contains(strings.ToLower("."+u.Host), ".xn--")
}

// followsWord reports whether the text ends in a letter or a digit, so that what follows
// is not an address of its own.
func followsWord(before string) bool {
	return before != "" && strings.ContainsAny(before[len(before)-1:], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-")
}
