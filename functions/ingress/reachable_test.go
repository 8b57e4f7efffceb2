package ingress

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/slack"
)

// The form says so if nobody in Slack could approve the request. Evaluate refuses some of
// these requests, and the others would wait in vain.
func TestNobodyReachable(t *testing.T) {
	const warning = "This would be refused, because none of the approvers is a full member of this Slack workspace with a confirmed email address: "
	const inVain = "Nobody who can approve this was found in Slack, so probably nobody will see the request. You can still submit it. Then tell the people who run this app, or ask an approver yourself.\nApprovers (any one can approve): "
	const noMembers = "This would be refused, because the group Auditors has no enabled member besides you. Ask the people who run this app."
	const first = "Approvers (any one can approve): "
	var many []string
	for i := range mostReachLookups + 1 {
		many = append(many, fmt.Sprintf("a%d@example.com", i))
	}
	users := func(more bool, emails ...string) catalog.Members {
		m := catalog.Members{More: more}
		for _, email := range emails {
			local, _, _ := strings.Cut(email, "@")
			m.Users = append(m.Users, catalog.Member{UserID: "p-" + local, Email: email})
		}
		return m
	}
	group := func(m catalog.Members, notInSlack ...string) func(*world) {
		return func(w *world) { w.members, w.notInSlack = map[string]catalog.Members{"g-1": m}, notInSlack }
	}
	tests := []struct {
		name      string
		approvers []string
		change    func(*world)
		want      string // of the preview
	}{
		{"nobody", []string{"gone@example.com", "left@example.com"}, func(w *world) { w.notInSlack = []string{"gone@example.com", "left@example.com"} },
			warning + "gone@example.com, left@example.com. Ask the people who run this app."},
		{"one of two", []string{"ann@example.com", "gone@example.com"}, func(w *world) { w.notInSlack = []string{"gone@example.com"} },
			"Approvers (any one can approve): ann@example.com, gone@example.com"},
		{"nobody, and a group whose members aren't known", []string{"gone@example.com", "group:g-1"}, func(w *world) { w.notInSlack = []string{"gone@example.com"} },
			first + "gone@example.com"},
		{"nobody, but a member of a group", []string{"gone@example.com", "group:g-1"}, group(users(false, "left@example.com", "ann@example.com"), "gone@example.com", "left@example.com"),
			first + "gone@example.com"},
		{"nobody, and no member of a group", []string{"gone@example.com", "group:g-1"}, group(users(false, "left@example.com"), "gone@example.com", "left@example.com"), inVain},
		{"no member of two groups", []string{"group:g-1", "group:g-2"}, func(w *world) {
			w.members = map[string]catalog.Members{"g-1": users(false, "gone@example.com"), "g-2": users(false, "left@example.com", "gone@example.com")}
			w.notInSlack = []string{"gone@example.com", "left@example.com"}
		}, inVain},
		{"a member of the second of two groups", []string{"group:g-1", "group:g-2"}, func(w *world) {
			w.members = map[string]catalog.Members{"g-1": users(false, "gone@example.com"), "g-2": users(false, "ann@example.com")}
			w.notInSlack = []string{"gone@example.com"}
		}, first + "members of "},
		{"the requester is the only member", []string{"group:g-1"}, group(users(false, "jane@example.com")), noMembers},
		{"the group has no members", []string{"group:g-1"}, group(users(false)), noMembers},
		{"no member yet of those that are read", []string{"group:g-1"}, group(users(true)), first + "members of "},
		{"the only member in Slack is the requester, under another email", []string{"group:g-1"}, func(w *world) {
			group(users(false, "gone@example.com", "j@example.com"), "gone@example.com")(w)
			w.renamed = map[string]string{"j@example.com": "UJANE"}
		}, inVain},
		{"the only other member has no email", []string{"group:g-1"}, group(catalog.Members{Users: []catalog.Member{{UserID: "p-1"}}}), inVain},
		{"the last of ten members", []string{"group:g-1"}, group(users(false, append(many[:9:9], "ann@example.com")...), many[:9]...), first + "members of "},
		{"ten members", []string{"group:g-1"}, group(users(false, many[:10]...), many[:10]...), inVain},
		{"too many members to look up", []string{"group:g-1"}, group(users(false, many...), many...), first + "members of "},
		{"more members than the catalog has", []string{"group:g-1"}, group(users(true, "gone@example.com"), "gone@example.com"), first + "members of "},
		{"no member of a group, whether or not it is mentioned in Slack", []string{"group:g-1"}, group(users(false, "gone@example.com"), "gone@example.com"), inVain},
		{"Slack doesn't answer about members", []string{"group:g-1"}, func(w *world) {
			group(users(false, "gone@example.com"), "gone@example.com")(w)
			w.approversErr = access.Errorf(access.CodeUnavailable, "no answer")
		}, first + "members of "},
		{"Slack doesn't answer", []string{"gone@example.com"}, func(w *world) {
			w.notInSlack, w.approversErr = []string{"gone@example.com"}, access.Errorf(access.CodeUnavailable, "no answer")
		}, "Approvers (any one can approve): gone@example.com"},
		{"too many to look up", many, func(w *world) { w.notInSlack = many }, "Approvers (any one can approve): a0@example.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.policy.Accounts[0].ApprovalIsNotRequired = nil
			w.policy.Accounts[0].Approvers = tt.approvers
			tt.change(w)
			f := slack.Form{Kind: access.KindAccount, Chosen: access.Target{Kind: access.KindAccount, AccountID: production, AccountName: "Production", PermissionSetARN: readOnly, PermissionSet: "ReadOnly"}}
			if err := w.handler().preview(t.Context(), w.inForce, jane, &f); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(f.Preview, tt.want) {
				t.Errorf("the form says %q, want %q", f.Preview, tt.want)
			}
			if len(w.asked) > mostReachLookups {
				t.Errorf("%d people were looked up", len(w.asked))
			}
		})
	}
}

