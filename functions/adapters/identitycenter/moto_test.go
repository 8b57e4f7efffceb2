package identitycenter_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter"
	"sso-elevator/infra/local/moto/mototest"
)

func TestMain(m *testing.M) { os.Exit(mototest.Run(m)) }

// TestOnTheWire runs the operations that moto supports with the SDK's own clients.
// Requests and responses then have the shape that the services use.
func TestOnTheWire(t *testing.T) {
	cfg := mototest.Config(t)
	admin, store := ssoadmin.NewFromConfig(cfg), identitystore.NewFromConfig(cfg)
	c := identitycenter.New(admin, store, organizations.NewFromConfig(cfg), "")

	instances, err := admin.ListInstances(ctx, &ssoadmin.ListInstancesInput{})
	if err != nil || len(instances.Instances) != 1 {
		t.Fatal(instances, err)
	}
	instance := instances.Instances[0]
	set, err := admin.CreatePermissionSet(ctx, &ssoadmin.CreatePermissionSetInput{InstanceArn: instance.InstanceArn, Name: aws.String("ReadOnly"), Description: aws.String(strings.Repeat("é", 151)), SessionDuration: aws.String("PT8H")})
	if err != nil {
		t.Fatal(err)
	}
	user, err := store.CreateUser(ctx, &identitystore.CreateUserInput{
		IdentityStoreId: instance.IdentityStoreId, UserName: aws.String("alice"), DisplayName: aws.String("Alice"),
		Name:   &idtypes.Name{GivenName: aws.String("Alice"), FamilyName: aws.String("A")},
		Emails: []idtypes.Email{{Value: aws.String("alice@example.com"), Primary: true}},
	})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { // the test may run again in the same process
		if _, err := store.DeleteUser(ctx, &identitystore.DeleteUserInput{IdentityStoreId: instance.IdentityStoreId, UserId: user.UserId}); err != nil {
			t.Error(err)
		}
		if _, err := admin.DeletePermissionSet(ctx, &ssoadmin.DeletePermissionSetInput{InstanceArn: instance.InstanceArn, PermissionSetArn: set.PermissionSet.PermissionSetArn}); err != nil {
			t.Error(err)
		}
	})

	found, ok, err := c.UserByEmail(ctx, "Alice@example.com")
	if want := (access.User{ID: *user.UserId, UserName: "alice", DisplayName: "Alice", Emails: []string{"alice@example.com"}}); !reflect.DeepEqual(found, want) || !ok || err != nil {
		t.Errorf("UserByEmail = %+v, %v, %v", found, ok, err)
	}
	if _, ok, err := c.UserByEmail(ctx, "bob@example.com"); ok || err != nil {
		t.Errorf("UserByEmail of nobody = %v, %v", ok, err)
	}
	arn := *set.PermissionSet.PermissionSetArn
	if name, err := c.PermissionSetName(ctx, arn); name != "ReadOnly" || err != nil {
		t.Errorf("PermissionSetName = %q, %v", name, err)
	}
	if set, err := c.PermissionSet(ctx, arn); set != (access.PermissionSet{ARN: arn, Name: "ReadOnly", Session: 8 * time.Hour, Description: strings.Repeat("é", 149) + "…"}) || err != nil {
		t.Errorf("PermissionSet = %+v, %v", set, err)
	}
	if url, err := c.PortalURL(ctx); url != "https://"+*instance.IdentityStoreId+".awsapps.com/start" || err != nil {
		t.Errorf("PortalURL = %q, %v; the identity store is %s", url, err, *instance.IdentityStoreId)
	}
	_, err = c.PermissionSetName(ctx, arn+"x")
	wantCode(t, err, access.CodeNotFound)

	subject := access.Subject{
		Target:      access.Target{Kind: access.KindAccount, AccountID: "111122223333", PermissionSetARN: arn},
		PrincipalID: *user.UserId,
	}
	exists := func(want bool) {
		t.Helper()
		if got, err := c.Exists(ctx, subject); got != want || err != nil {
			t.Errorf("Exists = %v, %v", got, err)
		}
	}
	exists(false)
	made, err := c.Create(ctx, subject)
	if made.ID == "" || made.RequestID == "" || err != nil {
		t.Fatalf("Create = %+v, %v", made, err)
	}
	if op, err := c.Creation(ctx, subject, made.ID); op.Status != identitycenter.StatusSucceeded || err != nil {
		t.Errorf("Creation = %+v, %v", op, err)
	}
	exists(true)
	if made, err = c.Delete(ctx, subject, ""); made.ID == "" || made.RequestID == "" || err != nil {
		t.Fatalf("Delete = %+v, %v", made, err)
	}
	if op, err := c.Deletion(ctx, subject, made.ID); op.Status != identitycenter.StatusSucceeded || err != nil {
		t.Errorf("Deletion = %+v, %v", op, err)
	}
	exists(false)
	_, err = c.Delete(ctx, subject, "")
	wantCode(t, err, access.CodeNotFound)
	if gone, err := c.Vanished(ctx, subject); gone || err != nil {
		t.Errorf("Vanished = %v, %v", gone, err)
	}
	if groups, err := c.Groups(ctx); len(groups) != 0 || err != nil {
		t.Errorf("Groups = %v, %v", groups, err)
	}
}

// TestCreateMembershipIsTriedOnce checks that the SDK doesn't silently repeat a
// creation whose response got lost.
func TestCreateMembershipIsTriedOnce(t *testing.T) {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer server.Close()
	store := identitystore.New(identitystore.Options{Region: "us-east-1", BaseEndpoint: aws.String(server.URL), Credentials: aws.AnonymousCredentials{}})
	_, err := identitycenter.New(admin(), store, nil, "").Create(ctx, group)
	wantCode(t, err, access.CodeUnavailable)
	if calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
}
