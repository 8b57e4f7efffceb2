package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// identityCenter is an HTTP client of the AWS SDK. It answers a run's calls of
// Identity Center, the Identity Store, and Organizations, in pages as AWS does.
type identityCenter struct {
	accounts, sets, users []string
	assignments           map[[2]string][]string // account and permission set ► users
	assignmentsByUser     map[string][][2]string // user ► accounts and permission sets
}

const (
	stubInstance = "arn:aws:sso:::instance/ssoins-0000000000000000"
	stubStore    = "d-0000000000"
	stubGroup    = "99999999-9999-9999-9999-999999999999"
	stubUnit     = "ou-0000-00000000" // has all accounts
	// The largest pages of these APIs, in items (their API references).
	stubPage         = 100
	stubAccountsPage = 20
)

// newIdentityCenter returns an organization of that size. It has one direct user
// assignment for each finding, spread evenly.
func newIdentityCenter(accounts, sets, users, findings int) *identityCenter {
	c := &identityCenter{assignments: map[[2]string][]string{}, assignmentsByUser: map[string][][2]string{}}
	for i := range accounts {
		c.accounts = append(c.accounts, fmt.Sprintf("%012d", 100_000_000_000+i))
	}
	for i := range sets {
		c.sets = append(c.sets, fmt.Sprintf("arn:aws:sso:::permissionSet/ssoins-0000000000000000/ps-%016d", i))
	}
	for i := range users {
		c.users = append(c.users, fmt.Sprintf("00000000-0000-0000-0000-%012d", i))
	}
	pairs := accounts * sets
	for i := range findings {
		pair := i * max(1, pairs/findings) % pairs
		where := [2]string{c.accounts[pair/sets], c.sets[pair%sets]}
		user := c.users[i%users]
		c.assignments[where] = append(c.assignments[where], user)
		c.assignmentsByUser[user] = append(c.assignmentsByUser[user], where)
	}
	return c
}

// config returns an SDK configuration whose calls are all answered here.
func (c *identityCenter) config() aws.Config {
	return aws.Config{
		Region: "us-east-1", HTTPClient: c, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("bench", "bench", ""),
	}
}

type object = map[string]any

// Do implements aws.HTTPClient.
func (c *identityCenter) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var in struct{ AccountId, PermissionSetArn, PrincipalId, UserId, NextToken string }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var name string
	var item func(i int) any
	n, size := 0, stubPage
	switch operation {
	case "ListInstances":
		name, n, item = "Instances", 1, func(int) any { return object{"InstanceArn": stubInstance, "IdentityStoreId": stubStore} }
	case "ListAccounts":
		name, n, size, item = "Accounts", len(c.accounts), stubAccountsPage, func(i int) any { return object{"Id": c.accounts[i], "Status": "ACTIVE", "State": "ACTIVE"} }
	case "ListAccountsForParent":
		name, n, size, item = "Accounts", len(c.accounts), stubAccountsPage, func(i int) any { return object{"Id": c.accounts[i]} }
	case "ListOrganizationalUnitsForParent":
		name, item = "OrganizationalUnits", func(int) any { return nil }
	case "ListGroups":
		name, n, item = "Groups", 1, func(int) any { return object{"GroupId": stubGroup, "DisplayName": "Everyone"} }
	case "ListPermissionSets", "ListPermissionSetsProvisionedToAccount":
		name, n, item = "PermissionSets", len(c.sets), func(i int) any { return c.sets[i] }
	case "ListAccountsForProvisionedPermissionSet":
		name, n, item = "AccountIds", len(c.accounts), func(i int) any { return c.accounts[i] }
	case "ListUsers":
		name, n, item = "Users", len(c.users), func(i int) any {
			return object{"UserId": c.users[i], "UserName": fmt.Sprintf("user%04d@example.com", i), "IdentityStoreId": stubStore}
		}
	case "ListAccountAssignments":
		here := c.assignments[[2]string{in.AccountId, in.PermissionSetArn}]
		// A group has each permission set in each account.
		name, n, item = "AccountAssignments", len(here)+1, func(i int) any {
			if i == len(here) {
				return object{"PrincipalType": "GROUP", "PrincipalId": stubGroup}
			}
			return object{"PrincipalType": "USER", "PrincipalId": here[i]}
		}
	case "ListAccountAssignmentsForPrincipal":
		// Direct assignments, and one permission set in every account through a
		// group.
		own := c.assignmentsByUser[in.PrincipalId]
		team := 0
		fmt.Sscan(in.PrincipalId[len(in.PrincipalId)-12:], &team)
		name, n, item = "AccountAssignments", len(own)+len(c.accounts), func(i int) any {
			if i < len(own) {
				return object{"AccountId": own[i][0], "PermissionSetArn": own[i][1], "PrincipalType": "USER", "PrincipalId": in.PrincipalId}
			}
			return object{"AccountId": c.accounts[i-len(own)], "PermissionSetArn": c.sets[team%len(c.sets)], "PrincipalType": "GROUP", "PrincipalId": stubGroup}
		}
	case "DescribePermissionSet":
		return makeResponse(object{"PermissionSet": object{"PermissionSetArn": in.PermissionSetArn, "Name": in.PermissionSetArn[len(in.PermissionSetArn)-16:]}})
	case "DescribeUser":
		return makeResponse(object{"UserId": in.UserId, "UserName": in.UserId, "IdentityStoreId": stubStore})
	default:
		return nil, fmt.Errorf("the stub does not know %s", operation)
	}
	start := 0
	fmt.Sscan(in.NextToken, &start)
	end := min(start+size, n)
	items := []any{}
	for i := start; i < end; i++ {
		items = append(items, item(i))
	}
	out := object{name: items}
	if end < n {
		out["NextToken"] = fmt.Sprint(end)
	}
	return makeResponse(out)
}

func makeResponse(out object) (*http.Response, error) {
	body, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amzn-Requestid": {"bench"}},
		Body:   io.NopCloser(bytes.NewReader(body)),
	}, nil
}
