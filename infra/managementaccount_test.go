package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestManagementAccountRights checks that, with the setting, grant and revoke have
// the IAM rights that Identity Center uses in their name, and changing rights only
// through an AWS service. No other function has them, and without the setting none
// has.
func TestManagementAccountRights(t *testing.T) {
	const (
		provider = "arn:<AWS::Partition>:iam::<AWS::AccountId>:saml-provider/AWSSSO_*"
		roles    = "arn:<AWS::Partition>:iam::<AWS::AccountId>:role/aws-reserved/sso.amazonaws.com/*"
	)
	reads := map[string]string{
		"iam:GetSAMLProvider": provider, "iam:GetRole": roles, "iam:ListAttachedRolePolicies": roles, "iam:ListRolePolicies": roles,
	}
	all := maps.Clone(reads)
	for _, action := range []string{"iam:CreateSAMLProvider", "iam:UpdateSAMLProvider"} {
		all[action] = provider + " by AWS"
	}
	for _, action := range []string{"iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePolicy"} {
		all[action] = roles + " by AWS"
	}
	for name, test := range map[string]struct {
		template template
		want     map[string]map[string]string
	}{
		"without": {sharedStack(t).template, nil},
		"with":    {protectedTemplate(t), map[string]map[string]string{"grant": all, "revoke": reads}},
	} {
		for _, function := range functionNames {
			got := map[string]string{}
			for _, s := range statementsOf(t, test.template, function) {
				for _, action := range s.Action {
					if !strings.HasPrefix(action, "iam:") {
						continue
					}
					got[action] = strings.Join(s.resources, " ")
					if slices.Equal(s.Condition["Bool"]["aws:ViaAWSService"], []string{"true"}) {
						got[action] += " by AWS"
					}
				}
			}
			if !maps.Equal(got, test.want[function]) {
				t.Errorf("%s the setting, %s may\n%v, want\n%v", name, function, got, test.want[function])
			}
		}
	}
}
