package recheck

import (
	"context"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/internal/lambdaerr"
	"sso-elevator/functions/internal/metric"
	"sso-elevator/functions/internal/runs"
)

// question is the open question of a wave, as its run's row has it.
type question struct {
	id     string
	answer *access.RunAnswer // nil: not answered yet
	lost   bool              // its row is not there
}

// question reads the open question. One that waited for too long ends without
// an answer: who presses later is told.
func (c *Checker) question(ctx context.Context) (question, error) {
	people, _, err := c.Store.People(ctx)
	if err != nil || people.Question == "" {
		return question{}, err
	}
	q := question{id: people.Question}
	run, err := c.Table.Run(ctx, q.id)
	if access.CodeOf(err) == access.CodeNotFound {
		q.lost = true
		return q, nil
	}
	if err != nil {
		return question{}, err
	}
	if now := c.Now().UTC(); run.Answer == nil && !now.Before(people.AskedAt.Add(leaveFor)) {
		if run, _, err = c.Table.AnswerRun(ctx, q.id, access.RunAnswer{At: now}); err != nil {
			return question{}, err
		}
	}
	q.answer = run.Answer
	return q, nil
}

// settle enters the answer for the people whom the question was about, and for
// nobody else. Without an answer in time, they are asked about again.
func (q question) settle(p *runs.People, now time.Time) {
	if q.id == "" || p.Question != q.id || q.answer == nil && !q.lost {
		return
	}
	p.Question, p.AskedAt = "", time.Time{}
	for id, known := range p.People {
		if known.Asked != q.id {
			continue
		}
		known.Asked = ""
		switch {
		case q.lost || q.answer.Expired():
		case q.answer.Remove:
			known.ReleasedAt = now
		default:
			known.LeftUntil = q.answer.At.Add(leaveFor)
		}
		p.People[id] = known
	}
}

// shown has the message of an answered question show the answer. Where that
// fails, ingress may have done it already.
func (q question) shown(ctx context.Context, c *Checker) {
	if q.answer == nil {
		return
	}
	if err := c.Show(ctx, q.id); err != nil {
		c.Logger.WarnContext(ctx, "the question could not be closed", "run", q.id, "code", access.CodeOf(err), "error", lambdaerr.Message(err))
	}
}

// ask asks about those who are held and about whom nobody was asked, one
// question at a time: whoever is found while one is open is in the next. While
// a question is open, or can't be asked, the alarm is on.
func (c *Checker) ask(ctx context.Context, p runs.People, holders map[string][]string) (runs.People, error) {
	if p.Question == "" {
		waiting := unasked(p, holders, c.Now().UTC())
		if len(waiting) == 0 {
			return p, nil
		}
		var err error
		if p, err = c.pose(ctx, waiting, holders); err != nil {
			c.Count(metric.PeopleGoneHeld, nil)
			return p, err
		}
	}
	if p.Question == "" { // their access ends already
		return p, nil
	}
	c.Count(metric.PeopleGoneHeld, nil)
	c.Logger.ErrorContext(ctx, "many people are gone from Identity Center at once: their access stays until somebody answers", "run", p.Question)
	run, err := c.Table.Run(ctx, p.Question)
	if err != nil {
		return p, err
	}
	for _, post := range run.Posts {
		if post.TS != "" {
			return p, nil
		}
	}
	if err := c.Show(ctx, p.Question); err != nil {
		c.Logger.ErrorContext(ctx, "the question could not be asked; it is tried again", "run", p.Question, "code", access.CodeOf(err), "error", lambdaerr.Message(err))
	}
	return p, nil
}

// unasked are the people who are held and about whom somebody has to be asked.
func unasked(p runs.People, holders map[string][]string, now time.Time) (ids []string) {
	for id, known := range p.People {
		if len(holders[id]) > 0 && known.Held && known.ReleasedAt.IsZero() && known.Asked == "" && !now.Before(known.LeftUntil) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// pose makes the question's row and enters whom it is about.
func (c *Checker) pose(ctx context.Context, people []string, holders map[string][]string) (runs.People, error) {
	policy, err := c.Policy(ctx)
	if err != nil {
		return runs.People{}, err
	}
	var findings []access.Finding
	var asked []string
	approvers := map[string]bool{}
	for _, id := range people {
		active, err := c.granted(ctx, id, holders[id])
		if err != nil {
			return runs.People{}, err
		}
		active = slices.DeleteFunc(active, func(r access.Request) bool { return r.EndRequest != nil })
		for _, r := range active {
			findings = append(findings, access.Finding{Subject: r.Subject(), UserName: r.Requester.Email})
			for _, email := range policy.ApproversOf(r.Target) {
				approvers[email] = true
			}
		}
		if len(active) > 0 {
			asked = append(asked, id)
		}
	}
	if len(asked) == 0 {
		return c.remember(ctx, func(*runs.People) {})
	}
	now := c.Now().UTC()
	run := access.Run{ID: c.NewID(now), Mode: access.ModeRecheck, StartedAt: now, Guard: access.GuardGone,
		Removals: len(findings), People: len(asked)}
	for email := range approvers {
		run.Approvers = append(run.Approvers, email)
	}
	if len(run.Approvers) == 0 { // nobody approves these: they are granted to everybody
		run.Approvers = policy.AllApprovers()
	}
	slices.Sort(run.Approvers)
	slices.SortFunc(findings, func(a, b access.Finding) int { return strings.Compare(a.Key(), b.Key()) })
	if err := c.Store.PutFindings(ctx, run.ID, findings[:min(len(findings), targetsShown)]); err != nil {
		return runs.People{}, err
	}
	if err := c.Table.CreateRun(ctx, run); err != nil {
		return runs.People{}, err
	}
	return c.remember(ctx, func(p *runs.People) {
		if p.Question != "" {
			return // another run was faster
		}
		p.Question, p.AskedAt = run.ID, now
		for _, id := range asked {
			if known, ok := p.People[id]; ok && known.Held {
				known.Asked = run.ID
				p.People[id] = known
			}
		}
	})
}
