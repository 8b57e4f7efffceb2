package reconcile

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"sso-elevator/functions/access"
	"sso-elevator/functions/drift"
)

// writeTable writes a line for each finding.
func writeTable(w io.Writer, p drift.Preview) error {
	if len(p.Findings) == 0 {
		_, err := fmt.Fprintln(w, "Nothing would be removed.")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "USER\tUSER ID\tACCOUNT OR GROUP\tID\tPERMISSION SET")
	for _, f := range p.Findings {
		place, id, set := f.AccountName, f.AccountID, f.PermissionSet
		if f.Kind == access.KindGroup {
			place, id, set = f.GroupName, f.GroupID, "(member)"
		}
		user := f.UserName
		if user == "" {
			user = "(unknown)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", clean(user), clean(f.PrincipalID), clean(place), clean(id), clean(set))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d would be removed.\n", len(p.Findings))
	return err
}

// writeNotes writes what readers must know beyond the findings.
func writeNotes(w io.Writer, p drift.Preview) {
	if !p.LeasesRead {
		fmt.Fprintln(w, "Nothing is deployed, so nothing counts as held by a request: access that requests granted is listed too.")
	}
	for _, f := range p.Exempt {
		place := f.AccountID + " " + f.PermissionSet
		if f.Kind == access.KindGroup {
			place = "group " + f.GroupID
		}
		fmt.Fprintf(w, "Exempt until %s: %s, %s: %s\n", f.Exemption.Until.UTC().Format(time.RFC3339), clean(f.UserName), clean(place), clean(f.Exemption.Reason))
	}
	for _, u := range p.Unread {
		fmt.Fprintf(w, "Not read: %s: %s\n", clean(u.What), clean(u.Why))
	}
	if len(p.Unmanageable) > 0 {
		fmt.Fprintf(w, "Can't be managed from this account: %s\n", clean(strings.Join(p.Unmanageable, ", ")))
	}
	if len(p.Provisioned) > 0 {
		fmt.Fprintf(w, "Managed by SCIM, left alone: %s\n", clean(strings.Join(p.Provisioned, ", ")))
	}
}

// clean replaces unprintable characters, so that names can't control the terminal or
// fake a column.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, s)
}
