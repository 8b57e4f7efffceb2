package catalog

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
	"sso-elevator/functions/adapters/identitycenter"
)

// Emails is an index of the emails in Identity Center that can't be found, or
// not told apart, by asking for them in lower case: those with capital letters.
// It leads from the lower-case email to the ids of all users who have it, in
// whatever case. Emails that are not ASCII match nobody and are left out.
//
// It is a hint. Whoever uses it looks the users up: they may be gone, or have
// another email by now.
type Emails struct {
	// text has a line for each email: "<email> <id> <id>\n". It is searched as it
	// is, because a function that starts has no time to unpack 50,000 of them.
	text []byte
}

// emailsHeader begins the index's encoding. A function that finds another one
// goes on as if there were no index.
const emailsHeader = "emails 1\n"

// NewEmails makes the index of all users.
func NewEmails(users []identitycenter.User) *Emails {
	ids, capitals := map[string][]string{}, map[string]bool{}
	for _, u := range users {
		for _, email := range u.Emails {
			if !indexable(email) || !indexable(u.ID) {
				continue
			}
			folded := access.NormalizeEmail(email)
			if !slices.Contains(ids[folded], u.ID) {
				ids[folded] = append(ids[folded], u.ID)
			}
			capitals[folded] = capitals[folded] || folded != email
		}
	}
	var lines []string
	for email := range capitals {
		if capitals[email] {
			slices.Sort(ids[email])
			lines = append(lines, email+" "+strings.Join(ids[email], " ")+"\n")
		}
	}
	slices.Sort(lines)
	return &Emails{text: []byte(emailsHeader + strings.Join(lines, ""))}
}

// indexable reports whether s can be told apart in a line: it is ASCII, without
// white space or control characters.
func indexable(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f })
}

// IDs returns the ids of the users who have the email, in whatever case; none
// if none of them has it with capital letters.
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

// Len is how many emails the index has.
func (e *Emails) Len() int { return max(0, bytes.Count(e.text, []byte("\n"))-1) }

// Shared yields the emails that several users have, each with their ids.
func (e *Emails) Shared(yield func(email string, ids []string) bool) {
	for line := range bytes.Lines(e.text[len(emailsHeader):]) {
		fields := strings.Fields(string(line))
		if len(fields) > 2 && !yield(fields[0], fields[1:]) {
			return
		}
	}
}

// decodeEmails reads an index. What is not a whole one is Invalid.
func decodeEmails(text []byte) (*Emails, error) {
	if !bytes.HasPrefix(text, []byte(emailsHeader)) || !bytes.HasSuffix(text, []byte("\n")) {
		return nil, access.Errorf(access.CodeInvalid, "read the index of emails: it makes no sense")
	}
	return &Emails{text: text}, nil
}

// EmailStore is where the index is; see Object.
type EmailStore interface {
	GetEmails(ctx context.Context, version string) (*Emails, string, error)
	PutEmails(ctx context.Context, e *Emails, version string) error
}

var _ EmailStore = Object{}

// EmailIndex gives the newest index that could be read. It is safe for
// concurrent use.
type EmailIndex struct {
	Store  EmailStore
	Now    func() time.Time
	Logger *slog.Logger

	newest newest[Emails]
}

// Emails returns the index; nil if there is none yet, or none could be read.
func (i *EmailIndex) Emails(ctx context.Context) *Emails {
	e, checked, err := i.newest.get(ctx, i.Now(), i.Store.GetEmails)
	if checked && err != nil && access.CodeOf(err) != access.CodeNotFound {
		i.Logger.WarnContext(ctx, "the index of emails could not be read", "error", host.ErrorMessage(err))
	}
	return e
}
