package main

import _ "embed"

// licenses are the licences of everything that the program consists of, or loads.
// The build tag changes nothing in it: what a build leaves out is in it, too.
//
//go:embed licenses.txt
var licenses string

type licensesCommand struct{}

// Run prints them.
func (licensesCommand) Run(s *session) error {
	return s.print(map[string]string{"licenses": licenses}, "%s", licenses)
}
