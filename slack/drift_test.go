package slack

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

const runID = "2026-03-02-0930-revoke-abcdefgh"

// assigned is a finding: an assignment to a user.
func assigned(user, accountID, accountName, permissionSet string) access.Finding {
	return access.Finding{
		Subject: access.Subject{PrincipalID: "p-" + user, Target: access.Target{
			Kind: access.KindAccount, AccountID: accountID, AccountName: accountName,
			PermissionSet: permissionSet, PermissionSetARN: "arn:aws:sso:::permissionSet/ssoins-1/" + permissionSet,
		}},
		UserName: user, FirstSeen: monday.Add(-48 * time.Hour),
	}
}

// joined is a finding: a membership in a group.
func joined(user string) access.Finding {
	return access.Finding{
		Subject:  access.Subject{PrincipalID: "p-" + user, Target: access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: "Operators"}},
		UserName: user, FirstSeen: monday, MembershipID: "m-" + user,
	}
}

// someFindings are in two accounts and a group, not sorted.
func someFindings() []access.Finding {
	gone := assigned("", "444455556666", "Production", "ReadOnly")
	gone.PrincipalID = "94d8a4f8-5031-70c1-3a4b-0e2f4f5b6c7d"
	return []access.Finding{
		assigned("alice", "111122223333", "Sandbox", "ReadOnly"),
		assigned("bob", "444455556666", "Production", "AdministratorAccess"),
		joined("carol"),
		assigned("dan", "111122223333", "Sandbox", "AdministratorAccess"),
		gone,
	}
}

func report(changes ...func(*access.DriftReport)) access.DriftReport {
	r := access.DriftReport{
		RunID: runID, Mode: access.DriftWarn, At: monday,
		ExecutionARN:   "arn:aws:states:eu-central-1:123456789012:execution:sso-elevator-reconcile:" + runID,
		NextRevocation: monday.Add(20 * time.Hour),
	}
	for _, c := range changes {
		c(&r)
	}
	return r
}

func found(r *access.DriftReport) { r.Findings, r.Total = someFindings(), 5 }

// spared makes the first finding exempt.
func spared(r *access.DriftReport) {
	r.Findings[0].Exemption = &access.Spared{Until: monday.Add(30 * time.Hour), Reason: "Slack is down, INC-7"}
}

func revokes(results ...access.RemovalResult) func(*access.DriftReport) {
	return func(r *access.DriftReport) {
		r.Mode, r.Results = access.DriftRevoke, map[string]access.RemovalResult{}
		for i, result := range results {
			r.Results[r.Findings[i].Key()] = result
		}
	}
}

var kim = access.Person{SlackID: "U0KIM", Email: "kim@example.com", Name: "Kim"}

// guarded is a run that asked first, and the end of its question: the last answer or,
// if late is set, an expiry.
func guarded(g access.Guard, late bool, answers ...access.RunAnswer) func(*access.DriftReport) {
	return func(r *access.DriftReport) {
		r.Mode, r.Guard, r.Limit, r.Answers = access.DriftRevoke, g, 3, answers
		r.Answer = over(late, answers)
	}
}

func over(late bool, answers []access.RunAnswer) *access.RunAnswer {
	switch {
	case late:
		return &access.RunAnswer{At: monday.Add(time.Hour)}
	case len(answers) > 0:
		return &answers[len(answers)-1]
	}
	return nil
}

// said is an answer about the findings in [from, to).
func said(remove bool, by access.Person, from, to int) access.RunAnswer {
	return access.RunAnswer{Remove: remove, By: by, At: monday.Add(10 * time.Minute), Findings: [][2]int{{from, to}}}
}

// longestFindings is hundreds of findings with the longest possible names.
func longestFindings(n int) []access.Finding {
	var findings []access.Finding
	for i := range n {
		f := assigned(strings.Repeat("<", 128), fmt.Sprintf("%012d", i/3), strings.Repeat("名", 128), strings.Repeat("P", 32))
		f.PrincipalID += fmt.Sprint(i)
		findings = append(findings, f)
	}
	return findings
}

