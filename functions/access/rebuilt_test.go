package access

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

func TestRebuiltFrom(t *testing.T) {
	granted := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	end, now := granted.Add(time.Hour), granted.Add(30*time.Minute)
	subject := Subject{Target: Target{Kind: KindGroup, GroupID: "g-1"}, PrincipalID: "p-1"}
	tests := []struct {
		name        string
		holder      Holder
		memberships []string
		at          time.Time
		want        Rebuilt
	}{
		{"active", Holder{ExecutionARN: "arn", GrantedAt: granted, End: end}, []string{"m-1"}, now,
			Rebuilt{ID: "a", Subject: subject, ExecutionARN: "arn", GrantedAt: granted, End: end, GroupMembershipID: "m-1", At: now}},
		{"in a channel of the policy", Holder{ExecutionARN: "arn", GrantedAt: granted, End: end, Channel: "C2"}, nil, now,
			Rebuilt{ID: "a", Subject: subject, ExecutionARN: "arn", GrantedAt: granted, End: end, Channel: "C2", At: now}},
		{"never confirmed", Holder{ExecutionARN: "arn"}, nil, now, Rebuilt{ID: "a", Subject: subject, ExecutionARN: "arn", At: now}},
		{"several memberships", Holder{ExecutionARN: "arn", GrantedAt: granted, End: end}, []string{"m-1", "m-2"}, now,
			Rebuilt{ID: "a", Subject: subject, ExecutionARN: "arn", GrantedAt: granted, End: end, At: now}},
		{"a lease of the previous release, active", Holder{ExecutionARN: "arn", End: end}, nil, now,
			Rebuilt{ID: "a", Subject: subject, ExecutionARN: "arn", GrantedAt: now, End: end, At: now}},
		{"a lease of the previous release, at its end", Holder{ExecutionARN: "arn", End: end}, nil, end.Add(time.Second),
			Rebuilt{ID: "a", Subject: subject, ExecutionARN: "arn", GrantedAt: end, End: end, At: end.Add(time.Second)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := Lease{Subject: subject, Holders: map[string]Holder{"a": test.holder, "b": {}}, MembershipIDs: test.memberships, CreateRequestID: "aws-1"}
			test.want.AWSCreateRequestID = "aws-1"
			if got := RebuiltFrom(l, "a", test.at); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// The attribute counts only in a row that has nothing else. It changes nothing about
// an existing request.
func TestRebuiltInAnotherRow(t *testing.T) {
	const row = `{"id":"a","target":{"kind":"account","account_id":"1"},"requester":{"slack_id":"U1","principal_id":"p-1"},"execution_arn":"arn:a",
		"rebuilt":{"id":"b","subject":{"kind":"account","account_id":"2","principal_id":"p-2"},"execution_arn":"arn:b","end":"2026-03-02T09:00:00Z"}}`
	var got Request
	if err := json.Unmarshal([]byte(row), &got); err != nil {
		t.Fatal(err)
	}
	want := Request{ID: "a", Target: Target{Kind: KindAccount, AccountID: "1"}, Requester: Person{SlackID: "U1", PrincipalID: "p-1"}, ExecutionARN: "arn:a"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
