package simulation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sso-elevator/functions/adapters/findings"
)

// These are the buckets. Each counts as a service of its own, which may be down.
const (
	auditBucket   = "audit"
	catalogBucket = "catalog"
	policyBucket  = "policy"
)

// historyKey is where runs keep what they found.
const historyKey = catalogBucket + "/" + findings.Prefix + "known.json"

// objects is S3.
type objects struct {
	world   *world
	objects map[string][]byte // by bucket and key
	written map[string]int    // how often each was written
	order   []string          // keys, in the order of their first write
}

func (o *objects) GetObject(ctx context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	key := *in.Bucket + "/" + *in.Key
	return call(ctx, o.world, *in.Bucket, "GetObject", key, func() (*s3.GetObjectOutput, error) {
		body, ok := o.objects[key]
		if !ok {
			return nil, &types.NoSuchKey{}
		}
		version := fmt.Sprintf("v%d", o.written[key])
		if in.IfNoneMatch != nil && *in.IfNoneMatch == version {
			return nil, &smithyhttp.ResponseError{Response: response(http.StatusNotModified), Err: errors.New("Not Modified")}
		}
		return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(body)), ETag: &version}, nil
	})
}

func (o *objects) PutObject(ctx context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	key := *in.Bucket + "/" + *in.Key
	body, err := io.ReadAll(in.Body)
	if err != nil {
		panic(err)
	}
	return call(ctx, o.world, *in.Bucket, "PutObject", key, func() (*s3.PutObjectOutput, error) {
		_, there := o.objects[key]
		taken := &smithyhttp.ResponseError{
			Response: response(http.StatusPreconditionFailed),
			Err:      &smithy.GenericAPIError{Code: "PreconditionFailed", Message: "At least one of the pre-conditions you specified did not hold"},
		}
		switch {
		case in.IfNoneMatch != nil && *in.IfNoneMatch != "*":
			panic("If-None-Match of a write is * only")
		case in.IfNoneMatch != nil && there:
			return nil, taken
		case in.IfMatch != nil && *in.IfMatch != fmt.Sprintf("v%d", o.written[key]):
			return nil, taken
		}
		o.put(key, body)
		return &s3.PutObjectOutput{}, nil
	})
}

func (o *objects) put(key string, body []byte) {
	if o.written[key] == 0 {
		o.order = append(o.order, key)
	}
	o.written[key]++
	o.objects[key] = body
	switch {
	case key == historyKey:
		o.world.ledger.noteHistory(body)
	case strings.HasPrefix(key, catalogBucket+"/"+findings.Prefix) && strings.HasSuffix(key, "/findings.json"):
		o.world.ledger.checkFindings(body)
	}
}

// tokenParameter is the parameter with the bot's token.
const tokenParameter = "token"

// parameters is SSM's Parameter Store. It holds the pointer to the policy in
// force, and the bot's token.
type parameters struct {
	world *world
	value string
	set   time.Time
}

func (p *parameters) GetParameter(ctx context.Context, in *ssm.GetParameterInput, _ ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	return call(ctx, p.world, "ssm", "GetParameter", *in.Name, func() (*ssm.GetParameterOutput, error) {
		value, set := p.value, p.set
		return &ssm.GetParameterOutput{Parameter: &ssmtypes.Parameter{Value: &value, LastModifiedDate: &set}}, nil
	})
}

func (p *parameters) GetParameters(ctx context.Context, in *ssm.GetParametersInput, _ ...func(*ssm.Options)) (*ssm.GetParametersOutput, error) {
	return call(ctx, p.world, "ssm", "GetParameters", strings.Join(in.Names, " "), func() (*ssm.GetParametersOutput, error) {
		out := &ssm.GetParametersOutput{}
		for _, name := range in.Names {
			value, set := p.value, p.set
			switch name {
			case policySettings.Pointer:
			case tokenParameter:
				value, set = "xoxb-simulated", time.Time{}
			default:
				panic("a parameter that is not known here: " + name)
			}
			out.Parameters = append(out.Parameters, ssmtypes.Parameter{Name: &name, Value: &value, LastModifiedDate: &set})
		}
		return out, nil
	})
}
