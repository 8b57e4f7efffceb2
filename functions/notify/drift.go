package notify

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/parallel"
	"sso-elevator/slack"
)

// Findings reads what runs found, and their reports.
type Findings interface {
	Findings(ctx context.Context, run string) ([]access.Finding, error)
	Report(ctx context.Context, run string) (access.DriftReport, error)
}

// runLedger records the messages of runs.
type runLedger struct{ Table }

func (l runLedger) BeginPost(ctx context.Context, id, purpose string, p access.Post) (access.Post, bool, error) {
	return l.BeginRunPost(ctx, id, purpose, p)
}

func (l runLedger) CompletePost(ctx context.Context, id, purpose string, p access.Post) error {
	return l.CompleteRunPost(ctx, id, purpose, p)
}

// driftQuestion asks in the channel whether a run may remove what it found.
// Once the question has ended, the message shows the answer.
func (h *Handler) driftQuestion(ctx context.Context, id string) error {
	run, err := h.Table.Run(ctx, id)
	if err != nil {
		return err
	}
	if run.Answer != nil {
		return h.closeQuestion(ctx, run)
	}
	findings, err := h.Findings.Findings(ctx, id)
	if err != nil {
		return err
	}
	_, err = h.show(ctx, runLedger{h.Table}, run.Posts, h.Channel, slack.DriftQuestionMessage(run, findings, h.findOwners(ctx, id, slack.QuestionsInOrder(run, findings))))
	return err
}

// driftReport posts a run's report. By then, the run's question has ended. Its
// message is updated too, because ingress may have failed to do that.
func (h *Handler) driftReport(ctx context.Context, id string) error {
	run, err := h.Table.Run(ctx, id)
	if err != nil {
		return err
	}
	report, err := h.Findings.Report(ctx, id)
	if err != nil {
		return err
	}
	_, err = h.show(ctx, runLedger{h.Table}, run.Posts, h.Channel, slack.DriftReportMessage(report, run, h.findOwners(ctx, id, slack.FindingsInOrder(report))))
	return firstError(err, h.closeQuestion(ctx, run))
}

const (
	// maxOwners is how many people of one message are looked up in Slack, at most. Slack
	// allows about 50 such lookups a minute (users.lookupByEmail, tier 3).
	maxOwners = 15
	// ownersTime limits the lookups of one message. The message itself comes first.
	ownersTime = 2 * time.Second
	// ownerMaxAge is how long an answer is used. It decides only whom a message mentions.
	ownerMaxAge = time.Hour
)

// findOwners returns the Slack users who have the access that a run found, by their user in
// Identity Center. The first people in findings are looked up, by their email. Someone who
// isn't found is shown by name.
func (h *Handler) findOwners(ctx context.Context, run string, findings []access.Finding) map[string]access.Person {
	var emails, users []string
	for _, f := range findings {
		email := cmp.Or(f.Email, f.UserName)
		if len(users) < maxOwners && strings.Contains(email, "@") && access.IsASCII(email) && !slices.Contains(users, f.PrincipalID) {
			users, emails = append(users, f.PrincipalID), append(emails, email)
		}
	}
	limited, cancel := context.WithTimeout(ctx, ownersTime)
	defer cancel()
	found := make([]access.Person, len(users))
	parallel.Do(len(users), directWorkers, func(i int) {
		p, err := h.Owners.Get(emails[i], false, func() (access.Person, error) {
			u, found, err := h.Slack.UserByEmail(limited, emails[i])
			if err != nil || !found || u.Deleted || u.Bot || !access.SameEmail(u.Email, emails[i]) {
				return access.Person{}, err
			}
			return access.Person{SlackID: u.ID}, nil
		})
		if err != nil {
			h.Logger.WarnContext(ctx, "Slack user of a finding could not be looked up", "run", run, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		}
		found[i] = p
	})
	owners := map[string]access.Person{}
	for i, p := range found {
		if p.SlackID != "" {
			owners[users[i]] = p
		}
	}
	return owners
}

// closeQuestion removes the buttons from a question that has ended. A question that
// was never posted is not posted now: nobody could answer it.
func (h *Handler) closeQuestion(ctx context.Context, run access.Run) error {
	post, asked := run.Posts[slack.PurposeDriftQuestion]
	if !asked || run.Answer == nil {
		return nil
	}
	m := slack.DriftQuestionMessage(run, nil, nil)
	if post.TS == "" {
		ts, found, err := h.Slack.FindPost(ctx, post.Channel, "", m)
		if err != nil || !found {
			return err
		}
		post.TS = ts
	}
	return h.updatePost(ctx, runLedger{h.Table}, post, m)
}
