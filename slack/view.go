package slack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"

	"sso-elevator/functions/access"
)

// Block ids of the form. The id of the permission set's block also contains the account
// id. Slack keeps an input as long as its block id stays the same, so a new account
// needs a new block id. If the permission set is chosen first, the account's block id
// contains it, for the same reason.
const (
	BlockAccount       = "account"
	BlockPermissionSet = "permission_set"
	BlockGroup         = "group"
	BlockDuration      = "duration"
	BlockReason        = "reason"
	BlockTicket        = "ticket"
)

// durationBlock returns the block id of the durations' select, which is another one if
// the policy allows only some of them.
func durationBlock(f Form, allowed []time.Duration) string {
	if len(allowed) == min(len(f.Durations), maxOptions) {
		return BlockDuration
	}
	return BlockDuration + "-" + strconv.FormatInt(int64(f.Longest/time.Second), 10)
}

// permissionSetBlock returns the block id of the permission set's select for an account.
// accountID is "" if no account is chosen yet.
func permissionSetBlock(accountID string) string {
	if accountID == "" {
		return BlockPermissionSet
	}
	return BlockPermissionSet + "-" + cut(accountID, 32)
}

// accountBlock returns the block id of the account's select. chosen is the target chosen so
// far. If it has a permission set but no account, the select offers other accounts than
// before.
func accountBlock(chosen access.Target) string {
	if chosen.AccountID != "" || chosen.PermissionSetARN == "" {
		return BlockAccount
	}
	id := chosen.PermissionSetARN[strings.LastIndexByte(chosen.PermissionSetARN, '/')+1:]
	return BlockAccount + "-" + cut(id, 32)
}

// Form is the content of the request form.
type Form struct {
	Kind access.Kind
	// FromHome is set if the form was opened from the Home tab.
	FromHome bool
	// Chosen is the target chosen so far. It also goes into private_metadata. When a
	// select asks for options, Slack does not reliably send the other inputs.
	Chosen access.Target
	// Durations are offered in this order, with the first one preselected. Slack
	// allows 100; further ones are dropped.
	Durations []time.Duration
	// Longest is the longest time that the policy allows; longer durations aren't
	// offered. Zero sets no limit.
	Longest time.Duration
	// Tickets are what the policy expects in the ticket field. Without any, the form has
	// no such field.
	Tickets []access.Ticket
	// Warnings are the policy's. They appear above the preview.
	Warnings []string
	// Extends is the access that a request for the chosen target would extend; nil if none.
	Extends *Extension
	// Note appears at the top, without markup; "" shows nothing. It says what of an
	// earlier request the form doesn't contain, for example.
	Note string
	// Duration is chosen at first, if the form offers it.
	Duration time.Duration
	// Reason and Ticket are in their fields at first. When a form is updated, Slack keeps
	// what the person typed instead.
	Reason, Ticket string
	// Preview says what will happen. It appears above the submit button, without
	// markup; "" shows nothing.
	Preview string
}

// LoadingView returns a view that the app opens at once, before it looks anything up. A
// trigger works for three seconds only.
func LoadingView(kind access.Kind) slackgo.ModalViewRequest {
	v := modal(titleOf(kind), slackgo.NewSectionBlock(plainText("Loading the form…"), nil, nil))
	v.CallbackID = callbackOf(kind)
	return v
}

// NoticeView returns a view that shows a notice and can only be closed. Slack shows title
// (cut to 24 characters) and text (cut to 3000) without markup.
func NoticeView(title, text string) slackgo.ModalViewRequest {
	v := modal(title, slackgo.NewSectionBlock(plainText(cut(cleanLines(text), maxSection)), nil, nil))
	v.Close = plainText("Close")
	return v
}

// LinkNoticeView is NoticeView with a link below the text. The address must come from Slack
// or from this package.
func LinkNoticeView(title, text, address, linkText string) slackgo.ModalViewRequest {
	v := NoticeView(title, text)
	v.Blocks.BlockSet = append(v.Blocks.BlockSet, new(richText).link(address, linkText).block("link"))
	return v
}

