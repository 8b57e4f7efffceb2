package simulation

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
)

// The organization has few people and few targets, so that requests collide.
var (
	people = []access.Person{
		{SlackID: "UANN", Email: "ann@example.com", Name: "Ann", PrincipalID: "p-ann"},
		{SlackID: "UBOB", Email: "bob@example.com", Name: "Bob", PrincipalID: "p-bob"},
		{SlackID: "UCLO", Email: "clo@example.com", Name: "Clo", PrincipalID: "p-clo"},
		{SlackID: "UDAN", Email: "dan@example.com", Name: "Dan", PrincipalID: "p-dan"},
		{SlackID: guest, Email: "gus@example.com", Name: "Gus", PrincipalID: "p-gus"},
	}
	accounts = []access.Account{{ID: "111111111111", Name: "Production"}, {ID: "222222222222", Name: "Sandbox"}}

	permissionSets = []access.PermissionSet{
		{ARN: "arn:aws:sso:::permissionSet/ssoins-0123456789abcdef/ps-0000000000000001", Name: "Admin"},
		{ARN: "arn:aws:sso:::permissionSet/ssoins-0123456789abcdef/ps-0000000000000002", Name: "ReadOnly"},
	}
	groups = []access.Group{{ID: "g-1", Name: "Auditors"}}
)

const (
	guest          = "UGUS"
	outsideChannel = "UDAN" // gets direct messages
)

// targets are what people request.
var targets = []access.Target{
	{Kind: access.KindAccount, AccountID: "111111111111", PermissionSetARN: permissionSets[0].ARN, PermissionSet: "Admin"},
	{Kind: access.KindAccount, AccountID: "111111111111", PermissionSetARN: permissionSets[1].ARN, PermissionSet: "ReadOnly"},
	{Kind: access.KindAccount, AccountID: "222222222222", PermissionSetARN: permissionSets[0].ARN, PermissionSet: "Admin"},
	{Kind: access.KindGroup, GroupID: "g-1"},
}

// policies may come into force during a history.
var policies = []access.Policy{
	{
		Accounts: []access.Statement{
			{Resources: []string{"111111111111"}, PermissionSets: []string{"Admin"}, Approvers: []string{"ann@example.com", "bob@example.com"}},
			{Resources: []string{"*"}, PermissionSets: []string{"ReadOnly"}, ApprovalIsNotRequired: aws.Bool(true)},
			{Resources: []string{"222222222222"}, PermissionSets: []string{"*"}, Approvers: []string{"clo@example.com", "dan@example.com"}, AllowSelfApproval: aws.Bool(true)},
		},
		Groups: []access.Statement{{Resources: []string{"g-1"}, Approvers: []string{"ann@example.com", "dan@example.com"}}},
	},
	{
		Accounts: []access.Statement{
			{Resources: []string{"*"}, PermissionSets: []string{"*"}, Approvers: []string{"bob@example.com", "clo@example.com", "gone@example.com"}, Confirm: true},
		},
		Groups: []access.Statement{{Resources: []string{"*"}, Approvers: []string{"bob@example.com"}, AllowSelfApproval: aws.Bool(true)}},
	},
	{
		Accounts: []access.Statement{
			{Resources: []string{"111111111111"}, PermissionSets: []string{"ReadOnly"}, Approvers: []string{"dan@example.com"}, AllowSelfApproval: aws.Bool(false)},
			{Resources: []string{"222222222222"}, PermissionSets: []string{"Admin"}, ApprovalIsNotRequired: aws.Bool(true)},
		},
		Groups: []access.Statement{{Resources: []string{"g-1"}, ApprovalIsNotRequired: aws.Bool(true)}},
	},
	{
		Accounts: []access.Statement{
			{Resources: []string{"*"}, PermissionSets: []string{"*"}, ApprovalIsNotRequired: aws.Bool(true)},
			{Resources: []string{"111111111111"}, PermissionSets: []string{"Admin"}, Approvers: []string{"clo@example.com"}, ApprovalIsNotRequired: aws.Bool(false)},
		},
		Groups: []access.Statement{{Resources: []string{"g-1"}, Approvers: []string{"clo@example.com", "gus@example.com"}}},
	},
	{
		Accounts: []access.Statement{
			{Resources: []string{"111111111111"}, PermissionSets: []string{"Admin"}, Approvers: []string{"ann@example.com", "bob@example.com", "clo@example.com"}, ApprovalsNeeded: 2},
			{Resources: []string{"*"}, PermissionSets: []string{"ReadOnly"}, Approvers: []string{"bob@example.com"}, ApprovalIsNotRequired: aws.Bool(true)},
			{Resources: []string{"222222222222"}, PermissionSets: []string{"*"}, Approvers: []string{"ann@example.com", "bob@example.com"}, ApprovalsNeeded: 1},
			{Resources: []string{"222222222222"}, PermissionSets: []string{"Admin"}, Approvers: []string{"bob@example.com", "clo@example.com", "dan@example.com"}, ApprovalsNeeded: 1},
		},
		Groups: []access.Statement{{Resources: []string{"g-1"}, Approvers: []string{"ann@example.com", "bob@example.com", "dan@example.com"}, ApprovalsNeeded: 2}},
	},
}

// durations are the durations that the form offers.
var durations = []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 12 * time.Minute}

// longDuration is requested by people who are disabled while they have access. It is
// longer than the recheck takes to find them.
const longDuration = 40 * time.Minute

// extensionOffer is a setting: how long before the end of access its requester is offered
// more time.
const extensionOffer = 5 * time.Minute

// encoded returns a policy as it is stored, and its digest.
func encoded(p access.Policy) (body []byte, digest string) {
	body, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(body)
	return body, hex.EncodeToString(sum[:])
}

// snapshot is the catalog's object, in the format of catalog.Snapshot.
var snapshot = func() []byte {
	at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	pairs := func(n int, of func(int) (string, string)) (all [][2]string) {
		for i := range n {
			id, name := of(i)
			all = append(all, [2]string{id, name})
		}
		return all
	}
	below := map[string][]string{}
	for account, unit := range unitOf {
		for ; unit != ""; unit = unitParents[unit] {
			below[unit] = append(below[unit], account)
			slices.Sort(below[unit])
		}
	}
	// Nobody sees who entered the groups since.
	members := map[string]any{}
	for _, g := range decisionGroups {
		members[g.ID] = map[string]any{"pairs": pairs(2, func(i int) (string, string) { return people[i].PrincipalID, people[i].Email })}
	}
	document := map[string]any{
		"format":  1,
		"members": members,
		"accounts": map[string]any{"read_at": at, "units": below,
			"pairs": pairs(len(accounts), func(i int) (string, string) { return accounts[i].ID, accounts[i].Name })},
		"permission_sets": map[string]any{"read_at": at, "named_at": make([]int64, len(permissionSets)),
			"pairs": pairs(len(permissionSets), func(i int) (string, string) { return permissionSets[i].ARN, permissionSets[i].Name })},
		"groups": map[string]any{"read_at": at, "pairs": pairs(len(groups), func(i int) (string, string) { return groups[i].ID, groups[i].Name })},
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if json.NewEncoder(w).Encode(document) != nil || w.Close() != nil {
		panic("the catalog can't be encoded")
	}
	return packed.Bytes()
}()

const catalogKey = catalogBucket + "/" + catalog.Key
