package awsconfig

import "github.com/aws/aws-sdk-go-v2/aws"

// In is cfg for clients of services in region, as Identity Center's where it is
// not that of the function; cfg as it is where region is empty.
func In(cfg aws.Config, region string) aws.Config {
	cfg = cfg.Copy()
	if region != "" {
		cfg.Region = region
	}
	return cfg
}
