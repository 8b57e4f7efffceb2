package access

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Each field of a policy and of a statement, and the format that it needs. A field
// that is missing here needs a format of its own: older releases ignore it.
var formats = map[string]int{
	"Policy.Accounts": FirstFormat, "Policy.Groups": FirstFormat, "Policy.Exemptions": FirstFormat, "Policy.IncidentResponders": FirstFormat,
	"Policy.ProtectedAccounts": groupsFormat, "Policy.AllowManagedDecisionGroups": groupsFormat,
	"Statement.Resources": FirstFormat, "Statement.PermissionSets": FirstFormat, "Statement.Approvers": FirstFormat,
	"Statement.AllowSelfApproval": FirstFormat, "Statement.ApprovalIsNotRequired": FirstFormat,
	"Statement.Allowed": groupsFormat, "Statement.ApprovalsNeeded": groupsFormat, "Statement.MaxDuration": groupsFormat,
	"Statement.Ticket": ticketFormat, "Statement.Warning": ticketFormat, "Statement.Channel": ticketFormat, "Statement.Confirm": ticketFormat,
}

// someValue sets a value to something that is not empty.
func someValue(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Interface().(type) {
	case string:
		v.SetString("ann@example.com")
	case int, int64:
		v.SetInt(1)
	case bool:
		v.SetBool(true)
	case *bool:
		v.Set(reflect.ValueOf(yes))
	case *Ticket:
		v.Set(reflect.ValueOf(&Ticket{}))
	case time.Time:
	case []string, []Statement, []Exemption:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		if v.Index(0).Kind() == reflect.String {
			someValue(t, v.Index(0))
		}
	default:
		t.Fatalf("no value of type %s", v.Type())
	}
}

// Every field that is set alone gives the policy the field's format.
func TestFormatOfEachField(t *testing.T) {
	seen := 0
	for _, of := range []reflect.Type{reflect.TypeFor[Policy](), reflect.TypeFor[Statement]()} {
		for i := range of.NumField() {
			name := of.Name() + "." + of.Field(i).Name
			want, known := formats[name]
			if !known {
				t.Errorf("%s has no format", name)
				continue
			}
			seen++
			v := reflect.New(of).Elem()
			someValue(t, v.Field(i))
			policies := []Policy{}
			switch one := v.Interface().(type) {
			case Policy:
				policies = append(policies, one)
			case Statement:
				policies = append(policies, Policy{Accounts: []Statement{{}, one}}, Policy{Groups: []Statement{{}, one}})
			}
			for _, p := range policies {
				if got := p.Format(); got != want {
					t.Errorf("with %s the format is %d, want %d", name, got, want)
				}
			}
		}
	}
	if seen != len(formats) {
		t.Errorf("%d fields, but formats of %d", seen, len(formats))
	}
}

func TestFormatOfValues(t *testing.T) {
	for value, tt := range map[string]struct {
		s    Statement
		want int
	}{
		"an account":        {Statement{Resources: list(dev)}, FirstFormat},
		"everything":        {Statement{Resources: list("*")}, FirstFormat},
		"a unit":            {Statement{Resources: list(dev, "ou-abcd-11111111")}, groupsFormat},
		"a root":            {Statement{Resources: list("r-abcd")}, groupsFormat},
		"an approver":       {Statement{Approvers: list("ann@example.com")}, FirstFormat},
		"a group approves":  {Statement{Approvers: list("ann@example.com", GroupEntry(team))}, groupsFormat},
		"a group by its id": {Statement{Resources: list(team)}, FirstFormat},
	} {
		if got := (&Policy{Accounts: []Statement{tt.s}}).Format(); got != tt.want {
			t.Errorf("%s: format %d, want %d", value, got, tt.want)
		}
	}
	if (&Policy{}).Format() != FirstFormat {
		t.Error("an empty policy doesn't have the first format")
	}
}

// A policy of the first format has nothing in its JSON that the release before the
// second format doesn't know.
func TestFirstFormatHasNoNewKeys(t *testing.T) {
	type statement struct {
		Resources             []string `json:"resources"`
		PermissionSets        []string `json:"permission_sets"`
		Approvers             []string `json:"approvers"`
		AllowSelfApproval     *bool    `json:"allow_self_approval"`
		ApprovalIsNotRequired *bool    `json:"approval_is_not_required"`
	}
	type policy struct {
		Accounts   []statement       `json:"accounts"`
		Groups     []statement       `json:"groups"`
		Exemptions []json.RawMessage `json:"exemptions"`
	}
	p := Policy{Accounts: []Statement{{Resources: list(dev), PermissionSets: list("*"), Approvers: list("ann@example.com"), AllowSelfApproval: yes, ApprovalIsNotRequired: no}}, Exemptions: []Exemption{{}}}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&policy{}); err != nil || p.Format() != FirstFormat {
		t.Errorf("format %d of %s: %v", p.Format(), text, err)
	}
}
