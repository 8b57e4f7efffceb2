package doctor

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"sso-elevator/infra/command"
)

// report is what the doctor prints.
type report struct {
	Account  string    `json:"account"`
	Region   string    `json:"region"`
	Ready    bool      `json:"ready"`
	Findings []finding `json:"findings"`
}

// ready reports whether nothing is missing and every check could be made.
func (r report) ready() bool {
	return len(r.Findings) > 0 && !slices.ContainsFunc(r.Findings, func(f finding) bool { return f.Status != ready && f.Status != warning })
}

func (r report) writeJSON(w io.Writer) error {
	r.Ready = r.ready()
	return command.WriteJSON(w, r)
}

// mostItems is how many items of a finding the table shows.
const mostItems = 6

// writeTable writes a line for each finding, with its fix below, and the totals.
func (r report) writeTable(w io.Writer) error {
	fmt.Fprintf(w, "Account %s, region %s\n\n", command.Printable(r.Account), command.Printable(r.Region))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STATE\tCHECK\tFOUND")
	counts := map[status]int{}
	for _, f := range r.Findings {
		counts[f.Status]++
		found := f.Found
		if len(f.Items) > 0 {
			found += ": " + strings.Join(f.Items[:min(len(f.Items), mostItems)], ", ")
		}
		if more := len(f.Items) - mostItems; more > 0 {
			found += fmt.Sprintf(" and %d more (--json lists all)", more)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", f.Status, command.Printable(f.Check), command.Printable(found))
		if f.Fix != "" {
			fmt.Fprintf(t, "\t\t→ %s\n", command.Printable(f.Fix))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	var sum []string
	for _, s := range []status{ready, warning, missing, unchecked} {
		if counts[s] > 0 {
			sum = append(sum, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	verdict := "Not ready"
	if r.ready() {
		verdict = "Ready"
	}
	_, err := fmt.Fprintf(w, "\n%s: %s.\n", verdict, strings.Join(sum, ", "))
	return err
}
