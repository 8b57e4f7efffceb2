package acceptance

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"sso-elevator/functions/access"
	"sso-elevator/infra/command"
)

// terminal asks the person at the terminal to act. The acceptance finds out by itself
// when they have done it.
type terminal struct{ say func(line string) }

func (t terminal) ask(format string, args ...any) error {
	t.say(">>> In Slack: " + fmt.Sprintf(format, args...))
	return nil
}

func (t terminal) Request(_ context.Context, w Wish) error {
	who := "request"
	if w.Email != "" {
		who = "as " + w.Email + ", request"
	}
	return t.ask("%s %s in %s (%s) for %s. Put this word into the reason: %s", who, w.Target.PermissionSet, w.Target.AccountName, w.Target.AccountID, w.Duration, w.Mark)
}

func (t terminal) Approve(_ context.Context, r access.Request) error {
	return t.ask("have an approver press Approve on %s. If a dialog opens, have them press Approve there, too.", describeRequest(r))
}

func (t terminal) Deny(_ context.Context, r access.Request) error {
	return t.ask("have an approver press Deny on %s.", describeRequest(r))
}

func (t terminal) EndNow(_ context.Context, r access.Request) error {
	return t.ask("press End now on %s.", describeRequest(r))
}

func describeRequest(r access.Request) string {
	return fmt.Sprintf("the request of %s for %s in %s (request %s)", r.Requester.Email, r.Target.PermissionSet, r.Target.AccountName, r.ID)
}

// summarize writes a line for each step, and the totals.
func summarize(w io.Writer, r Result) {
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STEP\tSTATE\tTOOK\tBYTES\t")
	for _, s := range r.Steps {
		bytes, why := "", ""
		if s.Bytes > 0 {
			bytes = fmt.Sprint(s.Bytes)
		}
		if s.State != OK && len(s.Saw) > 0 {
			why = s.Saw[len(s.Saw)-1]
		}
		fmt.Fprintf(t, "%s\t%s\t%.1f s\t%s\t%s\n", s.Name, s.State, s.Seconds, bytes, command.Printable(why))
	}
	t.Flush()
	verdict := "FAILED"
	if r.Passed() {
		verdict = "Passed"
	}
	fmt.Fprintf(w, "\n%s: %d ok, %d failed, %d skipped, in %.0f s.\n", verdict, r.Count(OK), r.Count(Failed), r.Count(Skipped), r.Seconds)
}
