package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	glob "path"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sso-elevator/infra/auditpolicy"
	"sso-elevator/infra/settings"
)

// functionsAPI is the part of Lambda that returns a function's role.
type functionsAPI interface {
	GetFunctionConfiguration(context.Context, *lambda.GetFunctionConfigurationInput, ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error)
}

// bucketPolicy compares the existing bucket's policy with the statements that
// protect the records. The stack adds these statements itself to a bucket that it
// creates. They name the role of the function audit, which the first deployment
// creates.
func bucketPolicy(ctx context.Context, buckets bucketsAPI, functions functionsAPI, s *settings.Settings, partition string) (finding, error) {
	bucket, name := s.ExistingAuditBucket, s.FunctionName("audit")
	function, err := functions.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	var none *lambdatypes.ResourceNotFoundException
	switch {
	case errors.As(err, &none):
		return finding{Status: warning, Found: "the bucket policy can't be checked before the function " + name + " exists, because the policy names its role",
			Fix: "After the deployment, run elevator doctor again. It prints the statements to add."}, nil
	case err != nil:
		return finding{}, err
	}
	writer := aws.ToString(function.Role)
	wanted := auditpolicy.Statements("arn:"+partition+":s3:::"+bucket, s.AuditPrefix, writer)
	text, err := json.Marshal(wanted)
	if err != nil {
		return finding{}, err
	}
	out, err := buckets.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &bucket})
	if err != nil && !hasCode(err, "NoSuchBucketPolicy") {
		return finding{}, err
	}
	var has denials
	if err == nil {
		if has, err = readDenials(aws.ToString(out.Policy)); err != nil {
			return finding{}, fmt.Errorf("read the policy of %s: %w", bucket, err)
		}
	}
	if other := has.writers(wanted[0]); other != nil && !slices.Contains(other, writer) {
		return finding{Status: missing, Found: fmt.Sprintf("the bucket policy lets %s write records, but not the role of the function %s", strings.Join(other, ", "), name),
			Fix: "Replace the principals in that statement with " + writer + ". Otherwise no record can be written, and access without a record is removed."}, nil
	}
	var lacks []string
	for _, w := range wanted {
		if !has.cover(w) {
			lacks = append(lacks, w.Sid)
		}
	}
	if len(lacks) > 0 {
		return finding{Status: warning, Found: "the bucket policy doesn't protect the records. It lacks " + strings.Join(lacks, ", "), Fix: "Add these statements to the bucket policy (docs/reference/audit-bucket.md): " + string(text)}, nil
	}
	return finding{Status: ready, Found: "only the function " + name + " can write records, and nobody can delete them"}, nil
}

// denials are the statements of a bucket policy that deny actions to everyone.
type denials []denial

type denial struct {
	Action, Resource oneOrMore
	Condition        map[string]map[string]oneOrMore
}

// oneOrMore is a string in JSON, or a list of strings.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	var more []string
	err := json.Unmarshal(raw, &more)
	slices.Sort(more)
	*o = more
	return err
}

func readDenials(policy string) (all denials, err error) {
	var document struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(policy), &document); err != nil {
		return nil, err
	}
	var statements []json.RawMessage
	if json.Unmarshal(document.Statement, &statements) != nil {
		statements = []json.RawMessage{document.Statement} // a single statement may stand without a list
	}
	for _, raw := range statements {
		var s struct {
			Effect                               string
			Principal                            json.RawMessage
			NotAction, NotResource, NotPrincipal json.RawMessage
			denial
		}
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, err
		}
		var everybody struct{ AWS oneOrMore }
		isEverybody := string(s.Principal) == `"*"` || json.Unmarshal(s.Principal, &everybody) == nil && slices.Contains(everybody.AWS, "*")
		if s.Effect == "Deny" && isEverybody && s.NotAction == nil && s.NotResource == nil && s.NotPrincipal == nil {
			all = append(all, s.denial)
		}
	}
	return all, nil
}

// cover reports whether d denies each action of w on each of its resources, with
// the same condition.
func (d denials) cover(w auditpolicy.Statement) bool {
	condition := map[string]map[string]oneOrMore{}
	for operator, keys := range w.Condition {
		condition[operator] = map[string]oneOrMore{}
		for key, value := range keys {
			condition[operator][key] = oneOrMore{value}
		}
	}
	for _, action := range w.Action {
		for _, resource := range w.Resource {
			if !slices.ContainsFunc(d, func(one denial) bool {
				return one.about(action, resource) && (len(condition) == 0 && len(one.Condition) == 0 || reflect.DeepEqual(one.Condition, condition))
			}) {
				return false
			}
		}
	}
	return true
}

func (d denial) about(action, resource string) bool {
	return slices.ContainsFunc(d.Action, func(pattern string) bool {
		ok, err := glob.Match(strings.ToLower(pattern), strings.ToLower(action))
		return ok && err == nil
	}) && slices.ContainsFunc(d.Resource, func(pattern string) bool {
		beginning, open := strings.CutSuffix(pattern, "*")
		return pattern == resource || open && strings.HasPrefix(resource, beginning)
	})
}

// writers returns the principals that are exempt from a statement that otherwise
// denies the same as w, or nil if there is no such statement.
func (d denials) writers(w auditpolicy.Statement) []string {
	for _, one := range d {
		if !one.about(w.Action[0], w.Resource[0]) {
			continue
		}
		for operator, keys := range one.Condition {
			for key, principals := range keys {
				if strings.EqualFold(key, "aws:PrincipalArn") && strings.Contains(operator, "Not") {
					return principals
				}
			}
		}
	}
	return nil
}
