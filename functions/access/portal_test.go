package access

import (
	"strings"
	"testing"
	"time"
)

func TestIsPortalURL(t *testing.T) {
	tests := []struct {
		url  string
		want bool
	}{
		{"https://example.awsapps.com/start", true},
		{"https://example.awsapps.com/start/", true},
		{"https://d-0123456789.awsapps.com/start", true},
		{"https://start.us-gov-home.awsapps.com/directory/d-0123456789", true},
		{"https://start.home.awsapps.cn/directory/Example", true},
		{"https://ssoins-0123456789abcdef.eu-west-1.portal.amazonaws.com", true},
		{"https://ssoins-0123456789abcdef.portal.eu-west-1.app.aws", true},
		{"", false},
		{"http://example.awsapps.com/start", false},
		{"example.awsapps.com/start", false},
		{"https://localhost/start", false},
		{"https://example.awsapps.com:443/start", false},
		{"https://user@example.awsapps.com/start", false},
		{"https://user:secret@example.awsapps.com/start", false},
		{"https://example.awsapps.com/start#/", false},
		{"https://example.awsapps.com/start?x=1", false},
		{"https://example.awsapps.com/start;ls", false},
		{"https://example.awsapps.com/$(ls)", false},
		{"https://example.awsapps.com/start\nls", false},
		{"https://example.awsapps.com/start\n", false},
		{"https://example.awsapps.com//evil", false},
		{"javascript:alert(1)", false},
		{"https://" + strings.Repeat("a", 64) + ".awsapps.com/start", false},
	}
	for _, test := range tests {
		if got := IsPortalURL(test.url); got != test.want {
			t.Errorf("IsPortalURL(%q) is %t", test.url, got)
		}
	}
}

func TestDefaultPortalURL(t *testing.T) {
	const commercial = "arn:aws:sso:::instance/ssoins-0123456789abcdef"
	tests := []struct{ name, instance, store, want string }{
		{"commercial", commercial, "d-0123456789", "https://d-0123456789.awsapps.com/start"},
		{"GovCloud", "arn:aws-us-gov:sso:::instance/ssoins-0123456789abcdef", "d-0123456789", ""},
		{"China", "arn:aws-cn:sso:::instance/ssoins-0123456789abcdef", "d-0123456789", ""},
		{"a store with another kind of id", commercial, "0a1b2c3d-1111-2222-3333-444455556666", ""},
		{"no store", commercial, "", ""},
		{"no host name", commercial, "d-01234/6789", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := DefaultPortalURL(test.instance, test.store)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if got != "" && !IsPortalURL(got) {
				t.Errorf("%q is no portal's address", got)
			}
		})
	}
}

func TestParseSession(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration // 0 if refused
	}{
		{"", time.Hour}, {"PT1H", time.Hour}, {"PT12H", 12 * time.Hour}, {"PT1H30M", 90 * time.Minute}, {"PT3600S", time.Hour}, {"P1DT1H", 25 * time.Hour},
		{"P", 0}, {"PT", 0}, {"PT0S", 0}, {"1H", 0}, {"PT1.5H", 0}, {"PT99999999999999999999H", 0}, {"PT9999999999H", 0}, {"P30DT1H", 0},
	}
	for _, test := range tests {
		if got, err := ParseSession(test.text); got != test.want || (err != nil) != (test.want == 0) {
			t.Errorf("%q is %s, %v; want %s", test.text, got, err, test.want)
		}
	}
}
