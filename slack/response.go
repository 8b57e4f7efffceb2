package slack

import (
	"encoding/json"

	slackgo "github.com/slack-go/slack"
)

// Option is one option of a select. Value is what comes back when it is chosen:
// an account id, the ARN of a permission set, a group id.
type Option struct{ Text, Value string }

// option is o within Slack's limits. An option without a text shows its value.
func option(o Option) *slackgo.OptionBlockObject {
	return slackgo.NewOptionBlockObject(o.Value, plainText(cut(firstNonEmpty(clean(o.Text), o.Value), maxOptionText)), nil)
}

// OptionsResponse answers a block_suggestion. Slack takes no more than 100
// options of 75 characters: the first hundred are given, longer texts end in
// "…". An option whose value Slack would not take (empty, or more than 150
// characters) is left out: cut, it would mean something else.
func OptionsResponse(options []Option) []byte {
	shown := []*slackgo.OptionBlockObject{}
	for _, o := range options {
		if len(shown) == maxOptions {
			break
		}
		if o.Value == "" || tooLong(o.Value, maxOptionValue) {
			continue
		}
		shown = append(shown, option(o))
	}
	// Not slackgo.OptionsResponse: it leaves an empty list out, which Slack
	// shows as an error and not as "no results".
	return encode(struct {
		Options []*slackgo.OptionBlockObject `json:"options"`
	}{shown})
}

// FieldErrorsResponse answers a submission with errors, by block id; the form
// stays open. They are shown without markup.
func FieldErrorsResponse(errors map[string]string) []byte {
	return encode(slackgo.NewErrorsViewSubmissionResponse(errors))
}

// UpdateViewResponse answers a submission with another view in place of the form.
func UpdateViewResponse(view slackgo.ModalViewRequest) []byte {
	return encode(slackgo.NewUpdateViewSubmissionResponse(&view))
}

// ClearResponse answers a submission by closing the form.
func ClearResponse() []byte {
	return encode(slackgo.NewClearViewSubmissionResponse())
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		// Values of this package's own types; only a defect gets here.
		panic("slack: encode response: " + err.Error())
	}
	return b
}
