package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"

	"sso-elevator/infra/local/gateway"
	"sso-elevator/infra/local/iam"
	"sso-elevator/infra/local/lambda"
	"sso-elevator/infra/local/schedule"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// Target is where a stack is deployed to.
type Target struct {
	AWS       aws.Config // of the gateway
	Region    string
	AccountID string
	// APIURL is the gateway's URL of the HTTP API, without a slash at the end.
	APIURL string
}

// Deployed is the result of deploying a template.
type Deployed struct {
	Functions     []lambda.Function // for the caller to run
	Routes        []gateway.Route
	StateMachines []string // ARNs
	Schedules     []schedule.Schedule
	Outputs       map[string]string       // resolved
	Roles         map[string][]iam.Policy // by the role's name
	PartitionKeys map[string]string       // of the tables, by table name
	StackID       string
	Resources     []gateway.Resource // in the order of their creation
	// BucketPolicies are the policies of the buckets, by the bucket's name.
	BucketPolicies map[string][]iam.Policy
}

// Function returns the deployed function whose name ends in a hyphen and the given
// name.
func (d Deployed) Function(name string) (lambda.Function, bool) {
	for _, f := range d.Functions {
		if strings.HasSuffix(f.Name, "-"+name) {
			return f, true
		}
	}
	return lambda.Function{}, false
}

// Deploy uploads the assembly's files and creates its resources. It reuses existing
// tables, buckets, topics and machines with the same names.
func (a *Assembly) Deploy(ctx context.Context, target Target) (Deployed, error) {
	d := &deployer{
		assembly: a, target: target, stack: a.StackName,
		s3:           s3.NewFromConfig(target.AWS, func(o *s3.Options) { o.UsePathStyle = true }),
		dynamodb:     dynamodb.NewFromConfig(target.AWS),
		ssm:          ssm.NewFromConfig(target.AWS),
		sns:          sns.NewFromConfig(target.AWS),
		sfn:          sfn.NewFromConfig(target.AWS),
		functions:    map[string]*lambda.Function{},
		integrations: map[string]string{},
		roles:        map[string][]iam.Policy{}, partitionKeys: map[string]string{}, bucketPolicies: map[string][]iam.Policy{},
	}
	pseudo := map[string]string{
		"AWS::AccountId": target.AccountID,
		"AWS::Region":    target.Region,
		"AWS::Partition": "aws",
		"AWS::URLSuffix": "amazonaws.com",
		"AWS::StackName": a.StackName,
		"AWS::StackId":   fmt.Sprintf("arn:aws:cloudformation:%s:%s:stack/%s/local", target.Region, target.AccountID, a.StackName),
	}
	var err error
	if d.resolver, err = newResolver(a.Template, pseudo); err != nil {
		return Deployed{}, err
	}
	if err := d.checkTypes(); err != nil {
		return Deployed{}, err
	}
	if err := d.bootstrap(ctx); err != nil {
		return Deployed{}, err
	}
	if err := d.uploadFiles(ctx); err != nil {
		return Deployed{}, err
	}
	names, err := sortResources(a.Template)
	if err != nil {
		return Deployed{}, fmt.Errorf("sort the template's resources: %w", err)
	}
	for _, name := range names {
		kind := a.Template.Resources[name].Type
		if err := d.create(ctx, name); err != nil {
			return Deployed{}, fmt.Errorf("%s (%s): %w", name, kind, err)
		}
		if values, ok := d.resolver.resources[name]; ok {
			d.created = append(d.created, gateway.Resource{LogicalID: name, PhysicalID: values.ref, Type: kind})
		}
	}
	return d.result()
}

type deployer struct {
	assembly *Assembly
	target   Target
	stack    string
	resolver *resolver

	s3       *s3.Client
	dynamodb *dynamodb.Client
	ssm      *ssm.Client
	sns      *sns.Client
	sfn      *sfn.Client

	functions     map[string]*lambda.Function // by name
	integrations  map[string]string           // by id: the URI
	routes        []gateway.Route
	stateMachines []string
	schedules     []schedule.Schedule

	roles          map[string][]iam.Policy // by name
	uses           []use
	partitionKeys  map[string]string // by table
	created        []gateway.Resource
	bucketPolicies map[string][]iam.Policy // by bucket
}

