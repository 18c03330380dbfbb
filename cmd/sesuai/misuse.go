package main

import (
	"errors"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// commandWord is what a command or a flag looks like, and a NIK does not.
var commandWord = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)

// misused says what is wrong with the command line, and names the commands or flags
// that may be meant. It repeats what was given only in the place of a command or a
// flag, and only if it looks like one: it may be a NIK or a part of a name.
func misused(err error) string {
	const argument, flag, meant = "unexpected argument ", "unknown flag --", ", did you mean "
	text, near, found := strings.Cut(err.Error(), meant) // as kong says it
	if found {
		near = meant + near
	}
	if given, ok := strings.CutPrefix(text, flag); ok {
		if !commandWord.MatchString(given) {
			return "there is no such flag"
		}
		return "there is no flag --" + given + near
	}
	given, ok := strings.CutPrefix(text, argument)
	parse, parsed := errors.AsType[*kong.ParseError](err)
	if !ok || !parsed {
		return err.Error()
	}
	path := parse.Context.Path
	switch node := path[len(path)-1].Node(); {
	case node == nil || len(node.Children) == 0:
		return "unexpected argument; values with spaces need quotes"
	case !commandWord.MatchString(given):
		return "there is no such command" + under(node)
	}
	text = "there is no command " + given + under(path[len(path)-1].Node()) + near
	if elsewhere := commandsNamed(given, parse.Context.Model.Node); len(elsewhere) > 0 {
		text += "; there is sesuai " + strings.Join(elsewhere, ", sesuai ")
	}
	return text
}

// under says which group of commands a command was looked for in; "" for all.
func under(node *kong.Node) string {
	if node.Parent == nil {
		return ""
	}
	return " of sesuai " + node.Path()
}

// commandsNamed returns the commands under a node whose last word is that name.
func commandsNamed(name string, node *kong.Node) (found []string) {
	for _, leaf := range node.Leaves(true) {
		if leaf.Name == name {
			found = append(found, leaf.Path())
		}
	}
	return found
}
