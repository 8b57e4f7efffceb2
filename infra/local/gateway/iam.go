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

// accessKey is who a call says it is from. Signatures are not checked.
func (c *Call) accessKey() string {
	if m := accessKeyID.FindStringSubmatch(c.Header.Get("Authorization")); m != nil {
		return m[1]
	}
	return ""
}

func (c *Call) forIAM() iam.Call {
	return iam.Call{Method: c.Method, URI: c.URI, Target: c.Target(), Header: c.Header, Body: c.Body}
}

// forbidden is the answer to a function whose role does not permit a call, and to
// anybody whom a bucket's policy denies it; else nil. A function's call of which nobody here knows what
// permission it needs is refused, too: it would be one that nobody checked.
func (g *Gateway) forbidden(call *Call) *Answer {
	if g.config.Guard == nil {
		return nil
	}
	denial, err := g.config.Guard.Check(call.accessKey(), call.forIAM())
	if err != nil {
		g.tellDenied(err.Error())
		return refuse("UnknownPermission", "%v", err)
	}
	return g.denied(call, denial)
}

// orForbidden replaces S3's answer that an object is not there, where the caller
// may not know.
func (g *Gateway) orForbidden(call *Call, answer *Answer) *Answer {
	if g.config.Guard == nil || answer.Status != http.StatusNotFound || call.Target() != "" {
		return answer
	}
	if denied := g.denied(call, g.config.Guard.CheckAbsent(call.accessKey(), call.forIAM())); denied != nil {
		return denied
	}
	return answer
}

func (g *Gateway) denied(call *Call, denial *iam.Denial) *Answer {
	if denial == nil {
		return nil
	}
	if !denial.Person { // who sees it
		g.tellDenied(fmt.Sprintf("%s %v", denial.Message, denial.Context))
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

func (g *Gateway) tellDenied(what string) {
	if g.config.Denied != nil {
		g.config.Denied(what)
	}
}

// TokenMachine is the ARN of the state machine that a task token belongs to.
func (g *Gateway) TokenMachine(token string) (arn string, known bool) {
	execution, known := g.tokens.execution(token)
	execution = string(g.redrives.seen([]byte(execution)))
	prefix, rest, ok := strings.Cut(execution, ":execution:")
	if !known || !ok {
		return "", false
	}
	machine, _, _ := strings.Cut(rest, ":")
	return prefix + ":stateMachine:" + machine, true
}
