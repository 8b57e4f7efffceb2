package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/adapters/table"
	"sso-elevator/functions/adapters/table/tabletest"
)

// How long the services take to answer, while the stub delays its answers.
const (
	awsDelay   = 20 * time.Millisecond
	slackDelay = 100 * time.Millisecond
)

// pageSize is how many assignments Identity Center returns at once.
const pageSize = 100

// living is a stub that stores what the functions write, so that a request can go
// through its whole life. It logs each call with its caller. A creation or a deletion of
// an assignment takes effect at once.
type living struct {
	*stub
	// others is how many other users have each access.
	others int

	mu         sync.Mutex
	delayed    bool
	table      map[string]tabletest.Row
	assigned   map[string]bool // by account, permission set and user
	operations int
	log        []timedCall
	// executions and tokens get the execution's name and the token as soon as
	// StartExecution and SendTaskSuccess are called.
	executions, tokens chan string
}

// timedCall is a call of a function.
type timedCall struct {
	caller, name string // name is like "DynamoDB.GetItem" or "Slack.users.info"
	from, to     time.Time
}

// newLiving starts a living stub of a world. The caller must close it.
func newLiving(w world, others int) (*living, error) {
	s, err := makeStub(w, nil, nil)
	if err != nil {
		return nil, err
	}
	l := &living{
		stub: s, others: others, table: map[string]tabletest.Row{}, assigned: map[string]bool{},
		executions: make(chan string, 1), tokens: make(chan string, 1),
	}
	return l, s.serve(l)
}

// setDelayed says whether answers take as long as the services do.
func (l *living) setDelayed(delayed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delayed = delayed
}

// takeLog returns the calls since the last time, in the order of their beginning.
func (l *living) takeLog() []timedCall {
	l.mu.Lock()
	defer l.mu.Unlock()
	log := l.log
	l.log = nil
	slices.SortFunc(log, func(a, b timedCall) int { return a.from.Compare(b.from) })
	return log
}

// environment returns the environment of a function. Its calls name it, and it sends no
// direct messages.
func (l *living) environment(function string) []string {
	return append(environment(l.stub),
		"AWS_ACCESS_KEY_ID="+function, "ELEVATOR_SLACK_API_URL="+l.url+"/"+function+"/api/",
		"ELEVATOR_SEND_DM=false", "ELEVATOR_POST_REVOKE=false")
}

func (l *living) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := timedCall{from: time.Now()}
	delay := awsDelay
	if caller, method, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/api/"); ok {
		c.caller, c.name, delay = caller, "Slack."+method, slackDelay
		r.URL.Path = "/api/" + method
	} else {
		_, key, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
		c.caller, _, _ = strings.Cut(key, "/")
		c.name = "S3." + r.Method
		if service, operation, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
			service, _, _ = strings.Cut(service, "_")
			c.name = service + "." + operation
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l.signal(c.name, body)
	l.mu.Lock()
	if l.delayed {
		l.mu.Unlock()
		time.Sleep(delay)
		l.mu.Lock()
	}
	defer l.mu.Unlock()
	c.to = time.Now()
	l.log = append(l.log, c)
	if l.answerStored(w, r, c.name, body) {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	l.stub.ServeHTTP(w, r)
}

// signal tells the player that an execution starts, or continues.
func (l *living) signal(name string, body []byte) {
	var in struct{ Name, TaskToken string }
	switch {
	case json.Unmarshal(body, &in) != nil:
	case name == "AWSStepFunctions.StartExecution":
		l.executions <- in.Name
	case name == "AWSStepFunctions.SendTaskSuccess":
		l.tokens <- in.TaskToken
	}
}

// callInput has the fields of the calls that the stub stores or answers from what it
// stored.
type callInput struct {
	Key, Item                     json.RawMessage
	KeyConditionExpression        string
	ConditionExpression           string
	UpdateExpression              string
	ExpressionAttributeNames      map[string]string
	ExpressionAttributeValues     json.RawMessage
	AccountId, TargetId           string
	PermissionSetArn, PrincipalId string
	AccountAssignmentCreationRequestId,
	AccountAssignmentDeletionRequestId string
	NextToken, Name string

	ReturnValuesOnConditionCheckFailure string
}

// answerStored answers a call that writes, or reads what was written. It returns false
// if the call is another one.
func (l *living) answerStored(w http.ResponseWriter, r *http.Request, name string, body []byte) bool {
	service, operation, _ := strings.Cut(name, ".")
	if service == "S3" {
		if r.Method == http.MethodGet && r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotModified)
			return true
		}
		return false
	}
	if service == "Slack" {
		return false
	}
	var in callInput
	if err := json.Unmarshal(body, &in); err != nil {
		l.refuse(w, name+" with a body that is not JSON")
		return true
	}
	var out object
	var err error
	switch service {
	case "DynamoDB":
		out, err = l.callTable(operation, in)
	case "SWBExternalService":
		out = l.callIdentityCenter(operation, in)
	case "AWSStepFunctions":
		if operation == "StartExecution" {
			out = object{"executionArn": executionARN(in.Name), "startDate": 1.7e9}
		}
	}
	if out == nil && err == nil {
		return false
	}
	status := http.StatusOK
	if err != nil {
		status = http.StatusBadRequest
		if out == nil {
			out = object{}
		}
		out["__type"] = err.Error()
	}
	answerJSON(w, status, out)
	return true
}

