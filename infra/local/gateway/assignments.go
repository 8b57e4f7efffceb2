package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"sync"
	"time"

	"sso-elevator/infra/local/lambda"
)

// assignmentCorrections are those of IAM Identity Center's own API.
var assignmentCorrections = map[string]correction{
	"SWBExternalService.CreateAccountAssignment":                 (*Gateway).createAssignment,
	"SWBExternalService.DeleteAccountAssignment":                 (*Gateway).deleteAssignment,
	"SWBExternalService.DescribeAccountAssignmentCreationStatus": describeOperation(creation),
	"SWBExternalService.DescribeAccountAssignmentDeletionStatus": describeOperation(deletion),
	"SWBExternalService.ListAccountAssignmentCreationStatus":     listOperations(creation),
	"SWBExternalService.ListAccountAssignmentDeletionStatus":     listOperations(deletion),
	"SWBExternalService.ListPermissionSetsProvisionedToAccount":  (*Gateway).listPermissionSetsOfAccount,
	"SWBExternalService.ListAccountsForProvisionedPermissionSet": (*Gateway).listAccountsOfPermissionSet,
	"SWBExternalService.ListAccountAssignmentsForPrincipal":      (*Gateway).listAssignmentsOfPrincipal,
}

// assignment is the subject of a creation or deletion. Its JSON is the API's.
type assignment struct {
	InstanceArn      string `json:",omitempty"`
	TargetId         string
	TargetType       string
	PermissionSetArn string
	PrincipalType    string
	PrincipalId      string
}

type operationKind string

const (
	creation operationKind = "Creation"
	deletion operationKind = "Deletion"
)

// operation is one creation or deletion, in progress or ended.
type operation struct {
	kind       operationKind
	id         string
	assignment assignment
	status     string
	reason     string
	created    time.Time

	// course and effect are set if polls end the operation, see Course. They are
	// nil if it settles after the delay.
	course *Course
	effect func(context.Context, assignment) (reason string)
}

// operationLog remembers the operations of this gateway's lifetime, in order.
type operationLog struct {
	mu      sync.Mutex
	all     []*operation
	pending map[assignment]bool
}

// begin adds an operation. It returns false if another one on the same assignment is
// in progress.
func (l *operationLog) begin(op *operation) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending[op.assignment] {
		return false
	}
	if l.pending == nil {
		l.pending = map[assignment]bool{}
	}
	l.pending[op.assignment] = true
	l.all = append(l.all, op)
	return true
}

// setCourse sets an operation's course.
func (l *operationLog) setCourse(op *operation, c Course, effect func(context.Context, assignment) string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	op.course, op.effect = &c, effect
}

func (l *operationLog) finish(op *operation, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pending, op.assignment)
	op.status, op.reason = "SUCCEEDED", reason
	if reason != "" {
		op.status = "FAILED"
	}
}

// describe returns an operation as the API shows it.
func (l *operationLog) describe(op *operation) map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	return op.describe()
}

// poll finds an operation for a caller that asks for its status. If the operation has
// a course, each call counts as a poll. last is true for the first call after the
// course's polls; that caller must end the operation.
func (l *operationLog) poll(kind operationKind, id string) (op *operation, last, found bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, op := range l.all {
		if op.kind != kind || op.id != id {
			continue
		}
		if op.course == nil || op.course.Polls < 0 {
			return op, false, true
		}
		op.course.Polls--
		return op, op.course.Polls < 0, true
	}
	return nil, false, false
}

// list returns the operations of a kind and status ("" for any), newest first.
func (l *operationLog) list(kind operationKind, instance, status string) []operation {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := []operation{}
	for i := len(l.all) - 1; i >= 0; i-- {
		op := l.all[i]
		if op.kind == kind && op.assignment.InstanceArn == instance && (status == "" || op.status == status) {
			found = append(found, *op)
		}
	}
	return found
}