// Each requirement is checked by itself, within the same limits.
func TestRequirementsReachable(t *testing.T) {
	const (
		inVain  = "Nobody who can approve this was found in Slack, so probably nobody will see the request. You can still submit it. Then tell the people who run this app, or ask an approver yourself.\n"
		tooFew  = "Too few people who can approve this were found in Slack, so probably it won't get the approvals it needs. You can still submit it. Then tell the people who run this app.\n"
		refused = "This would be refused, because none of the approvers of one rule is a full member of this Slack workspace with a confirmed email address: left@example.com. Ask the people who run this app."
	)
	one := func(approvers ...string) access.Statement {
		return access.Statement{Approvers: approvers, ApprovalsNeeded: 1}
	}
	two := func(approvers ...string) access.Statement {
		return access.Statement{Approvers: approvers, ApprovalsNeeded: 2}
	}
	numbered := func(from, to int) (emails []string) {
		for i := from; i < to; i++ {
			emails = append(emails, fmt.Sprintf("a%d@example.com", i))
		}
		return emails
	}
	gone := catalog.Members{Users: []catalog.Member{{UserID: "p-gone", Email: "gone@example.com"}}}
	half := catalog.Members{Users: append(gone.Users[:1:1], catalog.Member{UserID: "p-ann", Email: "ann@example.com"})}
	for _, tt := range []struct {
		name    string
		all     []access.Statement
		members map[string]catalog.Members
		err     error  // of lookups
		want    string // of the preview
		asked   int
	}{
		{"both have someone", []access.Statement{one("ann@example.com"), one("bob@example.com")}, nil, nil, "Approvals needed: ", 2},
		{"someone is looked up once", []access.Statement{one("ann@example.com"), two("ann@example.com", "bob@example.com")}, nil, nil, "Approvals needed: ", 2},
		{"nobody in a second group", []access.Statement{one("ann@example.com"), one("group:g-1")}, map[string]catalog.Members{"g-1": gone}, nil, tooFew + "Approvals needed: ", 2},
		{"nobody in both groups", []access.Statement{one("group:g-1"), one("group:g-1", "left@example.com")}, map[string]catalog.Members{"g-1": gone}, nil, inVain + "Approvals needed: ", 2},
		{"one of two in a group", []access.Statement{two("group:g-1")}, map[string]catalog.Members{"g-1": half}, nil, tooFew + "Approvals needed: ", 2},
		{"a refusal counts more than an empty group", []access.Statement{one("group:g-1"), one("left@example.com")}, map[string]catalog.Members{"g-1": gone}, nil, refused, 2},
		{"a group that isn't known, and someone who isn't there", []access.Statement{one("group:g-9"), one("left@example.com")}, nil, nil, refused, 1},
		{"too many to look up, and someone who isn't there", []access.Statement{one(numbered(0, 11)...), one("left@example.com")}, nil, nil, refused, 1},
		{"too many in all", []access.Statement{two(numbered(0, 6)...), one(append(numbered(6, 10), "left@example.com", "gone@example.com")...)}, nil, nil, "Approvals needed: ", 5},
		{"Slack doesn't answer", []access.Statement{one("ann@example.com"), one("left@example.com")}, nil, access.Errorf(access.CodeUnavailable, "no answer"), "Approvals needed: ", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.policy.Accounts = nil
			for _, s := range tt.all {
				s.Resources, s.PermissionSets = []string{production}, []string{"Admin"}
				w.policy.Accounts = append(w.policy.Accounts, s)
			}
			w.notInSlack, w.members, w.approversErr = []string{"gone@example.com", "left@example.com"}, tt.members, tt.err
			f := slack.Form{Kind: access.KindAccount, Chosen: access.Target{Kind: access.KindAccount, AccountID: production, AccountName: "Production", PermissionSetARN: admin, PermissionSet: "Admin"}}
			if err := w.handler().preview(t.Context(), w.inForce, jane, &f); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(f.Preview, tt.want) {
				t.Errorf("the form says %q, want %q", f.Preview, tt.want)
			}
			if len(w.asked) != tt.asked {
				t.Errorf("%q were looked up, want %d", w.asked, tt.asked)
			}
		})
	}
}

