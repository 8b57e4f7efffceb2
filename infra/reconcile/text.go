package reconcile

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/drift"
	"sso-elevator/infra/command"
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
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", command.Printable(user), command.Printable(f.PrincipalID), command.Printable(place), command.Printable(id), command.Printable(set))
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
		fmt.Fprintln(w, "Nothing is deployed here, so this list also contains access that requests granted. Check your AWS account, region and name_prefix if you expected a deployment.")
	}
	for _, f := range p.Exempt {
		place := f.AccountID + " " + f.PermissionSet
		if f.Kind == access.KindGroup {
			place = "group " + f.GroupID
		}
		if by := f.Exemption.By; by != nil {
			fmt.Fprintf(w, "Left by %s until %s: %s, %s\n", command.Printable(by.Email), f.Exemption.Until.UTC().Format(time.RFC3339), command.Printable(f.UserName), command.Printable(place))
			continue
		}
		fmt.Fprintf(w, "Exempt until %s: %s, %s: %s\n", f.Exemption.Until.UTC().Format(time.RFC3339), command.Printable(f.UserName), command.Printable(place), command.Printable(f.Exemption.Reason))
	}
	if slices.ContainsFunc(p.Exempt, func(f access.Finding) bool { return f.Exemption.By == nil }) {
		fmt.Fprintln(w, "Warning: mode revoke can remove exempt access 72 hours after a reconciliation first found it. A dry run can't tell when that was.")
	}
	for _, f := range p.Protected {
		fmt.Fprintf(w, "Only reported, because the account is protected: %s, %s\n", command.Printable(f.UserName), command.Printable(f.AccountID+" "+f.PermissionSet))
	}
	for _, u := range p.Unread {
		fmt.Fprintf(w, "Could not be read: %s: %s\n", command.Printable(u.What), command.Printable(u.Why))
	}
	if len(p.Unmanageable) > 0 {
		fmt.Fprintf(w, "Can't be managed from this account: %s\n", command.Printable(strings.Join(p.Unmanageable, ", ")))
	}
	if len(p.Provisioned) > 0 {
		fmt.Fprintf(w, "Groups that SCIM manages, skipped: %s\n", command.Printable(strings.Join(p.Provisioned, ", ")))
	}
}
