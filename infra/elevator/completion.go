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
		"flags": flags, "words": words, "isFile": isFile, "quote": quote, "escapeBrackets": escapeBrackets, "escapeColons": escapeColons,
	}).Parse(completionScripts)
	if err != nil {
		return err
	}
	return scripts.ExecuteTemplate(s.Out, c.Shell, k.Model.Node)
}

// flags returns the flags of a command, including the flags of all commands.
func flags(n *kong.Node) (all []*kong.Flag) {
	for _, group := range n.AllFlags(true) {
		all = append(all, group...)
	}
	return all
}

// words returns the possible arguments of a command.
func words(n *kong.Node) (all []string) {
	for _, argument := range n.Positional {
		all = append(all, argument.EnumSlice()...)
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
