package main

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
)

// TestAuditTable checks that the table has the columns of a record, and reads the
// records' folder.
func TestAuditTable(t *testing.T) {
	template := sharedStack(t).template
	input := template.one(t, "AWS::Glue::Table").Properties["TableInput"].(map[string]any)
	storage := input["StorageDescriptor"].(map[string]any)
	columnsOf := func(value any) []auditrecord.Column {
		var columns []auditrecord.Column
		for _, c := range value.([]any) {
			c := c.(map[string]any)
			columns = append(columns, auditrecord.Column{Name: c["Name"].(string), Type: c["Type"].(string)})
		}
		return columns
	}
	if got, want := columnsOf(storage["Columns"]), auditrecord.Columns(); !slices.Equal(got, want) {
		t.Errorf("columns: got %v\nwant %v", got, want)
	}
	if got, want := columnsOf(input["PartitionKeys"]), []auditrecord.Column{{Name: "timestamp", Type: "string"}}; !slices.Equal(got, want) {
		t.Errorf("partitions: got %v, want %v", got, want)
	}
	if got, want := storage["SerdeInfo"], (map[string]any{"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"}); !reflect.DeepEqual(got, want) {
		t.Errorf("read by %v, want %v", got, want)
	}
	if got, want := resolved(t, storage["Location"]), "s3://<Records091F6ECA>/logs/"; got != want {
		t.Errorf("location %s, want %s", got, want)
	}
	parameters := map[string]string{}
	for name, value := range input["Parameters"].(map[string]any) {
		parameters[name] = resolved(t, value)
	}
	want := map[string]string{
		"EXTERNAL": "TRUE", "classification": "json",
		"projection.enabled": "true", "projection.timestamp.type": "date", "projection.timestamp.format": "yyyy/MM/dd",
		"projection.timestamp.range": "2023/05/08,NOW", "projection.timestamp.interval": "1", "projection.timestamp.interval.unit": "DAYS",
		"storage.location.template": "s3://<Records091F6ECA>/logs/${timestamp}/",
	}
	if !maps.Equal(parameters, want) {
		t.Errorf("parameters: got %v\nwant %v", parameters, want)
	}
	database := template.one(t, "AWS::Glue::Database").Properties["DatabaseInput"].(map[string]any)
	if got, want := database["Name"], "sso_elevator"; got != want {
		t.Errorf("the database is called %v, want %s", got, want)
	}
}

