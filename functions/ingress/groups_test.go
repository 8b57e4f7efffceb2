package ingress

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/cases/casestest"
	"sso-elevator/slack"
)

// chooses is jane's choice of Admin in production.
func chooses() string {
	return payload("block_actions", "UJANE", object{"actions": []object{{"action_id": "permission_set"}}, "view": view("request_for_access", "",
		map[string][2]string{"account": {"account", production}, "permission_set-" + production: {"permission_set", admin}})})
}

// adminBy returns the world in which this statement is about Admin in production.
func adminBy(s access.Statement) *world {
	s.Resources, s.PermissionSets = []string{production}, []string{"Admin"}
	w := newWorld()
	w.policy.Accounts[1] = s
	return w
}

func TestPreviewWithGroups(t *testing.T) {
	target := access.Target{Kind: access.KindAccount, AccountID: production, AccountName: "Production", PermissionSetARN: admin, PermissionSet: "Admin"}
	const (
		byAnn      = "Approvers (any one can approve): ann@example.com"
		notAllowed = "This would be refused, because the policy doesn't let you have this access. Choose something else, or ask the people who run this app."
	)
	allowed := access.Statement{Approvers: []string{"ann@example.com"}, Allowed: []string{"group:g-dev"}}
	for _, tt := range []struct {
		name      string
		statement access.Statement
		groups    casestest.Groups
		change    func(*world)
		want      slack.Form
		calls     int64
	}{
		{name: "a member", statement: allowed, groups: casestest.Groups{Members: map[string][]string{"g-dev": {"p-jane"}}}, want: slack.Form{Preview: byAnn}, calls: 1},
		{name: "not a member", statement: allowed, want: slack.Form{Preview: notAllowed}, calls: 1},
		{name: "a member by this app", statement: allowed, groups: casestest.Groups{Members: map[string][]string{"g-dev": {"p-jane"}}, Granted: []string{"g-dev p-jane"}},
			want: slack.Form{Preview: notAllowed}, calls: 1},
		{name: "memberships can't be read", statement: allowed, groups: casestest.Groups{Err: access.Errorf(access.CodeUnavailable, "x")},
			want: slack.Form{Preview: "Something went wrong. Please try again in a moment."}, calls: 1},
		{name: "an approver group", statement: access.Statement{Approvers: []string{"ann@example.com", "group:g-2", "group:g-9"}}, calls: 1,
			want: slack.Form{Preview: "Approvers (any one can approve): ann@example.com, members of Owners, members of g-9"}},
		{name: "at most an hour", statement: access.Statement{Approvers: []string{"ann@example.com"}, MaxDuration: 3600}, want: slack.Form{Preview: byAnn, Longest: time.Hour}},
		{name: "at most half an hour", statement: access.Statement{Approvers: []string{"ann@example.com"}, MaxDuration: 1800}, want: slack.Form{Preview: byAnn, Longest: 30 * time.Minute}},
		{name: "a protected account", statement: access.Statement{}, change: func(w *world) {
			w.policy.ProtectedAccounts = []string{production}
			w.policy.Accounts[1].Resources = []string{"*"}
		}, want: slack.Form{Preview: "This would be refused, because this account is protected and the policy doesn't name it. Ask the people who run this app to add it."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := adminBy(tt.statement)
			w.groups = tt.groups
			if tt.change != nil {
				tt.change(w)
			}
			w.send(t, chooses())
			tt.want.Kind, tt.want.Chosen, tt.want.Durations = access.KindAccount, target, offered
			if want := slack.FormView(tt.want); len(w.views) != 1 || !reflect.DeepEqual(w.views[0].view, want) {
				t.Errorf("got %+v\nwant %+v", w.views, want)
			}
			if w.groups.Calls != tt.calls {
				t.Errorf("%d calls, want %d", w.groups.Calls, tt.calls)
			}
		})
	}
}

