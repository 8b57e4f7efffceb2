package mototest_test

import (
	"errors"
	"net/http"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/infra/local/moto/mototest"
)

func TestMain(m *testing.M) { os.Exit(mototest.Run(m)) }

// losing makes each call and loses the first answer.
type losing struct {
	next aws.HTTPClient
	made int
}

func (l *losing) Do(r *http.Request) (*http.Response, error) {
	res, err := l.next.Do(r)
	if l.made++; l.made == 1 && err == nil {
		res.Body.Close()
		return nil, &lostError{}
	}
	return res, err
}

type lostError struct{}

func (*lostError) Error() string         { return "the answer was lost" }
func (*lostError) ConnectionError() bool { return true }

func TestRepeatedCallGetsItsFirstAnswer(t *testing.T) {
	cfg := mototest.Config(t)
	key := []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}}
	_, err := dynamodb.NewFromConfig(cfg).CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("t"), BillingMode: types.BillingModePayPerRequest, KeySchema: key,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
	})
	if err != nil {
		t.Fatal(err)
	}
	l := &losing{next: cfg.HTTPClient}
	cfg.HTTPClient = l
	put := func() error {
		_, err := dynamodb.NewFromConfig(cfg).PutItem(t.Context(), &dynamodb.PutItemInput{
			TableName: aws.String("t"), Item: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "a"}},
			ConditionExpression: aws.String("attribute_not_exists(pk)"),
		})
		return err
	}
	if err := put(); err != nil || l.made != 2 {
		t.Errorf("%d tries: %v", l.made, err)
	}
	// Another call is not a repetition.
	var failed *types.ConditionalCheckFailedException
	if err := put(); !errors.As(err, &failed) || l.made != 3 {
		t.Errorf("another call: %d tries: %v", l.made, err)
	}
}
