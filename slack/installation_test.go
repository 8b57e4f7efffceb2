package slack

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"sso-elevator/functions/access"
)

func TestInstallation(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-oauth-scopes", "commands, chat:write,")
		w.Write([]byte(`{"ok":true,"team":"Example","team_id":"T1","enterprise_id":"E1","bot_id":"B1","user_id":"U1"}`))
	}))
	defer s.Close()
	c := NewClient(func(context.Context) (string, error) { return botToken, nil }, s.URL, s.Client())
	got, err := c.Installation(t.Context())
	want := Installation{TeamID: "T1", TeamName: "Example", EnterpriseID: "E1", BotID: "B1", Scopes: []string{"commands", "chat:write"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestInstallationWithAWrongToken(t *testing.T) {
	s := newFakeSlack(t, map[string][]answer{"auth.test": {refused("invalid_auth")}})
	if _, err := s.client().Installation(t.Context()); access.CodeOf(err) != access.CodeMisconfigure {
		t.Errorf("error %v", err)
	}
}

func TestAppOf(t *testing.T) {
	s := newFakeSlack(t, map[string][]answer{"bots.info": {ok(`{"ok":true,"bot":{"id":"B1","app_id":"A1"}}`)}})
	if got, err := s.client().AppOf(t.Context(), "B1"); got != "A1" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got := s.one(t, "bots.info").args["bot"]; got != "B1" {
		t.Errorf("asked about %v", got)
	}
}

func TestChannel(t *testing.T) {
	tests := []struct {
		name   string
		answer answer
		want   Channel
		code   access.Code
	}{
		{"member", ok(`{"ok":true,"channel":{"id":"C1","name":"access","is_member":true}}`), Channel{Name: "access", Member: true}, ""},
		{"archived, and not a member", ok(`{"ok":true,"channel":{"id":"C1","name":"access","is_archived":true}}`), Channel{Name: "access", Archived: true}, ""},
		{"shared with another organization", ok(`{"ok":true,"channel":{"id":"C1","name":"access","is_member":true,"is_shared":true,"is_ext_shared":true}}`), Channel{Name: "access", Member: true, Shared: true}, ""},
		{"about to be shared with another organization", ok(`{"ok":true,"channel":{"id":"C1","name":"access","is_member":true,"is_pending_ext_shared":true}}`), Channel{Name: "access", Member: true, Shared: true}, ""},
		{"shared between workspaces of one enterprise", ok(`{"ok":true,"channel":{"id":"C1","name":"access","is_member":true,"is_shared":true,"is_org_shared":true}}`), Channel{Name: "access", Member: true}, ""},
		{"a name that plays tricks", ok(`{"ok":true,"channel":{"id":"C1","name":"a\u001b[2J\u202eb\nready","is_member":true}}`), Channel{Name: "a [2Jb ready", Member: true}, ""},
		{"none", refused("channel_not_found"), Channel{}, access.CodeMisconfigure},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newFakeSlack(t, map[string][]answer{"conversations.info": {test.answer}})
			got, err := s.client().Channel(t.Context(), "C1")
			if got != test.want || test.code != "" && access.CodeOf(err) != test.code || test.code == "" && err != nil {
				t.Errorf("got %+v, %v", got, err)
			}
			if asked := s.one(t, "conversations.info").args["channel"]; asked != "C1" {
				t.Errorf("asked about %v", asked)
			}
		})
	}
}