func TestSubmitWithGroups(t *testing.T) {
	allowed := access.Statement{Approvers: []string{"ann@example.com"}, Allowed: []string{"group:g-dev"}}
	limited := func(longest int64) access.Statement {
		return access.Statement{Approvers: []string{"ann@example.com"}, MaxDuration: longest}
	}
	member := casestest.Groups{Members: map[string][]string{"g-dev": {"p-jane"}}}
	const set = "permission_set-" + production
	for _, tt := range []struct {
		name      string
		statement access.Statement
		groups    casestest.Groups
		duration  string
		block     string // of the duration; "": none
		want      map[string]string
	}{
		{"a member", allowed, member, "3600", "duration", nil},
		{"not a member", allowed, casestest.Groups{}, "3600", "duration", map[string]string{set: "The policy doesn't let you have this access. Choose something else, or ask the people who run this app."}},
		{"memberships can't be read", allowed, casestest.Groups{Err: access.Errorf(access.CodeThrottled, "x")}, "3600", "duration", map[string]string{"reason": "Something went wrong. Please try again in a moment."}},
		{"the longest that is allowed", limited(3600), casestest.Groups{}, "3600", "duration-3600", nil},
		{"longer than allowed", limited(3600), casestest.Groups{}, "7200", "duration", map[string]string{"duration": "The policy allows this access for at most 1 hour."}},
		{"longer than allowed by now", limited(1800), casestest.Groups{}, "3600", "duration-3600", map[string]string{"duration-3600": "The policy allows this access for at most 30 minutes."}},
		{"not offered", limited(3600), casestest.Groups{}, "60", "duration-3600", map[string]string{"duration-3600": "Choose one of the offered durations."}},
		{"no duration is short enough", limited(1800), casestest.Groups{}, "", "", map[string]string{"reason": "This app offers no duration that the policy allows here. Choose something else."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := adminBy(tt.statement)
			w.groups = tt.groups
			fields := map[string][2]string{"account": {"account", production}, set: {"permission_set", admin}, "reason": {"reason", "deploy"}}
			if tt.block != "" {
				fields[tt.block] = [2]string{"duration", tt.duration}
			}
			got := w.send(t, payload("view_submission", "UJANE", object{"view": view("request_for_access", "", fields)}))
			if errors := fieldErrors(got.Body); got.StatusCode != http.StatusOK || !reflect.DeepEqual(errors, tt.want) || (len(w.rows) > 0) != (tt.want == nil) {
				t.Errorf("got %d %s and %d rows, want errors %v", got.StatusCode, got.Body, len(w.rows), tt.want)
			}
		})
	}
}

