package table

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sso-elevator/functions/access"
)

// oneRow is a table that answers every read with one row. It ignores writes.
type oneRow struct {
	API
	row item
}

func (o oneRow) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: o.row}, nil
}

func (o oneRow) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return &dynamodb.QueryOutput{Items: []item{o.row}}, nil
}

// Whatever someone wrote into a row, either it is read and is the same after it is
// written again, or the read returns an error. A missing row is NotFound.
func FuzzRow(f *testing.F) {
	for _, s := range []string{
		`{"pk":"request#r1","id":"r1","target":{"kind":"account","account_id":"111122223333"},"reason":"x","duration_seconds":3600,"created_at":"2026-01-01T00:00:00Z","requester":{"slack_id":"U1"},"posts":{},"events":[{"kind":"requested","at":"2026-01-01T00:00:00Z"}],"audited":0,"open":"request","due":"2026-01-01T00:00:00Z"}`,
		`{"pk":"lease#account#1#a#u","state":"held","holders":{"r1":{"end":"2026-01-01T00:00:00Z"}},"version":3,"open":"lease","due":"2026-01-01T00:00:00Z"}`,
		`{"pk":"run#r","id":"r","mode":"revoke","guard":"too_many","token":"t","answer":{"remove":true,"at":"2026-01-01T00:00:00Z"}}`,
		`{"duration_seconds":1e309}`, `{"duration_seconds":1.5}`, `{"duration_seconds":99999999999999999999}`, `{"outcome":null}`, `{"outcome":[]}`, `{"outcome":"approved"}`,
		`{"granted_at":"yesterday"}`, `{"granted_at":"10000-01-01T00:00:00Z"}`, `{"tombstone":"true"}`, `{"posts":[]}`, `{"ID":"r2","id":"r1"}`, `{}`, `{"due":1}`, `{"pk":"x","due":"never"}`,
	} {
		f.Add([]byte(s), "")
	}
	f.Add([]byte(`{"version":0}`), "NaN") // numbers that JSON doesn't have
	f.Add([]byte(`{"audited":0}`), "0x1")
	f.Fuzz(func(t *testing.T, text []byte, number string) {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		var tree map[string]any
		if decoder.Decode(&tree) != nil {
			return
		}
		row := fromTree(tree).(*types.AttributeValueMemberM).Value
		if number != "" {
			for _, name := range []string{"version", "audited", "duration_seconds"} {
				if row[name] != nil {
					row[name] = &types.AttributeValueMemberN{Value: number}
				}
			}
		}
		s := New(oneRow{row: row}, "t")
		r, err := s.Get(context.Background(), "r1")
		again(t, row, r, err)
		run, err := s.Run(context.Background(), "r1")
		again(t, row, run, err)
		lease, found, err := s.Lease(context.Background(), "k")
		if found || err != nil {
			lease.Key = ""
			again(t, row, lease, err)
		}
		if open, err := s.OpenRequests(context.Background()); err == nil && (len(open) != 1 || row[AttributeKey] == nil || row[AttributeDue] == nil) {
			t.Errorf("%s is open as %+v", text, open)
		} else if err != nil && access.CodeOf(err) != access.CodeInternal {
			t.Errorf("%v of code %q", err, access.CodeOf(err))
		}
		if of, _, err := s.RequestsOf(context.Background(), "p", 1); err == nil && (len(of) != 1 || row[AttributeKey] == nil) {
			t.Errorf("%s is listed as %+v", text, of)
		} else if err != nil && access.CodeOf(err) != access.CodeInternal {
			t.Errorf("%v of code %q", err, access.CodeOf(err))
		}
	})
}

func again[T any](t *testing.T, row item, v T, err error) {
	t.Helper()
	if err != nil {
		code := access.CodeOf(err)
		var coded *access.Error
		if !errors.As(err, &coded) || code != access.CodeInternal && !(code == access.CodeNotFound && len(row) == 0) {
			t.Errorf("%v of code %q", err, code)
		}
		return
	}
	written, err := marshal(v)
	if err != nil {
		t.Fatalf("what was read as %+v can't be written: %v", v, err)
	}
	var same T
	if err := unmarshal(written, &same); err != nil {
		t.Fatalf("what was written of %+v can't be read: %v", v, err)
	}
	second, err := marshal(same)
	if err != nil || !reflect.DeepEqual(written, second) {
		t.Errorf("%+v becomes %+v, %v", v, same, err)
	}
}
