package doctor

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPortal(t *testing.T) {
	commercial := instance{arn: "arn:aws:sso:::instance/ssoins-0123456789abcdef", store: "d-0123456789"}
	govCloud := instance{arn: "arn:aws-us-gov:sso:::instance/ssoins-0123456789abcdef", store: "d-0123456789"}
	const derived, own = "https://d-0123456789.awsapps.com/start", "https://example.awsapps.com/start"
	tests := []struct {
		name    string
		setting string
		in      instance
		status  int
		err     error
		want    string
	}{
		{name: "the default", in: commercial, status: 200, want: "ready: " + derived + " (the default)"},
		{name: "an own address", setting: own, in: commercial, status: 302, want: "ready: " + own},
		{name: "the default, as a setting", setting: derived, in: commercial, status: 200, want: "ready: " + derived},
		{name: "GovCloud", setting: "https://start.us-gov-home.awsapps.com/directory/d-0123456789", in: govCloud, status: 200, want: "ready: https://start.us-gov-home.awsapps.com/directory/d-0123456789"},
		{name: "no default in GovCloud", in: govCloud, want: "warning: access_portal_url is not set, and it has a default only in the partition aws. Messages about granted access have no link to AWS"},
		{name: "another identity store", setting: "https://d-9999999999.awsapps.com/start", in: commercial, want: "warning: https://d-9999999999.awsapps.com/start is the portal of the identity store d-9999999999, but Identity Center uses d-0123456789"},
		{name: "another identity store in GovCloud", setting: "https://start.us-gov-home.awsapps.com/directory/d-9999999999", in: govCloud, want: "warning: https://start.us-gov-home.awsapps.com/directory/d-9999999999 is the portal of the identity store d-9999999999, but Identity Center uses d-0123456789"},
		{name: "no such page", setting: own, in: commercial, status: 404, want: "warning: " + own + " answers with HTTP status 404"},
		{name: "no network", in: commercial, err: errors.New("no such host"), want: "warning: " + derived + " (the default) can't be reached from here: no such host"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fetched := ""
			fetch := func(_ context.Context, address string) (int, error) {
				fetched = address
				return test.status, test.err
			}
			got := checkPortal(t.Context(), fetch, test.setting, test.in)
			same(t, got, nil, test.want)
			if tried := test.status != 0 || test.err != nil; tried != (fetched != "") || tried && !strings.Contains(test.want, fetched) {
				t.Errorf("fetched %q", fetched)
			}
		})
	}
	same(t, checkPortal(t.Context(), nil, own, commercial), nil, "ready: "+own+", not opened: a local stack has no portal")
}

func TestFetchPortal(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/start" {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
			return
		}
		http.NotFound(w, r)
	}))
	for path, want := range map[string]int{"/start": http.StatusFound, "/other": http.StatusNotFound} {
		if got, err := fetchPortal(t.Context(), server.URL+path); got != want || err != nil {
			t.Errorf("%s: %d, %v; want %d", path, got, err, want)
		}
	}
	server.Close()
	if _, err := fetchPortal(t.Context(), server.URL); err == nil || strings.Contains(err.Error(), "http://") {
		t.Errorf("no server: %v; want an error without the address", err)
	}
}
