// Package bootstrap is what the CDK wants an account to have before the first
// deployment (`cdk bootstrap`).
package bootstrap

const (
	// Parameter is the SSM parameter with the version of what is there. In its
	// name is the default qualifier: cdk.json sets no other one.
	Parameter = "/cdk-bootstrap/hnb659fds/version"
	// Version is the least that the template needs: that of the cloud assembly's
	// manifest (requiresBootstrapStackVersion).
	Version = 6
)
