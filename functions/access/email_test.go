package access_test

import (
	"reflect"
	"strings"
	"testing"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/accesstest"
)

const everyEmailByte = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

func TestNormalizeEmailFoldsASCIIOnly(t *testing.T) {
	tests := []struct{ name, email, want string }{
		{"white space and capital letters", "\t Ann.O'Neil+x@Example.COM\r\n", "ann.o'neil+x@example.com"},
		{"every printable character", everyEmailByte, strings.ToLower(everyEmailByte)},
		{"nothing", " ", ""},
		{"Kelvin sign", "\u212Aim@Example.com", "\u212Aim@example.com"},
		{"no-break space", "\u00A0Ann@example.com", "\u00A0ann@example.com"},
		{"not UTF-8", "A\xFFB", "a\xFFb"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := access.NormalizeEmail(test.email); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// lookAlikePolicy lists email as an approver, and lets everyone have ReadOnly.
func lookAlikePolicy(email string) *access.Policy {
	yes := true
	return &access.Policy{
		Accounts: []access.Statement{
			{Resources: []string{"111111111111"}, PermissionSets: []string{"Admin"}, Approvers: []string{email}, AllowSelfApproval: &yes},
			{Resources: []string{"111111111111"}, PermissionSets: []string{"ReadOnly"}, ApprovalIsNotRequired: &yes},
		},
		Groups: []access.Statement{{Resources: []string{"g-1"}, Approvers: []string{email}, AllowSelfApproval: &yes}},
	}
}

var lookAlikeTargets = []access.Target{
	{Kind: access.KindAccount, AccountID: "111111111111", PermissionSet: "Admin"},
	{Kind: access.KindAccount, AccountID: "111111111111", PermissionSet: "ReadOnly"},
	{Kind: access.KindGroup, GroupID: "g-1"},
}

func TestLookAlikesMatchNobody(t *testing.T) {
	refused := access.Decision{Outcome: access.DecideRefused, Reason: access.ReasonNoStatements, Approvers: []string{}, Statements: []int{}}
	for name, email := range accesstest.LookAlikes() {
		t.Run(name, func(t *testing.T) {
			if access.SameEmail(email, accesstest.Email) || access.SameEmail(email, email) {
				t.Errorf("%q is the same as another email, or as itself", email)
			}
			p := lookAlikePolicy(accesstest.Email)
			rules := access.NewIndex(p)
			for _, target := range lookAlikeTargets {
				if got := rules.Decide(accesstest.Case(email, target)); !reflect.DeepEqual(got, refused) {
					t.Errorf("as requester of %s: got %+v, want %+v", target, got, refused)
				}
				if rules.Permits(accesstest.Case("ann@example.com", target), access.Identity{Email: email}) || rules.Permits(accesstest.Case(email, target), access.Identity{Email: accesstest.Email}) || rules.Permits(accesstest.Case(email, target), access.Identity{Email: email}) {
					t.Errorf("%s: something is permitted", target)
				}
			}
			p = lookAlikePolicy(email)
			if got := p.AllApprovers(); len(got) != 0 {
				t.Errorf("the policy lists it: approvers %q, want none", got)
			}
			index := access.NewIndex(p)
			for _, target := range lookAlikeTargets {
				if got := index.Deciders(target, nil); len(got) != 0 {
					t.Errorf("the policy lists it: %q may decide about %s, want nobody", got, target)
				}
			}
			ann := access.Identity{Email: "ann@example.com"}
			if !index.Menu(ann, []string{"ReadOnly"}).Offers("111111111111", nil) || index.Menu(ann, []string{"Admin"}).Offers("111111111111", nil) {
				t.Error("the policy lists it: the menu offers Admin, or not ReadOnly")
			}
			for _, target := range []access.Target{lookAlikeTargets[0], lookAlikeTargets[2]} {
				want := access.Decision{Outcome: access.DecideRefused, Reason: access.ReasonNoApprovers, Approvers: []string{}, Statements: []int{0}}
				if got := index.Decide(accesstest.Case(accesstest.Email, target)); !reflect.DeepEqual(got, want) {
					t.Errorf("the policy lists it: got %+v, want %+v", got, want)
				}
				if index.Offers(accesstest.Case(accesstest.Email, target)) || index.Permits(accesstest.Case("ann@example.com", target), access.Identity{Email: accesstest.Email}) || index.Permits(accesstest.Case("ann@example.com", target), access.Identity{Email: email}) {
					t.Errorf("the policy lists it: %s is offered, or something is permitted", target)
				}
			}
		})
	}
}

// Two emails that fold to the same text are ASCII and differ only in case, or are not
// folded at all. A person whose email is not ASCII gets nothing and approves nothing.
func FuzzEmail(f *testing.F) {
	for _, email := range accesstest.LookAlikes() {
		f.Add(email, accesstest.Email)
		f.Add(strings.ToUpper(email), email)
	}
	f.Add("Ann@Example.com", " ann@example.COM")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, a, b string) {
		na, nb := access.NormalizeEmail(a), access.NormalizeEmail(b)
		if access.NormalizeEmail(na) != na {
			t.Errorf("%q folds to %q, and that to something else", a, na)
		}
		ascii := func(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 }) }
		if access.IsASCII(a) != ascii(a) {
			t.Errorf("IsASCII(%q) = %v", a, access.IsASCII(a))
		}
		if ascii(a) && na != strings.ToLower(strings.TrimSpace(a)) {
			t.Errorf("%q folds to %q", a, na)
		}
		if !ascii(a) && ascii(na) {
			t.Errorf("%q, which is not ASCII, folds to %q", a, na)
		}
		if same, want := access.SameEmail(na, nb), na == nb && ascii(na); same != want {
			t.Errorf("SameEmail(%q, %q) = %v, want %v", na, nb, same, want)
		}
		if na == nb && ascii(a) && !strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b)) {
			t.Errorf("%q and %q fold to %q", a, b, na)
		}
		p := lookAlikePolicy(b)
		rules := access.NewIndex(p)
		for _, target := range lookAlikeTargets {
			d := rules.Decide(accesstest.Case(a, target))
			if !ascii(a) && d.Outcome != access.DecideRefused {
				t.Errorf("%q gets %s: %+v", a, target, d)
			}
			for _, approver := range d.Approvers {
				if !ascii(approver) || approver != nb {
					t.Errorf("%q may approve; the policy lists %q", approver, b)
				}
			}
			if rules.Permits(accesstest.Case("ann@example.com", target), access.Identity{Email: a}) && (!ascii(a) || !ascii(b) || na != nb) {
				t.Errorf("%q may approve %s; the policy lists %q", a, target, b)
			}
			if rules.Permits(accesstest.Case(a, target), access.Identity{Email: b}) && (!ascii(a) || !ascii(b)) {
				t.Errorf("%q may approve for %q", b, a)
			}
		}
	})
}
