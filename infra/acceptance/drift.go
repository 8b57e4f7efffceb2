package acceptance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
)

// runLimit is how long a reconciliation may take.
const runLimit = 10 * time.Minute

// findDrift creates an assignment by hand, starts a reconciliation that removes nothing,
// checks that it finds the assignment, and removes the assignment.
func (r *run) findDrift(ctx context.Context, s *Step) (err error) {
	if r.driftUser == "" {
		return skip("needs --drift-user")
	}
	subject := access.Subject{Target: r.target, PrincipalID: r.driftUser}
	there, err := r.sys.Assigned(ctx, subject)
	if err != nil {
		return err
	}
	if _, held, err := r.sys.Lease(ctx, subject); err != nil {
		return err
	} else if there || held {
		return fmt.Errorf("%s already has access to %s: name another user with --drift-user", r.DriftUser, describe(r.target))
	}
	// From here on, the assignment may exist.
	r.made = &subject
	defer func() { err = errors.Join(err, r.unmake(ctx, s)) }()
	if err := r.sys.Assign(ctx, subject); err != nil {
		return fmt.Errorf("create the assignment by hand: %w", err)
	}
	r.note(s, "gave %s access to %s by hand", r.DriftUser, describe(r.target))
	if err := r.waitUntil(ctx, settleLimit, "the assignment created by hand", func() (bool, error) { return r.sys.Assigned(ctx, subject) }); err != nil {
		return err
	}

	began := r.Now()
	execution, err := r.sys.StartWarn(ctx, r.mark)
	if err != nil {
		return fmt.Errorf("start a reconciliation: %w", err)
	}
	err = r.waitUntil(ctx, runLimit, "the end of the reconciliation "+r.mark, func() (bool, error) {
		status, err := r.sys.Status(ctx, execution)
		if err == nil && status.State != running && status.State != succeeded {
			err = fmt.Errorf("the reconciliation is %s: %s: %s", status.State, status.Error, status.Cause)
		}
		return status.State == succeeded, err
	})
	if err != nil {
		return err
	}
	findings, err := r.sys.Findings(ctx, r.mark)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(findings, func(f access.Finding) bool { return f.Key() == subject.Key() })
	if at < 0 {
		return fmt.Errorf("the reconciliation %s has %d findings, but the assignment created by hand is not among them", r.mark, len(findings))
	}
	r.note(s, "the reconciliation %s found it, among %d findings, after %s", r.mark, len(findings), round(r.Now().Sub(began)))
	return r.checkFindingRecord(ctx, s, began, findings[at], at)
}

// checkFindingRecord checks the audit record of a finding. Only the first run that
// finds something writes a record.
func (r *run) checkFindingRecord(ctx context.Context, s *Step, began time.Time, f access.Finding, index int) error {
	if f.FirstSeen.Before(began.Add(-early)) {
		r.note(s, "an earlier reconciliation, at %s, already recorded this finding", f.FirstSeen.UTC().Format(time.RFC3339))
		return nil
	}
	key := auditrecord.FindingKey(r.sys.AuditPrefix(), auditrecord.Finding{Finding: f, Kind: access.EventDriftFound, Run: access.Run{ID: r.mark}, Index: index})
	records, err := r.sys.Records(ctx, key)
	if err != nil {
		return err
	}
	if len(records) != 1 || records[0].Event != string(access.EventDriftFound) || records[0].SSOUserPrincipalID != f.PrincipalID || records[0].AccountID != f.AccountID {
		return fmt.Errorf("there is no audit record %s of the finding", key)
	}
	r.note(s, "recorded as %s", key)
	return nil
}

// unmake removes the assignment that this run created, if it exists, even after ctx
// has ended.
func (r *run) unmake(ctx context.Context, s *Step) error {
	if r.made == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()
	// Lists lag behind: one check without the assignment proves nothing.
	absent := 0
	err := r.waitUntil(ctx, settleLimit, "its removal", func() (bool, error) {
		there, err := r.sys.Assigned(ctx, *r.made)
		if err == nil && there {
			absent, err = 0, r.sys.Unassign(ctx, *r.made)
		} else {
			absent++
		}
		return absent > 1, err
	})
	if err != nil {
		return fmt.Errorf("THE ASSIGNMENT CREATED BY HAND MAY STILL BE THERE (%s for user %s). Remove it in Identity Center: %w", describe(r.made.Target), r.made.PrincipalID, err)
	}
	r.made = nil
	r.note(s, "removed the assignment created by hand")
	return nil
}

// cleanUp removes what this run made, and checks that nothing is left of its
// requests.
func (r *run) cleanUp(ctx context.Context, s *Step) error {
	left := []error{r.unmake(ctx, s)}
	for _, f := range r.requests {
		err := r.refresh(ctx, f)
		there := false
		if err == nil && f.row.Requester.PrincipalID != "" {
			there, err = r.sys.Assigned(ctx, f.row.Subject())
		}
		back := time.Time{}
		if f.watch != nil {
			back = f.watch.sight().back
		}
		switch {
		case err != nil:
			left = append(left, fmt.Errorf("%s: %w", f, err))
		case there:
			left = append(left, fmt.Errorf("%s: THE ACCESS IS STILL THERE. It should have ended at %s. Press End now, or remove the assignment in Identity Center", f, f.row.End.UTC().Format(time.RFC3339)))
		case !back.IsZero():
			left = append(left, fmt.Errorf("%s: the access was gone, but it existed again at %s", f, back.UTC().Format(time.TimeOnly)))
		case f.row.Open():
			left = append(left, fmt.Errorf("%s is still undecided: deny or withdraw it", f))
		}
	}
	if err := errors.Join(left...); err != nil {
		return err
	}
	r.note(s, "all requests are over, and their access is gone (%d requests)", len(r.requests))
	return nil
}
