package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"sso-elevator/functions/access"
)

// portalLimit is how long the access portal may take to answer.
const portalLimit = 5 * time.Second

// fetchPortal returns the status of the portal's page. It follows no redirection: any
// answer shows that the portal exists.
func fetchPortal(ctx context.Context, address string) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, portalLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	var failed *url.Error
	if errors.As(err, &failed) {
		return 0, failed.Err // without the address
	}
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// storeInAddress finds the identity store in a portal's address that AWS gave.
var storeInAddress = regexp.MustCompile(`/d-[a-z0-9]{10}\b`)

// checkPortal checks the access portal that messages link to. setting is "" if the
// functions derive it. Without it, messages lack a link, so there are only warnings.
// fetch may be nil: then the portal is not fetched.
func checkPortal(ctx context.Context, fetch func(ctx context.Context, address string) (int, error), setting string, in instance) []finding {
	const whereItIs = "Identity Center's console shows the address on the pages Dashboard and Settings."
	derived := access.DefaultPortalURL(in.arn, in.store)
	address := cmp.Or(setting, derived)
	if address == "" {
		return []finding{{Status: warning, Found: "access_portal_url is not set, and it has a default only in the partition aws. Messages about granted access have no link to AWS",
			Fix: "Set access_portal_url. " + whereItIs}}
	}
	const fix = "Open the address in a browser. If it isn't your access portal, correct access_portal_url. " + whereItIs
	if store := storeInAddress.FindString(setting); store != "" && store[1:] != in.store {
		return []finding{{Status: warning, Found: fmt.Sprintf("%s is the portal of the identity store %s, but Identity Center uses %s", address, store[1:], in.store), Fix: fix}}
	}
	found := address
	if setting == "" {
		found += " (the default)"
	}
	if fetch == nil {
		return []finding{{Status: ready, Found: found + ", not opened: a local stack has no portal"}}
	}
	switch status, err := fetch(ctx, address); {
	case err != nil:
		return []finding{{Status: warning, Found: fmt.Sprintf("%s can't be reached from here: %s", found, describe(err)), Fix: fix}}
	case status >= http.StatusBadRequest:
		return []finding{{Status: warning, Found: fmt.Sprintf("%s answers with HTTP status %d", found, status), Fix: fix}}
	}
	return []finding{{Status: ready, Found: found}}
}
