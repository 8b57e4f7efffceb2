package main

import (
	_ "embed"
	"strings"
	"text/template"

	"github.com/alecthomas/kong"

	"sso-elevator/infra/command"
)

//go:embed completion.tmpl
var completionScripts string

// completion is the command that prints a completion script for a shell. Like the
// help, the script comes from kong's model of the commands.
type completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help returns the command's help text.
func (completion) Help() string {
	return `Prints a script that completes the commands and flags of elevator.

Example:

    source <(elevator completion bash)
    source <(elevator completion zsh)
    elevator completion fish | source`
}

// Run prints the script.
func (c *completion) Run(s command.Streams, k *kong.Kong) error {
	scripts, err := template.New("").Funcs(template.FuncMap{
		"flags": flags, "own": own, "further": further, "takesFile": takesFile, "words": words, "isFile": isFile, "quote": quote, "escapeBrackets": escapeBrackets, "escapeColons": escapeColons,
	}).Parse(completionScripts)
	if err != nil {
		return err
	}
	return scripts.ExecuteTemplate(s.Out, c.Shell, k.Model.Node)
}

// flags returns the flags of a command, including the flags of all commands, and those
// of its default command.
func flags(n *kong.Node) (all []*kong.Flag) {
	if n.DefaultCmd != nil {
		n = n.DefaultCmd
	}
	for _, group := range n.AllFlags(true) {
		all = append(all, group...)
	}
	return all
}

// own returns the flags of a command alone, or of its default command.
func own(n *kong.Node) []*kong.Flag {
	if n.DefaultCmd != nil {
		n = n.DefaultCmd
	}
	return n.Flags
}

// further returns the commands of a command, apart from the default one.
func further(n *kong.Node) (all []*kong.Node) {
	for _, child := range n.Children {
		if child != n.DefaultCmd {
			all = append(all, child)
		}
	}
	return all
}

// takesFile reports whether a command's arguments are files.
func takesFile(n *kong.Node) bool { return len(n.Positional) > 0 && len(words(n)) == 0 }

// words returns the possible arguments of a command: further commands, and values.
func words(n *kong.Node) (all []string) {
	for _, child := range further(n) {
		all = append(all, child.Name)
	}
	for _, argument := range n.Positional {
		if argument.Enum != "" {
			all = append(all, argument.EnumSlice()...)
		}
	}
	return all
}

// isFile reports whether a flag's value is the name of a file.
func isFile(f *kong.Flag) bool { return f.PlaceHolder == "FILE" }

// quote returns text as one word for a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// escapeBrackets escapes text for use between the brackets of zsh's _arguments.
func escapeBrackets(text string) string {
	return strings.NewReplacer("[", `\[`, "]", `\]`, "'", `'\''`).Replace(text)
}

// escapeColons escapes text for use between the colons of zsh's _arguments.
func escapeColons(text string) string { return strings.ReplaceAll(text, ":", `\:`) }
