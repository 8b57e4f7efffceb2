package slack

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// buttonsOf returns a message's buttons by action id.
func buttonsOf(t *testing.T, m Message) map[string]map[string]any {
	t.Helper()
	found := map[string]map[string]any{}
	for _, b := range list(generic(t, posted(m))["blocks"]) {
		for _, e := range list(object(b)["elements"]) {
			if id, ok := object(e)["action_id"].(string); ok {
				found[id] = object(e)
			}
		}
	}
	return found
}

// The link leads to the portal, and names only the account and the permission set,
// whatever their names are.
func TestPortalLink(t *testing.T) {
	tests := []struct {
		name                string
		portal              string
		change              func(*access.Request)
		wantText, wantStart string
		wantRole            string // in the link's parameters
	}{
		{name: "an account", portal: "https://example.awsapps.com/start", wantText: "Open AWS console", wantStart: "https://example.awsapps.com/start/#/console?", wantRole: "ReadOnly"},
		{name: "a slash at the end", portal: "https://example.awsapps.com/start/", wantText: "Open AWS console", wantStart: "https://example.awsapps.com/start/#/console?", wantRole: "ReadOnly"},
		{name: "GovCloud", portal: "https://start.us-gov-home.awsapps.com/directory/d-0123456789", wantText: "Open AWS console", wantStart: "https://start.us-gov-home.awsapps.com/directory/d-0123456789/#/console?", wantRole: "ReadOnly"},
		{name: "a group", portal: "https://example.awsapps.com/start", change: asGroup, wantText: "Open the access portal", wantStart: "https://example.awsapps.com/start"},
		{name: "a name with every character that AWS allows", portal: "https://example.awsapps.com/start", change: func(r *access.Request) { r.Target.PermissionSet = "a_A0+=,.@-" }, wantText: "Open AWS console", wantStart: "https://example.awsapps.com/start/#/console?", wantRole: "a_A0+=,.@-"},
		{name: "a hostile name", portal: "https://example.awsapps.com/start", change: func(r *access.Request) { r.Target.PermissionSet = "x&account_id=999999999999#? <!channel|y>" }, wantText: "Open AWS console", wantStart: "https://example.awsapps.com/start/#/console?", wantRole: "x&account_id=999999999999#? <!channel|y>"},
		{name: "no portal"},
		{name: "no portal's address", portal: "javascript:alert(1)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := pending(portal, approved, granted)
			r.Portal.URL = tt.portal
			if tt.change != nil {
				tt.change(&r)
			}
			for where, m := range map[string]Message{"thread": ThreadMessage(PurposeGranted, r), "direct": DirectMessage(PurposeGranted, r)} {
				open, found := buttonsOf(t, m)[ActionOpenPortal]
				if found != (tt.wantText != "") {
					t.Fatalf("%s: has the button: %t", where, found)
				}
				if !found {
					continue
				}
				address, _ := open["url"].(string)
				if text := object(open["text"])["text"]; text != tt.wantText || !strings.HasPrefix(address, tt.wantStart) {
					t.Errorf("%s: button %q leads to %s", where, text, address)
				}
				_, query, _ := strings.Cut(address, "console?")
				values, err := url.ParseQuery(query)
				if err != nil || values.Get("role_name") != tt.wantRole || strings.Contains(query, "+") {
					t.Errorf("%s: parameters %v of %s, %v", where, values, address, err)
				}
				if tt.wantRole != "" && (len(values) != 2 || len(values["account_id"]) != 1 || values.Get("account_id") != r.Target.AccountID) {
					t.Errorf("%s: parameters %v", where, values)
				}
			}
		})
	}
}

func TestOnlyReadyMessagesLeadIn(t *testing.T) {
	ready := pending(portal, approved, granted)
	tests := []struct {
		name string
		m    Message
		want bool
	}{
		{"thread, ready", ThreadMessage(PurposeGranted, ready), true},
		{"direct, ready", DirectMessage(PurposeGranted, ready), true},
		{"thread, already ended", ThreadMessage(PurposeGranted, pending(portal, approved, granted, revoked(access.RemovalDone, time.Hour))), false},
		{"direct, already ended", DirectMessage(PurposeGranted, pending(portal, approved, granted, revoked(access.RemovalDone, time.Hour))), false},
		{"thread, being removed", ThreadMessage(PurposeGranted, pending(portal, approved, granted, ending)), false},
		{"thread, denied", ThreadMessage(PurposeOutcome, pending(portal, outcome(access.OutcomeDenied, bob, "", ""))), false},
		{"thread, reminder", ThreadMessage(PurposeRemind, pending(portal)), false},
		{"direct, announcement", DirectMessage(PurposeAnnounce, pending(portal)), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, button := buttonsOf(t, tt.m)[ActionOpenPortal]
			terminal := strings.Contains(shown(t, tt.m), "aws sso login")
			if button != tt.want || terminal != tt.want {
				t.Errorf("button %t, lines for a terminal %t; want %t", button, terminal, tt.want)
			}
		})
	}
}