// checkTypes reports every resource of an unknown type, before anything is created.
func (d *deployer) checkTypes() error {
	var unknown []string
	for name, r := range d.assembly.Template.Resources {
		if _, emulated := kinds[r.Type]; !emulated && !withoutEffect[r.Type] {
			unknown = append(unknown, fmt.Sprintf("%s (%s)", name, r.Type))
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	sort.Strings(unknown)
	return fmt.Errorf("the local stack does not support these resources of the template: %s", strings.Join(unknown, ", "))
}

func (d *deployer) create(ctx context.Context, name string) error {
	r := d.assembly.Template.Resources[name]
	if r.Condition != "" {
		yes, err := d.resolver.evaluateNamed(r.Condition)
		if err != nil || !yes {
			return err
		}
	}
	value, err := d.resolver.value(r.Properties)
	if err != nil {
		return err
	}
	properties, _ := value.(map[string]any)
	make, emulated := kinds[r.Type]
	if !emulated {
		make = (*deployer).createWithoutEffect
	}
	resource, err := make(d, ctx, name, properties)
	if err != nil {
		return err
	}
	d.resolver.resources[name] = resource
	return nil
}

// bootstrap sets the parameter that marks the account as bootstrapped. The local
// stack needs nothing else: buckets for assets are created when files are uploaded.
func (d *deployer) bootstrap(ctx context.Context) error {
	b := d.assembly.Bootstrap
	if b == nil {
		return nil
	}
	_, err := d.ssm.PutParameter(ctx, &ssm.PutParameterInput{
		Name: aws.String(b.Parameter), Value: aws.String(strconv.Itoa(b.Version)), Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true),
	})
	if err != nil {
		return fmt.Errorf("mark the account as bootstrapped: %w", err)
	}
	return nil
}

// uploadFiles uploads the assets that are single files to the places that the
// template names. Directories are the functions' code, and run where they are.
func (d *deployer) uploadFiles(ctx context.Context) error {
	for _, asset := range d.assembly.Assets {
		if asset.Packaging != "file" {
			continue
		}
		bucket, err := d.assetBucket(asset)
		if err != nil {
			return err
		}
		if err := d.ensureBucket(ctx, bucket); err != nil {
			return err
		}
		body, err := os.ReadFile(asset.Path)
		if err != nil {
			return fmt.Errorf("read an asset: %w", err)
		}
		if _, err := d.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(asset.Key), Body: bytes.NewReader(body)}); err != nil {
			return fmt.Errorf("upload %s: %w", asset.Path, err)
		}
	}
	return nil
}

func (d *deployer) assetBucket(asset Asset) (string, error) {
	bucket, err := d.resolver.sub(asset.Bucket)
	if err != nil {
		return "", fmt.Errorf("bucket of asset %s: %w", asset.Key, err)
	}
	return bucket.(string), nil
}

// codeDir returns the directory that was uploaded as the given object.
func (d *deployer) codeDir(bucket, key string) (string, error) {
	for _, asset := range d.assembly.Assets {
		name, err := d.assetBucket(asset)
		if err != nil {
			return "", err
		}
		if asset.Key != key || name != bucket {
			continue
		}
		info, err := os.Stat(asset.Path)
		if err != nil {
			return "", err
		}
		if !info.IsDir() {
			return "", fmt.Errorf("%s is not a directory", asset.Path)
		}
		return asset.Path, nil
	}
	return "", fmt.Errorf("there is no asset at s3://%s/%s", bucket, key)
}

func (d *deployer) result() (Deployed, error) {
	out := Deployed{Routes: d.routes, StateMachines: d.stateMachines, Schedules: d.schedules, Outputs: map[string]string{}, Roles: d.roles, PartitionKeys: d.partitionKeys, BucketPolicies: d.bucketPolicies, StackID: d.resolver.pseudo["AWS::StackId"], Resources: d.created}
	if err := d.checkRoles(); err != nil {
		return Deployed{}, err
	}
	for _, f := range d.functions {
		out.Functions = append(out.Functions, *f)
	}
	sort.Slice(out.Functions, func(i, j int) bool { return out.Functions[i].Name < out.Functions[j].Name })
	var failed error
	for name, o := range d.assembly.Template.Outputs {
		if o.Condition != "" {
			if yes, err := d.resolver.evaluateNamed(o.Condition); err != nil || !yes {
				failed = errors.Join(failed, err)
				continue
			}
		}
		value, err := d.resolver.value(o.Value)
		if err == nil {
			out.Outputs[name], err = text(value)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("output %s: %w", name, err))
		}
	}
	return out, failed
}