func longestReport(r *access.DriftReport) {
	r.Findings, r.Total = longestFindings(400), 5000
	for i := range 300 {
		r.Unread = append(r.Unread, access.Unread{What: fmt.Sprintf("group %d %s", i, strings.Repeat("<", 200)), Why: strings.Repeat("&", 3000)})
		r.Unmanageable = append(r.Unmanageable, fmt.Sprintf("%012d", i))
		r.Provisioned = append(r.Provisioned, strings.Repeat("<", 1024))
	}
	r.Guard, r.Limit = access.GuardLostRecord, 1_000_000
	for i := range 400 {
		r.Answers = append(r.Answers, said(i%2 == 0, bob, i, i+1))
	}
	r.Answer = over(true, nil)
	r.Mode, r.Results = access.DriftRevoke, map[string]access.RemovalResult{}
	for i, f := range r.Findings {
		r.Results[f.Key()] = []access.RemovalResult{
			access.DriftFailed, access.DriftHeld, access.DriftRemoved, access.DriftOutOfScope, access.DriftAlreadyGone, access.DriftExempt, access.DriftOverLimit, access.DriftNotAllowed, access.DriftProtected,
		}[i%9]
		if i%9 == 5 {
			r.Findings[i].Exemption = &access.Spared{Until: monday.Add(72 * time.Hour), Reason: strings.Repeat("<", 300)}
		}
	}
}

func hostileFinding() access.Finding {
	f := assigned(hostile, "111122223333", hostile, hostile)
	f.PrincipalID = hostile
	return f
}

func hostileReport(r *access.DriftReport) {
	group := joined(hostile)
	group.GroupName, group.GroupID = hostile, hostile
	r.Findings, r.Total = []access.Finding{hostileFinding(), group}, 2
	r.Findings[1].Exemption = &access.Spared{Until: monday.Add(time.Hour), Reason: hostile}
	r.Unread = []access.Unread{{What: hostile, Why: hostile}}
	r.Unmanageable, r.Provisioned = []string{hostile}, []string{hostile}
	r.ExecutionARN += "x|<!channel>"
}

// protected makes the first finding one in a protected account.
func protected(r *access.DriftReport) {
	r.Findings = slices.Clone(r.Findings)
	r.Findings[0].Protected = true
}

func reports() map[string]access.DriftReport {
	all := []access.RemovalResult{access.DriftRemoved, access.DriftRemoved, access.DriftRemoved, access.DriftRemoved, access.DriftRemoved}
	return map[string]access.DriftReport{
		"warn":                report(found),
		"warn_part":           report(found, func(r *access.DriftReport) { r.Total = 12 }),
		"warn_no_next":        report(found, func(r *access.DriftReport) { r.NextRevocation = time.Time{} }),
		"removed":             report(found, revokes(all...)),
		"failed":              report(found, revokes(access.DriftRemoved, access.DriftFailed, access.DriftHeld, access.DriftRemoved)),
		"held":                report(found, func(r *access.DriftReport) { r.Findings = r.Findings[:1]; r.Total = 1 }, revokes(access.DriftHeld)),
		"out_of_scope":        report(found, func(r *access.DriftReport) { r.Findings = r.Findings[:1]; r.Total = 1 }, revokes(access.DriftOutOfScope)),
		"already_gone":        report(found, func(r *access.DriftReport) { r.Findings = r.Findings[:1]; r.Total = 1 }, revokes(access.DriftAlreadyGone)),
		"exempt":              report(found, spared, func(r *access.DriftReport) { r.Findings = r.Findings[:1]; r.Total = 1 }, revokes(access.DriftExempt)),
		"exempt_warn":         report(found, spared),
		"protected":           report(found, protected, func(r *access.DriftReport) { r.Findings = r.Findings[:1]; r.Total = 1 }, revokes(access.DriftProtected)),
		"protected_warn":      report(found, protected),
		"protected_warn_only": report(found, protected, func(r *access.DriftReport) { r.Findings = r.Findings[:1]; r.Total = 1 }),
		"grown":               report(found, revokes(access.DriftRemoved, access.DriftNotAllowed), guarded(access.GuardScopeGrew, true)),
		"some":                report(found, spared, revokes(access.DriftExempt, access.DriftOverLimit, access.DriftAlreadyGone, access.DriftRemoved, access.DriftNotAllowed)),
		"let_go_on":           report(found, revokes(all...), guarded(access.GuardTooMany, false, said(true, bob, 0, 5))),
		"left":                report(found, guarded(access.GuardNoRecord, false, said(false, bob, 0, 5))),
		"expired":             report(found, guarded(access.GuardLostRecord, true)),
		"unanswered":          report(found, guarded(access.GuardTooMany, false)),
		"part": report(found, revokes(access.DriftRemoved, access.DriftRemoved, access.DriftNotAllowed, access.DriftNotAllowed, access.DriftNotAllowed),
			guarded(access.GuardTooMany, true, said(true, bob, 0, 2), said(false, kim, 2, 3))),
		"incomplete": report(found, func(r *access.DriftReport) {
			r.Unread = []access.Unread{{What: "account 777788889999", Why: "Identity Center did not answer"}, {What: "group g-2", Why: "there is no such group"}}
		}),
		"unread_only": report(func(r *access.DriftReport) {
			r.Unread = []access.Unread{{What: "account 777788889999", Why: "Identity Center did not answer"}}
		}),
		"left_out_only": report(func(r *access.DriftReport) {
			r.Unmanageable, r.Provisioned = []string{"999900001111"}, []string{"Operators", "Auditors"}
		}),
		"longest": report(longestReport),
		"hostile": report(hostileReport),
	}
}

