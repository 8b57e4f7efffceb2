package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestOptionsResponse(t *testing.T) {
	var many []Option
	for i := range 150 {
		many = append(many, Option{Text: fmt.Sprintf("Account %d", i), Value: fmt.Sprint(i)})
	}
	tests := []struct {
		name  string
		give  []Option
		count int
		want  string // the first option's text
	}{
		{"none", nil, 0, ""},
		{"one", []Option{{"Sandbox (111122223333)", "111122223333"}}, 1, "Sandbox (111122223333)"},
		{"too many", many, 100, "Account 0"},
		{"75 characters", []Option{{strings.Repeat("é", 75), "v"}}, 1, strings.Repeat("é", 75)},
		{"76 characters", []Option{{strings.Repeat("é", 76), "v"}}, 1, strings.Repeat("é", 74) + "…"},
		{"no text", []Option{{" \n", "111122223333"}}, 1, "111122223333"},
		{"no value, or one that does not fit", []Option{{"a", ""}, {"b", strings.Repeat("v", 151)}, {"c", "v"}}, 1, "c"},
		{"hostile", []Option{{"<!channel>\n*x*\u202e", "v"}}, 1, "<!channel> *x*"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var answer map[string]any
			if err := json.Unmarshal(OptionsResponse(tt.give), &answer); err != nil {
				t.Fatal(err)
			}
			for _, p := range checkOptions(answer) {
				t.Error(p)
			}
			options := list(answer["options"])
			if len(options) != tt.count {
				t.Fatalf("%d options, want %d", len(options), tt.count)
			}
			if tt.count > 0 {
				if got := object(object(options[0])["text"])["text"]; got != tt.want {
					t.Errorf("text %q, want %q", got, tt.want)
				}
			}
		})
	}
}

func TestResponses(t *testing.T) {
	tests := []struct {
		name string
		give []byte
		want string
	}{
		{"options", OptionsResponse(nil), `{"options":[]}`},
		{"errors", FieldErrorsResponse(map[string]string{"reason": "Say why you need the access."}),
			`{"response_action":"errors","errors":{"reason":"Say why you need the access."}}`},
		{"clear", ClearResponse(), `{"response_action":"clear"}`},
		{"update", UpdateViewResponse(NoticeView("Sent", "On its way.")),
			`{"response_action":"update","view":{"type":"modal","title":{"type":"plain_text","text":"Sent","emoji":false},"blocks":[{"type":"section","text":{"type":"plain_text","text":"On its way.","emoji":false}}],"close":{"type":"plain_text","text":"Close","emoji":false}}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(tt.give); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
