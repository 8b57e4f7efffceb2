package gateway

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"sso-elevator/infra/local/iam"
	"sso-elevator/infra/local/lambda"
)

var accessKeyID = regexp.MustCompile(`Credential=([^/]+)/`)

// accessKey returns the id of the access key that a call names. Signatures are not
// checked.
func (c *Call) accessKey() string {
	if m := accessKeyID.FindStringSubmatch(c.Header.Get("Authorization")); m != nil {
		return m[1]
	}
	return ""
}

func (c *Call) iamCall() iam.Call {
	return iam.Call{Method: c.Method, URI: c.URI, Target: c.Target(), Header: c.Header, Body: c.Body}
}

// refuseForbidden returns a refusal if a function's role doesn't permit its call,
// or if a bucket's policy denies a call to everyone. It returns nil if the call is
// permitted. It also refuses a function's call whose permission is unknown here,
// because nothing would have checked it.
func (g *Gateway) refuseForbidden(call *Call) *Answer {
	if g.config.Guard == nil {
		return nil
	}
	denial, err := g.config.Guard.Check(call.accessKey(), call.iamCall())
	if err != nil {
		g.reportDenied(err.Error())
		return refuse("UnknownPermission", "%v", err)
	}
	return g.denialAnswer(denial)
}

// hideAbsence replaces S3's answer that an object doesn't exist, if the caller isn't
// allowed to learn it.
func (g *Gateway) hideAbsence(call *Call, answer *Answer) *Answer {
	if g.config.Guard == nil || answer.Status != http.StatusNotFound || call.Target() != "" {
		return answer
	}
	if denied := g.denialAnswer(g.config.Guard.CheckAbsent(call.accessKey(), call.iamCall())); denied != nil {
		return denied
	}
	return answer
}

func (g *Gateway) denialAnswer(denial *iam.Denial) *Answer {
	if denial == nil {
		return nil
	}
	if !denial.Person { // a person sees the refusal
		g.reportDenied(fmt.Sprintf("%s %v", denial.Message, denial.Context))
	}
	switch {
	case strings.HasPrefix(denial.Action, "s3:"):
		raw, _ := xml.Marshal(struct {
			XMLName xml.Name `xml:"Error"`
			Code    string
			Message string
		}{Code: "AccessDenied", Message: denial.Message})
		return &Answer{Status: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/xml"}, "X-Amz-Request-Id": {lambda.NewRequestID()}}, Body: raw}
	case strings.HasPrefix(denial.Action, "lambda:"):
		return failure(http.StatusForbidden, "AccessDeniedException", denial.Message)
	default:
		return refuse("AccessDeniedException", "%s", denial.Message)
	}
}

func (g *Gateway) reportDenied(what string) {
	if g.config.Denied != nil {
		g.config.Denied(what)
	}
}

// TokenMachine returns the ARN of the state machine that a task token belongs to.
func (g *Gateway) TokenMachine(token string) (arn string, known bool) {
	execution, known := g.tokens.execution(token)
	prefix, rest, ok := strings.Cut(execution, ":execution:")
	if !known || !ok {
		return "", false
	}
	machine, _, _ := strings.Cut(rest, ":")
	return prefix + ":stateMachine:" + machine, true
}
