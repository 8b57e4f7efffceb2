package slack

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// decidableReport is a report in which people may decide about all findings.
func decidableReport(changes ...func(*access.DriftReport)) access.DriftReport {
	r := report(append([]func(*access.DriftReport){found}, changes...)...)
	decidable(&r)
	return r
}

// decidable gives buttons to the findings that a run gives them to.
func decidable(r *access.DriftReport) {
	r.Decidable = map[string]int{}
	for i, f := range r.Findings {
		if f.Protected || f.Exemption != nil && f.Exemption.By == nil {
			continue
		}
		switch r.Results[f.Key()] {
		case "", access.DriftFailed, access.DriftOverLimit, access.DriftNotAllowed, access.DriftExempt:
			r.Decidable[f.Key()] = i + 10
		}
	}
}

func created(r *access.DriftReport) {
	r.Findings[0].Creation = &access.Creation{By: "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0a1b/kim@example.com", At: monday.Add(-time.Hour)}
}

func pressed(finding int, remove bool) access.FindingPress {
	p := access.FindingPress{Finding: finding, Remove: remove, By: bob, At: monday.Add(10 * time.Minute)}
	if !remove {
		p.Until = p.At.Add(24 * time.Hour)
	}
	return p
}

type cardReport struct {
	report access.DriftReport
	run    access.Run
}

func cardReports() map[string]cardReport {
	ended := func(finding int, result access.RemovalResult) access.PressResult {
		return access.PressResult{Finding: finding, Result: result, At: monday.Add(11 * time.Minute)}
	}
	manyFindings := func(r *access.DriftReport) {
		r.Findings = nil
		for i := range 60 {
			r.Findings = append(r.Findings, assigned(fmt.Sprintf("user%03d@example.com", i), fmt.Sprintf("%012d", i/10), "Account", "ReadOnly"))
		}
		r.Total = 60
	}
	over := decidableReport(func(r *access.DriftReport) {
		for i := range r.Findings[:2] {
			r.Findings[i].FirstSeen, r.Findings[i].ExemptionOver = monday.Add(-80*time.Hour), true
		}
	})
	delete(over.Decidable, over.Findings[1].Key()) // so it is in the list
	return map[string]cardReport{
		"open":           {report: decidableReport(created)},
		"no_removal":     {report: decidableReport(func(r *access.DriftReport) { r.NextRevocation = time.Time{} })},
		"too_old":        {report: decidableReport(func(r *access.DriftReport) { r.Findings[0].FirstSeen = monday.Add(-72 * time.Hour) })},
		"exemption_over": {report: over},
		"overruled": {report: decidableReport(), run: access.Run{
			Presses:      []access.FindingPress{pressed(10, false), pressed(11, false), pressed(12, false), pressed(10, true), pressed(11, true), pressed(12, true)},
			PressResults: []access.PressResult{ended(11, access.DriftRemoved), ended(12, access.DriftFailed)},
		}},
		"pressed": {report: decidableReport(created), run: access.Run{Presses: []access.FindingPress{pressed(10, true), pressed(11, false)}}},
		"ended": {report: decidableReport(), run: access.Run{
			Presses: []access.FindingPress{pressed(10, true), pressed(11, true), pressed(12, true), pressed(13, true), pressed(14, true)},
			PressResults: []access.PressResult{
				ended(10, access.DriftRemoved), ended(11, access.DriftHeld), ended(12, access.DriftFailed), ended(13, access.DriftAlreadyGone), ended(14, access.DriftNotAllowed),
			},
		}},
		"revoke": {report: decidableReport(revokes(access.DriftExempt, access.DriftRemoved, access.DriftFailed, access.DriftOverLimit, access.DriftNotAllowed), func(r *access.DriftReport) {
			r.Findings[0].Exemption = &access.Spared{Until: monday.Add(20 * time.Hour), By: &bob}
		})},
		"no_removal_left": {report: decidableReport(func(r *access.DriftReport) { r.NextRevocation = time.Time{} }), run: access.Run{Presses: []access.FindingPress{pressed(10, false)}}},
		"asked_again": {report: decidableReport(revokes(access.DriftNotAllowed, access.DriftNotAllowed, access.DriftRemoved, access.DriftNotAllowed, access.DriftNotAllowed),
			guarded(access.GuardScopeGrew, true))},
		"many": {report: decidableReport(manyFindings)},
		"longest": {report: decidableReport(longestReport, func(r *access.DriftReport) {
			for i := range r.Findings {
				r.Findings[i].Creation = &access.Creation{By: strings.Repeat("<", 300), At: monday}
			}
		})},
		"hostile": {report: decidableReport(func(r *access.DriftReport) {
			f := hostileFinding()
			f.Creation = &access.Creation{By: hostile, At: monday}
			r.Findings, r.Total = []access.Finding{f}, 1
		}), run: access.Run{}},
		"hostile_press": {report: decidableReport(func(r *access.DriftReport) { r.Findings, r.Total = []access.Finding{hostileFinding()}, 1 }),
			run: access.Run{Presses: []access.FindingPress{{Finding: 10, By: access.Person{SlackID: "<!channel>", Name: hostile, Email: hostile}, At: monday, Until: monday}}}},
	}
}