// TestAuditQueriesAreDeployed checks that the workgroup has every query of the
// folder, with its description.
func TestAuditQueriesAreDeployed(t *testing.T) {
	template := sharedStack(t).template
	got := map[string]string{}
	for _, r := range template.of("AWS::Athena::NamedQuery") {
		got[r.Properties["Name"].(string)] = r.Properties["Description"].(string) + "\n" + r.Properties["QueryString"].(string)
	}
	want := map[string]string{}
	for _, q := range queries() {
		want[q.name] = q.answers + "\n" + q.sql
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	names := slices.Sorted(maps.Keys(got))
	if want := []string{"account", "approvals", "approver", "automatic", "cloudtrail", "denied", "drift", "failed-removals", "fallback-domain", "group", "late-removals", "refused-presses", "requester", "there-now"}; !slices.Equal(names, want) {
		t.Errorf("the queries are %q, want %q", names, want)
	}
}

// These are the words of the queries. Keywords are in upper case, names in lower case.
var (
	sqlComment = regexp.MustCompile(`--[^\n]*`)
	sqlText    = regexp.MustCompile(`'([^']*)'`)
	sqlMade    = regexp.MustCompile(`\bAS ([a-z_0-9]+)(?: \(([a-z_0-9]+)\))?|\b([a-z_0-9]+) AS \(`)
	sqlCall    = regexp.MustCompile(`\b[a-z_0-9]+\(`)
	sqlTable   = regexp.MustCompile(`\b(?:FROM|JOIN) ([a-z_0-9]+)`)
	sqlName    = regexp.MustCompile(`\b[a-z_][a-z_0-9]*\b`)
	sqlEvents  = regexp.MustCompile(`\bevent (?:= |IN \()([^\n)]*)`)
)

// unknownIn returns the names in a query that are neither columns nor defined by
// the query itself.
func unknownIn(sql string) []string {
	sql = sqlText.ReplaceAllString(sqlComment.ReplaceAllString(sql, ""), "''")
	known := []string{auditTableName, auditrecord.Partition, "current_date"}
	for _, column := range auditrecord.Columns() {
		known = append(known, column.Name)
	}
	for _, made := range sqlMade.FindAllStringSubmatch(sql, -1) {
		known = append(known, made[1:]...)
	}
	var unknown []string
	for _, table := range sqlTable.FindAllStringSubmatch(sql, -1) {
		if name := table[1]; name != auditTableName && !strings.Contains(sql, name+" AS (") {
			unknown = append(unknown, name)
		}
	}
	for _, name := range sqlName.FindAllString(sqlCall.ReplaceAllString(sql, "("), -1) {
		if !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

func TestAuditQueriesNameOnlyWhatThereIs(t *testing.T) {
	functions := []string{"date_format(", "from_iso8601_timestamp(", "lower(", "max(", "min(", "nullif(", "split(", "split_part("}
	events := []access.EventKind{
		access.EventRequested, access.EventApproved, access.EventDenied, access.EventWithdrawn, access.EventExpired,
		access.EventRefused, access.EventNotGranted, access.EventGranted, access.EventEnded, access.EventRevoked, access.EventRevokeFailed,
		access.EventDriftFound, access.EventDriftRevoked, access.EventPressRefused, access.EventApprovalGiven, access.EventApprovalTakenBack,
	}
	for _, q := range queries() {
		t.Run(q.name, func(t *testing.T) {
			if unknown := unknownIn(q.sql); len(unknown) > 0 {
				t.Errorf("it names %q, which are no columns", unknown)
			}
			for _, called := range sqlCall.FindAllString(sqlComment.ReplaceAllString(q.sql, ""), -1) {
				if !slices.Contains(functions, called) {
					t.Errorf("it calls %s), of which this test does not know that Athena has it", called)
				}
			}
			for _, found := range sqlEvents.FindAllStringSubmatch(q.sql, -1) {
				for _, text := range sqlText.FindAllStringSubmatch(found[1], -1) {
					if !slices.Contains(events, access.EventKind(text[1])) {
						t.Errorf("%q is no event", text[1])
					}
				}
			}
			if !strings.HasPrefix(q.sql, "-- "+q.answers+"\n") || len(q.answers) > 1024 {
				t.Errorf("its first line does not say what it answers: %q", q.answers)
			}
		})
	}
	t.Run("what is not there is seen", func(t *testing.T) {
		got := unknownIn("-- comment\nSELECT time, colour FROM audit JOIN people USING (request_id) WHERE account = 'reason'")
		if want := []string{"people", "colour", "people", "account"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestAuditTableVariants(t *testing.T) {
	t.Run("an existing bucket's root", func(t *testing.T) {
		s := goldenSettings(t)
		s.NamePrefix = "access-eu"
		s.ExistingAuditBucket, s.AuditPrefix = "company-audit", ""
		made, err := synthesizeStack(s, false)
		if err != nil {
			t.Fatal(err)
		}
		input := fmt.Sprint(made.template.one(t, "AWS::Glue::Table").Properties["TableInput"])
		for _, want := range []string{"Location:s3://company-audit/ ", "storage.location.template:s3://company-audit/${timestamp}/"} {
			if !strings.Contains(input, want) {
				t.Errorf("the table has no %s: %s", want, input)
			}
		}
		if got, want := made.template.one(t, "AWS::Athena::WorkGroup").Properties["Name"], "access-eu-audit"; got != want {
			t.Errorf("the workgroup is called %v, want %s", got, want)
		}
	})
	t.Run("none", func(t *testing.T) {
		s := goldenSettings(t)
		s.Athena = false
		made, err := synthesizeStack(s, false)
		if err != nil {
			t.Fatal(err)
		}
		for id, r := range made.template.Resources {
			if strings.HasPrefix(r.Type, "AWS::Glue::") || strings.HasPrefix(r.Type, "AWS::Athena::") {
				t.Errorf("there is %s (%s)", id, r.Type)
			}
		}
	})
}