func TestPressWithGroups(t *testing.T) {
	const (
		notYours   = "You can't approve or deny this request. "
		late       = "Something went wrong. Please try again in a moment."
		notAllowed = "The current policy no longer lets the requester have this access. The requester can withdraw the request."
	)
	bySec := access.Statement{Approvers: []string{"group:g-2"}}
	devs := access.Statement{Approvers: []string{"ann@example.com", "group:g-2"}, Allowed: []string{"group:g-dev"}}
	members := map[string][]string{"g-2": {"p-ann", "p-bob", "p-jane"}}
	for _, tt := range []struct {
		name         string
		statement    access.Statement
		groups       casestest.Groups
		user, action string
		duration     int64
		outcome      access.OutcomeKind
		told         string
		refusal      access.Refusal
	}{
		{name: "a member approves", statement: bySec, groups: casestest.Groups{Members: members}, user: "UANN", action: "approve", outcome: access.OutcomeApproved},
		{name: "a member denies", statement: bySec, groups: casestest.Groups{Members: members}, user: "UANN", action: "deny", outcome: access.OutcomeDenied},
		{name: "removed from the group between request and press", statement: bySec, groups: casestest.Groups{}, user: "UANN", action: "approve",
			told: notYours + "Members of Owners can.", refusal: access.RefusalNotApprover},
		{name: "a deleted group has no members", statement: access.Statement{Approvers: []string{"group:g-9", "twin@example.com", "lead@example.com"}}, user: "UANN", action: "approve",
			told: notYours + "lead@example.com, twin@example.com or members of g-9 can.", refusal: access.RefusalNotApprover},
		{name: "a member by this app only", statement: bySec, groups: casestest.Groups{Members: members, Granted: []string{"g-2 p-ann"}}, user: "UANN", action: "approve",
			told: notYours + "Members of Owners can.", refusal: access.RefusalNotApprover},
		{name: "the requester is a member too", statement: bySec, groups: casestest.Groups{Members: members}, user: "UJANE", action: "approve",
			told: notYours + "This is your own request. Members of Owners can.", refusal: access.RefusalNotApprover},
		{name: "nobody knows the memberships", statement: bySec, groups: casestest.Groups{Members: members, Err: access.Errorf(access.CodeUnavailable, "x")}, user: "UANN", action: "approve", told: late},
		{name: "the requester was removed between request and press", statement: devs, user: "UANN", action: "approve",
			told: "You can deny this request, but you can't approve it. " + notAllowed, refusal: access.RefusalNotApprover},
		{name: "the requester was removed between request and press: somebody else approves", statement: devs, user: "UBOB", action: "approve",
			told: notYours + notAllowed, refusal: access.RefusalNotApprover},
		{name: "the requester was removed between request and press: deny", statement: devs, user: "UANN", action: "deny", outcome: access.OutcomeDenied},
		{name: "the requester was removed between request and press: a member denies", statement: devs, groups: casestest.Groups{Members: members}, user: "UBOB", action: "deny", outcome: access.OutcomeDenied},
		{name: "the requester was removed between request and press: somebody else denies", statement: devs, user: "UBOB", action: "deny",
			told: notYours + "ann@example.com or members of Owners can.", refusal: access.RefusalNotApprover},
		{name: "longer than the policy allows by now", statement: access.Statement{Approvers: []string{"ann@example.com"}, MaxDuration: 1800}, duration: 3600, user: "UANN", action: "approve",
			told: "This request can't be approved. The current policy allows this access for at most 30 minutes. Please deny it. The requester can submit a new request for a shorter time.", refusal: access.RefusalNotPermitted},
		{name: "longer than the policy allows by now: deny", statement: access.Statement{Approvers: []string{"ann@example.com"}, MaxDuration: 1800}, duration: 3600, user: "UANN", action: "deny", outcome: access.OutcomeDenied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := adminBy(tt.statement)
			w.groups = tt.groups
			r := waiting()
			r.Duration = tt.duration
			r.Approvers, r.ApproverGroups = []access.Person{ann}, []access.ApproverGroup{{ID: "g-2"}}
			w.rows["r1"] = r
			w.send(t, pressBy(tt.user, tt.action, "r1"))
			var outcome access.OutcomeKind
			if o := w.rows["r1"].Outcome; o != nil {
				outcome = o.Kind
			}
			if outcome != tt.outcome || strings.Join(w.told, "\n") != tt.told {
				t.Errorf("outcome %q, told %q; want %q, %q", outcome, w.told, tt.outcome, tt.told)
			}
			var refusals []string
			for _, e := range w.rows["r1"].Events {
				refusals = append(refusals, e.Reason)
			}
			if got := strings.Join(refusals, " "); got != string(tt.refusal) {
				t.Errorf("recorded %q, want %q", got, tt.refusal)
			}
		})
	}
}

// TestPressReadsMembershipsAnew checks that a press uses nothing that a form has read.
func TestPressReadsMembershipsAnew(t *testing.T) {
	w := adminBy(access.Statement{Approvers: []string{"group:g-2"}, Allowed: []string{"group:g-1"}})
	w.groups.Members = map[string][]string{"g-1": {"p-jane"}, "g-2": {"p-ann"}}
	h := w.handler()
	send := func(body string) {
		t.Helper()
		if _, err := handle(t, h, sign(body, now)); err != nil {
			t.Fatal(err)
		}
	}
	send(chooses())
	send(chooses())
	if w.groups.Calls != 1 {
		t.Errorf("the form read memberships %d times, want once", w.groups.Calls)
	}
	w.rows["r1"] = waiting()
	w.groups.Members = map[string][]string{"g-2": {"p-ann"}}
	send(pressBy("UANN", "approve", "r1"))
	if w.rows["r1"].Outcome != nil || w.groups.Calls != 4 {
		t.Errorf("decided as %+v after %d reads, want no decision after 4", w.rows["r1"].Outcome, w.groups.Calls)
	}
}

