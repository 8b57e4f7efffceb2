package settings

import "testing"

func TestEditDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "abc", 0},
		{"abc", "abd", 1},
		{"abc", "acb", 1},
		{"abcd", "badc", 2},
		{"kitten", "sitting", 3},
		{"approvers", "aprover", 2},
	} {
		if got := editDistance(tt.a, tt.b); got != tt.want {
			t.Errorf("editDistance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	known := []string{"Resource", "PermissionSet", "Approvers", "slack_channel_id"}
	for _, tt := range []struct{ word, want string }{
		{"Resources", "; did you mean Resource?"},
		{"resource", "; did you mean Resource?"},
		{"permission_sets", "; did you mean PermissionSet?"},
		{"Aprovers", "; did you mean Approvers?"},
		{"slackChannelId", "; did you mean slack_channel_id?"},
		{"slack-channel", "; did you mean slack_channel_id?"},
		{"Owner", ""},
		{"a", ""},
		{"", ""},
	} {
		if got := didYouMean(tt.word, known); got != tt.want {
			t.Errorf("didYouMean(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}
