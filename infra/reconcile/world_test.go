package reconcile

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
	"sso-elevator/infra/local/lambda"
	"sso-elevator/infra/local/localtest"
	"sso-elevator/infra/local/organization"
)

var stack *localtest.Stack

func TestMain(m *testing.M) {
	var err error
	if stack, err = localtest.Start(); err != nil {
		log.Fatal(err)
	}
	code := m.Run()
	stack.Stop()
	os.Exit(code)
}

// localWorld is the local stack's AWS with an organization. Ann and Ben have access to
// the account "one", and a lease holds Ben's. Ben is also a member of a group.
type localWorld struct {
	settings, table string
	lease           map[string]types.AttributeValue
	calls           atomic.Int64
}

func startWorld(t *testing.T) *localWorld {
	t.Helper()
	o, err := organization.Parse([]byte(`
accounts: [{name: one}, {name: two}]
permission_sets: [{name: Read}]
groups: [{name: Team, members: [ben@example.com]}]
people:
  - {name: Ann Archer, email: ann@example.com, slack_id: U0ANN}
  - {name: Ben Baker, email: ben@example.com, slack_id: U0BEN}
`))
	if err != nil {
		t.Fatal(err)
	}
	ids, err := o.Seed(t.Context(), stack.AWS())
	if err != nil {
		t.Fatal(err)
	}
	for _, person := range []string{"ann@example.com", "ben@example.com"} {
		for _, account := range []string{"one", "two"} {
			if err := stack.Assign(t.Context(), ids.InstanceARN, ids.Accounts[account], ids.PermissionSets["Read"], ids.People[person]); err != nil {
				t.Fatal(err)
			}
		}
	}
	w := &localWorld{table: "leases"}
	db := dynamodb.NewFromConfig(stack.AWS())
	_, err = db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &w.table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
	})
	if err != nil {
		t.Fatal(err)
	}
	held := access.Subject{PrincipalID: ids.People["ben@example.com"], Target: access.Target{Kind: access.KindAccount, AccountID: ids.Accounts["one"], PermissionSetARN: ids.PermissionSets["Read"]}}
	w.lease = map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "lease#" + held.Key()}}
	if _, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &w.table, Item: w.lease}); err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := strings.Cut("\n"+string(example), "\nconfig:")
	if !ok {
		t.Fatal("the example has no config")
	}
	w.settings = before + fmt.Sprintf(`
config:
  - {ResourceType: Account, Resource: %q, PermissionSet: "*", Approvers: [carol@example.com]}
group_config:
  - {Resource: %q, Approvers: [carol@example.com]}
`, ids.Accounts["one"], ids.Groups["Team"])
	return w
}

// release deletes the lease, and deploys a function that names the table.
func (w *localWorld) release(t *testing.T) {
	t.Helper()
	if _, err := dynamodb.NewFromConfig(stack.AWS()).DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &w.table, Key: w.lease}); err != nil {
		t.Fatal(err)
	}
	err := stack.Lambda.Register(lambda.Function{
		Name: "sso-elevator-reconcile", Dir: stack.Dir, Timeout: time.Second, MemoryMB: 128,
		Aliases: map[string]string{"live": "1"}, Versions: []string{"1"}, Environment: map[string]string{"ELEVATOR_TABLE": w.table},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// config returns a configuration that counts the calls that write.
func (w *localWorld) config(context.Context) (aws.Config, error) {
	cfg := stack.AWS()
	cfg.HTTPClient = counting{w}
	return cfg, nil
}

func (w *localWorld) writes() int64 { return w.calls.Load() }

type counting struct{ w *localWorld }

func (c counting) Do(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	reads := operation == "" || strings.HasPrefix(operation, "List") || strings.HasPrefix(operation, "Describe") || strings.HasPrefix(operation, "Get")
	if !reads {
		c.w.calls.Add(1)
	}
	return http.DefaultClient.Do(r)
}
