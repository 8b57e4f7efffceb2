package stored_test

import (
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/adapters/mototest"
	"sso-elevator/functions/adapters/table"
	"sso-elevator/functions/stored"
)

func TestMain(m *testing.M) { os.Exit(mototest.Run(m)) }

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// What the functions write is what this package reads.
func TestTable(t *testing.T) {
	client := dynamodb.NewFromConfig(mototest.Config(t))
	attribute := func(name string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeTypeS}
	}
	key := func(name string, kind types.KeyType) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: &name, KeyType: kind}
	}
	const name = "stored"
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String(name), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{attribute("pk"), attribute("open"), attribute("due")},
		KeySchema:            []types.KeySchemaElement{key("pk", types.KeyTypeHash)},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{IndexName: aws.String("open"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
			KeySchema: []types.KeySchemaElement{key("open", types.KeyTypeHash), key("due", types.KeyTypeRange)}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	table, store := stored.NewTable(client, name), table.New(client, name)
	if open, err := table.Open(t.Context()); len(open) != 0 || err != nil {
		t.Errorf("of an empty table %q is open, %v", open, err)
	}
	if _, err := table.Request(t.Context(), "r1"); access.CodeOf(err) != access.CodeNotFound {
		t.Errorf("a request that is not there: %v", err)
	}
	subject := access.Subject{Target: access.Target{Kind: access.KindGroup, GroupID: "g"}, PrincipalID: "p"}
	if _, found, err := table.Lease(t.Context(), subject); found || err != nil {
		t.Errorf("a lease that is not there: %t, %v", found, err)
	}

	want, _, err := store.Create(t.Context(), access.Request{ID: "r1", Target: subject.Target, CreatedAt: noon})
	if err != nil {
		t.Fatal(err)
	}
	lease := access.Lease{Key: subject.Key(), Subject: subject, State: access.LeaseHeld, Holders: map[string]access.Holder{"r1": {End: noon}}, SettlesAt: noon}
	if err := store.PutLease(t.Context(), lease, 0); err != nil {
		t.Fatal(err)
	}
	if open, err := table.Open(t.Context()); !reflect.DeepEqual(open, []string{"r1"}) || err != nil {
		t.Errorf("open are %q, %v", open, err)
	}
	if got, err := table.Request(t.Context(), "r1"); got.ID != want.ID || got.Target != want.Target || len(got.Events) != 1 || err != nil {
		t.Errorf("the request is %+v, %v", got, err)
	}
	if got, found, err := table.Lease(t.Context(), subject); !found || err != nil || len(got.Holders) != 1 || got.State != access.LeaseHeld {
		t.Errorf("the lease is %+v, %t, %v", got, found, err)
	}
}

func TestBucket(t *testing.T) {
	client := s3.NewFromConfig(mototest.Config(t), func(o *s3.Options) {
		o.UsePathStyle, o.DisableLogOutputChecksumValidationSkipped = true, true
	})
	const bucket = "stored"
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Fatal(err)
	}
	if _, err := stored.ReadCatalog(t.Context(), client, bucket); access.CodeOf(err) != access.CodeNotFound {
		t.Errorf("a catalog that is not there: %v", err)
	}
	if _, err := stored.ReadFindings(t.Context(), client, bucket, "run"); access.CodeOf(err) != access.CodeNotFound {
		t.Errorf("a run that is not there: %v", err)
	}
	snapshot := &catalog.Snapshot{
		ManagementAccount: "999999999999",
		AccountsAt:        noon.Add(time.Minute), Accounts: []access.Account{{ID: "111122223333", Name: "shop"}},
		PermissionSetsAt: noon, PermissionSets: []access.PermissionSet{{ARN: "arn:ps", Name: "Admin"}}, NamedAt: map[string]time.Time{"arn:ps": noon},
		GroupsAt: noon.Add(time.Hour), Groups: []access.Group{{ID: "g", Name: "Deployers"}},
	}
	if err := (catalog.Object{Client: client, Bucket: bucket}).Put(t.Context(), snapshot, ""); err != nil {
		t.Fatal(err)
	}
	head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String(catalog.Key)})
	if err != nil {
		t.Fatal(err)
	}
	want := stored.Catalog{ReadAt: noon, Bytes: aws.ToInt64(head.ContentLength), ManagementAccount: "999999999999",
		Accounts: map[string]string{"111122223333": "shop"}, PermissionSets: map[string]string{"arn:ps": "Admin"}, Groups: map[string]string{"g": "Deployers"}}
	if got, err := stored.ReadCatalog(t.Context(), client, bucket); !reflect.DeepEqual(got, want) || err != nil {
		t.Errorf("the catalog is %+v, want %+v, %v", got, want, err)
	}

	found := []access.Finding{{Subject: access.Subject{PrincipalID: "p"}, FirstSeen: noon}}
	if err := findings.New(client, bucket).PutFindings(t.Context(), "run", found); err != nil {
		t.Fatal(err)
	}
	if got, err := stored.ReadFindings(t.Context(), client, bucket, "run"); !reflect.DeepEqual(got, found) || err != nil {
		t.Errorf("the findings are %+v, %v", got, err)
	}
}
