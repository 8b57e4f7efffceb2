package identitycenter_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	idtypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/identitycenter"
)

// memberStore has a user in every third group.
type memberStore struct {
	identitycenter.IdentityStoreAPI
	calls   []int           // how many groups each call names
	missing map[string]bool // groups whose absence fails a call
	err     error
}

func (m *memberStore) IsMemberInGroups(_ context.Context, in *identitystore.IsMemberInGroupsInput, _ ...func(*identitystore.Options)) (*identitystore.IsMemberInGroupsOutput, error) {
	m.calls = append(m.calls, len(in.GroupIds))
	if user := in.MemberId.(*idtypes.MemberIdMemberUserId).Value; user != "u-1" {
		return nil, fmt.Errorf("asked about %s", user)
	}
	out := &identitystore.IsMemberInGroupsOutput{}
	for _, id := range in.GroupIds {
		if m.missing[id] {
			return nil, &idtypes.ResourceNotFoundException{ResourceType: idtypes.ResourceTypeGroup}
		}
		var n int
		if _, err := fmt.Sscanf(id, "g-%d", &n); err != nil {
			return nil, err
		}
		out.Results = append(out.Results, idtypes.GroupMembershipExistenceResult{GroupId: aws.String(id), MemberId: in.MemberId, MembershipExists: n%3 == 0})
	}
	return out, m.err
}

func TestMemberOf(t *testing.T) {
	groups := func(n int) (ids []string) {
		for i := range n {
			ids = append(ids, fmt.Sprint("g-", i))
		}
		return ids
	}
	notFound := func(kind idtypes.ResourceType) error { return &idtypes.ResourceNotFoundException{ResourceType: kind} }
	for _, tt := range []struct {
		name    string
		groups  []string
		missing []string
		err     error
		want    []string
		calls   []int
		code    access.Code
	}{
		{name: "no groups: no call"},
		{name: "some of them", groups: groups(5), want: []string{"g-0", "g-3"}, calls: []int{5}},
		{name: "a hundred groups take one call", groups: groups(100), want: every3rd(100), calls: []int{100}},
		{name: "201 groups take three calls", groups: groups(201), want: every3rd(201), calls: []int{100, 100, 1}},
		{name: "a deleted group doesn't count, and the others do", groups: groups(5), missing: []string{"g-0"}, want: []string{"g-3"}, calls: []int{5, 2, 1, 1, 3}},
		{name: "all groups are deleted", groups: groups(2), missing: groups(2), calls: []int{2, 1, 1}},
		{name: "a deleted user is a member of nothing", groups: groups(5), err: notFound(idtypes.ResourceTypeUser), calls: []int{5}},
		{name: "no identity store: the membership is unknown", groups: groups(5), err: notFound(idtypes.ResourceTypeIdentityStore), calls: []int{5}, code: access.CodeMisconfigure},
		{name: "throttled", groups: groups(5), err: &idtypes.ThrottlingException{}, calls: []int{5}, code: access.CodeThrottled},
		{name: "denied", groups: groups(5), err: &idtypes.AccessDeniedException{}, calls: []int{5}, code: access.CodeMisconfigure},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := &memberStore{missing: map[string]bool{}, err: tt.err}
			for _, id := range tt.missing {
				store.missing[id] = true
			}
			got, err := identitycenter.New(admin(), store, nil, "").MemberOf(ctx, "u-1", tt.groups)
			wantCode(t, err, tt.code)
			if !slices.Equal(got, tt.want) || !slices.Equal(store.calls, tt.calls) {
				t.Errorf("got %v in calls of %v, want %v in calls of %v", got, store.calls, tt.want, tt.calls)
			}
		})
	}
}

func every3rd(n int) (ids []string) {
	for i := 0; i < n; i += 3 {
		ids = append(ids, fmt.Sprint("g-", i))
	}
	return ids
}

func TestEachMember(t *testing.T) {
	stop := errors.New("stop")
	for _, tt := range []struct {
		name   string
		store  error
		more   bool
		failed error
		want   []string
		code   access.Code
	}{
		{name: "all pages", more: true, want: []string{"u-1", "u-2"}},
		{name: "until each has enough", want: []string{"u-1"}},
		{name: "until each fails", more: true, failed: stop, want: []string{"u-1"}, code: access.CodeInternal},
		{name: "a deleted group", store: &idtypes.ResourceNotFoundException{}, more: true},
		{name: "throttled", store: &idtypes.ThrottlingException{}, more: true, code: access.CodeThrottled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			err := identitycenter.New(admin(), listStore{err: tt.store}, nil, "").EachMember(ctx, "g-1", func(id string) (bool, error) {
				got = append(got, id)
				return tt.more, tt.failed
			})
			wantCode(t, err, tt.code)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
