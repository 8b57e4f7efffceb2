package leavers

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/metric"
)

// question is the open question about a wave, as in its run's row.
type question struct {
	run      access.Run       // its Answer is nil while people may answer
	findings []access.Finding // that it asks about; read after it has ended
	isLost   bool             // its row or its findings are gone
	// blocks say whose answers don't count. They are only read if there are answers.
	blocks access.Blocks
}

// readQuestion reads the open question. It ends a question that was open for too
// long; later presses get the reply that it has ended.
func (c *Checker) readQuestion(ctx context.Context) (question, error) {
	people, _, err := c.Store.People(ctx)
	if err != nil {
		return question{}, err
	}
	q := question{}
	if people.Question != "" {
		if q, err = c.readRun(ctx, people); err != nil {
			return question{}, err
		}
	}
	isLeft := func(p Person) bool { return p.LeftBy != access.Person{} }
	if len(q.findings) > 0 || slices.ContainsFunc(slices.Collect(maps.Values(people.People)), isLeft) {
		q.blocks, err = c.Table.Blocks(ctx)
	}
	return q, err
}

func (c *Checker) readRun(ctx context.Context, people People) (question, error) {
	lost := question{run: access.Run{ID: people.Question}, isLost: true}
	run, err := c.Table.Run(ctx, people.Question)
	if access.CodeOf(err) == access.CodeNotFound {
		return lost, nil
	}
	if err != nil {
		return question{}, err
	}
	if now := c.Now().UTC(); run.Answer == nil && !now.Before(people.AskedAt.Add(leaveFor)) {
		if run, _, err = c.Table.ExpireRun(ctx, run.ID, now); err != nil {
			return question{}, err
		}
	}
	q := question{run: run}
	if run.Answer != nil {
		q.findings, err = c.Store.Findings(ctx, run.ID)
		if access.CodeOf(err) == access.CodeNotFound {
			return lost, nil
		}
	}
	return q, err
}

// enterAnswers stores the answers for the people in the question, and for nobody
// else. For people without an answer, a new question follows. Answers by people who are
// blocked don't count, nor do earlier ones to leave access.
func (q question) enterAnswers(p *People, now time.Time) {
	for id, person := range p.People {
		if q.blocks.Of(person.LeftBy) != nil {
			person.LeftUntil, person.LeftBy = time.Time{}, access.Person{}
			p.People[id] = person
		}
	}
	if q.run.ID == "" || p.Question != q.run.ID || q.run.Answer == nil && !q.isLost {
		return
	}
	p.Question, p.AskedAt = "", time.Time{}
	if q.run.Answer != nil {
		if p.Closing == nil {
			p.Closing = map[string]time.Time{}
		}
		p.Closing[q.run.ID] = now
	}
	for id, person := range p.People {
		if person.Asked == q.run.ID {
			person.Asked = ""
			p.People[id] = person
		}
	}
	for i, f := range q.findings {
		person, ok := p.People[f.PrincipalID]
		a := q.run.AnswerAbout(i)
		switch {
		case !ok || !person.Held || a == nil || q.blocks.Of(a.By) != nil:
			continue
		case a.Remove:
			person.Released, person.ReleasedAt, person.LeftUntil, person.LeftBy = q.run.ID, now, time.Time{}, access.Person{}
		case person.ReleasedAt.IsZero():
			person.LeftUntil, person.LeftBy = a.At.Add(leaveFor), a.By
		}
		p.People[f.PrincipalID] = person
	}
}

// readMayEnd returns a function that reports whether the access of a held person
// may end: someone released it in that run's question, and may still decide
// about it. Someone who is blocked may not.
func (c *Checker) readMayEnd(ctx context.Context, runID string) (func(access.Request) bool, error) {
	run, err := c.Table.Run(ctx, runID)
	var findings []access.Finding
	if err == nil {
		findings, err = c.Store.Findings(ctx, runID)
	}
	if access.CodeOf(err) == access.CodeNotFound { // the answers are lost: people are asked again
		return func(access.Request) bool { return false }, nil
	}
	if err != nil {
		return nil, err
	}
	blocks, err := c.Table.Blocks(ctx)
	if err != nil {
		return nil, err
	}
	policy, err := c.Policy(ctx)
	if err != nil {
		return nil, err
	}
	index := access.NewIndex(&policy)
	ousOf, err := c.OUsOf(ctx, index.OUs())
	if err != nil {
		return nil, err
	}
	by := map[string]access.Person{}
	targets := map[string][]access.Target{} // by the principal who released access to them
	for i, f := range findings {
		if a := run.AnswerAbout(i); a != nil && a.Remove && blocks.Of(a.By) == nil {
			by[f.Key()] = a.By
			targets[a.By.PrincipalID] = append(targets[a.By.PrincipalID], f.Target)
		}
	}
	groups := map[string][]string{} // of the same principals
	for id, released := range targets {
		if groups[id], err = c.GroupsOf(ctx, index, access.Person{PrincipalID: id}, released); err != nil {
			return nil, err
		}
	}
	return func(r access.Request) bool {
		who := by[r.Subject().Key()]
		return index.MayDecide(who, groups[who.PrincipalID], r.Target, ousOf(r.Target.AccountID))
	}, nil
}