// FormView returns the form to request access. If there are no durations, it returns a
// notice instead, because Slack rejects an empty select. The check of the settings
// prevents that case.
func FormView(f Form) slackgo.ModalViewRequest {
	if len(f.Durations) == 0 {
		return NoticeView(titleOf(f.Kind), "No durations are set up, so you can't request access yet. Please tell the people who run this app.")
	}
	var blocks []slackgo.Block
	if note := cut(cleanLines(f.Note), maxSection); note != "" {
		section := slackgo.NewSectionBlock(plainText(note), nil, nil)
		section.BlockID = "note"
		blocks = append(blocks, section)
	}
	if f.Kind == access.KindGroup {
		blocks = append(blocks, externalSelect(BlockGroup, ActionGroup, "Group", "Choose a group",
			f.Chosen.GroupName, f.Chosen.GroupID))
	} else {
		account := accountBlock(f.Chosen)
		hint := "Choose an account"
		if account != BlockAccount {
			hint = "Choose an account with this permission set"
		}
		blocks = append(blocks,
			externalSelect(account, ActionAccount, "Account", hint,
				nameWithID(f.Chosen.AccountName, f.Chosen.AccountID), f.Chosen.AccountID),
			externalSelect(permissionSetBlock(f.Chosen.AccountID), ActionPermissionSet, "Permission set", "Choose a permission set",
				f.Chosen.PermissionSet, firstNonEmpty(f.Chosen.PermissionSetARN, f.Chosen.PermissionSet)))
	}
	blocks = append(blocks, durations(f), reasonInput(f.Reason))
	if len(f.Tickets) > 0 {
		blocks = append(blocks, ticketInput(f.Tickets, f.Ticket))
	}
	blocks = append(blocks, warnings(f.Warnings)...)
	if f.Extends != nil {
		blocks = append(blocks, f.Extends.block())
	}
	if preview := cut(cleanLines(f.Preview), maxSection); preview != "" {
		section := slackgo.NewSectionBlock(plainText(preview), nil, nil)
		section.BlockID = "preview"
		blocks = append(blocks, section)
	}

	v := modal(titleOf(f.Kind), blocks...)
	v.CallbackID = callbackOf(f.Kind)
	if f.FromHome {
		v = FromHome(v)
	}
	v.Submit = plainText("Request access")
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

// externalSelect returns a select that loads its options from the app while someone
// types. It also reports a choice to the app at once.
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

// durations returns the select of the durations that the policy allows, or a text if it
// allows none of those that are offered. Without the select, Submission refuses the form.
func durations(f Form) slackgo.Block {
	allowed := allowedDurations(f)
	if len(allowed) == 0 {
		return slackgo.NewSectionBlock(plainText("You can't request this: the policy allows at most "+access.FormatDuration(f.Longest)+
			" here, and this app offers no duration that short. Ask the people who run this app to offer one."), nil, nil)
	}
	return durationSelect(durationBlock(f, allowed), allowed, f.Longest, f.Duration)
}

// OffersDuration reports whether the form offers the duration.
func (f Form) OffersDuration(d time.Duration) bool { return slices.Contains(allowedDurations(f), d) }

// allowedDurations returns the durations that the form offers.
func allowedDurations(f Form) []time.Duration {
	allowed := slices.DeleteFunc(slices.Clone(f.Durations), func(d time.Duration) bool { return f.Longest > 0 && d > f.Longest })
	return allowed[:min(len(allowed), maxOptions)]
}

func durationSelect(block string, durations []time.Duration, longest, chosen time.Duration) slackgo.Block {
	var options []*slackgo.OptionBlockObject
	for _, d := range durations {
		options = append(options, option(Option{
			Text:  access.FormatDuration(d),
			Value: strconv.FormatInt(int64(d/time.Second), 10),
		}))
	}
	s := slackgo.NewOptionsSelectBlockElement(slackgo.OptTypeStatic, plainText("Choose how long you need it"), ActionDuration, options...)
	var hint *slackgo.TextBlockObject
	if block != BlockDuration {
		hint = plainText("The policy allows at most " + access.FormatDuration(longest) + " here.")
	}
	initial := options[max(0, slices.Index(durations, chosen))]
	return slackgo.NewInputBlock(block, plainText("Duration"), hint, s.WithInitialOption(initial))
}

func reasonInput(initial string) slackgo.Block {
	input := slackgo.NewPlainTextInputBlockElement(plainText("Why do you need this access?"), ActionReason)
	input.Multiline = true
	input.MaxLength = access.MaxReasonLength
	input.InitialValue = cut(cleanLines(initial), access.MaxReasonLength)
	hint := plainText("Everyone in the channel can read this, and the audit log keeps it. Don't include secrets.")
	return slackgo.NewInputBlock(BlockReason, plainText("Reason"), hint, input)
}

// ticketInput returns the ticket field. Slack refuses the form if the field is empty and
// one of the tickets is required. The block id is always the same, so what the requester
// typed stays when the form is updated.
func ticketInput(all []access.Ticket, initial string) slackgo.Block {
	input := slackgo.NewPlainTextInputBlockElement(nil, ActionTicket)
	input.MaxLength = access.MaxTicketLength
	input.InitialValue = cut(clean(initial), access.MaxTicketLength)
	var hint *slackgo.TextBlockObject
	if text := TicketHint(all); text != "" {
		hint = plainText(text)
	}
	required := slices.ContainsFunc(all, func(t access.Ticket) bool { return t.Required })
	return slackgo.NewInputBlock(BlockTicket, plainText("Ticket"), hint, input).WithOptional(!required)
}

// TicketHint returns the hints of all tickets in one text without markup; "" if there are
// none.
func TicketHint(all []access.Ticket) string {
	var hints []string
	for _, t := range all {
		if hint := clean(t.Hint); hint != "" && !slices.Contains(hints, hint) {
			hints = append(hints, hint)
		}
	}
	// A hint may be a sentence or not.
	for i := range len(hints) - 1 {
		hints[i] = strings.TrimSuffix(hints[i], ".") + "."
	}
	return cut(strings.Join(hints, " "), maxHint)
}

// maxHint is how many characters of the tickets' hints are shown. Slack allows 2000 below
// a field.
const maxHint = 500

// warnings returns a block with the policy's warnings, or nothing if there are none.
func warnings(all []string) []slackgo.Block {
	var lines []string
	for _, w := range all {
		if w = cut(clean(w), maxWarning); w != "" {
			lines = append(lines, "⚠️ "+w)
		}
	}
	if more := len(lines) - maxWarnings; more > 0 {
		lines = append(lines[:maxWarnings], fmt.Sprintf("⚠️ Warnings not shown here: %d. Ask the people who run this app.", more))
	}
	if len(lines) == 0 {
		return nil
	}
	section := slackgo.NewSectionBlock(plainText(strings.Join(lines, "\n")), nil, nil)
	section.BlockID = "warnings"
	return []slackgo.Block{section}
}

// maxMetadataName is how many characters of a name private_metadata keeps. A group's name
// may have 1024 characters, and Slack allows 3000 in total. After clean, a character
// takes at most two in JSON.
const maxMetadataName = 200

func encodeChosen(t access.Target) string {
	t.AccountName = cut(clean(t.AccountName), maxMetadataName)
	t.PermissionSet = cut(clean(t.PermissionSet), maxMetadataName)
	t.GroupName = cut(clean(t.GroupName), maxMetadataName)
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // otherwise <, > and & take six characters each
	if err := e.Encode(t); err != nil {
		return "" // cannot happen: strings always encode
	}
	return strings.TrimSpace(b.String())
}

// Chosen returns the target that private_metadata says was chosen before. If it says
// nothing, Chosen returns only the kind, from the callback id.
func (v *View) Chosen() access.Target {
	kind, _ := KindOf(v.CallbackID)
	var t access.Target
	if err := json.Unmarshal([]byte(v.PrivateMetadata), &t); err != nil || t.Kind != kind {
		return access.Target{Kind: kind}
	}
	return t
}