func TestListsWithGroups(t *testing.T) {
	w := newWorld()
	w.policy.Accounts = []access.Statement{
		{Resources: []string{production}, PermissionSets: []string{"Admin"}, Approvers: []string{"ann@example.com"}, Allowed: []string{"group:g-dev"}},
		{Resources: []string{sandbox}, PermissionSets: []string{"Admin"}, Approvers: []string{"group:g-2"}, Allowed: []string{"jane@example.com"}},
	}
	list := func() string {
		return w.send(t, payload("block_suggestion", "UJANE", object{"action_id": "account", "block_id": "account", "value": "", "view": view("request_for_access", "", nil)})).Body
	}
	if got := list(); strings.Contains(got, production) || !strings.Contains(got, sandbox) {
		t.Errorf("not a member: %s, want the sandbox only", got)
	}
	w.groups.Members = map[string][]string{"g-dev": {"p-jane"}}
	if got := list(); !strings.Contains(got, production) || !strings.Contains(got, sandbox) {
		t.Errorf("a member: %s, want both", got)
	}
	w.groups.Err = access.Errorf(access.CodeThrottled, "x")
	if got := list(); !strings.Contains(got, "Something went wrong") || strings.Contains(got, sandbox) {
		t.Errorf("nobody knows: %s, want a notice", got)
	}
}

// A group may approve only what an organizational unit covers.
func TestRunWithGroupsOfUnits(t *testing.T) {
	w := adminBy(access.Statement{Approvers: []string{"group:g-2"}})
	w.policy.Accounts[1].Resources, w.units = []string{"ou-a"}, map[string][]string{"ou-a": {production}}
	w.groups, w.findings = casestest.Groups{Members: map[string][]string{"g-2": {"p-bob"}}}, unasked()
	w.runs["run1"] = asking()
	w.send(t, pressBy("UBOB", "drift_remove", "run1"))
	if answers := w.runs["run1"].Answers; len(answers) != 1 || answers[0].By != bob {
		t.Errorf("answers %+v, told %q; want one by Bob", answers, w.told)
	}
}

// An approver may end the access of someone who may no longer request it.
func TestEndOfAccessThatIsNoLongerAllowed(t *testing.T) {
	for _, tt := range []struct {
		user, told string
	}{
		{"UANN", ""},
		{"UBOB", "You can't end this access. The requester or ann@example.com can."},
	} {
		w := adminBy(access.Statement{Approvers: []string{ann.Email}, Allowed: []string{"group:g-dev"}})
		r := active()
		r.Approvers = []access.Person{ann}
		w.rows["r1"] = r
		w.press(t, tt.user, "end", "r1")
		if told := strings.Join(w.told, " "); told != tt.told || (w.rows["r1"].EndRequest != nil) != (told == "") {
			t.Errorf("%s: told %q, end %+v; want %q", tt.user, told, w.rows["r1"].EndRequest, tt.told)
		}
	}
}

// TestRunWithGroups checks who answers the question of a run.
func TestRunWithGroups(t *testing.T) {
	for _, tt := range []struct {
		name   string
		groups casestest.Groups
		want   [][2]int
		told   string
	}{
		{"a member answers for what the group approves", casestest.Groups{Members: map[string][]string{"g-2": {"p-bob"}}}, annsPart, "Your answer counts for 3 of 5. For the rest, these people can answer: jane@example.com."},
		{"not a member", casestest.Groups{}, nil, "You can't answer, because you aren't an approver of any of these accounts or groups. These people can: jane@example.com, members of Owners."},
		{"a member by this app only", casestest.Groups{Members: map[string][]string{"g-2": {"p-bob"}}, Granted: []string{"g-2 p-bob"}}, nil,
			"You can't answer, because you aren't an approver of any of these accounts or groups. These people can: jane@example.com, members of Owners."},
		{"nobody knows", casestest.Groups{Err: access.Errorf(access.CodeUnavailable, "x")}, nil, "Something went wrong. Please try again in a moment."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := adminBy(access.Statement{Approvers: []string{"group:g-2"}})
			w.groups, w.findings = tt.groups, unasked()
			w.runs["run1"] = asking()
			w.send(t, pressBy("UBOB", "drift_remove", "run1"))
			var got [][2]int
			for _, a := range w.runs["run1"].Answers {
				got = a.Findings
			}
			if !slices.Equal(got, tt.want) || strings.Join(w.told, "\n") != tt.told {
				t.Errorf("answered %v, told %q; want %v, %q", got, w.told, tt.want, tt.told)
			}
		})
	}
}