// closeQuestions updates the messages of questions that have ended, and forgets those that
// show the answer. Show doesn't wait for Slack, so the next recheck finds out whether Slack
// took the update.
func (c *Checker) closeQuestions(ctx context.Context, p People) (People, error) {
	var done []string
	for _, id := range slices.Sorted(maps.Keys(p.Closing)) {
		run, err := c.Table.Run(ctx, id)
		switch {
		case access.CodeOf(err) == access.CodeNotFound, err == nil && c.ShowsAnswer(run), !c.Now().Before(p.Closing[id].Add(closeFor)):
			done = append(done, id)
			continue
		case err == nil:
			err = c.Show(ctx, id)
		}
		if err != nil {
			c.Logger.WarnContext(ctx, "removal question could not be closed, retrying", "run", id, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
		}
	}
	if len(done) == 0 {
		return p, nil
	}
	return c.updatePeople(ctx, func(p *People) {
		for _, id := range done {
			delete(p.Closing, id)
		}
	})
}

// ask posts a question about the held people who aren't in a question yet, one
// question at a time. People found while a question is open are in the next one.
// While a question is open, or can't be asked, the alarm is on.
func (c *Checker) ask(ctx context.Context, p People, holders map[string][]string) (People, error) {
	if p.Question == "" {
		waiting := listUnasked(p, holders, c.Now().UTC())
		if len(waiting) == 0 {
			return p, nil
		}
		var err error
		if p, err = c.createQuestion(ctx, waiting, holders); err != nil {
			c.Count(metric.PeopleGoneHeld, nil)
			return p, err
		}
	}
	if p.Question == "" { // their access is ending already
		return p, nil
	}
	c.Count(metric.PeopleGoneHeld, nil)
	c.Logger.ErrorContext(ctx, "many people are gone from Identity Center at once; their access stays until someone answers in Slack", "run", p.Question)
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
		c.Logger.ErrorContext(ctx, "removal question could not be posted, retrying", "run", p.Question, "code", access.CodeOf(err), "error", access.ErrorMessage(err))
	}
	return p, nil
}

// listUnasked returns the held people who aren't in a question yet.
func listUnasked(p People, holders map[string][]string, now time.Time) (ids []string) {
	for id, person := range p.People {
		if len(holders[id]) > 0 && person.Held && person.ReleasedAt.IsZero() && person.Asked == "" && !now.Before(person.LeftUntil) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// createQuestion creates the question's row with the people in it. People for whom it
// has no room are in the next question.
func (c *Checker) createQuestion(ctx context.Context, people []string, holders map[string][]string) (People, error) {
	policy, err := c.Policy(ctx)
	if err != nil {
		return People{}, err
	}
	index := access.NewIndex(&policy)
	ousOf, err := c.OUsOf(ctx, index.OUs())
	if err != nil {
		return People{}, err
	}
	var findings []access.Finding
	var targets []access.Target
	var asked []string
	for _, id := range people {
		if len(findings) >= mostAsked {
			break
		}
		active, err := c.readActive(ctx, id, holders[id])
		if err != nil {
			return People{}, err
		}
		active = slices.DeleteFunc(active, func(r access.Request) bool { return r.EndRequest != nil })
		for _, r := range active {
			findings = append(findings, access.Finding{Subject: r.Subject(), UserName: r.Requester.Email})
			targets = append(targets, r.Target)
		}
		if len(active) > 0 {
			asked = append(asked, id)
		}
	}
	if len(asked) == 0 {
		return c.updatePeople(ctx, func(*People) {})
	}
	now := c.Now().UTC()
	run := access.Run{ID: c.NewID(now), Mode: access.ModeRecheck, StartedAt: now, Guard: access.GuardGone,
		Removals: len(findings), People: len(asked)}
	run.Approvers, run.Undecided = index.DecidersOfAny(targets, ousOf)
	slices.SortFunc(findings, func(a, b access.Finding) int { return strings.Compare(a.Key(), b.Key()) })
	if err := c.Store.PutFindings(ctx, run.ID, findings); err != nil {
		return People{}, err
	}
	if err := c.Table.CreateRun(ctx, run); err != nil {
		return People{}, err
	}
	return c.updatePeople(ctx, func(p *People) {
		if p.Question != "" {
			return // another run was faster
		}
		p.Question, p.AskedAt = run.ID, now
		for _, id := range asked {
			if person, ok := p.People[id]; ok && person.Held {
				person.Asked = run.ID
				p.People[id] = person
			}
		}
	})
}
