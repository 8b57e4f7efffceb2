package gateway

import (
	"context"
	_ "embed"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"sso-elevator/infra/local/lambda"
)

// success returns a successful answer of a JSON protocol.
func success(body any) *Answer {
	raw, err := json.Marshal(body)
	if err != nil {
		return failure(http.StatusInternalServerError, "InternalFailure", err.Error())
	}
	return &Answer{Status: http.StatusOK, Header: jsonHeader(), Body: raw}
}

// refuse returns a client error of a JSON protocol, for a call that AWS would reject.
func refuse(kind, format string, args ...any) *Answer {
	return failure(http.StatusBadRequest, kind, fmt.Sprintf(format, args...))
}

func failure(status int, kind, message string) *Answer {
	raw, _ := json.Marshal(map[string]string{"__type": kind, "message": message, "Message": message})
	h := jsonHeader()
	h.Set("X-Amzn-Errortype", kind)
	return &Answer{Status: status, Header: h, Body: raw}
}

func jsonHeader() http.Header {
	return http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amzn-Requestid": {lambda.NewRequestID()}}
}

func (a *Answer) succeeded() bool { return a.Status/100 == 2 }

// errorType returns the error's name, "" for a success.
func (a *Answer) errorType() string {
	if a.succeeded() {
		return ""
	}
	var e struct {
		Type string `json:"__type"`
	}
	json.Unmarshal(a.Body, &e)
	return e.Type[strings.LastIndexByte(e.Type, '#')+1:]
}

// operations.txt lists the operations that moto implements, for services with a JSON
// protocol. Each line is a TARGET.OPERATION.
//
//go:embed operations.txt
var operations string

var (
	implemented    = map[string]bool{}
	listedServices = map[string]bool{}
)

func init() {
	for _, target := range strings.Fields(operations) {
		implemented[target] = true
		service, _, _ := strings.Cut(target, ".")
		listedServices[service] = true
	}
}

// replaceHTML replaces moto's HTML page by the answer that AWS would give. moto sends
// the same page for an operation that it doesn't implement and for one that fails. An
// SDK that gets the page retries the call, which is wrong for an unknown operation.
func replaceHTML(call *Call, a *Answer) *Answer {
	if a.Status != http.StatusInternalServerError || !strings.HasPrefix(strings.ToLower(strings.TrimSpace(string(a.Body))), "<!doctype html") {
		return a
	}
	target := call.Target()
	service, _, _ := strings.Cut(target, ".")
	switch {
	case target == "":
		raw, _ := xml.Marshal(struct {
			XMLName xml.Name `xml:"Error"`
			Code    string
			Message string
		}{Code: "InternalError", Message: "moto fails at " + operationName(call) + ", or does not emulate it."})
		return &Answer{Status: a.Status, Header: http.Header{"Content-Type": {"application/xml"}}, Body: raw}
	case listedServices[service] && !implemented[target]:
		return refuse("UnknownOperationException", "moto does not emulate %s.", target)
	default:
		return failure(a.Status, "InternalFailure", "moto fails at "+target+".")
	}
}

func operationName(call *Call) string {
	if t := call.Target(); t != "" {
		return t
	}
	return call.Method + " " + call.URI
}

// signingNames are the services' names in a request's signature, by which moto
// recognizes the service.
var signingNames = map[string]string{
	"SWBExternalService":        "sso",
	"AWSIdentityStore":          "identitystore",
	"AWSOrganizationsV20161128": "organizations",
	"AWSStepFunctions":          "states",
}

// ask calls an operation of moto for a correction, in the region of the corrected
// call. It decodes a success into out, which may be nil.
func (g *Gateway) ask(ctx context.Context, like *Call, target string, in, out any) *Answer {
	body, err := json.Marshal(in)
	if err != nil {
		return failure(http.StatusInternalServerError, "InternalFailure", err.Error())
	}
	service, _, _ := strings.Cut(target, ".")
	answer := g.forward(ctx, &Call{
		Method: http.MethodPost,
		URI:    "/",
		Host:   like.Host,
		Header: http.Header{
			"Content-Type":  {"application/x-amz-json-1.1"},
			"X-Amz-Target":  {target},
			"Authorization": {fmt.Sprintf("AWS4-HMAC-SHA256 Credential=local/20260101/%s/%s/aws4_request, SignedHeaders=host, Signature=0", region(like), signingNames[service])},
		},
		Body: body,
	})
	if answer.succeeded() && out != nil {
		if err := json.Unmarshal(answer.Body, out); err != nil {
			return failure(http.StatusInternalServerError, "InternalFailure", fmt.Sprintf("decode moto's answer to %s: %v", target, err))
		}
	}
	return answer
}

var credentialScope = regexp.MustCompile(`Credential=[^/]+/\d+/([^/]+)/`)

// region returns the region that a call's signature names.
func region(call *Call) string {
	if m := credentialScope.FindStringSubmatch(call.Header.Get("Authorization")); m != nil {
		return m[1]
	}
	return "us-east-1"
}

// page returns one page of a whole list. The tokens are positions.
func page[T any](items []T, maxResults int, token string, most int) (part []T, next string, err error) {
	start := 0
	if token != "" {
		if _, err := fmt.Sscanf(token, "from-%d", &start); err != nil || start < 0 || start > len(items) {
			return nil, "", fmt.Errorf("%q is not a token of this list", token)
		}
	}
	if maxResults <= 0 || maxResults > most {
		maxResults = most
	}
	end := min(start+maxResults, len(items))
	if end < len(items) {
		next = fmt.Sprintf("from-%d", end)
	}
	return items[start:end], next, nil
}