func executionARN(name string) string {
	return strings.Replace(stubMachine, ":stateMachine:", ":execution:", 1) + ":" + name
}

// callTable is DynamoDB. The error is the type of its error; then the object is what else
// the answer has.
func (l *living) callTable(operation string, in callInput) (object, error) {
	values, err := decodeRow(in.ExpressionAttributeValues)
	if err != nil {
		return nil, err
	}
	keyed := in.Key
	if operation == "PutItem" {
		keyed = in.Item
	}
	item, err := decodeRow(keyed)
	if err != nil {
		return nil, err
	}
	if operation == "Query" {
		return l.query(in, values), nil
	}
	key := item[table.AttributeKey].(*types.AttributeValueMemberS).Value
	if in.ConditionExpression != "" && !tabletest.Holds(in.ConditionExpression, l.table[key], in.ExpressionAttributeNames, values) {
		var out object
		if r, ok := l.table[key]; ok && in.ReturnValuesOnConditionCheckFailure == "ALL_OLD" {
			out = object{"Item": encodeRow(r)}
		}
		return out, fmt.Errorf("com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException")
	}
	switch operation {
	case "GetItem":
		if r, ok := l.table[key]; ok {
			return object{"Item": encodeRow(r)}, nil
		}
	case "PutItem":
		l.table[key] = item
	case "DeleteItem":
		delete(l.table, key)
	case "UpdateItem":
		after := tabletest.Update(in.UpdateExpression, l.table[key], in.ExpressionAttributeNames, values)
		after[table.AttributeKey] = item[table.AttributeKey]
		l.table[key] = after
		return object{"Attributes": encodeRow(after)}, nil
	default:
		return nil, fmt.Errorf("the stub doesn't know %s", operation)
	}
	return object{}, nil
}

// settleLeases lets leases settle, as they do in the time that access lasts.
func (l *living) settleLeases() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, r := range l.table {
		if strings.HasPrefix(key, table.LeasePrefix) {
			r["settles_at"] = &types.AttributeValueMemberS{Value: time.Now().UTC().Add(-time.Minute).Format(time.RFC3339)}
		}
	}
}

// query returns the rows of an index. Its condition is an equation.
func (l *living) query(in callInput, values tabletest.Row) object {
	items := []object{}
	for _, r := range l.table {
		if tabletest.Holds(in.KeyConditionExpression, r, in.ExpressionAttributeNames, values) {
			items = append(items, encodeRow(r))
		}
	}
	return object{"Items": items, "Count": len(items), "ScannedCount": len(items)}
}

// callIdentityCenter is the part of Identity Center that creates and deletes. It returns
// nil for other calls.
func (l *living) callIdentityCenter(operation string, in callInput) object {
	begin := func(what string, exists bool) object {
		l.operations++
		l.assigned[assignment(in.TargetId, in.PermissionSetArn, in.PrincipalId)] = exists
		return object{what: object{"Status": "IN_PROGRESS", "RequestId": "operation-" + strconv.Itoa(l.operations)}}
	}
	status := func(what, id string) object { return object{what: object{"Status": "SUCCEEDED", "RequestId": id}} }
	switch operation {
	case "CreateAccountAssignment":
		return begin("AccountAssignmentCreationStatus", true)
	case "DeleteAccountAssignment":
		return begin("AccountAssignmentDeletionStatus", false)
	case "DescribeAccountAssignmentCreationStatus":
		return status("AccountAssignmentCreationStatus", in.AccountAssignmentCreationRequestId)
	case "DescribeAccountAssignmentDeletionStatus":
		return status("AccountAssignmentDeletionStatus", in.AccountAssignmentDeletionRequestId)
	case "ListAccountAssignments":
		return l.listAssignments(in)
	}
	return nil
}

func assignment(account, set, principal string) string { return account + " " + set + " " + principal }

// listAssignments returns a page of the users who have an access. The requester is
// the last of them.
func (l *living) listAssignments(in callInput) object {
	var users []string
	for i := range l.others {
		users = append(users, fmt.Sprintf("user-%d", i))
	}
	if principal := personOf(stubRequester).PrincipalID; l.assigned[assignment(in.AccountId, in.PermissionSetArn, principal)] {
		users = append(users, principal)
	}
	from, _ := strconv.Atoi(in.NextToken)
	page, out := []object{}, object{}
	for i := from; i < min(from+pageSize, len(users)); i++ {
		page = append(page, object{"PrincipalType": "USER", "PrincipalId": users[i], "PermissionSetArn": in.PermissionSetArn, "AccountId": in.AccountId})
	}
	if from+pageSize < len(users) {
		out["NextToken"] = strconv.Itoa(from + pageSize)
	}
	out["AccountAssignments"] = page
	return out
}
