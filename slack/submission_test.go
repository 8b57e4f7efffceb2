package slack

import (
	"maps"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// submitted is a form with every field filled in. change alters it.
func submitted(change func(v *View)) *View {
	v := &View{
		ID:              "V1",
		CallbackID:      CallbackAccount,
		PrivateMetadata: encodeChosen(sandbox),
		State: FormState{
			"account":                     {"account": {SelectedOption: "111122223333"}},
			"permission_set-111122223333": {"permission_set": {SelectedOption: permissionSetARN}},
			"duration":                    {"duration": {SelectedOption: "5400"}},
			"reason":                      {"reason": {Value: "  look at\r\nthe logs \n"}},
		},
	}
	if change != nil {
		change(v)
	}
	return v
}

func TestSubmission(t *testing.T) {
	tests := []struct {
		name   string
		change func(v *View)
		want   Submission // compared only if there are no errors
		errs   map[string]string
	}{
		{
			name: "complete",
			want: Submission{Target: sandbox, Duration: 90 * time.Minute, Reason: "look at\nthe logs"},
		},
		{
			name: "names of another choice are not taken over",
			change: func(v *View) {
				v.PrivateMetadata = `{"kind":"account","account_id":"444455556666","account_name":"Prod","permission_set":"Admin","permission_set_arn":"arn:aws:sso:::permissionSet/x/y"}`
			},
			want: Submission{
				Target:   access.Target{Kind: access.KindAccount, AccountID: "111122223333", PermissionSetARN: permissionSetARN},
				Duration: 90 * time.Minute, Reason: "look at\nthe logs",
			},
		},
		{
			name: "permission set by name",
			change: func(v *View) {
				v.State["permission_set-111122223333"]["permission_set"] = FieldValue{SelectedOption: "ReadOnly"}
			},
			want: Submission{
				Target:   access.Target{Kind: access.KindAccount, AccountID: "111122223333", AccountName: "Sandbox", PermissionSet: "ReadOnly"},
				Duration: 90 * time.Minute, Reason: "look at\nthe logs",
			},
		},
		{
			name: "permission set first, sent before the form was updated",
			change: func(v *View) {
				v.PrivateMetadata = `{"kind":"account","permission_set":"ReadOnly","permission_set_arn":"` + permissionSetARN + `"}`
				v.State["account-ps-1a2b3c4d5e6f7a8b"], v.State["permission_set"] = v.State["account"], v.State["permission_set-111122223333"]
				delete(v.State, "account")
				delete(v.State, "permission_set-111122223333")
			},
			want: Submission{
				Target:   access.Target{Kind: access.KindAccount, AccountID: "111122223333", PermissionSet: "ReadOnly", PermissionSetARN: permissionSetARN},
				Duration: 90 * time.Minute, Reason: "look at\nthe logs",
			},
		},
		{
			name: "permission set first, and no account",
			change: func(v *View) {
				delete(v.State, "account")
				v.State["account-ps-1a2b3c4d5e6f7a8b"] = map[string]FieldValue{"account": {}}
				v.State["permission_set"] = v.State["permission_set-111122223333"]
				delete(v.State, "permission_set-111122223333")
			},
			errs: map[string]string{"account-ps-1a2b3c4d5e6f7a8b": "Choose an account."},
		},
		{
			name: "neither account nor permission set",
			change: func(v *View) {
				v.State["account"]["account"] = FieldValue{}
				v.State["permission_set"] = map[string]FieldValue{"permission_set": {}}
				delete(v.State, "permission_set-111122223333")
			},
			errs: map[string]string{"account": "Choose an account.", "permission_set": "Choose a permission set."},
		},
		{
			name: "durations that the policy limits",
			change: func(v *View) {
				delete(v.State, "duration")
				v.State["duration-7200"] = map[string]FieldValue{"duration": {SelectedOption: "5400"}}
			},
			want: Submission{Target: sandbox, Duration: 90 * time.Minute, Reason: "look at\nthe logs"},
		},
		{
			name: "none of the durations that the policy limits",
			change: func(v *View) {
				delete(v.State, "duration")
				v.State["duration-7200"] = map[string]FieldValue{"duration": {}}
			},
			errs: map[string]string{"duration-7200": "Choose how long you need the access."},
		},
		{
			name:   "the policy allows no offered duration",
			change: func(v *View) { delete(v.State, "duration") },
			errs:   map[string]string{"reason": "This app offers no duration that the policy allows here. Choose something else."},
		},
		{
			name:   "ticket",
			change: func(v *View) { v.State["ticket"] = map[string]FieldValue{"ticket": {Value: " OPS-12\t\u202e\n"}} },
			want:   Submission{Target: sandbox, Duration: 90 * time.Minute, Reason: "look at\nthe logs", Ticket: "OPS-12"},
		},
		{
			name: "ticket of several lines",
			change: func(v *View) {
				v.State["ticket"] = map[string]FieldValue{"ticket": {Value: "OPS-12\nApproved by: the boss\x00"}}
			},
			want: Submission{Target: sandbox, Duration: 90 * time.Minute, Reason: "look at\nthe logs", Ticket: "OPS-12 Approved by: the boss"},
		},
		{
			name:   "no ticket",
			change: func(v *View) { v.State["ticket"] = map[string]FieldValue{"ticket": {}} },
			want:   Submission{Target: sandbox, Duration: 90 * time.Minute, Reason: "look at\nthe logs"},
		},
		{
			name:   "ticket of blanks",
			change: func(v *View) { v.State["ticket"] = map[string]FieldValue{"ticket": {Value: " \u200b\u3164 "}} },
			want:   Submission{Target: sandbox, Duration: 90 * time.Minute, Reason: "look at\nthe logs"},
		},
		{
			name: "longest ticket",
			change: func(v *View) {
				v.State["ticket"] = map[string]FieldValue{"ticket": {Value: strings.Repeat("é", 150)}}
			},
			want: Submission{Target: sandbox, Duration: 90 * time.Minute, Reason: "look at\nthe logs", Ticket: strings.Repeat("é", 150)},
		},
		{
			name: "ticket too long",
			change: func(v *View) {
				v.State["ticket"] = map[string]FieldValue{"ticket": {Value: strings.Repeat("é", 151)}}
			},
			errs: map[string]string{"ticket": "Use at most 150 characters."},
		},
		{
			name: "group",
			change: func(v *View) {
				v.CallbackID = CallbackGroup
				v.PrivateMetadata = `{"kind":"group","group_id":"g-1","group_name":"Operators"}`
				v.State = FormState{
					"group":    {"group": {SelectedOption: "g-1"}},
					"duration": {"duration": {SelectedOption: "60"}},
					"reason":   {"reason": {Value: "on call"}},
				}
			},
			want: Submission{Target: access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: "Operators"}, Duration: time.Minute, Reason: "on call"},
		},
		{
			name:   "nothing filled in",
			change: func(v *View) { v.State = FormState{} },
			errs: map[string]string{
				"account":  "Choose an account.",
				"duration": "Choose how long you need the access.",
				"reason":   "Say why you need the access.",
			},
		},
		{
			name: "group form empty",
			change: func(v *View) {
				v.CallbackID = CallbackGroup
				delete(v.State, "account")
			},
			errs: map[string]string{"group": "Choose a group."},
		},
		{
			name: "no permission set",
			change: func(v *View) {
				v.State["permission_set-111122223333"]["permission_set"] = FieldValue{}
			},
			errs: map[string]string{"permission_set-111122223333": "Choose a permission set."},
		},
		{
			name:   "permission set of another account",
			change: func(v *View) { v.State["account"]["account"] = FieldValue{SelectedOption: "444455556666"} },
			errs:   map[string]string{"permission_set-111122223333": "The account changed. Choose the permission set again."},
		},
		{
			name:   "no permission set block",
			change: func(v *View) { delete(v.State, "permission_set-111122223333") },
			errs:   map[string]string{"account": "Choose the account again, then a permission set."},
		},
		{
			name:   "reason of blanks",
			change: func(v *View) { v.State["reason"]["reason"] = FieldValue{Value: " \n\t\u202e\u200f "} },
			errs:   map[string]string{"reason": "Say why you need the access."},
		},
		{
			name:   "longest reason",
			change: func(v *View) { v.State["reason"]["reason"] = FieldValue{Value: strings.Repeat("é", 3000)} },
			want:   Submission{Target: sandbox, Duration: 90 * time.Minute, Reason: strings.Repeat("é", 3000)},
		},
		{
			name:   "reason too long",
			change: func(v *View) { v.State["reason"]["reason"] = FieldValue{Value: strings.Repeat("é", 3001)} },
			errs:   map[string]string{"reason": "Use at most 3000 characters."},
		},
		{
			name:   "duration not a number",
			change: func(v *View) { v.State["duration"]["duration"] = FieldValue{SelectedOption: "1h"} },
			errs:   map[string]string{"duration": "Choose how long you need the access."},
		},
		{
			name:   "duration negative",
			change: func(v *View) { v.State["duration"]["duration"] = FieldValue{SelectedOption: "-60"} },
			errs:   map[string]string{"duration": "Choose how long you need the access."},
		},
		{
			name:   "duration that would overflow",
			change: func(v *View) { v.State["duration"]["duration"] = FieldValue{SelectedOption: "9223372036854775807"} },
			errs:   map[string]string{"duration": "Choose how long you need the access."},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, errs := submitted(tt.change).Submission()
			if !maps.Equal(errs, tt.errs) {
				t.Fatalf("errors %v, want %v", errs, tt.errs)
			}
			if errs == nil && got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestSelectedTargetIgnoresTheRest(t *testing.T) {
	v := submitted(func(v *View) {
		v.State["account"]["account"] = FieldValue{SelectedOption: "444455556666"}
		v.State["reason"]["reason"] = FieldValue{}
	})
	want := access.Target{Kind: access.KindAccount, AccountID: "444455556666"}
	if got := v.SelectedTarget(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSelectedTargetHasAPermissionSetThatWasChosenFirst(t *testing.T) {
	v := submitted(func(v *View) {
		v.PrivateMetadata = ""
		v.State["account"]["account"] = FieldValue{}
		v.State["permission_set"] = v.State["permission_set-111122223333"]
		delete(v.State, "permission_set-111122223333")
	})
	want := access.Target{Kind: access.KindAccount, PermissionSetARN: permissionSetARN}
	if got := v.SelectedTarget(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