// describe returns an operation as the API shows it.
func (op operation) describe() map[string]any {
	a := op.assignment
	shown := map[string]any{
		"RequestId": op.id, "Status": op.status, "CreatedDate": seconds(op.created),
		"TargetId": a.TargetId, "TargetType": a.TargetType, "PermissionSetArn": a.PermissionSetArn,
		"PrincipalType": a.PrincipalType, "PrincipalId": a.PrincipalId,
	}
	if op.reason != "" {
		shown["FailureReason"] = op.reason
	}
	return shown
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

var (
	accountID   = regexp.MustCompile(`^\d{12}$`)
	principalID = regexp.MustCompile(`^([0-9a-f]{10}-|)[A-Fa-f0-9]{8}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{12}$`)
)

// parseAssignment reads the parameters of Create and Delete, and checks them
// against the limits in the API reference.
func parseAssignment(call *Call) (assignment, *Answer) {
	var a assignment
	if err := json.Unmarshal(call.Body, &a); err != nil {
		return a, refuse("SerializationException", "%v", err)
	}
	switch {
	case a.InstanceArn == "":
		return a, refuse("ValidationException", "InstanceArn is missing.")
	case a.TargetType != "AWS_ACCOUNT":
		return a, refuse("ValidationException", "TargetType must be AWS_ACCOUNT, not %q.", a.TargetType)
	case !accountID.MatchString(a.TargetId):
		return a, refuse("ValidationException", "TargetId must be twelve digits, not %q.", a.TargetId)
	case a.PrincipalType != "USER" && a.PrincipalType != "GROUP":
		return a, refuse("ValidationException", "PrincipalType must be USER or GROUP, not %q.", a.PrincipalType)
	case !principalID.MatchString(a.PrincipalId):
		return a, refuse("ValidationException", "PrincipalId must be an Identity Store id, not %q.", a.PrincipalId)
	}
	return a, nil
}

// createAssignment answers IN_PROGRESS and creates after the settle delay, as AWS
// does. An assignment that exists stays as it is.
//
// The call is refused at once if the instance or the permission set doesn't exist, or if
// the target is the management account and the caller is in another account. The
// creation ends FAILED if the account or the principal doesn't exist, or if the
// caller's role lacks IAM rights for the management account.
func (g *Gateway) createAssignment(ctx context.Context, call *Call) *Answer {
	return g.startOperation(ctx, call, creation, func(ctx context.Context, a assignment) (reason string) {
		if !g.accountExists(ctx, call, a.TargetId) {
			return fmt.Sprintf("Received a 404 status error: account %s is not an active account of the organization.", a.TargetId)
		}
		if !g.principalExists(ctx, call, a) {
			return fmt.Sprintf("Received a 404 status error: %s %s not found.", a.PrincipalType, a.PrincipalId)
		}
		if reason := g.checkRights(call, a, rightsToCreate); reason != "" {
			return reason
		}
		if exists, answer := g.assignmentExists(ctx, call, a); answer != nil {
			return "Received a 500 status error: " + string(answer.Body)
		} else if exists {
			return ""
		}
		return g.applyInMoto(ctx, call, "SWBExternalService.CreateAccountAssignment", a)
	})
}

// deleteAssignment answers IN_PROGRESS, with its own request id, and deletes after
// the settle delay.
func (g *Gateway) deleteAssignment(ctx context.Context, call *Call) *Answer {
	a, invalid := parseAssignment(call)
	if invalid != nil {
		return invalid
	}
	if exists, answer := g.assignmentExists(ctx, call, a); answer != nil {
		return answer
	} else if !exists {
		return refuse("ResourceNotFoundException", "No such account assignment.")
	}
	return g.startOperation(ctx, call, deletion, func(ctx context.Context, a assignment) string {
		if reason := g.checkRights(call, a, rightsToDelete); reason != "" {
			return reason
		}
		return g.applyInMoto(ctx, call, "SWBExternalService.DeleteAccountAssignment", a)
	})
}

func (g *Gateway) applyInMoto(ctx context.Context, call *Call, target string, a assignment) (reason string) {
	if answer := g.ask(ctx, call, target, a, nil); !answer.succeeded() {
		return fmt.Sprintf("Received a %d status error: %s", answer.Status, answer.Body)
	}
	return ""
}

// startOperation adds an operation to the log and lets it settle later.
func (g *Gateway) startOperation(ctx context.Context, call *Call, kind operationKind, settle func(context.Context, assignment) (reason string)) *Answer {
	a, invalid := parseAssignment(call)
	if invalid != nil {
		return invalid
	}
	if refused := g.refuseManagementAccount(a); refused != nil {
		return refused
	}
	if answer := g.ask(ctx, call, "SWBExternalService.DescribePermissionSet", map[string]string{"InstanceArn": a.InstanceArn, "PermissionSetArn": a.PermissionSetArn}, nil); !answer.succeeded() {
		return answer
	}
	op := &operation{kind: kind, id: lambda.NewRequestID(), assignment: a, status: "IN_PROGRESS", created: g.config.Now()}
	shown := op.describe() // before anything else can change it
	if !g.operations.begin(op) {
		return refuse("ConflictException", "Another operation on this account assignment is in progress.")
	}
	if g.config.Course != nil {
		if course, ok := g.config.Course(call); ok {
			g.operations.setCourse(op, course, settle)
			return operationAnswer(kind, shown)
		}
	}
	g.pendingOperations.Go(func() {
		select {
		case <-time.After(g.config.SettleDelay):
			g.operations.finish(op, settle(g.lifetime, a))
		case <-g.lifetime.Done():
		}
	})
	return operationAnswer(kind, shown)
}

func operationAnswer(kind operationKind, shown map[string]any) *Answer {
	return success(map[string]any{"AccountAssignment" + string(kind) + "Status": shown})
}

// endOperation ends an operation after its last poll. Depending on its course, the
// operation takes effect or fails.
func (g *Gateway) endOperation(ctx context.Context, op *operation) {
	reason := op.course.FailureReason
	if reason == "" {
		reason = op.effect(ctx, op.assignment)
	}
	g.operations.finish(op, reason)
}

func describeOperation(kind operationKind) correction {
	return func(g *Gateway, ctx context.Context, call *Call) *Answer {
		var in map[string]string
		if err := json.Unmarshal(call.Body, &in); err != nil {
			return refuse("SerializationException", "%v", err)
		}
		op, last, found := g.operations.poll(kind, in["AccountAssignment"+string(kind)+"RequestId"])
		if !found {
			// An earlier gateway may have started it; moto has the result.
			return g.forward(ctx, call)
		}
		if last {
			g.endOperation(g.lifetime, op)
		}
		return operationAnswer(kind, g.operations.describe(op))
	}
}

func listOperations(kind operationKind) correction {
	return func(g *Gateway, ctx context.Context, call *Call) *Answer {
		var in struct {
			InstanceArn string
			Filter      struct{ Status string }
			MaxResults  int
			NextToken   string
		}
		if err := json.Unmarshal(call.Body, &in); err != nil {
			return refuse("SerializationException", "%v", err)
		}
		part, next, err := page(g.operations.list(kind, in.InstanceArn, in.Filter.Status), in.MaxResults, in.NextToken, 100)
		if err != nil {
			return refuse("ValidationException", "%v", err)
		}
		shown := []map[string]any{}
		for _, op := range part {
			shown = append(shown, map[string]any{"RequestId": op.id, "Status": op.status, "CreatedDate": seconds(op.created)})
		}
		out := map[string]any{"AccountAssignments" + string(kind) + "Status": shown}
		if next != "" {
			out["NextToken"] = next
		}
		return success(out)
	}
}

// listPermissionSetsOfAccount derives an account's permission sets from the
// assignments.
func (g *Gateway) listPermissionSetsOfAccount(ctx context.Context, call *Call) *Answer {
	var in struct {
		InstanceArn, AccountId, NextToken string
		MaxResults                        int
	}
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	permissionSets, answer := g.permissionSets(ctx, call, in.InstanceArn)
	if answer != nil {
		return answer
	}
	provisioned := []string{}
	for _, arn := range permissionSets {
		assigned, answer := g.assignments(ctx, call, in.InstanceArn, in.AccountId, arn)
		if answer != nil {
			return answer
		}
		if len(assigned) > 0 {
			provisioned = append(provisioned, arn)
		}
	}
	return pageAnswer("PermissionSets", provisioned, in.MaxResults, in.NextToken)
}

// listAccountsOfPermissionSet derives a permission set's accounts from the
// assignments.
func (g *Gateway) listAccountsOfPermissionSet(ctx context.Context, call *Call) *Answer {
	var in struct {
		InstanceArn, PermissionSetArn, NextToken string
		MaxResults                               int
	}
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	accounts, answer := g.accounts(ctx, call)
	if answer != nil {
		return answer
	}
	provisioned := []string{}
	for _, account := range accounts {
		assigned, answer := g.assignments(ctx, call, in.InstanceArn, account.Id, in.PermissionSetArn)
		if answer != nil {
			return answer
		}
		if len(assigned) > 0 {
			provisioned = append(provisioned, account.Id)
		}
	}
	return pageAnswer("AccountIds", provisioned, in.MaxResults, in.NextToken)
}

// listAssignmentsOfPrincipal lists a principal's own assignments, as moto does, and
// those that a user has through groups. The latter name the group as the principal.
// AWS accepts the call only from the management account (API reference).
func (g *Gateway) listAssignmentsOfPrincipal(ctx context.Context, call *Call) *Answer {
	if g.managementAccount() != "" {
		return refuse("AccessDeniedException", "You do not have sufficient access to perform this action: it must be called from the management account.")
	}
	type filter struct{ AccountId string }
	type input struct {
		InstanceArn, PrincipalId, PrincipalType string
		Filter                                  *filter `json:",omitempty"`
		NextToken                               string  `json:",omitempty"`
		MaxResults                              int     `json:",omitempty"`
	}
	var in input
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	principals := []principal{{in.PrincipalType, in.PrincipalId}}
	if in.PrincipalType == "USER" {
		groups, answer := g.groupsOf(ctx, call, in.InstanceArn, in.PrincipalId)
		if answer != nil {
			return answer
		}
		for _, id := range groups {
			principals = append(principals, principal{"GROUP", id})
		}
	}
	all := []json.RawMessage{}
	for _, p := range principals {
		for token := ""; ; {
			var out struct {
				AccountAssignments []json.RawMessage
				NextToken          string
			}
			ask := input{InstanceArn: in.InstanceArn, PrincipalId: p.PrincipalId, PrincipalType: p.PrincipalType, Filter: in.Filter, NextToken: token}
			if answer := g.ask(ctx, call, "SWBExternalService.ListAccountAssignmentsForPrincipal", ask, &out); !answer.succeeded() {
				return answer
			}
			all = append(all, out.AccountAssignments...)
			if token = out.NextToken; token == "" {
				break
			}
		}
	}
	return pageAnswer("AccountAssignments", all, in.MaxResults, in.NextToken)
}

// groupsOf returns the ids of a user's groups.
func (g *Gateway) groupsOf(ctx context.Context, call *Call, instance, user string) ([]string, *Answer) {
	store, answer := g.identityStore(ctx, call, instance)
	if answer != nil {
		return nil, answer
	}
	var all []string
	for token := ""; ; {
		in := map[string]any{"IdentityStoreId": store, "MemberId": map[string]string{"UserId": user}}
		if token != "" {
			in["NextToken"] = token
		}
		var out struct {
			GroupMemberships []struct{ GroupId string }
			NextToken        string
		}
		if answer := g.ask(ctx, call, "AWSIdentityStore.ListGroupMembershipsForMember", in, &out); !answer.succeeded() {
			return nil, answer
		}
		for _, m := range out.GroupMemberships {
			all = append(all, m.GroupId)
		}
		if token = out.NextToken; token == "" {
			return all, nil
		}
	}
}

// identityStore returns the identity store of an instance.
func (g *Gateway) identityStore(ctx context.Context, call *Call, instance string) (string, *Answer) {
	var out struct {
		Instances []struct{ InstanceArn, IdentityStoreId string }
	}
	if answer := g.ask(ctx, call, "SWBExternalService.ListInstances", struct{}{}, &out); !answer.succeeded() {
		return "", answer
	}
	for _, i := range out.Instances {
		if i.InstanceArn == instance {
			return i.IdentityStoreId, nil
		}
	}
	return "", refuse("ResourceNotFoundException", "There is no instance %s.", instance)
}

func pageAnswer[T any](name string, items []T, maxResults int, token string) *Answer {
	part, next, err := page(items, maxResults, token, 100)
	if err != nil {
		return refuse("ValidationException", "%v", err)
	}
	out := map[string]any{name: part}
	if next != "" {
		out["NextToken"] = next
	}
	return success(out)
}

type account struct{ Id, Status string }

func (g *Gateway) accounts(ctx context.Context, call *Call) ([]account, *Answer) {
	var all []account
	for token := ""; ; {
		in := map[string]string{}
		if token != "" {
			in["NextToken"] = token
		}
		var out struct {
			Accounts  []account
			NextToken string
		}
		if answer := g.ask(ctx, call, "AWSOrganizationsV20161128.ListAccounts", in, &out); !answer.succeeded() {
			return nil, answer
		}
		all = append(all, out.Accounts...)
		if token = out.NextToken; token == "" {
			return all, nil
		}
	}
}

func (g *Gateway) accountExists(ctx context.Context, call *Call, id string) bool {
	var out struct{ Account account }
	answer := g.ask(ctx, call, "AWSOrganizationsV20161128.DescribeAccount", map[string]string{"AccountId": id}, &out)
	return answer.succeeded() && out.Account.Status == "ACTIVE"
}

func (g *Gateway) principalExists(ctx context.Context, call *Call, a assignment) bool {
	store, failed := g.identityStore(ctx, call, a.InstanceArn)
	if failed != nil {
		return false
	}
	target, in := "AWSIdentityStore.DescribeUser", map[string]string{"IdentityStoreId": store, "UserId": a.PrincipalId}
	if a.PrincipalType == "GROUP" {
		target, in = "AWSIdentityStore.DescribeGroup", map[string]string{"IdentityStoreId": store, "GroupId": a.PrincipalId}
	}
	return g.ask(ctx, call, target, in, nil).succeeded()
}

func (g *Gateway) permissionSets(ctx context.Context, call *Call, instance string) ([]string, *Answer) {
	var all []string
	for token := ""; ; {
		in := map[string]any{"InstanceArn": instance}
		if token != "" {
			in["NextToken"] = token
		}
		var out struct {
			PermissionSets []string
			NextToken      string
		}
		if answer := g.ask(ctx, call, "SWBExternalService.ListPermissionSets", in, &out); !answer.succeeded() {
			return nil, answer
		}
		all = append(all, out.PermissionSets...)
		if token = out.NextToken; token == "" {
			return all, nil
		}
	}
}

type principal struct{ PrincipalType, PrincipalId string }

func (g *Gateway) assignments(ctx context.Context, call *Call, instance, accountID, permissionSet string) ([]principal, *Answer) {
	var all []principal
	for token := ""; ; {
		in := map[string]any{"InstanceArn": instance, "AccountId": accountID, "PermissionSetArn": permissionSet}
		if token != "" {
			in["NextToken"] = token
		}
		var out struct {
			AccountAssignments []principal
			NextToken          string
		}
		if answer := g.ask(ctx, call, "SWBExternalService.ListAccountAssignments", in, &out); !answer.succeeded() {
			return nil, answer
		}
		all = append(all, out.AccountAssignments...)
		if token = out.NextToken; token == "" {
			return all, nil
		}
	}
}

func (g *Gateway) assignmentExists(ctx context.Context, call *Call, a assignment) (bool, *Answer) {
	assigned, answer := g.assignments(ctx, call, a.InstanceArn, a.TargetId, a.PermissionSetArn)
	if answer != nil {
		return false, answer
	}
	for _, p := range assigned {
		if p.PrincipalType == a.PrincipalType && p.PrincipalId == a.PrincipalId {
			return true, nil
		}
	}
	return false, nil
}