func asked(changes ...func(*access.Run)) access.Run {
	r := access.Run{
		ID: runID, Mode: access.DriftRevoke, StartedAt: monday, ExecutionARN: report().ExecutionARN,
		Guard: access.GuardTooMany, Removals: 5, Approvers: []string{"bob@example.com"},
	}
	for _, c := range changes {
		c(&r)
	}
	return r
}

// gone turns the run into one that asks about people who are gone.
func gone(r *access.Run) {
	r.ID, r.Mode, r.ExecutionARN = "2026-03-02-0930-gone-abcdefgh", access.ModeRecheck, ""
	r.Guard, r.Removals, r.People = access.GuardGone, 14, 12
}

// goneFindings is access that requests hold.
func goneFindings() []access.Finding {
	findings := someFindings()
	for i := range findings {
		findings[i].FirstSeen = time.Time{}
	}
	return findings
}

func questions() map[string]struct {
	run      access.Run
	findings []access.Finding
} {
	type question = struct {
		run      access.Run
		findings []access.Finding
	}
	answers := func(late bool, all ...access.RunAnswer) func(*access.Run) {
		return func(r *access.Run) { r.Answers, r.Answer = all, over(late, all) }
	}
	still := func(r *access.Run) { r.Answer = nil }
	several := func(r *access.Run) { r.Approvers = []string{"bob@example.com", "kim@example.com"} }
	grown := func(r *access.Run) {
		r.Guard, r.Removals, r.InScope = access.GuardScopeGrew, 2, [][2]int{{0, 2}, {4, 5}}
	}
	guard := func(g access.Guard) func(*access.Run) { return func(r *access.Run) { r.Guard = g } }
	return map[string]question{
		"too_many":      {asked(), someFindings()},
		"no_record":     {asked(guard(access.GuardNoRecord)), someFindings()},
		"lost_record":   {asked(guard(access.GuardLostRecord), func(r *access.Run) { r.Removals = 1 }), someFindings()[:1]},
		"remove":        {asked(answers(false, said(true, bob, 0, 5))), nil},
		"leave":         {asked(answers(false, said(false, bob, 0, 5))), nil},
		"both":          {asked(several, answers(false, said(true, bob, 0, 3), said(false, kim, 3, 5))), nil},
		"expired":       {asked(answers(true)), nil},
		"part_expired":  {asked(several, answers(true, said(true, bob, 0, 3))), nil},
		"part":          {asked(several, answers(false, said(true, bob, 0, 3)), still), someFindings()},
		"nobody":        {asked(func(r *access.Run) { r.Approvers, r.Undecided = nil, 5 }), someFindings()},
		"undecided":     {asked(func(r *access.Run) { r.Undecided = 2 }), someFindings()},
		"grown":         {asked(grown), someFindings()},
		"grown_expired": {asked(grown, answers(true)), nil},
		"gone":          {asked(gone), goneFindings()},
		"gone_remove":   {asked(gone, answers(false, said(true, bob, 0, 5))), nil},
		"gone_leave":    {asked(gone, answers(false, said(false, bob, 0, 5))), nil},
		"gone_both":     {asked(gone, several, answers(false, said(true, bob, 0, 3), said(false, kim, 3, 5))), nil},
		"gone_expired":  {asked(gone, answers(true)), nil},
		"gone_part":     {asked(gone, several, answers(false, said(true, bob, 0, 3)), still), goneFindings()},
		"gone_longest":  {asked(gone, func(r *access.Run) { r.ID, r.Removals, r.People = strings.Repeat("r", 80), 100_000, 100_000 }), longestFindings(400)},
		"gone_hostile":  {asked(gone), []access.Finding{hostileFinding()}},
		"longest": {asked(guard(access.GuardNoRecord), func(r *access.Run) {
			r.ID, r.Removals = strings.Repeat("r", 80), 100_000
			for i := range 40 {
				r.Answers = append(r.Answers, said(i%2 == 0, bob, i, i+1))
				r.Approvers = append(r.Approvers, strings.Repeat("a", 200)+"@example.com")
			}
		}), longestFindings(400)},
		"hostile": {asked(func(r *access.Run) { r.ExecutionARN += "x|<!channel>" }), []access.Finding{hostileFinding()}},
	}
}