func TestTerminalLines(t *testing.T) {
	const set = "aws configure set "
	tests := []struct {
		name   string
		change func(*access.Request)
		want   string
	}{
		{
			name: "ordinary", change: func(*access.Request) {},
			want: set + "sso_start_url https://example.awsapps.com/start --profile 111122223333-ReadOnly && " +
				set + "sso_region eu-central-1 --profile 111122223333-ReadOnly && " +
				set + "sso_account_id 111122223333 --profile 111122223333-ReadOnly && " +
				set + "sso_role_name ReadOnly --profile 111122223333-ReadOnly\n" +
				"aws sso login --profile 111122223333-ReadOnly",
		},
		{
			name: "a name that needs quotes", change: func(r *access.Request) { r.Target.PermissionSet = "a,b@c=d+e" },
			want: set + `sso_start_url https://example.awsapps.com/start --profile "111122223333-a,b@c=d+e" && ` +
				set + `sso_region eu-central-1 --profile "111122223333-a,b@c=d+e" && ` +
				set + `sso_account_id 111122223333 --profile "111122223333-a,b@c=d+e" && ` +
				set + `sso_role_name "a,b@c=d+e" --profile "111122223333-a,b@c=d+e"` + "\n" +
				`aws sso login --profile "111122223333-a,b@c=d+e"`,
		},
		{name: "a group", change: asGroup},
		{name: "no portal", change: func(r *access.Request) { r.Portal = access.Portal{} }},
		{name: "no region", change: func(r *access.Request) { r.Portal.Region = "" }},
		{name: "a hostile region", change: func(r *access.Request) { r.Portal.Region = "eu-central-1; ls" }},
		{name: "a hostile portal", change: func(r *access.Request) { r.Portal.URL = "https://example.awsapps.com/$(ls)" }},
		{name: "a hostile account", change: func(r *access.Request) { r.Target.AccountID = "111122223333\nls" }},
		{name: "an option as a name", change: func(r *access.Request) { r.Target.PermissionSet = "--debug" }},
		{name: "a command as a name", change: func(r *access.Request) { r.Target.PermissionSet = "x$(ls)" }},
		{name: "quotes in a name", change: func(r *access.Request) { r.Target.PermissionSet = `x";ls;"` }},
		{name: "a line in a name", change: func(r *access.Request) { r.Target.PermissionSet = "x\nls" }},
		{name: "a variable of cmd", change: func(r *access.Request) { r.Target.PermissionSet = "%PATH%" }},
		{name: "no name", change: func(r *access.Request) { r.Target.PermissionSet = "" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := pending(portal, approved, granted)
			tt.change(&r)
			if got := terminalLines(r); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// Messages mention sessions that are longer than the access, and no others.
func TestLongSessions(t *testing.T) {
	tests := []struct {
		name    string
		session int64 // seconds; the access is an hour and a half
		change  func(*access.Request)
		want    bool
	}{
		{name: "longer", session: 8 * 3600, want: true},
		{name: "a second longer", session: 5401, want: true},
		{name: "as long", session: 5400},
		{name: "shorter", session: 3600},
		{name: "unknown"},
		{name: "a group", session: 8 * 3600, change: asGroup},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := pending(func(r *access.Request) { r.SessionSeconds = tt.session })
			if tt.change != nil {
				tt.change(&r)
			}
			active := r
			approved(&active)
			granted(&active)
			for where, m := range map[string]Message{
				"pending": RequestMessage(r), "active": RequestMessage(active), "ready": ThreadMessage(PurposeGranted, active), "ready, direct": DirectMessage(PurposeGranted, active),
			} {
				if got := strings.Contains(shown(t, m), "Open sessions"); got != tt.want {
					t.Errorf("%s: mentions sessions: %t", where, got)
				}
			}
		})
	}
}
