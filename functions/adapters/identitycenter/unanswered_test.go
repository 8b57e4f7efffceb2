package identitycenter_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter"
)

// answering is Identity Center over HTTP. It counts the attempts of a deletion.
type answering struct {
	deletion func() (*http.Response, error)
	tries    int
}

func (a *answering) Do(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".DeleteAccountAssignment") || strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".DeleteGroupMembership") {
		a.tries++
		return a.deletion()
	}
	return answer(http.StatusOK, `{"Instances":[{"InstanceArn":"arn:aws:sso:::instance/ssoins-0123456789abcdef","IdentityStoreId":"d-1"}]}`), nil
}

func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Body: io.NopCloser(strings.NewReader(body))}
}

// A deletion without a response may still arrive. Only a caller that knows how late it
// may arrive can send another one.
func TestDeletionIsRepeatedOnlyIfItWasAnswered(t *testing.T) {
	for _, test := range []struct {
		name     string
		deletion func() (*http.Response, error)
		tries    int
		want     access.Code
	}{
		{"not answered", func() (*http.Response, error) { return nil, errors.New("connection reset by peer") }, 1, access.CodeUnavailable},
		{"answered by something between", func() (*http.Response, error) { return answer(http.StatusGatewayTimeout, ""), nil }, 1, access.CodeUnavailable},
		{"throttled", func() (*http.Response, error) {
			return answer(http.StatusBadRequest, `{"__type":"ThrottlingException","message":"Rate exceeded"}`), nil
		}, 3, access.CodeThrottled},
		{"taken", func() (*http.Response, error) {
			return answer(http.StatusOK, `{"AccountAssignmentDeletionStatus":{"RequestId":"op-1","Status":"IN_PROGRESS"}}`), nil
		}, 1, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &answering{deletion: test.deletion}
			admin := ssoadmin.New(ssoadmin.Options{
				Region: "eu-west-1", HTTPClient: a, Credentials: credentials.NewStaticCredentialsProvider("a", "s", ""),
				Retryer: retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 1 }),
			})
			store := identitystore.New(identitystore.Options{
				Region: "eu-west-1", HTTPClient: a, Credentials: credentials.NewStaticCredentialsProvider("a", "s", ""),
				Retryer: retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 1 }),
			})
			client := identitycenter.New(admin, store, nil, "")
			s := access.Subject{Target: access.Target{Kind: access.KindAccount, AccountID: "111111111111", PermissionSetARN: "arn:aws:sso:::permissionSet/ssoins-1/ps-1"}, PrincipalID: "p"}
			made, err := client.Delete(t.Context(), s, "")
			if a.tries != test.tries || access.CodeOf(err) != test.want || (made.ID == "op-1") != (err == nil) {
				t.Errorf("%d tries, %q, %v; want %d and code %q", a.tries, made.ID, err, test.tries, test.want)
			}
			a.tries = 0
			s = access.Subject{Target: access.Target{Kind: access.KindGroup, GroupID: "g-1"}, PrincipalID: "p"}
			if _, err := client.Delete(t.Context(), s, "m-1"); a.tries != test.tries || access.CodeOf(err) != test.want {
				t.Errorf("a membership: %d tries, %v; want %d and code %q", a.tries, err, test.tries, test.want)
			}
		})
	}
}

var _ ssoadmin.HTTPClient = (*answering)(nil)
