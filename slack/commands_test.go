package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/access"
)

func TestAccessListResponse(t *testing.T) {
	all := requests()
	linked := func(r access.Request) access.Request {
		r.TeamDomain = "acme"
		return r
	}
	many := func(r access.Request, n int) []access.Request {
		var list []access.Request
		for i := range n {
			r.ID = fmt.Sprint("r", i)
			list = append(list, linked(r))
		}
		return list
	}
	direct := linked(all["pending"])
	direct.Posts = map[string]access.Post{"announce": {Channel: "C1", TS: "1.1"}, "dm-announce": {Channel: "D1", TS: "2.2"}}
	fresh := all["pending"]
	fresh.ExpiresAt, fresh.EvaluatedDecision = time.Time{}, nil
	hostileTarget := all["pending_hostile"]
	hostileGroup := all["active"]
	hostileGroup.Target = access.Target{Kind: access.KindGroup, GroupID: "g-1", GroupName: strings.Repeat(hostile, 10)}
	for _, tt := range []struct {
		name string
		list AccessList
	}{
		{"empty", AccessList{}},
		{"states", AccessList{
			Active:  []access.Request{linked(all["active"]), all["ending"], all["stuck"], all["active_portal_group"]},
			Pending: []access.Request{direct, all["approved"], fresh, all["pending_group"]},
			More:    3, Older: true,
		}},
		{"hostile", AccessList{Active: []access.Request{hostileGroup}, Pending: []access.Request{hostileTarget}}},
		{"longest", AccessList{Active: many(hostileGroup, 10), Pending: many(all["pending_longest"], 10), More: 180, Older: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var body map[string]any
			if err := json.Unmarshal(AccessListResponse(tt.list), &body); err != nil {
				t.Fatal(err)
			}
			if size := sizeOf(body["blocks"]); size > maxBlocksJSON {
				t.Errorf("the blocks have %d characters", size)
			}
			golden(t, "list_"+tt.name, body)
		})
	}
}

// A section's text may have 3000 characters.
func TestCommandHelp(t *testing.T) {
	if tooLong(CommandHelp, maxSection) || clean(strings.ReplaceAll(CommandHelp, "\n", "")) != strings.ReplaceAll(CommandHelp, "\n", "") {
		t.Error("Slack wouldn't show all of it")
	}
}
