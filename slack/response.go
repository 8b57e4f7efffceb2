package slack

import (
	"encoding/json"

	slackgo "github.com/slack-go/slack"
)

// Option is one option of a select. Slack returns Value when someone chooses it. It is
// an account id, the ARN of a permission set, or a group id.
type Option struct{ Text, Value string }

// option returns o within Slack's limits. An option without a text shows its value.
func option(o Option) *slackgo.OptionBlockObject {
	return slackgo.NewOptionBlockObject(o.Value, plainText(cut(firstNonEmpty(clean(o.Text), o.Value), maxOptionText)), nil)
}

// OptionsResponse answers a block_suggestion. Slack accepts at most 100 options of 75
// characters. OptionsResponse drops further options and ends longer texts in "…". It
// also drops an option whose value Slack rejects (empty, or longer than 150
// characters), because a shortened value would mean something else.
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
	// Don't use slackgo.OptionsResponse. It omits an empty list, and Slack then shows
	// an error instead of "no results".
	return encode(struct {
		Options []*slackgo.OptionBlockObject `json:"options"`
	}{shown})
}

// FieldErrorsResponse answers a submission with errors by block id. Slack shows them
// without markup, and the form stays open.
func FieldErrorsResponse(errors map[string]string) []byte {
	return encode(slackgo.NewErrorsViewSubmissionResponse(errors))
}

// UpdateViewResponse answers a submission by replacing the form with another view.
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
		// The values have types of this package, so an error here is a defect.
		panic("slack: encode response: " + err.Error())
	}
	return b
}
