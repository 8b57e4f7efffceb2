package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	alarmsBegin = "<!-- alarms: go test ./infra -run TestAlarmsPage -update -->\n"
	alarmsEnd   = "<!-- end of alarms -->\n"
)

var (
	alarmHeading = regexp.MustCompile(`(?m)^### ([A-Z][A-Za-z]+)$`)
	anyHeading   = regexp.MustCompile(`(?m)^##+ `)
	logsCommand  = regexp.MustCompile(`(?m)^logs ([a-z]+) `)
)

// TestAlarmsPage checks that docs/operate/alarms.md has a heading with four parts for
// each alarm, that each alarm's email names its heading, and that the page's table is
// made from the alarms. With -update it writes the table, in the order of the headings.
func TestAlarmsPage(t *testing.T) {
	s := goldenSettings(t)
	s.FunctionURL = true
	made, err := synthesizeStack(s, false)
	if err != nil {
		t.Fatal(err)
	}
	alarms := map[string]map[string]any{} // properties, by id
	for _, r := range made.template.of("AWS::CloudWatch::Alarm") {
		id := strings.TrimPrefix(r.Properties["AlarmName"].(string), s.NamePrefix+"-")
		alarms[id] = r.Properties
	}

	path := filepath.Join("..", "docs", "operate", "alarms.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	sections := map[string]string{}
	var order []string
	for _, m := range alarmHeading.FindAllStringSubmatchIndex(page, -1) {
		id, section := page[m[2]:m[3]], page[m[1]:]
		if next := anyHeading.FindStringIndex(section); next != nil {
			section = section[:next[0]]
		}
		if _, ok := alarms[id]; !ok {
			t.Errorf("the page has a heading %s, and there is no such alarm", id)
			continue
		}
		sections[id] = section
		order = append(order, id)
	}
	for _, id := range slices.Sorted(maps.Keys(alarms)) {
		section, ok := sections[id]
		if !ok {
			t.Errorf("the page has no heading for the alarm %s", id)
			order = append(order, id)
			continue
		}
		last := -1
		for _, part := range []string{"**Meaning.** ", "**Impact.** ", "**Commands.** ", "**Resolved when** "} {
			at := strings.Index(section+" ", strings.TrimSpace(part))
			if at <= last {
				t.Errorf("%s: the part %s is missing or out of order", id, part)
			}
			last = at
		}
		if !strings.Contains(section, "\n```\n") {
			t.Errorf("%s: there are no commands", id)
		}
	}

	var table strings.Builder
	table.WriteString("\n| alarm | metric | fires | email |\n|---|---|---|---|\n")
	for _, id := range order {
		p := alarms[id]
		email := p["AlarmDescription"].(string)
		// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
		if len(email) > 1024 {
			t.Errorf("%s: the text has %d characters, and CloudWatch takes 1024", id, len(email))
		}
		email, ok := strings.CutSuffix(email, " Manual: docs/operate/alarms.md#"+strings.ToLower(id))
		if !ok || !strings.Contains(email, " First: ") {
			t.Errorf("%s: the email must say what to do first, and end with its heading: %s", id, email)
		}
		fmt.Fprintf(&table, "| [%s](#%s) | %s | %s |\n", id, strings.ToLower(id), firesWhen(p), email)
	}
	table.WriteString("\n")

	before, rest, begins := strings.Cut(page, alarmsBegin)
	current, after, ends := strings.Cut(rest, alarmsEnd)
	if !begins || !ends {
		t.Fatalf("%s lacks the line %q or %q", path, alarmsBegin, alarmsEnd)
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+alarmsBegin+table.String()+alarmsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if current != table.String() {
		t.Errorf("the table in %s is not that of the alarms; write it with go test ./infra -run TestAlarmsPage -update", path)
	}

	for _, m := range logsCommand.FindAllStringSubmatch(page, -1) {
		if !slices.Contains(functionNames, m[1]) {
			t.Errorf("%q reads the log of a function that does not exist", m[0])
		}
	}
}

// firesWhen returns an alarm's metric, and when it is on, as two cells of the table.
func firesWhen(p map[string]any) string {
	metric, statistic, period := p["MetricName"], p["Statistic"], p["Period"]
	if several, ok := p["Metrics"].([]any); ok {
		var names []string
		for _, m := range several {
			stat, ok := m.(map[string]any)["MetricStat"].(map[string]any)
			if !ok {
				continue
			}
			names = append(names, stat["Metric"].(map[string]any)["MetricName"].(string))
			statistic, period = stat["Stat"], stat["Period"]
		}
		slices.Sort(names)
		metric = strings.Join(slices.Compact(names), "`, `")
	}
	if own := fmt.Sprint(p["Namespace"]); strings.HasPrefix(own, "AWS/") {
		metric = fmt.Sprintf("%v %v", own, metric)
	}
	sign := map[any]string{"GreaterThanOrEqualToThreshold": "≥", "GreaterThanThreshold": ">", "LessThanThreshold": "<"}[p["ComparisonOperator"]]
	limit := fmt.Sprintf("%s %v", sign, p["Threshold"])
	each := time.Duration(period.(float64)) * time.Second
	periods, datapoints := int(p["EvaluationPeriods"].(float64)), int(p["DatapointsToAlarm"].(float64))
	all := plainDuration(each * time.Duration(periods))
	var when string
	switch {
	case limit == "≥ 1" && datapoints == 1 && statistic == "Sum":
		when = "with the first. Clears " + all + " after the last"
	case limit == "< 1" && datapoints == periods && statistic == "Sum" && p["TreatMissingData"] == "breaching":
		when = "after none for " + all + ". Clears with the next"
	default:
		if statistic == nil {
			statistic = p["ExtendedStatistic"]
		}
		when = fmt.Sprintf("%v %s in %d of %d periods of %s. Clears when fewer periods match", statistic, limit, datapoints, periods, plainDuration(each))
	}
	return fmt.Sprintf("`%v` | %s", metric, when)
}

// plainDuration returns a duration in whole hours or minutes.
func plainDuration(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d min", d/time.Minute)
}
