package acceptance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/statemachine"
)

// lookAtStack checks that CloudFormation's last operation succeeded.
func (r *run) lookAtStack(ctx context.Context, s *Step) error {
	stack, err := r.sys.Stack(ctx)
	if err != nil {
		return err
	}
	r.note(s, "%s since %s, %d resources", stack.Status, stack.Changed.UTC().Format(time.RFC3339), len(stack.Resources))
	if stack.Status != "CREATE_COMPLETE" && stack.Status != "UPDATE_COMPLETE" && stack.Status != "IMPORT_COMPLETE" {
		return fmt.Errorf("the stack is %s: its last deployment failed. Deploy again", stack.Status)
	}
	for _, resource := range stack.Resources {
		if !strings.HasSuffix(resource.Status, "_COMPLETE") || strings.HasPrefix(resource.Status, "DELETE") {
			return fmt.Errorf("%s (%s) is %s", resource.LogicalID, resource.Type, resource.Status)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(statemachine.FunctionTimeouts)) {
		if !slices.ContainsFunc(stack.Resources, func(resource Resource) bool {
			return resource.Type == "AWS::Lambda::Function" && strings.HasPrefix(strings.ToLower(resource.LogicalID), name+"function")
		}) {
			return fmt.Errorf("the stack has no function %s", name)
		}
	}
	return nil
}

func (r *run) lookAtFunctions(ctx context.Context, s *Step) error {
	functions, err := r.sys.Functions(ctx)
	if err != nil {
		return err
	}
	var problems []error
	for _, f := range functions {
		if f.Problem != "" {
			problems = append(problems, fmt.Errorf("%s: %s", f.Name, f.Problem))
		}
	}
	wrong, machines, err := r.sys.Machines(ctx)
	if err != nil {
		return err
	}
	for _, w := range wrong {
		problems = append(problems, errors.New(w))
	}
	r.note(s, "%d functions, %d state machines", len(functions), machines)
	if len(functions) < len(statemachine.FunctionTimeouts) {
		problems = append(problems, fmt.Errorf("there should be %d functions", len(statemachine.FunctionTimeouts)))
	}
	return errors.Join(problems...)
}

// catalogAge is how old the catalog may be. If it is older, an alarm fires.
const catalogAge = time.Hour

func (r *run) lookAtCatalog(ctx context.Context, s *Step) error {
	c, err := r.sys.Catalog(ctx)
	if err != nil {
		return err
	}
	age := r.Now().Sub(c.ReadAt)
	s.Bytes = c.Bytes
	r.note(s, "%d accounts, %d permission sets, %d groups, read %s ago, %d bytes", len(c.Accounts), len(c.PermissionSets), len(c.Groups), round(age), c.Bytes)
	switch {
	case len(c.Accounts) == 0 || len(c.PermissionSets) == 0:
		return errors.New("the catalog is empty. Read the log of the function reconcile")
	case age > catalogAge:
		return fmt.Errorf("the catalog is older than %s, so forms lack new accounts, permission sets and groups. Read the log of the function reconcile", catalogAge)
	}
	r.catalog = c
	return nil
}

// findTargets looks up everything that the options name, before it asks anyone to
// do anything.
func (r *run) findTargets(ctx context.Context, s *Step) (err error) {
	if r.target, err = r.find(r.Target); err != nil {
		return err
	}
	if r.other, err = r.find(r.Other); err != nil {
		return err
	}
	if r.target == r.other {
		return fmt.Errorf("%s and %s are the same target", r.Target, r.Other)
	}
	if r.ManagementSet != "" {
		if r.catalog.ManagementAccount == "" {
			return errors.New("the catalog doesn't say which account is the management account")
		}
		if r.manage, err = r.find(Place{r.catalog.ManagementAccount, r.ManagementSet}); err != nil {
			return err
		}
		if r.manage == r.target || r.manage == r.other {
			return errors.New("--management is the same as --target or --other: name another permission set, or leave it out")
		}
	}
	if r.DriftUser != "" {
		if r.driftUser, err = r.sys.User(ctx, r.DriftUser); err != nil {
			return fmt.Errorf("find the user %s: %w", r.DriftUser, err)
		}
	}
	r.note(s, "%s; %s", describe(r.target), describe(r.other))
	return nil
}

// find returns the target of a place in the catalog.
func (r *run) find(p Place) (access.Target, error) {
	t := access.Target{Kind: access.KindAccount}
	for id, name := range r.catalog.Accounts {
		if p.Account == id || p.Account == name {
			if t.AccountID != "" {
				return t, fmt.Errorf("several accounts are named %s: use the ID", p.Account)
			}
			t.AccountID, t.AccountName = id, name
		}
	}
	for arn, name := range r.catalog.PermissionSets {
		if p.PermissionSet == name {
			t.PermissionSet, t.PermissionSetARN = name, arn
		}
	}
	if t.AccountID == "" || t.PermissionSetARN == "" {
		return t, fmt.Errorf("the catalog has no %s: check the names, and that the policy covers it", p)
	}
	return t, nil
}

func describe(t access.Target) string {
	return fmt.Sprintf("%s in %s (%s)", t.PermissionSet, t.AccountName, t.AccountID)
}
