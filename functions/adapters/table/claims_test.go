package table_test

import (
	"fmt"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

func TestClaims(t *testing.T) {
	s, client, tableName := newStore(t)
	claim := func(id string) access.Claim { return access.Claim{RequestID: id, At: monday} }
	read := func() access.Claims {
		t.Helper()
		c, err := s.Claims(ctx, "p-1")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	equal(t, "before", read(), access.Claims{PrincipalID: "p-1"})
	wantCode(t, s.PutClaims(ctx, access.Claims{PrincipalID: "p-1"}, 0, monday), "") // no claims, so no writes
	equal(t, "row of nothing", len(rawRow(t, client, tableName, "claims#p-1")), 0)

	first := access.Claims{PrincipalID: "p-1", Claims: map[string]access.Claim{"account#1#arn:ps.1": claim("r1")}}
	wantCode(t, s.PutClaims(ctx, first, 0, monday), "")
	first.Version = monday.UnixNano()
	equal(t, "claimed", read(), first)
	row := rawRow(t, client, tableName, "claims#p-1")
	equal(t, "attributes", names(row), map[string]bool{
		"pk": true, "principal_id": true, "claims": true, "version": true, "expires": true, "open": true, "due": true,
	})
	equal(t, "expires", text(row["expires"]), fmt.Sprint(monday.Add(390*24*time.Hour).Unix()))
	due, err := s.OpenClaims(ctx)
	wantCode(t, err, "")
	equal(t, "due", due, []access.Due{{ID: "p-1", At: monday.Add(2*time.Minute + time.Second).Truncate(time.Second)}})

	second := first
	second.Claims = map[string]access.Claim{"account#1#arn:ps.1": claim("r1"), "group#g-1": claim("r2")}
	wantCode(t, s.PutClaims(ctx, second, 0, monday), access.CodeLost)
	wantCode(t, s.PutClaims(ctx, second, first.Version-1, monday), access.CodeLost)
	wantCode(t, s.PutClaims(ctx, second, first.Version, monday), "")
	second.Version = first.Version + 1
	equal(t, "claimed twice", read(), second)

	// A row of denials alone is in no index, and expires with the last of them.
	denials := access.Claims{PrincipalID: "p-2", Denials: map[string]access.Denial{"group#g-1": {RequestID: "r3", By: access.Person{SlackID: "UANN", Email: "ann@example.com"}, At: monday}}}
	wantCode(t, s.PutClaims(ctx, denials, 0, monday), "")
	row = rawRow(t, client, tableName, "claims#p-2")
	equal(t, "attributes of denials", names(row), map[string]bool{"pk": true, "principal_id": true, "claims": true, "denials": true, "version": true, "expires": true})
	equal(t, "expires", text(row["expires"]), fmt.Sprint(monday.Add(24*time.Hour).Unix()))
	denied, err := s.Claims(ctx, "p-2")
	wantCode(t, err, "")
	equal(t, "denials", denied.Denials, denials.Denials)
	denied.Claims = map[string]access.Claim{"account#1#arn:ps.1": claim("r4")}
	wantCode(t, s.PutClaims(ctx, denied, denied.Version, monday), "")
	due, err = s.OpenClaims(ctx)
	wantCode(t, err, "")
	equal(t, "people with claims", len(due), 2)

	none := access.Claims{PrincipalID: "p-1"}
	wantCode(t, s.PutClaims(ctx, none, first.Version, monday), access.CodeLost)
	equal(t, "not freed", read(), second)
	wantCode(t, s.PutClaims(ctx, none, second.Version, monday), "")
	equal(t, "freed", read(), none)
	wantCode(t, s.PutClaims(ctx, none, second.Version, monday), access.CodeLost)
}

// FreeOnlyClaim writes only if the row has exactly the claim, and no denial. Otherwise it
// returns the row.
func TestFreeOnlyClaim(t *testing.T) {
	s, client, tableName := newStore(t)
	const key, otherKey = "account#123456789012#arn:aws:sso:::permissionSet/ssoins-1/ps-1", "group#g-1"
	claim := func(id string) access.Claim { return access.Claim{RequestID: id, At: monday} }
	denial := access.Denial{RequestID: "r1", By: access.Person{SlackID: "UANN", Email: "ann@example.com"}, At: monday}
	later := monday.Add(time.Minute)
	tests := []struct {
		name    string
		claims  map[string]access.Claim
		denials map[string]access.Denial
		at      time.Time // when the row was written; 0: monday
		denial  *access.Denial
		freed   bool
	}{
		{name: "no row"},
		{name: "no row, denied", denial: &denial},
		{name: "the only claim", claims: map[string]access.Claim{key: claim("r1")}, freed: true},
		{name: "the only claim, denied", claims: map[string]access.Claim{key: claim("r1")}, denial: &denial, freed: true},
		{name: "a claim of another request", claims: map[string]access.Claim{key: claim("r2")}},
		{name: "a claim of another request, denied", claims: map[string]access.Claim{key: claim("r2")}, denial: &denial},
		{name: "a claim of another target", claims: map[string]access.Claim{otherKey: claim("r1")}},
		{name: "one more claim", claims: map[string]access.Claim{key: claim("r1"), otherKey: claim("r2")}},
		{name: "one more claim, denied", claims: map[string]access.Claim{key: claim("r1"), otherKey: claim("r2")}, denial: &denial},
		{name: "a denial", claims: map[string]access.Claim{key: claim("r1")}, denials: map[string]access.Denial{otherKey: denial}},
		{name: "a denial, denied", claims: map[string]access.Claim{key: claim("r1")}, denials: map[string]access.Denial{otherKey: denial}, denial: &denial},
		{name: "only a denial", denials: map[string]access.Denial{key: denial}},
		// A clock that is ahead wrote the row.
		{name: "a newer version, denied", claims: map[string]access.Claim{key: claim("r1")}, at: later.Add(time.Second), denial: &denial},
		{name: "a newer version", claims: map[string]access.Claim{key: claim("r1")}, at: later.Add(time.Second), freed: true},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			principal := fmt.Sprint("p-", i)
			before := access.Claims{PrincipalID: principal, Claims: test.claims, Denials: test.denials}
			if test.at.IsZero() {
				test.at = monday
			}
			wantCode(t, s.PutClaims(ctx, before, 0, test.at), "")
			before, err := s.Claims(ctx, principal)
			wantCode(t, err, "")
			got, freed, err := s.FreeOnlyClaim(ctx, principal, key, "r1", test.denial, later)
			wantCode(t, err, "")
			equal(t, "freed", freed, test.freed)
			after, err := s.Claims(ctx, principal)
			wantCode(t, err, "")
			switch {
			case !test.freed:
				equal(t, "row returned", got, before)
				equal(t, "row in the table", after, before)
			case test.denial == nil:
				equal(t, "row", len(rawRow(t, client, tableName, "claims#"+principal)), 0)
			default:
				equal(t, "row", after, access.Claims{PrincipalID: principal, Claims: map[string]access.Claim{}, Denials: map[string]access.Denial{key: denial}, Version: later.UnixNano()})
				row := rawRow(t, client, tableName, "claims#"+principal)
				equal(t, "attributes", names(row), map[string]bool{"pk": true, "principal_id": true, "claims": true, "denials": true, "version": true, "expires": true})
				equal(t, "expires", text(row["expires"]), fmt.Sprint(later.Add(24*time.Hour).Unix()))
			}
		})
	}
}
