package gateway

import (
	"context"
	"encoding/json"
	"regexp"
)

// organizationsCorrections are those of AWS Organizations.
var organizationsCorrections = map[string]correction{
	"AWSOrganizationsV20161128.DescribeOrganization":        (*Gateway).describeOrganization,
	"AWSOrganizationsV20161128.DescribeAccount":             (*Gateway).showAccounts,
	"AWSOrganizationsV20161128.ListAccounts":                (*Gateway).listAccounts,
	"AWSOrganizationsV20161128.ListDelegatedAdministrators": (*Gateway).listDelegatedAdministrators,
}

// SetManagementAccount sets the account that manages the organization. "" means the
// account in which everything runs, as in moto. With another account, all callers are
// in a delegated administrator account. AWS then refuses to assign access to the
// management account, and to list a principal's assignments.
func (g *Gateway) SetManagementAccount(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.management = id
}

func (g *Gateway) managementAccount() string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.management
}

// describeOrganization answers with the management account that SetManagementAccount
// has set.
func (g *Gateway) describeOrganization(ctx context.Context, call *Call) *Answer {
	id := g.managementAccount()
	if id == "" {
		return g.forward(ctx, call)
	}
	var out struct{ Organization map[string]json.RawMessage }
	if answer := g.ask(ctx, call, call.Target(), struct{}{}, &out); !answer.succeeded() {
		return answer
	}
	var manages struct {
		Account struct{ Arn, Email string }
	}
	if answer := g.ask(ctx, call, "AWSOrganizationsV20161128.DescribeAccount", map[string]string{"AccountId": id}, &manages); !answer.succeeded() {
		return answer
	}
	arn := managementAccountInARN.ReplaceAllString(manages.Account.Arn, "${1}"+id+":")
	for name, value := range map[string]string{"MasterAccountId": id, "MasterAccountArn": arn, "MasterAccountEmail": manages.Account.Email} {
		raw, err := json.Marshal(value)
		if err != nil {
			return failure(500, "InternalFailure", err.Error())
		}
		out.Organization[name] = raw
	}
	return success(out)
}

// managementAccountInARN matches the management account in the ARNs of
// Organizations.
var managementAccountInARN = regexp.MustCompile(`(arn:aws:organizations::)\d{12}:`)

// showAccounts puts the management account of SetManagementAccount into the ARNs of
// accounts.
func (g *Gateway) showAccounts(ctx context.Context, call *Call) *Answer {
	answer := g.forward(ctx, call)
	if id := g.managementAccount(); id != "" && answer.succeeded() {
		answer.Body = managementAccountInARN.ReplaceAll(answer.Body, []byte("${1}"+id+":"))
	}
	return answer
}

// maxAccountsPage is the largest page of ListAccounts (API reference, ListAccounts,
// MaxResults). moto's pages have 100 accounts.
const maxAccountsPage = 20

// listAccounts makes the pages as short as AWS does.
func (g *Gateway) listAccounts(ctx context.Context, call *Call) *Answer {
	var in map[string]any
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	if n, ok := in["MaxResults"].(float64); ok && (n < 1 || n > maxAccountsPage) {
		return refuse("InvalidInputException", "MaxResults must be between 1 and %d.", maxAccountsPage)
	} else if !ok {
		in["MaxResults"] = maxAccountsPage
	}
	body, err := json.Marshal(in)
	if err != nil {
		return failure(500, "InternalFailure", err.Error())
	}
	paged := *call
	paged.Body = body
	return g.showAccounts(ctx, &paged)
}

// listDelegatedAdministrators names the account in which everything runs as the
// delegated administrator of Identity Center, if another account manages the
// organization. In moto that account would have to register itself.
func (g *Gateway) listDelegatedAdministrators(ctx context.Context, call *Call) *Answer {
	var in struct{ ServicePrincipal string }
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	if g.managementAccount() == "" || in.ServicePrincipal != "" && in.ServicePrincipal != "sso.amazonaws.com" {
		return g.forward(ctx, call)
	}
	var own struct {
		Organization struct{ MasterAccountId string }
	}
	if answer := g.ask(ctx, call, "AWSOrganizationsV20161128.DescribeOrganization", struct{}{}, &own); !answer.succeeded() {
		return answer
	}
	var account struct{ Account json.RawMessage }
	if answer := g.ask(ctx, call, "AWSOrganizationsV20161128.DescribeAccount", map[string]string{"AccountId": own.Organization.MasterAccountId}, &account); !answer.succeeded() {
		return answer
	}
	return success(map[string]any{"DelegatedAdministrators": []any{account.Account}})
}

// refuseManagementAccount refuses an assignment in the management account if the
// callers are in another account.
func (g *Gateway) refuseManagementAccount(a assignment) *Answer {
	if a.TargetId != g.managementAccount() {
		return nil
	}
	return refuse("AccessDeniedException", "You do not have sufficient access to perform this action: only the management account may change who has access to it.")
}
