package catalog

import (
	"bytes"
	"compress/gzip"
	"reflect"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

// Either Decode returns a whole snapshot that is the same after it is encoded again,
// or it returns Invalid.
func FuzzDecode(f *testing.F) {
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	whole := Snapshot{
		ManagementAccount: "123456789012",
		AccountsAt:        at, Accounts: []access.Account{{ID: "111122223333", Name: "<!channel> \u202e"}},
		PermissionSetsAt: at, PermissionSets: []access.PermissionSet{{ARN: "arn:1", Name: "Admin", Session: 8 * time.Hour, Description: "Everything"}}, NamedAt: map[string]time.Time{"arn:1": at}, PortalURL: "https://d-0123456789.awsapps.com/start",
		GroupsAt: at, Groups: []access.Group{{ID: "g-1", Name: "Auditors"}},
		Members: map[string]Members{"g-1": {Users: []Member{{UserID: "u-1", Email: "a@b.c"}, {UserID: "u-2"}}, More: true}, "g-2": {}},
	}
	packed, err := whole.encode()
	if err != nil {
		f.Fatal(err)
	}
	text := unpack(f, packed)
	f.Add(text, false)
	f.Add(packed, true)
	f.Add(packed[:len(packed)-3], true)
	for _, s := range []string{``, `null`, `{}`, `{"format":2}`, `{"format":1}`, `{"format":1e0}`,
		`{"format":1,"accounts":{"read_at":"2026-01-01T00:00:00Z","pairs":[["1"],["2","b","c"],[]]},"permission_sets":{"read_at":"2026-01-01T00:00:00Z","pairs":[["a","b"],["a","c"]],"named_at":[1,-62135596801]},"groups":{"read_at":"2026-01-01T00:00:00Z"}}`,
		`{"format":1,"accounts":{"read_at":"9999-12-31T23:59:59Z"},"permission_sets":{"read_at":"2026-01-01T00:00:00Z","pairs":[["a","b"]],"named_at":[9223372036854775807]},"groups":{"read_at":"2026-01-01T00:00:00+23:59"}}`,
		`{"format":1,"accounts":{"read_at":"2026-01-01T00:00:00Z"},"permission_sets":{"read_at":"2026-01-01T00:00:00Z","pairs":[["a","b"]],"named_at":[1],"sessions":[-9223372036854775808]},"groups":{"read_at":"2026-01-01T00:00:00Z"}}`,
		`{"format":1,"accounts":{"read_at":"2026-01-01T00:00:00Z"},"permission_sets":{"read_at":"2026-01-01T00:00:00Z","pairs":[["a","b"]],"named_at":[1],"sessions":[1,2]},"groups":{"read_at":"2026-01-01T00:00:00Z"}}`,
	} {
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, packed bool) {
		if !packed {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			w.Write(body)
			w.Close()
			body = b.Bytes()
		}
		s, err := decode(bytes.NewReader(body))
		if err != nil {
			if access.CodeOf(err) != access.CodeInvalid || s != nil {
				t.Errorf("%v of code %q, and %+v", err, access.CodeOf(err), s)
			}
			return
		}
		if s.AccountsAt.IsZero() || s.PermissionSetsAt.IsZero() || s.GroupsAt.IsZero() {
			t.Errorf("a snapshot that was never read: %+v", s)
		}
		for _, p := range s.PermissionSets {
			if _, ok := s.NamedAt[p.ARN]; !ok {
				t.Errorf("nobody knows when %q got its name", p.ARN)
			}
		}
		text, err := s.encode()
		if err != nil {
			t.Fatalf("what was read can't be written: %v", err)
		}
		again, err := decode(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("what was written can't be read: %v", err)
		}
		second, _ := again.encode()
		if first, second := unpack(t, text), unpack(t, second); !reflect.DeepEqual(first, second) {
			t.Errorf("read as %s, and that as %s", first, second)
		}
	})
}

func unpack(t testing.TB, packed []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// An index that can be read maps an email to ids and never matches across lines. A
// lookup finds every email that several users share.
func FuzzDecodeEmails(f *testing.F) {
	f.Add([]byte("emails 1\na@b u-1\nb@b u-1 u-2\n"), "b@b")
	f.Add([]byte("emails 1\n"), "")
	f.Add([]byte("emails 1\n\n \n x y \n"), "x")
	f.Add([]byte("emails 2\na@b u-1\n"), "a@b")
	f.Fuzz(func(t *testing.T, text []byte, email string) {
		e, err := decodeEmails(text)
		if err != nil {
			if access.CodeOf(err) != access.CodeInvalid || e != nil {
				t.Errorf("%v of code %q, and %v", err, access.CodeOf(err), e)
			}
			return
		}
		for _, id := range e.IDs(email) {
			if !bytes.Contains(text, []byte(" "+id)) {
				t.Errorf("%q leads to %q, which is no id", email, id)
			}
		}
		for shared, ids := range e.Shared {
			if len(ids) < 2 || shared == "" {
				t.Errorf("%q is shared by %q", shared, ids)
			}
		}
	})
}
