package ingress

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/cases"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/functions/evaluate"
	"sso-elevator/slack"
)

// evaluation is what evaluate calls in a world, for one request.
type evaluation struct {
	evaluate.Table
	evaluate.People
	*catalog.Catalog
	w   *world
	row access.Request
}

func (e *evaluation) Get(context.Context, string) (access.Request, error) { return e.row, nil }
func (e *evaluation) Free(context.Context, access.Request) error          { return nil }
func (e *evaluation) Description(context.Context, string) string          { return "" }
func (e *evaluation) Blocks(context.Context) (access.Blocks, error)       { return access.Blocks{}, nil }
func (e *evaluation) CheckRequester(context.Context, access.Person) error { return nil }
func (e *evaluation) Load(context.Context) (access.Policy, string, error) {
	return e.w.policy, "d1", nil
}
func (e *evaluation) Lease(context.Context, string) (l access.Lease, found bool, err error) { return }

func (e *evaluation) RequestsOf(context.Context, string, int) ([]access.Request, bool, error) {
	return nil, false, nil
}

func (e *evaluation) RequesterAgain(context.Context, access.Person) (access.Person, error) {
	return jane, nil
}

func (e *evaluation) Approvers(ctx context.Context, emails []string) ([]access.Person, []string, error) {
	return e.w.Approvers(ctx, emails)
}

func (e *evaluation) Evaluate(context.Context, string, table.Evaluation) (access.Request, error) {
	return e.row, nil
}

func (e *evaluation) Decide(_ context.Context, _ string, o access.Outcome) (access.Request, bool, error) {
	e.row.Outcome = &o
	return e.row, true, nil
}

// evaluateRefuses reports whether evaluate refuses jane's request for Admin in production.
func (w *world) evaluateRefuses(t *testing.T) bool {
	t.Helper()
	e := &evaluation{w: w, Catalog: w.handler().Catalog.(*catalog.Catalog), row: access.Request{
		ID: "r1", Target: access.Target{Kind: access.KindAccount, AccountID: production, PermissionSetARN: admin, PermissionSet: "Admin"},
		Requester: jane, Duration: 3600, CreatedAt: now, ExecutionARN: "own",
	}}
	h := evaluate.Handler{Table: e, People: e, Policy: e, Catalog: e, Claims: e, Cases: cases.New(&w.groups, &w.groups, nil), SlackGroups: w.slackGroups,
		Account: "123456789012", Longest: 2 * time.Hour, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)}
	if _, err := h.Handle(t.Context(), evaluate.Input{Input: host.Input{Operation: "evaluate", RequestID: "r1", Execution: "own"}}); err != nil {
		t.Fatal(err)
	}
	return e.row.Outcome != nil
}

