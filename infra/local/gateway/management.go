package gateway

import (
	"fmt"
	"strings"

	"sso-elevator/infra/local/iam"
	"sso-elevator/infra/local/lambda"
)

// In every account but the management account Identity Center's service-linked
// role changes roles and the SAML provider. That role may not do it in the
// management account, so Identity Center calls IAM there with the rights of
// whoever called it. These are the rights that AWS may ask for; which of them it
// needs depends on what is there already. That a deletion needs any is not
// documented: the gateway is as strict as AWS could be.
//
// https://docs.aws.amazon.com/singlesignon/latest/userguide/using-service-linked-roles.html
var (
	rightsToDelete = []string{"iam:GetSAMLProvider", "iam:GetRole", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies"}
	rightsToCreate = append([]string{"iam:UpdateSAMLProvider", "iam:CreateSAMLProvider", "iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy"}, rightsToDelete...)
)

// forbiddenByIAM is why an operation on an assignment to the management account
// fails when the caller runs in that account without rights; else "".
func (g *Gateway) forbiddenByIAM(call *Call, a assignment, rights []string) (reason string) {
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
	g.tellDenied(denial.Message)
	return fmt.Sprintf("Received a 403 status error: Access denied by IAM. Please check your policy, or wait for role propagation to complete. "+
		"IAM Error: %s (Service: AmazonIdentityManagement; Status Code: 403; Error Code: AccessDenied; Request ID: %s; Proxy: null)", denial.Message, lambda.NewRequestID())
}
