// Command bench measures what the system costs, and prints one table of measures and
// their targets. It needs no AWS and no network. Stubs that answer immediately stand
// in for AWS and Slack. To measure the time from a press to the access, it uses the
// local stack instead.
//
// A slow result is not a failure: the exit code is 1 only if something could not be
// measured. docs/internals/performance.md explains every line.
package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"sso-elevator/infra/build"
)

// bench has the state that the measurements share.
type bench struct {
	root   string // of the Go module
	dir    string // for temporary files
	built  *binaries
	stderr io.Writer
	report bytes.Buffer // printed before the table
}

// functions compiles the functions when the first measurement needs them.
func (b *bench) functions() (*binaries, error) {
	if b.built != nil {
		return b.built, nil
	}
	var err error
	b.built, err = compileFunctions(b.root, b.dir)
	return b.built, err
}

// measurement returns some lines of the table.
type measurement struct {
	name  string // for -only
	lines func(context.Context, *bench) ([]line, error)
}

// measurements are all measurements, in the order of the table.
var measurements = []measurement{
	{"functions", withFunctions(measureFunctions)},
	{"ingress", withFunctions(measureIngress)},
	{"large", withFunctions(measureLarge)},
	{"decision", func(context.Context, *bench) ([]line, error) { return measureDecision(), nil }},
	{"press", measurePress},
	{"chains", withBoth(measureChains)},
	{"calls", withBoth(measureCalls)},
	{"scans", func(ctx context.Context, _ *bench) ([]line, error) { return measureScans(ctx) }},
	{"drift", func(ctx context.Context, _ *bench) ([]line, error) { return measureDrift(ctx) }},
	{"lists", func(ctx context.Context, _ *bench) ([]line, error) { return measureLists(ctx) }},
}

func withFunctions(measure func(*binaries) ([]line, error)) func(context.Context, *bench) ([]line, error) {
	return func(_ context.Context, b *bench) ([]line, error) {
		built, err := b.functions()
		if err != nil {
			return nil, err
		}
		return measure(built)
	}
}

// withBoth is withFunctions for a measurement that also writes to the report.
func withBoth(measure func(*bench, *binaries) ([]line, error)) func(context.Context, *bench) ([]line, error) {
	return func(_ context.Context, b *bench) ([]line, error) {
		built, err := b.functions()
		if err != nil {
			return nil, err
		}
		return measure(b, built)
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "", "`names` of the measurements to run, separated by commas (default: all)")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	chosen, err := choose(*only)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	root, err := build.Root()
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "sso-elevator-bench-")
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	b := &bench{root: root, dir: dir, stderr: stderr}
	before := describeMachine(time.Now())
	var lines []line
	code := 0
	for _, m := range chosen {
		began := time.Now()
		more, err := m.lines(context.Background(), b)
		if err != nil {
			fmt.Fprintf(stderr, "bench: %s: %v\n", m.name, err)
			code = 1
		}
		fmt.Fprintf(stderr, "bench: %s took %s\n", m.name, time.Since(began).Round(time.Second))
		lines = append(lines, more...)
	}
	fmt.Fprintln(stdout, before)
	fmt.Fprintln(stdout)
	b.report.WriteTo(stdout)
	print(stdout, lines)
	return code
}

// choose returns the measurements with those names, or all if names is "".
func choose(names string) ([]measurement, error) {
	if names == "" {
		return measurements, nil
	}
	var chosen []measurement
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, m := range measurements {
			if m.name == name {
				chosen, found = append(chosen, m), true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no measurement %q", name)
		}
	}
	return chosen, nil
}

func print(w io.Writer, lines []line) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, l := range append([]line{{"measure", "to reach", "figure", "reached"}}, lines...) {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", l.measure, l.toReach, l.figure, l.reached)
	}
	t.Flush()
}

// describeMachine describes the machine, the time, and the load before the
// measurements. With a load of one or more, the machine was busy during the
// measurements.
func describeMachine(now time.Time) string {
	text := fmt.Sprintf("%s, %d × %s, %s %s/%s", now.UTC().Format("2006-01-02 15:04 UTC"), runtime.NumCPU(), processor(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if average, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ := strings.Cut(string(average), " ")
		text += ", load before " + load
	}
	return text
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for in := bufio.NewScanner(bytes.NewReader(text)); in.Scan(); {
		if name, value, ok := strings.Cut(in.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "processor"
}
