package auditrecord_test

import (
	"encoding/json"
	"slices"
	"testing"

	"sso-elevator/functions/access/auditrecord"
)

// The table's columns match the fields of a written record, and each column's type can
// hold the field's value. A partition key counts as the field with its name.
func TestColumnsAreTheFieldsOfARecord(t *testing.T) {
	written, err := json.Marshal(auditrecord.Of(elevated(), 2))
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(written, &fields); err != nil {
		t.Fatal(err)
	}
	if _, ok := fields[auditrecord.Partition]; !ok {
		t.Errorf("the partition %s hides no field", auditrecord.Partition)
	}
	delete(fields, auditrecord.Partition)
	for _, column := range auditrecord.Columns() {
		value, ok := fields[column.Name]
		if !ok {
			t.Errorf("column %s is no field of %s", column.Name, written)
		}
		delete(fields, column.Name)
		fits := false
		switch value := value.(type) {
		case string:
			fits = column.Type == "string"
		case bool: // for a string column, the SerDe writes any JSON as text
			fits = column.Type == "boolean" || column.Type == "string"
		case float64:
			fits = value == float64(int64(value)) && (column.Type == "bigint" || column.Type == "string")
		}
		if !fits {
			t.Errorf("column %s is a %s, the record has %v", column.Name, column.Type, value)
		}
	}
	for name := range fields {
		t.Errorf("field %s is no column", name)
	}
}

// The Terraform module's table can read our records: its columns are the first of
// ours, in the same order and with the same types. These are the module's columns.
func TestColumnsBeginWithTheModules(t *testing.T) {
	var want []auditrecord.Column
	for _, name := range []string{
		"role_name", "account_id", "reason", "requester_slack_id", "requester_email", "request_id", "approver_slack_id",
		"approver_email", "operation_type", "permission_duration", "time", "group_name", "group_id", "group_membership_id",
		"audit_entry_type", "version", "sso_user_principal_id", "secondary_domain_was_used",
	} {
		want = append(want, auditrecord.Column{Name: name, Type: "string"})
	}
	got := auditrecord.Columns()
	if !slices.Equal(got[:len(want)], want) {
		t.Errorf("got  %v\nwant %v", got[:len(want)], want)
	}
	if own := (auditrecord.Column{Name: "event", Type: "string"}); got[len(want)] != own {
		t.Errorf("the first of our own is %v, want %v", got[len(want)], own)
	}
	if own := (auditrecord.Column{Name: "sequence", Type: "bigint"}); !slices.Contains(got, own) {
		t.Errorf("there is no %v in %v", own, got)
	}
}