func TestDriftReportMessage(t *testing.T) {
	for name, r := range reports() {
		t.Run(name, func(t *testing.T) {
			checked(t, "drift_report_"+name, DriftReportMessage(r, access.Run{}, owners), access.Request{ID: runID})
		})
	}
}

func TestDriftQuestionMessage(t *testing.T) {
	for name, q := range questions() {
		t.Run(name, func(t *testing.T) {
			checked(t, "drift_question_"+name, DriftQuestionMessage(q.run, q.findings, owners), access.Request{ID: q.run.ID})
		})
	}
}

// shown is all text of a message, as a reader sees it, without formatting.
func shown(t *testing.T, m Message) string {
	t.Helper()
	var all strings.Builder
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			if s, ok := v["text"].(string); ok {
				if v["type"] == "mrkdwn" {
					s = markupLink.ReplaceAllString(s, "$1") // people see the link's text
				}
				all.WriteString(s)
			}
			if s, ok := v["user_id"].(string); ok {
				all.WriteString("@" + s)
			}
			if s, ok := v["fallback"].(string); ok {
				all.WriteString(s)
			}
			walk(v["elements"])
			if header, ok := v["text"].(map[string]any); ok {
				walk(header)
			}
			all.WriteString("|")
		}
	}
	walk(generic(t, posted(m))["blocks"])
	return strings.ReplaceAll(all.String(), "\n", " ")
}

