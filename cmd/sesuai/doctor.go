package main

import (
	"fmt"

	"github.com/sesuai/sesuai/internal/app"
)

type doctorCommand struct{}

// Help is what --help says of the command besides its flags.
func (doctorCommand) Help() string {
	return "Changes nothing, and calls no service of Dukcapil. The service may be running. Run it as the user of the service. " +
		"Exit status: 1 if a check has failed, else 0."
}

func (doctorCommand) Run(s *session) error {
	found := app.Diagnose(s, s.config, s.mistakes)
	if s.json {
		if err := s.printJSON(found); err != nil {
			return err
		}
	} else {
		for _, f := range found.Findings {
			fmt.Fprintf(s.stdout, "%-8s %-16s %s\n", f.State, f.Check, f.Seen)
			if f.Do != "" {
				fmt.Fprintf(s.stdout, "%-25s do: %s\n", "", f.Do)
			}
		}
		fmt.Fprintf(s.stdout, "%d failed, %d warnings\n", found.Failed, found.Warnings)
	}
	if found.Failed > 0 {
		return negativeAnswer{}
	}
	return nil
}
