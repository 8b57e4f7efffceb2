package slack

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// pieces returns the text of the elements, and the links among them. It fails the test if
// an element is something else, or if a link doesn't show its own address.
func pieces(t *testing.T, elements []slackgo.RichTextSectionElement) (text string, links []string) {
	t.Helper()
	for _, e := range elements {
		switch e := e.(type) {
		case *slackgo.RichTextSectionTextElement:
			if e.Text == "" || e.Style != nil {
				t.Errorf("text element %+v", e)
			}
			text += e.Text
		case *slackgo.RichTextSectionLinkElement:
			if e.Text != e.URL || e.Style != nil {
				t.Errorf("a link to %q shows %q", e.URL, e.Text)
			}
			text += e.Text
			links = append(links, e.URL)
		default:
			t.Errorf("element %T", e)
		}
	}
	return text, links
}

func TestLinksInReasons(t *testing.T) {
	const a = "https://jira.example.com/browse/OPS-12"
	tests := []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"no address", "look at the logs", nil},
		{"alone", a, []string{a}},
		{"in a sentence", "see " + a + ".", []string{a}},
		{"in parentheses", "the incident (" + a + "), again", []string{a}},
		{"with parentheses in it", "https://en.wikipedia.org/wiki/Foo_(bar)", []string{"https://en.wikipedia.org/wiki/Foo_(bar)"}},
		{"several lines", a + "\nhttp://wiki/x?y=1#z\n", []string{a, "http://wiki/x?y=1#z"}},
		{"a port", "http://grafana:3000/d/1", []string{"http://grafana:3000/d/1"}},
		{"markup", "<https://evil.test|AWS console>", []string{"https://evil.test"}},
		{"Markdown", "[AWS console](https://evil.test)", []string{"https://evil.test"}},
		{"bold", "*https://evil.test*", []string{"https://evil.test"}},
		{"an address in an address", "https://evil.test/?https://bank.example", []string{"https://evil.test/?https://bank.example"}},
		{"other schemes", "ftp://x.test javascript://x.test/%0aalert(1) mailto:a@x.test slack://x file:///etc/passwd data:text/html,x HTTPS://X.TEST", nil},
		{"a scheme in a word", "xhttps://x.test git+https://x.test", nil},
		{"no host", "https:// https:/// https://? https://.", nil},
		{"a user", "https://aws.amazon.com@evil.test https://aws.amazon.com:443@evil.test/ https://@evil.test", nil},
		{"a backslash before a user", `https://aws.amazon.com\@evil.test`, nil},
		{"an encoded user", "https://aws.amazon.com%40evil.test", nil},
		{"letters that look alike", "https://аws.amazon.com https://evil。test https://aws.amazon.com․evil.test https://aws.amazon.com⁄evil.test", nil},
		{"letters in other words", "https://xn--ws-7lc.amazon.com https://aws.XN--p1ai", nil},
		{"invisible characters", "https://evil\u200b.test https://evil\u00ad.test https://\u202eevil.test", nil},
		{"IP addresses", "http://169.254.169.254/latest http://2130706433 http://0x7f.1 http://[::1]/ http://127.1:80", nil},
		{"a host that is none", "https://a..b https://-a.test https://a_b.test https://a.test:port https://a.test:123456", nil},
		{"a bad escape", "https://a.test/%zz", nil},
		{"too long", "https://a.test/" + strings.Repeat("x", maxReasonLink), nil},
		{"cut", "https://a.test/lo…", nil},
		{"more than the limit", strings.Repeat("http://a ", 50), slices.Repeat([]string{"http://a"}, maxReasonLinks)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, links := pieces(t, linked(tt.text))
			if text != tt.text {
				t.Errorf("the text becomes %q", text)
			}
			if !slices.Equal(links, tt.want) {
				t.Errorf("links %q, want %q", links, tt.want)
			}
		})
	}
}

// An address in a reason is a link wherever people read the reason, unless it is cut.
func TestReasonsHaveLinks(t *testing.T) {
	const address = "https://tickets.example.com/browse/OPS-12"
	r := homeRequest(1, access.Person{SlackID: "U0ALICE"})
	cutOff := r
	r.Reason = "see " + address + "."
	cutOff.Reason = strings.Repeat("x", maxHomeReason-20) + " " + address
	for _, tt := range []struct {
		where string
		shown any
		want  bool
	}{
		{"message", RequestMessage(r).Blocks, true},
		{"dialog of Approve", ConfirmationView(Confirmation{Request: r, Last: true}), true},
		{"dialog of Deny", DenialView(r, true), true},
		{"dialog of End now", EndView(r), true},
		{"Home tab", HomeView(Home{Waiting: HomeSection{Requests: []access.Request{r}}}), true},
		{"Home tab, cut", HomeView(Home{Waiting: HomeSection{Requests: []access.Request{cutOff}}}), false},
	} {
		raw, err := json.Marshal(tt.shown)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(raw), `"url":"`+address+`"`); got != tt.want || !tt.want && strings.Contains(string(raw), `"url":"https://tickets`) {
			t.Errorf("%s: the address is a link: %t, want %t: %s", tt.where, got, tt.want, raw)
		}
	}
}

// Whatever the text, its elements show it unchanged, and each link leads to a host that
// everyone can read.
func FuzzLinks(f *testing.F) {
	for _, s := range []string{
		hostile, "https://a.test https://b@c.test", "http://xn--a.b", "https://a.test:1/(x)).", "https://аws.amazon.com", strings.Repeat("http://a ", 20), "https://a%2eb", "http://[::1]",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = cleanLines(s)
		text, links := pieces(t, linked(s))
		if text != s || len(links) > maxReasonLinks {
			t.Errorf("%q becomes %q, with %d links", s, text, len(links))
		}
		for _, link := range links {
			u, err := url.Parse(link)
			if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.Opaque != "" || len(link) > maxReasonLink {
				t.Errorf("links to %q", link)
				continue
			}
			if strings.Trim(strings.ToLower(u.Host), "abcdefghijklmnopqrstuvwxyz0123456789.-:") != "" || strings.Contains(strings.ToLower(u.Host), "xn--") || !strings.HasPrefix(link, u.Scheme+"://"+u.Host) {
				t.Errorf("links to %q, whose host is %q", link, u.Host)
			}
		}
	})
}