var owners = map[string]access.Person{"p-alice": {SlackID: "U0ALICE"}, "p-" + "carol": {SlackID: "U0CAROL"}}

func TestFindingCards(t *testing.T) {
	for name, c := range cardReports() {
		t.Run(name, func(t *testing.T) {
			checked(t, "drift_report_cards_"+name, DriftReportMessage(c.report, c.run, owners), access.Request{ID: runID})
		})
	}
}

// findingButtons are the buttons of a message, in order: action and value, and whether
// Slack asks first.
func findingButtons(t *testing.T, m Message) (all []string) {
	t.Helper()
	for _, b := range list(generic(t, posted(m))["blocks"]) {
		for _, e := range list(object(b)["elements"]) {
			if e := object(e); e["type"] == "button" {
				all = append(all, fmt.Sprintf("%s %s %t", strings.TrimPrefix(e["action_id"].(string), "finding_"), e["value"], e["confirm"] != nil))
			}
		}
	}
	return all
}

func TestFindingCardsSay(t *testing.T) {
	both := func(indexes ...int) (all []string) {
		for _, i := range indexes {
			all = append(all, fmt.Sprintf("remove %s.%d true", runID, i), fmt.Sprintf("leave %s.%d false", runID, i))
		}
		return all
	}
	remove := func(i int) string { return fmt.Sprintf("remove %s.%d true", runID, i) }
	reports := cardReports()
	for name, test := range map[string]struct {
		want    []string
		buttons []string
	}{
		"open": {
			want: []string{
				"alice| (|@U0ALICE|)|: ReadOnly in Sandbox (111122223333) Added by arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0a1b/kim@example.com, |2 Mar 2026 08:30 UTC|, according to CloudTrail First seen |28 Feb 2026 09:30 UTC|", "Will be removed |3 Mar 2026 05:30 UTC|, unless an approver leaves it for a day", "An approver or an exemption in the settings can keep it until 72 hours after it was first found.",
			},
			buttons: both(11, 14, 10, 13, 12),
		},
		"no_removal": {want: []string{"Next: nothing. It stays until someone removes it.| After Leave for a day, it isn't reported for up to a day."}, buttons: both(11, 14, 10, 13, 12)},
		"no_removal_left": {want: []string{"Not reported again until |3 Mar 2026 09:40 UTC|, because |@U0BOB| left it. It stays until someone removes it."},
			buttons: slices.Concat(both(11, 14), []string{remove(10)}, both(13, 12))},
		"asked_again": {want: []string{"Will be removed |3 Mar 2026 05:30 UTC| or asked about again|, unless an approver leaves it for a day"}, buttons: both(11, 14, 10, 13)},
		"too_old":     {buttons: slices.Concat(both(11, 14), []string{remove(10)}, both(13, 12))},
		"exemption_over": {want: []string{
			"|Its exemption has ended: the access was first seen more than 72 hours ago. |Will be removed |3 Mar 2026 05:30 UTC|",
			"• bob|: AdministratorAccess|, first seen |27 Feb 2026 01:30 UTC|. Its exemption has ended: the access was first seen more than 72 hours ago.|",
		}, buttons: slices.Concat(both(14), []string{remove(10)}, both(13, 12))},
		"overruled": {want: []string{"Removing|: |@U0BOB| pressed Remove now, |", "Removed|: |@U0BOB| pressed Remove now, |", "Removal not confirmed|: |@U0BOB| pressed Remove now, |"},
			buttons: slices.Concat(both(14, 13), []string{remove(12)})},
		"pressed": {want: []string{"Removing|: |@U0BOB| pressed Remove now, |2 Mar 2026 09:40 UTC|", "Left until |3 Mar 2026 09:40 UTC| by |@U0BOB|"},
			buttons: slices.Concat([]string{remove(11)}, both(14, 13, 12))},
		"ended": {want: []string{
			"Removed|: |@U0BOB| pressed Remove now, |", "Kept because a request now covers it|: |@U0BOB| pressed Remove now, |", "Removal not confirmed|: |@U0BOB| pressed Remove now, |", "Already removed by someone else|: |@U0BOB| pressed Remove now, |",
			"Kept because removals are off, or this person may no longer decide|: |@U0BOB| pressed Remove now, |",
		}, buttons: []string{remove(12)}},
		"revoke": {want: []string{
			"Kept because it is exempt for now (1)", "Left by |@U0BOB| until |3 Mar 2026 05:30 UTC|", "24-hour removal limit is reached (1)|. The next removal removes it or asks again.|",
			"Will be removed |3 Mar 2026 05:30 UTC| or asked about again|, unless",
		}, buttons: both(12, 13, 14, 10)},
	} {
		t.Run(name, func(t *testing.T) {
			c := reports[name]
			m := DriftReportMessage(c.report, c.run, owners)
			text := shown(t, m)
			for _, s := range test.want {
				if !strings.Contains(text, s) {
					t.Errorf("no %q in %s", s, text)
				}
			}
			if got := findingButtons(t, m); strings.Join(got, ", ") != strings.Join(test.buttons, ", ") {
				t.Errorf("buttons %q, want %q", got, test.buttons)
			}
		})
	}
}

