// Package buckets makes the client of the buckets: the policy, the catalog, the
// findings and the audit log. All functions get it here, so that it has the same
// options everywhere.
package buckets

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Connect returns the client.
func Connect(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		// The local stack has one host name for all buckets.
		o.UsePathStyle = cfg.BaseEndpoint != nil
		// The policy has its own digest, and the catalog contains a checksum.
		o.DisableLogOutputChecksumValidationSkipped = true
	})
}