// TestDriftReportSays states in a table what the golden files show in full.
func TestDriftReportSays(t *testing.T) {
	tests := []struct {
		report string
		colour string
		want   []string
		not    []string
	}{
		{report: "warn", colour: "🟠",
			want: []string{"Found: |5|", "This check only reports", "Account Sandbox (111122223333)|, first seen |28 Feb 2026 09:30 UTC| • alice| (|@U0ALICE|)|: ReadOnly|", "• bob|: AdministratorAccess|",
				"Group Operators (g-1)", "• carol| (|@U0CAROL|)|, first seen |2 Mar 2026 09:30 UTC", "• user 94d8a4f8-5031-70c1-3a4b-0e2f4f5b6c7d", "Next removal: |3 Mar 2026 05:30 UTC"},
			not: []string{"more", "Removed"}},
		{report: "protected", colour: "🟠", want: []string{"Removed: |0|", "Never removed, because the account is protected and no statement names it (1)"}},
		{report: "protected_warn", colour: "🟠", want: []string{"Never removed, because the account is protected and no statement names it (1)", "The next removal removes this access"}},
		{report: "protected_warn_only", colour: "🟠", want: []string{"If nobody needs this access, remove it"}, not: []string{"The next removal removes this access"}},
		{report: "grown", colour: "🔴", want: []string{"covers more than at earlier checks", "the access in this question stays"}, not: []string{"nothing was removed"}},
		{report: "warn_part", colour: "🟠", want: []string{"Found: |12| in total. Shown below: 5, each new, exempt or not reported for at least a day."}},
		{report: "warn_no_next", colour: "🟠", want: []string{"Next removal: |not scheduled"}},
		{report: "removed", colour: "⚪", want: []string{"Removed: |5|", "Removed (5)"}, not: []string{"Removal not confirmed", "Why we asked first"}},
		{report: "failed", colour: "🔴", want: []string{"Removal not confirmed (2)", "Kept because a request now covers it (1)", "Removed (2)"}},
		{report: "held", colour: "⚪", want: []string{"Removed: |0|", "Kept because a request now covers it (1)"}},
		{report: "out_of_scope", colour: "⚪", want: []string{"Removed: |0|", "the policy no longer covers it (1)"}, not: []string{"not confirmed"}},
		{report: "already_gone", colour: "⚪", want: []string{"Nothing removed: someone else already removed it", "Removed: |0|", "Already removed by someone else (1)"}, not: []string{"not confirmed", "Removed (1)"}},
		{report: "exempt", colour: "🟠", want: []string{"this access is exempt for now", "Kept because it is exempt for now (1)", "• alice| (|@U0ALICE|)|: ReadOnly|, first seen |28 Feb 2026 09:30 UTC|. |Exempt until |3 Mar 2026 15:30 UTC|: Slack is down, INC-7"}, not: []string{"not confirmed"}},
		{report: "exempt_warn", colour: "🟠", want: []string{"This check only reports", "(111122223333)|, first seen |28 Feb 2026 09:30 UTC|", "• alice| (|@U0ALICE|)|: ReadOnly|. |Exempt until |3 Mar 2026 15:30 UTC|: Slack is down, INC-7"}},
		{report: "some", colour: "🟠", want: []string{
			"Not all removed: access without a request", "Removed (1)", "Kept because it is exempt for now (1)", "Already removed by someone else (1)",
			"Kept for now because the 24-hour removal limit is reached (1)", "Kept because removals are off or no approver agreed (1)",
		}, not: []string{"Removal not confirmed"}},
		{report: "let_go_on", colour: "⚪", want: []string{"may remove only 3 assignments or memberships within 24 hours", "Answers: |@U0BOB|: remove 5, |", "Removed (5)"}},
		{report: "left", colour: "🟠", want: []string{"no record of an earlier check", "Answers: |@U0BOB|: keep 5, |"}, not: []string{"Removed: ", "Removal not confirmed"}},
		{report: "expired", colour: "🟠", want: []string{"records are missing or old", "Nobody answered in time, so nothing was removed."}, not: []string{"someone"}},
		{report: "part", colour: "🟠", want: []string{"@U0BOB|: remove 2, |", "@U0KIM|: keep 1, |", "Nobody answered for the rest in time, so it stays.", "Removed (2)", "no approver agreed (3)"}},
		{report: "unanswered", colour: "🟠", want: []string{"Nobody answered in time"}},
		{report: "incomplete", colour: "🟠", want: []string{"This check could not read everything", "Could not be checked (2)", "• account 777788889999: Identity Center did not answer • group g-2"}},
		{report: "unread_only", colour: "🔴", want: []string{"• account 777788889999: Identity Center did not answer"}, not: []string{"Found"}},
		{report: "left_out_only", colour: "⚪", want: []string{"doesn't let this app manage", "• 999900001111", "(SCIM)", "• Operators • Auditors"}},
		{report: "longest", colour: "🔴", want: []string{"Found: |5000| in total", "@U0BOB|: remove 1, |", "and 390 more", "Nobody answered for the rest in time", "Could not be checked (300)", "in the AWS console", "View in the AWS console"}},
	}
	all := reports()
	for _, tt := range tests {
		t.Run(tt.report, func(t *testing.T) {
			m := DriftReportMessage(all[tt.report], access.Run{}, owners)
			text := shown(t, m)
			if !strings.HasPrefix(m.Text, tt.colour) || !strings.HasPrefix(text, tt.colour) {
				t.Errorf("fallback %q, message %q, want %s", m.Text, text, tt.colour)
			}
			for _, s := range tt.want {
				if !strings.Contains(text, s) {
					t.Errorf("no %q in %s", s, text)
				}
			}
			for _, s := range tt.not {
				if strings.Contains(text, s) {
					t.Errorf("%q in %s", s, text)
				}
			}
		})
	}
}

