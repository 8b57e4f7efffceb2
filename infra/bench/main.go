// Command bench measures what the system costs and prints it as a table. It
// needs no AWS and no network: what stands in for AWS answers in the process.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
)

// benchmark is one table.
type benchmark struct {
	name  string // for -only
	title string
	// notes say what was measured, and against what.
	notes  string
	header []string
	rows   func(context.Context) ([][]string, error)
}

// benchmarks are all there are, in the order in which they are printed.
var benchmarks = []benchmark{scans}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "", "`name` of the one benchmark to run")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	found := false
	for _, b := range benchmarks {
		if *only != "" && *only != b.name {
			continue
		}
		found = true
		rows, err := b.rows(context.Background())
		if err != nil {
			fmt.Fprintf(stderr, "%s: %v\n", b.name, err)
			return 1
		}
		print(stdout, b, rows)
	}
	if !found {
		fmt.Fprintf(stderr, "there is no benchmark %q\n", *only)
		return 2
	}
	return 0
}

func print(w io.Writer, b benchmark, rows [][]string) {
	fmt.Fprintf(w, "%s\n\n", b.title)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range append([][]string{b.header}, rows...) {
		fmt.Fprintln(t, strings.Join(row, "\t")+"\t")
	}
	t.Flush()
	fmt.Fprintf(w, "\n%s\n", b.notes)
}
