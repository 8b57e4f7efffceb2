package evaluate

import (
	"context"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/functions/adapters/chains"
)

// facts are what an evaluation reads before it decides.
type facts struct {
	requester access.Person
	isNobody  bool // the error says why the requester can't request anything
	blocks    access.Blocks
	policy    access.Policy
	digest    string
	portal    access.Portal
	chain     *access.Chain // what the request extends
	heldWith  []string      // ids of requests that hold the same access
}

// readFacts reads the facts at the same time. They depend on nothing but the row: what the
// request extends is read for the user in the row. decide refuses the request if the
// requester is another user by now. A row of the previous release may lack the user; then
// the chain is read once the requester is found.
//
// The error is the first in this order: requester, blocks, policy, chain.
func (h *Handler) readFacts(ctx context.Context, r access.Request) (f facts, err error) {
	readChain := func(ctx context.Context, principalID string) (err error) {
		subject := access.Subject{Target: r.Target, PrincipalID: principalID}
		f.chain, f.heldWith, err = chains.Read(ctx, h.Table, subject, r.ID, h.Now)
		return err
	}
	reads := []func(context.Context) error{
		func(ctx context.Context) (err error) {
			f.requester, err = h.People.RequesterAgain(ctx, r.Requester)
			code := access.CodeOf(err)
			f.isNobody = code == access.CodeRefused || code == access.CodeNotFound
			return err
		},
		func(ctx context.Context) (err error) {
			f.blocks, err = h.Table.Blocks(ctx)
			return err
		},
		func(ctx context.Context) (err error) {
			f.policy, f.digest, err = h.Policy.Load(ctx)
			return err
		},
		func(ctx context.Context) error {
			f.portal = h.portal(ctx)
			return nil
		},
	}
	known := r.Requester.PrincipalID
	if known != "" {
		reads = append(reads, func(ctx context.Context) error { return readChain(ctx, known) })
	}
	err = parallel.First(ctx, len(reads), reads...)
	if err == nil && known == "" {
		err = readChain(ctx, f.requester.PrincipalID)
	}
	return f, err
}
