package people_test

import (
	"maps"
	"testing"

	"sso-elevator/functions/adapters/people"
)

func TestSlackGroups(t *testing.T) {
	s := people.Settings{GroupMentions: []string{"G-1=S1", "g-2=S2"}}
	if got, want := s.SlackGroups(), (map[string]string{"g-1": "S1", "g-2": "S2"}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
