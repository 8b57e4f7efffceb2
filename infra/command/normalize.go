package command

import (
	"strings"

	"github.com/alecthomas/kong"
)

// longFlags returns the names of all flags of all commands.
func longFlags(n *kong.Node) map[string]bool {
	names := map[string]bool{}
	for _, f := range n.Flags {
		names[f.Name] = true
	}
	for _, child := range n.Children {
		for name := range longFlags(child) {
			names[name] = true
		}
	}
	return names
}

// normalize adds the second dash to long flags with one dash: -config becomes
// --config. Other arguments, and everything after "--", stay the same.
func normalize(args []string, flags map[string]bool) []string {
	out := make([]string, 0, len(args))
	for i, arg := range args {
		if arg == "--" {
			return append(out, args[i:]...)
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		if strings.HasPrefix(arg, "-") && flags[name] {
			arg = "-" + arg
		}
		out = append(out, arg)
	}
	return out
}
