package table

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Settings say which table a function uses.
type Settings struct {
	Name string `env:"ELEVATOR_TABLE,required"`
}

// Connect returns the client of the table.
func Connect(cfg aws.Config) *dynamodb.Client { return dynamodb.NewFromConfig(cfg) }