// However many findings there are, the listed ones and the number in "and … more" add
// up to all.
func TestDriftListLosesNothing(t *testing.T) {
	for _, n := range []int{1, 10, 60, 100, 400} {
		r := report(func(r *access.DriftReport) {
			for i := range n {
				r.Findings = append(r.Findings, assigned(fmt.Sprintf("user%03d@example.com", i), fmt.Sprintf("%012d", i/10), "Account", "ReadOnly"))
			}
			r.Total = n
		})
		m := DriftReportMessage(r, access.Run{}, nil)
		text := shown(t, m)
		listed := strings.Count(text, "• user")
		left := 0
		if i := strings.Index(text, "and "); i >= 0 {
			if _, err := fmt.Sscanf(text[i:], "and %d more, in the AWS console", &left); err != nil {
				t.Errorf("%d findings: %v in %s", n, err, text[i:])
			}
		}
		if listed+left != n {
			t.Errorf("%d findings: %d are listed and %d counted", n, listed, left)
		}
		if least := min(n, 50); listed < least {
			t.Errorf("%d findings: %d are listed, want at least %d", n, listed, least)
		}
		if problems := checkMessage(generic(t, posted(m))); len(problems) > 0 {
			t.Errorf("%d findings: %v", n, problems)
		}
	}
}

func TestDriftQuestionButtons(t *testing.T) {
	for name, q := range questions() {
		t.Run(name, func(t *testing.T) {
			m := DriftQuestionMessage(q.run, q.findings, owners)
			leave := "Keep"
			if q.run.Guard == access.GuardGone {
				leave = "Keep for 24 hours"
			}
			want := fmt.Sprintf("drift_remove %q true, drift_leave %q false", "Remove", leave)
			if q.run.Answer != nil {
				want = ""
			}
			var got []string
			for _, b := range list(generic(t, posted(m))["blocks"]) {
				for _, e := range list(object(b)["elements"]) {
					if e := object(e); e["type"] == "button" {
						got = append(got, fmt.Sprintf("%s %q %t", e["action_id"], object(e["text"])["text"], e["confirm"] != nil))
					}
				}
			}
			if strings.Join(got, ", ") != want {
				t.Errorf("buttons %q, want %q", got, want)
			}
		})
	}
}

// The message of an answered question depends only on the row, so it is the same
// whoever updates it.
func TestAnsweredQuestionIsTheSameWithoutFindings(t *testing.T) {
	run := asked(func(r *access.Run) {
		r.Answers = []access.RunAnswer{said(true, bob, 0, 5)}
		r.Answer = over(false, r.Answers)
	})
	with, _ := json.Marshal(DriftQuestionMessage(run, someFindings(), owners))
	without, _ := json.Marshal(DriftQuestionMessage(run, nil, nil))
	if string(with) != string(without) {
		t.Errorf("with findings %s\nwithout %s", with, without)
	}
}