// However many findings have buttons, the message stays within Slack's limits, and the
// findings in it and the number in "and … more" add up to all.
func TestFindingCardsLoseNothing(t *testing.T) {
	for _, n := range []int{1, 9, 10, 11, 60, 400} {
		r := report(func(r *access.DriftReport) {
			for i := range n {
				r.Findings = append(r.Findings, assigned(fmt.Sprintf("user%03d@example.com", i), fmt.Sprintf("%012d", i/10), "Account", "ReadOnly"))
			}
			r.Total = n
		})
		decidable(&r)
		m := DriftReportMessage(r, access.Run{}, nil)
		text := shown(t, m)
		listed, left := strings.Count(text, "|user")+strings.Count(text, "• user"), 0
		if i := strings.Index(text, "and "); i >= 0 {
			if j := strings.LastIndex(text, "|and "); j >= 0 {
				fmt.Sscanf(text[j:], "|and %d more, in the AWS console", &left)
			}
		}
		if listed+left != n {
			t.Errorf("%d findings: %d are listed and %d counted in %s", n, listed, left, text)
		}
		if cards := len(findingButtons(t, m)) / 2; cards < min(n, 6) || cards > maxCards {
			t.Errorf("%d findings: %d have buttons", n, cards)
		}
		if problems := checkMessage(generic(t, posted(m))); len(problems) > 0 {
			t.Errorf("%d findings: %v", n, problems)
		}
	}
}

// The first report and each update are the same as long as nobody presses.
func TestFindingCardsWithoutRow(t *testing.T) {
	r := decidableReport()
	if DriftReportMessage(r, access.Run{}, nil).Digest() != DriftReportMessage(r, access.Run{ID: runID, Mode: r.Mode}, nil).Digest() {
		t.Error("the message depends on more than the presses in the row")
	}
}
