package gateway

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sso-elevator/infra/local/lambda"
)

// Stack is a deployed stack, as CloudFormation shows it.
type Stack struct {
	Name, ID  string
	At        time.Time // of its creation
	Outputs   map[string]string
	Resources []Resource
}

// Resource is one resource of a stack.
type Resource struct{ LogicalID, PhysicalID, Type string }

// SetStack sets the deployed stack. The gateway answers CloudFormation's
// DescribeStacks and ListStackResources about it, because moto never created it.
func (g *Gateway) SetStack(s Stack) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stack = s
}

// cloudFormationVersion is in every call of CloudFormation, and in no other.
const cloudFormationVersion = "2010-05-15"

// stackCall returns the operation of a CloudFormation call for the stack of SetStack.
// ok is false for any other call.
func (g *Gateway) stackCall(call *Call) (operation string, s Stack, ok bool) {
	if call.Target() != "" || !strings.HasPrefix(call.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return "", Stack{}, false
	}
	form, err := url.ParseQuery(string(call.Body))
	if err != nil || form.Get("Version") != cloudFormationVersion {
		return "", Stack{}, false
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	name := form.Get("StackName")
	if name == "" || name != g.stack.Name && name != g.stack.ID {
		return "", Stack{}, false
	}
	operation = form.Get("Action")
	return operation, g.stack, operation == "DescribeStacks" || operation == "ListStackResources"
}

const stackStatus = "CREATE_COMPLETE"

func (s Stack) answer(operation string) *Answer {
	type output struct{ OutputKey, OutputValue string }
	type stack struct {
		StackId, StackName, StackStatus string
		CreationTime                    time.Time
		Outputs                         []output `xml:"Outputs>member"`
	}
	type resource struct {
		LogicalResourceId, PhysicalResourceId, ResourceType, ResourceStatus string
		LastUpdatedTimestamp                                                time.Time
	}
	var stacks []stack
	var resources []resource
	if operation == "DescribeStacks" {
		one := stack{StackId: s.ID, StackName: s.Name, StackStatus: stackStatus, CreationTime: s.At.UTC()}
		for key, value := range s.Outputs {
			one.Outputs = append(one.Outputs, output{key, value})
		}
		stacks = append(stacks, one)
	} else {
		for _, r := range s.Resources {
			resources = append(resources, resource{r.LogicalID, r.PhysicalID, r.Type, stackStatus, s.At.UTC()})
		}
	}
	raw, err := xml.Marshal(struct {
		XMLName   xml.Name
		Stacks    []stack    `xml:"DescribeStacksResult>Stacks>member"`
		Resources []resource `xml:"ListStackResourcesResult>StackResourceSummaries>member"`
		RequestID string     `xml:"ResponseMetadata>RequestId"`
	}{XMLName: xml.Name{Local: operation + "Response"}, Stacks: stacks, Resources: resources, RequestID: lambda.NewRequestID()})
	if err != nil {
		return failure(http.StatusInternalServerError, "InternalFailure", err.Error())
	}
	return &Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/xml"}}, Body: raw}
}
