package access

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Portal is the AWS access portal, where people sign in to use their access.
type Portal struct {
	URL    string `json:"url"`
	Region string `json:"region,omitempty"` // Identity Center's; the AWS CLI needs it to sign in
}

// PortalPattern matches the address of an access portal: https, without a user, a port,
// a query or a fragment. AWS GovCloud (US) and China have a directory in the path
// (https://start.us-gov-home.awsapps.com/directory/d-0123456789). No character has a
// meaning in a shell.
const PortalPattern = `^https://[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,6}(/[A-Za-z0-9._~-]{1,64}){0,3}/?$`

var (
	portalPattern   = regexp.MustCompile(PortalPattern)
	storeWithPortal = regexp.MustCompile(`^d-[a-z0-9]{10}$`)
)

// IsPortalURL reports whether s can be the address of an access portal.
func IsPortalURL(s string) bool { return portalPattern.MatchString(s) }

// DefaultPortalURL returns the address that AWS gives the portal of an instance of
// Identity Center. AWS doesn't say whether it still works after someone customized the
// address. DefaultPortalURL returns "" outside the partition aws: AWS documents other
// forms there, but not links into them.
func DefaultPortalURL(instanceARN, identityStoreID string) string {
	if !strings.HasPrefix(instanceARN, "arn:aws:") || !storeWithPortal.MatchString(identityStoreID) {
		return ""
	}
	return "https://" + identityStoreID + ".awsapps.com/start"
}

// DefaultSession is the session of a permission set without a session duration
// (AWS API, CreatePermissionSet, "SessionDuration").
const DefaultSession = time.Hour

var isoDuration = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$`)

// maxSession is far more than the twelve hours that AWS allows. Durations above it are
// not read.
const maxSession = 30 * 24 * time.Hour

// ParseSession parses the duration of a permission set's sessions, like "PT8H" or
// "PT1H30M"; "" is DefaultSession.
func ParseSession(s string) (time.Duration, error) {
	if s == "" {
		return DefaultSession, nil
	}
	invalid := fmt.Errorf("can't read the session duration %q", s)
	parts := isoDuration.FindStringSubmatch(s)
	if parts == nil {
		return 0, invalid
	}
	var d time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if text := parts[i+1]; text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || time.Duration(n) > maxSession/unit {
				return 0, invalid
			}
			d += time.Duration(n) * unit
		}
	}
	if d <= 0 || d > maxSession {
		return 0, invalid
	}
	return d, nil
}

// MaxSession is the longest session that Identity Center allows (API reference of
// CreatePermissionSet, "SessionDuration").
const MaxSession = 12 * time.Hour

// LongestSession returns how long a session with the request's access may last:
// MaxSession if that is not known.
func (r *Request) LongestSession() time.Duration {
	if r.SessionSeconds <= 0 || r.Target.Kind != KindAccount { // a group's permission sets are not known
		return MaxSession
	}
	return time.Duration(r.SessionSeconds) * time.Second
}
