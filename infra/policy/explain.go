package policy

import (
	"fmt"
	"strings"

	"sso-elevator/functions/access"
)

// Explanation is the answer to one query, with words for people. Its JSON has the
// fields of the command's answer, too.
type Explanation struct {
	answer
	Says     string          `json:"says"`              // the outcome
	Because  string          `json:"because"`           // the reason
	Longest  string          `json:"longest,omitempty"` // the longest access, if it is limited
	Tickets  []access.Ticket `json:"tickets"`           // what the ticket field must satisfy
	Confirm  bool            `json:"confirm"`           // approvers confirm their approval in a dialog
	Matching []Matching      `json:"matching"`          // the matching statements, in the order of the file
}

// Matching is a statement that matches a query.
type Matching struct {
	Path string `json:"path"` // like config[2]
	Text string `json:"text"` // the statement on one line
	// AllowsRequester reports whether the statement allows the requester.
	AllowsRequester bool `json:"allows_requester"`
}

// Explain answers a query in the form of a batch's line. Its error names every mistake
// in the query, one per line.
func Explain(policy *access.Policy, line []byte) (Explanation, error) {
	q, err := parseQuery(line, len(line) > maxLine)
	if err != nil {
		return Explanation{}, err
	}
	return q.explain(policy, q.decide(access.NewIndex(policy))), nil
}

// explain adds words to the answer to q.
func (q query) explain(policy *access.Policy, a answer) Explanation {
	d := access.NewIndex(policy).Decide(q.request())
	e := Explanation{
		answer: a, Says: outcomeTexts[a.Outcome], Because: reasonTexts[a.Reason],
		Tickets: append([]access.Ticket{}, d.Tickets...), Confirm: d.Confirm && d.Outcome == access.DecideApproval, Matching: []Matching{},
	}
	if a.Reason == access.ReasonNoApprovers && len(a.Requirements) > 0 {
		e.Because = unmetText
	}
	if a.MaxDuration != nil {
		e.Longest = formatSeconds(*a.MaxDuration)
	}
	key, statements := q.statements(policy)
	for _, i := range a.Statements {
		e.Matching = append(e.Matching, Matching{
			Path: fmt.Sprintf("%s[%d]", key, i), Text: strings.TrimPrefix(formatStatement(statements[i]), " "), AllowsRequester: q.isAllowedBy(statements[i]),
		})
	}
	return e
}

// statements returns the statements about the kind of the query's target, and their key
// in the file.
func (q query) statements(policy *access.Policy) (key string, list []access.Statement) {
	if q.Group != "" {
		return "group_config", policy.Groups
	}
	return "config", policy.Accounts
}
