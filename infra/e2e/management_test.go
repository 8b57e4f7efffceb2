package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sso-elevator/functions/access"
)

// TestManagementAccount runs the system in another account than the management
// account, as in a delegated administrator account. The form says that it can't
// give access to the management account, and accepts no such request.
func TestManagementAccount(t *testing.T) {
	t.Parallel()
	const account, way = "management", "Request a group that has access there instead, with /group-access."

	f := local.open(t, kim)
	defer f.unlock()
	f.choose(t, "account", account)
	f.choose(t, "permission_set", "ReadOnlyAccess") // which the policy grants to everyone, in all accounts
	v := f.view(t)
	var view struct {
		Blocks json.RawMessage `json:"blocks"`
	}
	if err := json.Unmarshal(v.Raw, &view); err != nil {
		t.Fatal(err)
	}
	if texts := strings.Join(textsOf(t, view.Blocks), "\n"); !strings.Contains(texts, "This would be refused. ") || !strings.Contains(texts, way) {
		t.Errorf("the form shows %q", texts)
	}

	res := f.submit(t, map[string]string{"duration": "10", "reason": t.Name()})
	if res.OK || len(res.FieldErrors) != 1 || !strings.Contains(res.FieldErrors["account"], way) {
		t.Errorf("submit: %+v, want an error at the account", res)
	}
	if row := local.row(t, "request#"+access.RequestID(team, f.viewID)); row != nil {
		t.Errorf("there is a request: %v", row)
	}

	// Without the refusal, this would have happened.
	_, err := local.sso.CreateAccountAssignment(context.Background(), &ssoadmin.CreateAccountAssignmentInput{
		InstanceArn: &local.instanceARN, TargetType: ssotypes.TargetTypeAwsAccount, PrincipalType: ssotypes.PrincipalTypeUser,
		TargetId: aws.String(local.accountID(t, account)), PermissionSetArn: aws.String(local.permissionSetARN(t, "ReadOnlyAccess")), PrincipalId: aws.String(local.principalID(t, kim)),
	})
	var denied *ssotypes.AccessDeniedException
	if !errors.As(err, &denied) {
		t.Errorf("AWS says %v, want AccessDeniedException", err)
	}
}

// TestInTheManagementAccount checks that a system deployed in the management
// account, with the setting for it, grants and removes access there. Without the
// setting Identity Center refuses the assignment with its reason, nothing is left,
// and other accounts still work.
func TestInTheManagementAccount(t *testing.T) {
	t.Parallel()
	const management = "master"
	t.Run("with the rights", func(t *testing.T) {
		t.Parallel()
		s, stop, err := start("management", "management", "management-organization")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		r := s.ask(t, wish{kim, management, "ReadOnlyAccess", 12})
		r.waitAssigned(t)
		r.waitGone(t, 12*time.Second+removalLimit)
		r.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
		wantEvents(t, r, "requested", "approved", "granted", "revoked")
		if removal := r.audit(t)[3]["removal"]; removal != "removed" {
			t.Errorf("the removal is recorded as %v", removal)
		}
		t.Run("more time", func(t *testing.T) { checkExtensionOffer(t, s) })
		if err := s.denialsInLog(); err != nil {
			t.Error(err)
		}
	})
	t.Run("without them", func(t *testing.T) {
		t.Parallel()
		s, stop, err := start("management-unable", "management-unable", "management-organization")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		refused, other := s.ask(t, wish{kim, management, "ReadOnlyAccess", 12}), s.ask(t, wish{bob, "shop", "ReadOnlyAccess", 12})
		refused.finished(t, sfntypes.ExecutionStatusSucceeded, removalLimit+soon)
		wantEvents(t, refused, "requested", "approved", "not_granted")
		const why = "is not authorized to perform: iam:UpdateSAMLProvider on resource: arn:aws:iam::123456789012:saml-provider/AWSSSO_"
		if detail := refused.audit(t)[2]["detail"]; !strings.Contains(fmt.Sprint(detail), why) {
			t.Errorf("the record says %v", detail)
		}
		if refused.assigned(t) {
			t.Error("there is access")
		}
		if err := s.denialsInLog(); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("the gateway says %v", err)
		}
		other.waitAssigned(t)
		other.waitGone(t, 12*time.Second+removalLimit)
		other.finished(t, sfntypes.ExecutionStatusSucceeded, soon)
		wantEvents(t, other, "requested", "approved", "granted", "revoked")
	})
}
