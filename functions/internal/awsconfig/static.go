package awsconfig

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// static are credentials that do not change.
type static aws.Credentials

// Retrieve is aws.CredentialsProvider.
func (s static) Retrieve(context.Context) (aws.Credentials, error) { return aws.Credentials(s), nil }
