package cases_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/cases"
)

// Whatever keeps the policy from deciding may be fixed, except that an account is gone.
func TestDeciderIsUndecidable(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want access.Code
	}{
		{"no error", nil, ""},
		{"a quota", access.Errorf(access.CodeThrottled, "x"), access.CodeUndecidable},
		{"no permission", access.Errorf(access.CodeMisconfigure, "x"), access.CodeUndecidable},
		{"a call that AWS rejects", access.Errorf(access.CodeInternal, "x"), access.CodeUndecidable},
		{"an account that left the organization", access.Errorf(access.CodeNotFound, "x"), access.CodeNotFound},
	} {
		w := &world{members: map[string][]string{"g-sec": {"p-bob"}}, err: tt.err}
		d := cases.Decider{Reader: cases.New(w, w, nil)}
		x := index(false)
		c, caseErr := d.Case(t.Context(), x, ann, access.Case{Target: admin, Duration: 60})
		if caseErr != nil {
			c = &access.Case{Target: admin}
		}
		_, identityErr := d.Identity(t.Context(), x, c, ann)
		_, memberErr := d.HasOtherMember(t.Context(), x, "g-sec", "p-ann")
		for read, err := range map[string]error{"Case": caseErr, "Identity": identityErr, "HasOtherMember": memberErr} {
			if access.CodeOf(err) != tt.want {
				t.Errorf("%s, %s: got %v, want %q", tt.name, read, err, tt.want)
			}
		}
	}
}

// hanging never answers.
type hanging struct{ cases.Memberships }

func (hanging) MemberOf(ctx context.Context, _ string, _ []string) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A read that hangs is an error of the read, before Lambda ends the function.
func TestDeciderAnswersInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err := cases.Decider{Reader: cases.Reader{Memberships: hanging{}}}.Case(ctx, index(false), ann, access.Case{Target: admin, Duration: 60})
		if access.CodeOf(err) != access.CodeUndecidable || ctx.Err() != nil {
			t.Errorf("got %v, and the function has no time left: %v", err, ctx.Err())
		}
	})
}
