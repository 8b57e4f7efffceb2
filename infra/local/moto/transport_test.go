package moto_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/infra/build"
	"sso-elevator/infra/local/moto"
)

// losing makes each call, and loses the first answers: all of it, or the end.
type losing struct {
	left, made int
	inBody     bool
}

func (l *losing) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	if l.made++; l.left == 0 || err != nil {
		return response, err
	}
	l.left--
	if l.inBody {
		response.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), cut{}))
		return response, nil
	}
	response.Body.Close()
	return nil, errors.New("the answer was lost")
}

type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestLostAnswer(t *testing.T) {
	root, err := build.Root()
	if err != nil {
		t.Fatal(err)
	}
	server, err := moto.Start(t.Context(), moto.Config{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	client := func(base http.RoundTripper) *dynamodb.Client {
		return dynamodb.NewFromConfig(aws.Config{
			Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
			HTTPClient:  &http.Client{Transport: &moto.Transport{Base: base}},
		})
	}
	_, err = client(nil).CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("t"), BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
	})
	if err != nil {
		t.Fatal(err)
	}
	put := func(ctx context.Context, l *losing, key string) error {
		_, err := client(l).PutItem(ctx, &dynamodb.PutItemInput{
			TableName: aws.String("t"), Item: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: key}},
			ConditionExpression: aws.String("attribute_not_exists(pk)"),
		})
		return err
	}
	for name, inBody := range map[string]bool{"all of it": false, "its end": true} {
		l := &losing{left: 2, inBody: inBody}
		if err := put(t.Context(), l, name); err != nil || l.made != 3 {
			t.Errorf("%s: %v after %d tries", name, err, l.made)
		}
		// Another call is not a repetition.
		var failed *types.ConditionalCheckFailedException
		if err := put(t.Context(), l, name); !errors.As(err, &failed) || l.made != 4 {
			t.Errorf("%s: another call: %v after %d tries", name, err, l.made)
		}
	}
	l := &losing{left: 3}
	if err := put(t.Context(), l, "never answered"); err == nil || l.made != 3 {
		t.Errorf("never answered: %v after %d tries", err, l.made)
	}
}