// If the policy names others, but too few, the texts say that.
func TestTooFewApprovers(t *testing.T) {
	w := adminBy(access.Statement{Approvers: []string{"jane@example.com", "bob@example.com"}, ApprovalsNeeded: 2})
	f := slack.Form{Kind: access.KindAccount, Chosen: access.Target{Kind: access.KindAccount, AccountID: production, AccountName: "Production", PermissionSetARN: admin, PermissionSet: "Admin"}}
	if err := w.handler().preview(t.Context(), w.inForce, jane, &f); err != nil {
		t.Fatal(err)
	}
	if want := "This would be refused, because the policy names too few other approvers. Ask the people who run this app to add approvers."; f.Preview != want {
		t.Errorf("the form says %q, want %q", f.Preview, want)
	}
	const want = "Too few others can approve this. Ask the people who run this app to add approvers."
	got := w.send(t, filled("UJANE", production, admin, "3600", "deploy"))
	if errors := fieldErrors(got.Body); errors["permission_set-"+production] != want || len(w.rows) != 0 {
		t.Errorf("got %d %s and %d rows, want %q", got.StatusCode, got.Body, len(w.rows), want)
	}
}

// A submission is refused in the form, with the form's own warning, if this process knows
// that nobody in Slack can approve it. It asks nobody. Otherwise evaluate decides.
func TestSubmitKnownUnreachable(t *testing.T) {
	const refused = "None of the approvers is a full member of this Slack workspace with a confirmed email address: gone@example.com, left@example.com. Ask the people who run this app."
	gone := []string{"gone@example.com", "left@example.com"}
	for _, tt := range []struct {
		name      string
		approvers []string
		asked     []string
		change    func(*world)
		want      string // at the permission set; "": a request is created
	}{
		{"nobody", gone, gone, nil, refused},
		{"nobody, but one wasn't looked up", gone, gone[:1], nil, ""},
		{"nobody was looked up", gone, nil, nil, ""},
		{"someone", []string{"ann@example.com", "gone@example.com"}, []string{"ann@example.com", "gone@example.com"}, nil, ""},
		{"a group, which evaluate doesn't look up", append(gone[:2:2], "group:g-1"), gone, func(w *world) {
			w.members = map[string]catalog.Members{"g-1": {Users: []catalog.Member{{UserID: "p-gone", Email: "gone@example.com"}}}}
		}, ""},
		{"two approvals are needed, and one approver is there", []string{"ann@example.com", "gone@example.com"}, []string{"ann@example.com", "gone@example.com"}, func(w *world) {
			w.policy.Accounts[1].ApprovalsNeeded = 2
		}, "2 approvals are needed, and too few of the approvers can give one. These are not full members of this Slack workspace with a confirmed email address: gone@example.com. Ask the people who run this app."},
		{"two approvals are needed, and one approver wasn't looked up", []string{"ann@example.com", "gone@example.com"}, gone[:1], func(w *world) { w.policy.Accounts[1].ApprovalsNeeded = 2 }, ""},
		{"no approval is needed", gone, gone, func(w *world) { yes := true; w.policy.Accounts[1].ApprovalIsNotRequired = &yes }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.policy.Accounts[1].Approvers = tt.approvers
			w.notInSlack, w.asked = gone, tt.asked
			if tt.change != nil {
				tt.change(w)
			}
			got := w.send(t, filled("UJANE", production, admin, "3600", "deploy"))
			if errors := fieldErrors(got.Body); errors["permission_set-"+production] != tt.want || (len(w.rows) == 0) != (tt.want != "") {
				t.Errorf("got %d %s and %d rows, want %q", got.StatusCode, got.Body, len(w.rows), tt.want)
			}
			if len(w.asked) != len(tt.asked) {
				t.Errorf("the submission looked up %q", w.asked[len(tt.asked):])
			}
		})
	}
}

// A warning replaces nothing: the form still says who can approve, and how long sessions
// last.
func TestWarningAndApprovers(t *testing.T) {
	w := newWorld()
	w.session = 8 * time.Hour
	w.policy.Accounts[1].Approvers = []string{"gone@example.com", "group:g-1"}
	w.notInSlack = []string{"gone@example.com"}
	w.members = map[string]catalog.Members{"g-1": {Users: []catalog.Member{{UserID: "p-gone", Email: "gone@example.com"}}}}
	f := slack.Form{Kind: access.KindAccount, Chosen: access.Target{Kind: access.KindAccount, AccountID: production, AccountName: "Production", PermissionSetARN: admin, PermissionSet: "Admin"}}
	if err := w.handler().preview(t.Context(), w.inForce, jane, &f); err != nil {
		t.Fatal(err)
	}
	const want = "Nobody who can approve this was found in Slack, so probably nobody will see the request. You can still submit it. Then tell the people who run this app, or ask an approver yourself.\n" +
		"Approvers (any one can approve): gone@example.com, members of Auditors\n" +
		"Open sessions may last up to 8 hours after the access ends."
	if f.Preview != want {
		t.Errorf("the form says %q, want %q", f.Preview, want)
	}
}
