package slack

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// Block ids of the form. That of the permission set also names the account
// that it belongs to: Slack keeps what is filled in under the same block id, so
// another account needs another one.
const (
	BlockAccount       = "account"
	BlockPermissionSet = "permission_set"
	BlockGroup         = "group"
	BlockDuration      = "duration"
	BlockReason        = "reason"
)

// permissionSetBlock is the block id of the permission set's select for an
// account, "" where none is chosen yet.
func permissionSetBlock(accountID string) string {
	if accountID == "" {
		return BlockPermissionSet
	}
	return BlockPermissionSet + "-" + cut(accountID, 32)
}

// Form is what the form shows.
type Form struct {
	Kind access.Kind
	// Chosen is what is chosen so far. It also goes into private_metadata,
	// because what Slack sends when a select asks for options does not tell
	// reliably what else is filled in.
	Chosen access.Target
	// Durations are offered in this order; the first is chosen beforehand.
	// More than 100, Slack's limit, are left off.
	Durations []time.Duration
	// Preview, shown above the submit button, says what will happen; "" for
	// nothing. It is shown as it is, without markup.
	Preview string
}

// LoadingView is opened at once, before anything is known: a trigger lives for
// three seconds.
func LoadingView(kind access.Kind) slackgo.ModalViewRequest {
	v := modal(titleOf(kind), slackgo.NewSectionBlock(plainText("One moment, getting the form ready…"), nil, nil))
	v.CallbackID = callbackOf(kind)
	return v
}

// NoticeView tells something; all that one can do is close it. Title (cut to
// 24 characters) and text (cut to 3000) are shown without markup.
func NoticeView(title, text string) slackgo.ModalViewRequest {
	v := modal(title, slackgo.NewSectionBlock(plainText(cut(cleanLines(text), maxSection)), nil, nil))
	v.Close = plainText("Close")
	return v
}

// FormView is the form to ask for access. Without durations, which settings
// rule out, it is a notice that says so: Slack takes no empty select.
func FormView(f Form) slackgo.ModalViewRequest {
	if len(f.Durations) == 0 {
		return NoticeView(titleOf(f.Kind), "No durations are set up, so there is nothing to ask for yet. Please tell the people who run this app.")
	}
	var blocks []slackgo.Block
	if f.Kind == access.KindGroup {
		blocks = append(blocks, externalSelect(BlockGroup, ActionGroup, "Group", "Choose a group",
			f.Chosen.GroupName, f.Chosen.GroupID))
	} else {
		hint := "Choose an account first"
		if f.Chosen.AccountID != "" {
			hint = "Choose a permission set"
		}
		blocks = append(blocks,
			externalSelect(BlockAccount, ActionAccount, "Account", "Choose an account",
				f.Chosen.AccountName, f.Chosen.AccountID),
			externalSelect(permissionSetBlock(f.Chosen.AccountID), ActionPermissionSet, "Permission set", hint,
				f.Chosen.PermissionSet, firstNonEmpty(f.Chosen.PermissionSetARN, f.Chosen.PermissionSet)))
	}
	blocks = append(blocks, durationSelect(f.Durations), reasonInput())
	if preview := cut(cleanLines(f.Preview), maxSection); preview != "" {
		section := slackgo.NewSectionBlock(plainText(preview), nil, nil)
		section.BlockID = "preview"
		blocks = append(blocks, section)
	}

	v := modal(titleOf(f.Kind), blocks...)
	v.CallbackID = callbackOf(f.Kind)
	v.Submit = plainText("Ask for access")
	v.Close = plainText("Cancel")
	chosen := f.Chosen
	chosen.Kind = f.Kind
	v.PrivateMetadata = encodeChosen(chosen)
	return v
}

func titleOf(kind access.Kind) string {
	if kind == access.KindGroup {
		return "Group membership"
	}
	return "AWS access"
}

func modal(title string, blocks ...slackgo.Block) slackgo.ModalViewRequest {
	return slackgo.ModalViewRequest{
		Type:   slackgo.VTModal,
		Title:  plainText(cut(clean(title), maxTitle)),
		Blocks: slackgo.Blocks{BlockSet: blocks},
	}
}

// externalSelect is a select whose options come from the server as one types,
// and that reports at once what is chosen.
func externalSelect(block, action, label, placeholder, chosenName, chosenID string) slackgo.Block {
	fromFirstCharacter := 0
	s := &slackgo.SelectBlockElement{
		Type:           slackgo.OptTypeExternal,
		ActionID:       action,
		Placeholder:    plainText(placeholder),
		MinQueryLength: &fromFirstCharacter,
	}
	if chosenID != "" {
		s.InitialOption = option(Option{Text: chosenName, Value: chosenID})
	}
	return slackgo.NewInputBlock(block, plainText(label), nil, s).WithDispatchAction(true)
}

func durationSelect(durations []time.Duration) slackgo.Block {
	var options []*slackgo.OptionBlockObject
	for _, d := range durations[:min(len(durations), maxOptions)] {
		options = append(options, option(Option{
			Text:  access.FormatDuration(d),
			Value: strconv.FormatInt(int64(d/time.Second), 10),
		}))
	}
	s := slackgo.NewOptionsSelectBlockElement(slackgo.OptTypeStatic, plainText("For how long?"), ActionDuration, options...)
	return slackgo.NewInputBlock(BlockDuration, plainText("Duration"), nil, s.WithInitialOption(options[0]))
}

func reasonInput() slackgo.Block {
	input := slackgo.NewPlainTextInputBlockElement(plainText("What do you need it for?"), ActionReason)
	input.Multiline = true
	input.MaxLength = access.MaxReasonLength
	hint := plainText("The approvers read it, and it is kept in the audit record.")
	return slackgo.NewInputBlock(BlockReason, plainText("Reason"), hint, input)
}

// maxMetadataName is how much of a name private_metadata keeps: a group's may
// have 1024 characters, and Slack takes 3000 in all. Cleaned, no character takes
// more than two in JSON.
const maxMetadataName = 200

func encodeChosen(t access.Target) string {
	t.AccountName = cut(clean(t.AccountName), maxMetadataName)
	t.PermissionSet = cut(clean(t.PermissionSet), maxMetadataName)
	t.GroupName = cut(clean(t.GroupName), maxMetadataName)
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // <, > and & would take six characters each
	if err := e.Encode(t); err != nil {
		return "" // strings always encode
	}
	return strings.TrimSpace(b.String())
}

// Chosen is what private_metadata says was chosen before; only the kind, as the
// callback id says it, where it says nothing.
func (v *View) Chosen() access.Target {
	kind, _ := KindOf(v.CallbackID)
	var t access.Target
	if err := json.Unmarshal([]byte(v.PrivateMetadata), &t); err != nil || t.Kind != kind {
		return access.Target{Kind: kind}
	}
	return t
}
