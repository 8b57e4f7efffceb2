package catalog

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
)

// Emails is an index of the emails in Identity Center. It maps the lower-case email to
// the ids of all users who have it in any case: Identity Center itself may find only the
// exact spelling, and only one of several users. Emails that are not ASCII match nobody
// and are left out. An index that an earlier release wrote has only the emails with
// capital letters.
//
// The index is only a hint. Callers must look up the users, who may be gone or have
// another email by now.
type Emails struct {
	// text has a line for each email: "<email> <id> <id>\n". It is searched without
	// parsing, because a starting function has no time to parse 50,000 lines.
	text []byte
}

// emailsHeader begins the index's encoding. If an index begins with anything else, a
// function treats it as missing.
const emailsHeader = "emails 1\n"

// NewEmails returns the index of the users.
func NewEmails(users []access.User) *Emails {
	ids := map[string][]string{}
	for _, u := range users {
		for _, email := range u.Emails {
			if !indexable(email) || !indexable(u.ID) {
				continue
			}
			folded := access.NormalizeEmail(email)
			if !slices.Contains(ids[folded], u.ID) {
				ids[folded] = append(ids[folded], u.ID)
			}
		}
	}
	var lines []string
	for email, users := range ids {
		slices.Sort(users)
		lines = append(lines, email+" "+strings.Join(users, " ")+"\n")
	}
	slices.Sort(lines)
	return &Emails{text: []byte(emailsHeader + strings.Join(lines, ""))}
}

// indexable reports whether s can be a field of a line: ASCII, without white space or
// control characters.
func indexable(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f })
}

// IDs returns the ids of the users who have the email in any case. It returns nil if the
// index doesn't have the email.
func (e *Emails) IDs(email string) []string {
	folded := access.NormalizeEmail(email)
	if !indexable(folded) {
		return nil
	}
	_, rest, found := bytes.Cut(e.text, []byte("\n"+folded+" "))
	if !found {
		return nil
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	return strings.Fields(string(line))
}

// Len returns the number of emails in the index.
func (e *Emails) Len() int { return max(0, bytes.Count(e.text, []byte("\n"))-1) }

// Shared yields each email that several users have, with their ids.
func (e *Emails) Shared(yield func(email string, ids []string) bool) {
	for line := range bytes.Lines(e.text[len(emailsHeader):]) {
		fields := strings.Fields(string(line))
		if len(fields) > 2 && !yield(fields[0], fields[1:]) {
			return
		}
	}
}

// decodeEmails reads an index. Invalid: it is incomplete, or not an index.
func decodeEmails(text []byte) (*Emails, error) {
	if !bytes.HasPrefix(text, []byte(emailsHeader)) || !bytes.HasSuffix(text, []byte("\n")) {
		return nil, access.Errorf(access.CodeInvalid, "read the email index: it is invalid")
	}
	return &Emails{text: text}, nil
}

// EmailStore stores the index; see Object.
type EmailStore interface {
	GetEmails(ctx context.Context, version string) (*Emails, string, error)
	PutEmails(ctx context.Context, e *Emails, version string) error
}

var _ EmailStore = Object{}

// EmailIndex returns the newest index that it could read. It is safe for concurrent
// use.
type EmailIndex struct {
	Store  EmailStore
	Now    func() time.Time
	Logger *slog.Logger

	newest newest[Emails]
}

// Emails returns the index, or nil if it is missing or was never read.
func (i *EmailIndex) Emails(ctx context.Context) *Emails {
	e, checked, err := i.newest.get(ctx, i.Now(), CheckEvery, i.Store.GetEmails)
	if checked && err != nil && access.CodeOf(err) != access.CodeNotFound {
		i.Logger.WarnContext(ctx, "email index could not be read", "error", access.ErrorMessage(err))
	}
	return e
}