// A finding without its own card says whose access it is, too, who created it, and since
// when the app knows it.
func TestFindingLinesSay(t *testing.T) {
	all := []access.RemovalResult{access.DriftRemoved, access.DriftExempt, access.DriftRemoved, access.DriftProtected, access.DriftHeld}
	by := func(f *access.Finding) {
		f.Creation = &access.Creation{By: "arn:aws:iam::123456789012:user/kim", At: monday.Add(-time.Hour)}
	}
	exempt := func(r *access.DriftReport) {
		r.Findings[1].Exemption = &access.Spared{Until: monday.Add(20 * time.Hour), Reason: "INC-7"}
		by(&r.Findings[1])
	}
	people := map[string]access.Person{}
	for _, f := range someFindings() {
		people[f.PrincipalID] = access.Person{SlackID: "U0" + strings.ToUpper(cmp.Or(f.UserName, "gone"))}
	}
	const creator = ", added by arn:aws:iam::123456789012:user/kim, |2 Mar 2026 08:30 UTC|, according to CloudTrail|"
	created := someFindings()
	by(&created[0])
	by(&created[2])
	for name, test := range map[string]struct {
		message Message
		want    []string
	}{
		"removed": {DriftReportMessage(report(found, func(r *access.DriftReport) { by(&r.Findings[0]); by(&r.Findings[2]) }, exempt, revokes(all...)), access.Run{}, people), []string{
			"• alice| (|@U0ALICE|)|: ReadOnly|" + creator + ", first seen |28 Feb 2026 09:30 UTC|",
			"• carol| (|@U0CAROL|)|" + creator + ", first seen |2 Mar 2026 09:30 UTC|",
			"• bob| (|@U0BOB|)|: AdministratorAccess|" + creator + ", first seen |28 Feb 2026 09:30 UTC|. |Exempt until |3 Mar 2026 05:30 UTC|: INC-7",
			"• dan| (|@U0DAN|)|: AdministratorAccess|, first seen |", "• user 94d8a4f8-5031-70c1-3a4b-0e2f4f5b6c7d| (|@U0GONE|)|: ReadOnly|",
		}},
		"reported": {DriftReportMessage(report(found, func(r *access.DriftReport) { by(&r.Findings[0]) }), access.Run{}, people), []string{
			"Account Sandbox (111122223333)|, first seen |28 Feb 2026 09:30 UTC| • alice| (|@U0ALICE|)|: ReadOnly|" + creator,
		}},
		"asked about": {DriftQuestionMessage(asked(), created, people), []string{
			"• alice| (|@U0ALICE|)|: ReadOnly|" + creator, "• carol| (|@U0CAROL|)|" + creator, "• bob| (|@U0BOB|)|",
		}},
	} {
		text := shown(t, test.message)
		for _, want := range test.want {
			if !strings.Contains(text, strings.ReplaceAll(want, "||", "|")) {
				t.Errorf("%s: no %q in %s", name, want, text)
			}
		}
		if problems := checkMessage(generic(t, posted(test.message))); len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

// Each part of a report says what happens next with its findings.
func TestReportSaysWhatHappensNext(t *testing.T) {
	unscheduled := func(r *access.DriftReport) { r.NextRevocation = time.Time{} }
	all := func(result access.RemovalResult, changes ...func(*access.DriftReport)) access.DriftReport {
		return report(append([]func(*access.DriftReport){found, revokes(slices.Repeat([]access.RemovalResult{result}, 5)...)}, changes...)...)
	}
	for name, test := range map[string]struct {
		report access.DriftReport
		want   string
	}{
		"failed":                      {all(access.DriftFailed), "Removal not confirmed (5)|. This app tries again, at the latest with the next removal."},
		"failed, unscheduled":         {all(access.DriftFailed, unscheduled), "Removal not confirmed (5)|. This app tries again every minute, if the removal had begun."},
		"over the limit":              {all(access.DriftOverLimit), "24-hour removal limit is reached (5)|. The next removal removes it or asks again."},
		"over the limit, unscheduled": {all(access.DriftOverLimit, unscheduled), "24-hour removal limit is reached (5)|. It stays until someone removes it."},
		"not allowed":                 {all(access.DriftNotAllowed), "no approver agreed (5)|. The next removal removes it or asks again."},
		"not allowed, unscheduled":    {all(access.DriftNotAllowed, unscheduled), "no approver agreed (5)|. It stays until someone removes it."},
		"exempt":                      {all(access.DriftExempt), "exempt for now (5)|. After the exemption ends, the next removal removes it."},
		"exempt, unscheduled":         {all(access.DriftExempt, unscheduled), "exempt for now (5)|. It stays until someone removes it."},
		"held":                        {all(access.DriftHeld), "a request now covers it (5)|. It ends with that request."},
		"removed":                     {all(access.DriftRemoved), "Removed (5)|. Anyone who still needs it can request it."},
		"already gone":                {all(access.DriftAlreadyGone), "by someone else (5)|. Anyone who still needs it can request it."},
		"out of scope":                {all(access.DriftOutOfScope), "no longer covers it (5)|. This app no longer checks it."},
		"protected":                   {all(access.DriftProtected), "Never removed, because"},
		"reported":                    {report(found), "The next removal removes this access."},
		"reported, unscheduled":       {report(found, unscheduled), "It stays until someone removes it. If nobody needs this access, remove it in IAM Identity Center."},
		"nobody agreed":               {report(found, guarded(access.GuardNoRecord, true)), "The next removal removes this access or asks again."},
		"nobody agreed, and no removal is scheduled": {report(found, guarded(access.GuardNoRecord, true), unscheduled), "It stays until someone removes it."},
	} {
		if text := shown(t, DriftReportMessage(test.report, access.Run{}, nil)); !strings.Contains(text, test.want) {
			t.Errorf("%s: no %q in %s", name, test.want, text)
		}
	}
}

// The people of a report are looked up in the order in which it shows them: first those
// with buttons, the worst results first, then the others.
func TestFindingsInOrder(t *testing.T) {
	user := func(i int) access.Finding {
		return assigned(fmt.Sprintf("user%02d", i), fmt.Sprintf("%012d", 100-i), "Account", "ReadOnly")
	}
	names := func(findings []access.Finding) (all []string) {
		for _, f := range findings {
			all = append(all, f.UserName)
		}
		return all
	}
	r := report(func(r *access.DriftReport) {
		for i := range 14 {
			r.Findings = append(r.Findings, user(i))
		}
	})
	results := []access.RemovalResult{access.DriftRemoved, access.DriftExempt, access.DriftFailed, access.DriftNotAllowed}
	for i := range 12 {
		results = append(results, []access.RemovalResult{access.DriftNotAllowed, access.DriftRemoved}[i%6/5])
	}
	revokes(results[:14]...)(&r)
	decidable(&r)
	want := []string{"user02", "user13", "user12", "user11", "user10", "user08", "user07", "user06", "user05", "user04"}
	want = append(want, "user03", "user01", "user09", "user00") // after the ten cards
	if got := names(FindingsInOrder(r)); !slices.Equal(got, want) {
		t.Errorf("report: %q, want %q", got, want)
	}
	// The message shows these first.
	m := shown(t, DriftReportMessage(r, access.Run{}, nil))
	if first, second := strings.Index(m, "user02"), strings.Index(m, "user13"); first < 0 || second < first {
		t.Errorf("user02 at %d, user13 at %d in %s", first, second, m)
	}
	run := asked(func(r *access.Run) { r.Removals = 14 }, func(r *access.Run) { r.Answers = []access.RunAnswer{said(true, bob, 0, 12)} })
	if got := names(QuestionsInOrder(run, r.Findings)); !slices.Equal(got, []string{"user13", "user12"}) {
		t.Errorf("question: %q", got)
	}
	run.Guard = access.GuardGone
	if got := names(QuestionsInOrder(run, r.Findings)); len(got) > 0 {
		t.Errorf("question about people who are gone: %q, want none", got)
	}
}