// If evaluate refuses a request because nobody can approve it, so does the form, if the
// catalog knows the groups. The form never refuses a request that evaluate accepts.
func TestFormAndEvaluateAgree(t *testing.T) {
	const noMembers = "the group Auditors has no enabled member besides you"
	type groups = map[string][]string
	const needsTwo, notMembers = "2 approvals are needed, and too few of the approvers can give one", ". These are not full members of this Slack workspace with a confirmed email address: "
	by := func(approvers ...string) []access.Statement { return []access.Statement{{Approvers: approvers}} }
	two := func(approvers ...string) []access.Statement {
		return []access.Statement{{Approvers: approvers, ApprovalsNeeded: 2}}
	}
	each := func(approvers ...string) (all []access.Statement) { // an approval of each
		for _, a := range approvers {
			all = append(all, access.Statement{Approvers: strings.Split(a, " "), ApprovalsNeeded: 1})
		}
		return all
	}
	for _, tt := range []struct {
		name      string
		approvers []access.Statement // of the access
		members   groups
		change    func(*world)
		catalog   groups // enabled members, if they differ
		why       string // of the form's refusal; "": the preview refuses nothing
		submitted string // why the submission is refused, if for another reason
		passes    bool   // the submission doesn't refuse what the preview did
		accepted  bool   // by evaluate
		lists     int    // of members, for the submission
	}{
		{name: "an empty group", approvers: by("group:g-1"), members: groups{"g-1": nil}, why: noMembers, lists: 1},
		{name: "only the requester", approvers: by("group:g-1"), members: groups{"g-1": {"p-jane"}}, why: noMembers, lists: 1},
		{name: "only a disabled member", approvers: by("group:g-1"), members: groups{"g-1": {"p-off"}}, why: noMembers, lists: 1},
		{name: "the requester and a disabled member", approvers: by("group:g-1"), members: groups{"g-1": {"p-jane", "p-off"}}, why: noMembers, lists: 1},
		{name: "a member", approvers: by("group:g-1"), members: groups{"g-1": {"p-jane", "p-bob"}}, accepted: true},
		{name: "a member who isn't in Slack", approvers: by("group:g-1"), members: groups{"g-1": {"p-gone"}}, accepted: true},
		{name: "two empty groups", approvers: by("group:g-1", "group:g-2"), members: groups{"g-1": nil, "g-2": {"p-jane"}}, lists: 2,
			why: "the group Auditors has no enabled member besides you. The group Owners has no enabled member besides you"},
		{name: "a member of the second group", approvers: by("group:g-1", "group:g-2"), members: groups{"g-1": nil, "g-2": {"p-bob"}}, accepted: true},
		{name: "an empty group that is mentioned in Slack", approvers: by("group:g-1"), members: groups{"g-1": nil}, why: noMembers, lists: 1,
			change: func(w *world) { w.slackGroups = map[string]string{"g-1": "S1"} }},
		{name: "a member who isn't in Slack, of a group that is mentioned there", approvers: by("group:g-1"), members: groups{"g-1": {"p-gone"}}, accepted: true,
			change: func(w *world) { w.slackGroups = map[string]string{"g-1": "S1"} }},

		{name: "an empty group and an approver", approvers: by("ann@example.com", "group:g-1"), members: groups{"g-1": nil}, accepted: true},
		{name: "an empty group and an approver who isn't in Slack", approvers: by("gone@example.com", "group:g-1"), members: groups{"g-1": nil}, lists: 1,
			why: "none of the approvers is a full member of this Slack workspace with a confirmed email address: gone@example.com. The group Auditors has no enabled member besides you"},
		{name: "the requester in the group, and an approver who isn't in Slack", approvers: by("gone@example.com", "group:g-1"), members: groups{"g-1": {"p-jane"}}, lists: 1,
			why: "none of the approvers is a full member of this Slack workspace with a confirmed email address: gone@example.com. The group Auditors has no enabled member besides you"},
		{name: "a disabled member, and the requester's other email", approvers: by("j@example.com", "group:g-1"), members: groups{"g-1": {"p-off"}}, why: noMembers, lists: 1},
		{name: "a member, and an approver who isn't in Slack", approvers: by("gone@example.com", "group:g-1"), members: groups{"g-1": {"p-bob"}}, accepted: true},
		{name: "only the requester's other email", approvers: by("j@example.com"), why: "you are the only approver, under another email address"},

		{name: "one of two requirements is an empty group", members: groups{"g-1": nil}, why: noMembers, lists: 1,
			approvers: []access.Statement{{Approvers: []string{"ann@example.com"}, ApprovalsNeeded: 1}, {Approvers: []string{"group:g-1"}, ApprovalsNeeded: 1}}},
		{name: "one of two requirements is someone who isn't in Slack", members: groups{"g-1": {"p-gone"}},
			approvers: []access.Statement{{Approvers: []string{"gone@example.com"}, ApprovalsNeeded: 1}, {Approvers: []string{"group:g-1"}, ApprovalsNeeded: 1}},
			why:       "none of the approvers of one rule is a full member of this Slack workspace with a confirmed email address: gone@example.com"},
		{name: "the second of two requirements is someone who isn't in Slack", approvers: each("ann@example.com", "gone@example.com"),
			why: "none of the approvers of one rule is a full member of this Slack workspace with a confirmed email address: gone@example.com"},
		{name: "the second of two requirements is the requester's other email", approvers: each("ann@example.com", "j@example.com"),
			why: "you are the only approver of one rule, under another email address"},
		{name: "one approver meets both requirements", approvers: each("ann@example.com gone@example.com", "ann@example.com bob@example.com"), accepted: true},
		{name: "the second of two requirements is a member who isn't in Slack", approvers: each("ann@example.com", "group:g-1"), members: groups{"g-1": {"p-gone"}}, accepted: true},
		{name: "someone joined the first group a moment ago, and the second is empty", approvers: each("group:g-1", "group:g-2"), members: groups{"g-1": {"p-bob"}}, lists: 2,
			catalog: groups{"g-1": nil, "g-2": nil}, why: noMembers, submitted: "the group Owners has no enabled member besides you"},
		{name: "both requirements are the same empty group", approvers: each("group:g-1", "group:g-1 gone@example.com"), members: groups{"g-1": {"p-bob"}},
			catalog: groups{"g-1": nil}, why: noMembers, passes: true, accepted: true, lists: 1},

		{name: "two approvals, and two people", approvers: two("ann@example.com", "bob@example.com"), accepted: true},
		{name: "two approvals, and one of the two isn't in Slack", approvers: two("bob@example.com", "gone@example.com"), why: needsTwo + notMembers + "gone@example.com"},
		{name: "two approvals, and one of the three isn't in Slack", approvers: two("ann@example.com", "bob@example.com", "gone@example.com"), accepted: true},
		{name: "two approvals, and one of the two is the requester's other email", approvers: two("bob@example.com", "j@example.com"), why: needsTwo},
		{name: "two approvals, and one person with two emails", approvers: two("ann@example.com", "ann2@example.com"), why: needsTwo},
		{name: "two approvals, and nobody is in Slack", approvers: two("gone@example.com", "left@example.com"), why: needsTwo + notMembers + "gone@example.com, left@example.com"},
		{name: "two approvals, of one person and an empty group", approvers: two("bob@example.com", "group:g-1"), members: groups{"g-1": nil}, lists: 1,
			why: needsTwo + ". The group Auditors has no enabled member besides you"},
		{name: "two approvals, of one person and a group with one member", approvers: two("bob@example.com", "group:g-1"), members: groups{"g-1": {"p-ann"}}, accepted: true},
		{name: "two approvals, and someone joined the group a moment ago", approvers: two("gone@example.com", "group:g-1"), members: groups{"g-1": {"p-bob"}},
			catalog: groups{"g-1": nil}, why: needsTwo + ". The group Auditors has no enabled member besides you", passes: true, accepted: true, lists: 1},
		{name: "two approvals of each rule, and one rule has one person", why: needsTwo + notMembers + "gone@example.com",
			approvers: append(two("ann@example.com", "bob@example.com"), two("bob@example.com", "gone@example.com")...)},

		{name: "someone joined the group a moment ago", approvers: by("group:g-1"), members: groups{"g-1": {"p-bob"}}, catalog: groups{"g-1": nil},
			why: noMembers, passes: true, accepted: true, lists: 1},
		{name: "someone was enabled a moment ago", approvers: by("group:g-1", "group:g-2"), members: groups{"g-2": {"p-bob"}}, catalog: groups{"g-1": nil, "g-2": nil},
			why: "the group Auditors has no enabled member besides you. The group Owners has no enabled member besides you", passes: true, accepted: true, lists: 2},
		{name: "the members can't be read", approvers: by("group:g-1"), members: groups{"g-1": nil}, change: func(w *world) { w.groups.ListErr = access.Errorf(access.CodeThrottled, "x") },
			why: noMembers, passes: true, lists: 1},
		{name: "the catalog doesn't have the group yet", approvers: by("group:g-1"), members: groups{"g-1": nil}, catalog: groups{}, passes: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.policy.Accounts = nil
			for _, s := range tt.approvers {
				s.Resources, s.PermissionSets = []string{production}, []string{"Admin"}
				w.policy.Accounts = append(w.policy.Accounts, s)
			}
			w.notInSlack, w.renamed = []string{"gone@example.com", "left@example.com"}, map[string]string{"j@example.com": "UJANE", "ann2@example.com": "U-ann@example.com"}
			w.groups.Members, w.groups.Disabled = tt.members, []string{"p-off"}
			known := tt.catalog
			if known == nil {
				known = maps.Clone(tt.members)
				for id, users := range known {
					known[id] = slices.DeleteFunc(slices.Clone(users), func(user string) bool { return user == "p-off" })
				}
			}
			w.members = map[string]catalog.Members{}
			for id, users := range known {
				var m catalog.Members
				for _, user := range users {
					m.Users = append(m.Users, catalog.Member{UserID: user, Email: strings.TrimPrefix(user, "p-") + "@example.com"})
				}
				w.members[id] = m
			}
			if tt.change != nil {
				tt.change(w)
			}
			f := slack.Form{Kind: access.KindAccount, Chosen: access.Target{Kind: access.KindAccount, AccountID: production, AccountName: "Production", PermissionSetARN: admin, PermissionSet: "Admin"}}
			if err := w.handler().preview(t.Context(), w.inForce, jane, &f); err != nil {
				t.Fatal(err)
			}
			const refused, ask = "This would be refused, because ", ". Ask the people who run this app."
			if says := strings.HasPrefix(f.Preview, refused); says != (tt.why != "") || says && f.Preview != refused+tt.why+ask {
				t.Errorf("the form says %q, want the refusal %q", f.Preview, tt.why)
			}
			want := ""
			if tt.why != "" && !tt.passes {
				why := cmp.Or(tt.submitted, tt.why)
				want = strings.ToUpper(why[:1]) + why[1:] + ask
			}
			got := w.send(t, filled("UJANE", production, admin, "3600", "deploy"))
			if errors := fieldErrors(got.Body); errors["permission_set-"+production] != want || (len(w.rows) == 0) != (want != "") {
				t.Errorf("the submission got %d %s and %d rows, want %q", got.StatusCode, got.Body, len(w.rows), want)
			}
			if w.groups.Lists != tt.lists {
				t.Errorf("members were listed %d times, want %d", w.groups.Lists, tt.lists)
			}
			w.groups.ListErr = nil
			if accepted := !w.evaluateRefuses(t); accepted != tt.accepted {
				t.Errorf("evaluate accepts the request: %t, want %t", accepted, tt.accepted)
			}
		})
	}
}
