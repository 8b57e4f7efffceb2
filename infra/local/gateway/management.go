package gateway

import (
	"fmt"
	"strings"

	"sso-elevator/infra/local/iam"
	"sso-elevator/infra/local/lambda"
)

// Identity Center normally changes roles and the SAML provider through its
// service-linked role. In the management account, that role has no permission to do
// so, and Identity Center calls IAM with its caller's permissions. These are the
// permissions that it may need, depending on what exists already. AWS doesn't
// document whether a deletion needs any, so the gateway is as strict as AWS could be.
//
// https://docs.aws.amazon.com/singlesignon/latest/userguide/using-service-linked-roles.html
var (
	rightsToDelete = []string{"iam:GetSAMLProvider", "iam:GetRole", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies"}
	rightsToCreate = append([]string{"iam:UpdateSAMLProvider", "iam:CreateSAMLProvider", "iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy"}, rightsToDelete...)
)

// checkRights returns why an operation on an assignment to the management account
// fails: the caller runs in that account and lacks rights. It returns "" if there
// is no such reason.
func (g *Gateway) checkRights(call *Call, a assignment, rights []string) (reason string) {
	if g.config.Guard == nil || g.managementAccount() != "" {
		return ""
	}
	denial := g.config.Guard.CheckBehind(call.accessKey(), func(p iam.Place) (all []iam.Request) {
		if a.TargetId != p.AccountID {
			return nil
		}
		_, set, _ := strings.Cut(a.PermissionSetArn, "/ps-")
		for _, right := range rights {
			resource := "role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_" + set
			if strings.HasSuffix(right, "SAMLProvider") {
				resource = "saml-provider/AWSSSO_0123456789abcdef_DO_NOT_DELETE"
			}
			all = append(all, iam.Request{
				Action: right, Resource: "arn:aws:iam::" + p.AccountID + ":" + resource,
				Context: map[string][]string{"aws:ViaAWSService": {"true"}},
			})
		}
		return all
	})
	if denial == nil {
		return ""
	}
	g.reportDenied(denial.Message)
	return fmt.Sprintf("Received a 403 status error: Access denied by IAM. Please check your policy, or wait for role propagation to complete. "+
		"IAM Error: %s (Service: AmazonIdentityManagement; Status Code: 403; Error Code: AccessDenied; Request ID: %s; Proxy: null)", denial.Message, lambda.NewRequestID())
}
