package ingress

import (
	"context"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"sso-elevator/functions/access"
	"sso-elevator/slack"
)

// mostListed is how many requests the answer to "/access list" contains.
const mostListed = 20

// command responds to a slash command. Without words it opens the form, and with words it
// opens the form for what they name. The words help and list, alone, are commands of their
// own.
func (h *Handler) command(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	if _, ok := slack.KindOf(in.Command); !ok || in.Query == "" {
		return h.open(ctx, log, in, in.Command, nil)
	}
	switch strings.ToLower(in.Query) {
	case slack.WordHelp:
		return ephemeralResponse(slack.CommandHelp)
	case slack.WordList:
		return h.listMine(ctx, log, in)
	}
	return h.open(ctx, log, in, in.Command, func(ctx context.Context, requester access.Person, form *slack.Form) error {
		return h.fillByWords(ctx, requester, in.Query, form)
	})
}

// listMine shows a person what they have and what they wait for.
func (h *Handler) listMine(ctx context.Context, log *slog.Logger, in slack.Interaction) events.APIGatewayV2HTTPResponse {
	ctx, cancel := workContext(ctx)
	defer cancel()
	requester, err := h.People.Requester(ctx, in.UserID)
	if err != nil {
		text, personal := explain(err)
		if personal {
			log.Info("person can't request access", "code", access.CodeOf(err))
		} else {
			log.Error("requester could not be looked up", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		}
		return ephemeralResponse(text)
	}
	m, err := h.mine(ctx, requester.PrincipalID, mostListed)
	if err != nil {
		log.Error("a person's requests could not be read", "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		text, _ := explain(err)
		return ephemeralResponse(text)
	}
	return jsonResponse(slack.AccessListResponse(slack.AccessList{Active: m.withoutExtended(), Pending: m.Pending, More: m.More, Older: m.Older}))
}
