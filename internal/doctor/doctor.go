// Package doctor runs checks of an installation, and has those of the machine: the
// clock, disks, open files and memory. It must not know the configuration, or what is
// stored. It changes nothing.
package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// State is how a check ended.
type State string

// The states.
const (
	OK      State = "ok"
	Warning State = "warning" // the service works, and may not for long
	Failed  State = "failed"  // the service does not start, or does not answer correctly
	Skipped State = "skipped" // another check has failed that this one needs
)

// Finding is the result of a check. It holds nothing personal and no secret.
type Finding struct {
	Check string `json:"check"`
	State State  `json:"state"`
	// Seen says in one line what was seen, and Do what to do about it. Do is empty if
	// there is nothing to do.
	Seen string `json:"seen"`
	Do   string `json:"do,omitempty"`
}

// Good returns a finding of state OK.
func Good(format string, args ...any) Finding {
	return Finding{State: OK, Seen: fmt.Sprintf(format, args...)}
}

// Skip returns a finding of state Skipped, for that reason.
func Skip(why string) Finding { return Finding{State: Skipped, Seen: why} }

// Warn returns a finding of state Warning.
func Warn(do, format string, args ...any) Finding {
	return Finding{State: Warning, Seen: fmt.Sprintf(format, args...), Do: do}
}

// Fail returns a finding of state Failed.
func Fail(do, format string, args ...any) Finding {
	return Finding{State: Failed, Seen: fmt.Sprintf(format, args...), Do: do}
}

// Check is one check. Look returns what it finds until ctx ends; Run sets the name.
type Check struct {
	Name string
	Look func(ctx context.Context) Finding
}

// Report is what all checks found, in their order.
type Report struct {
	Findings []Finding `json:"checks"`
	Failed   int       `json:"failed"`
	Warnings int       `json:"warnings"`
}

// patience bounds each check.
const patience = 15 * time.Second

// Run runs the checks one after the other.
func Run(ctx context.Context, checks []Check) Report {
	var r Report
	for _, c := range checks {
		f := look(ctx, c)
		switch f.State {
		case Failed:
			r.Failed++
		case Warning:
			r.Warnings++
		case OK, Skipped:
		}
		r.Findings = append(r.Findings, f)
	}
	return r
}

func look(ctx context.Context, c Check) Finding {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	f := c.Look(ctx)
	f.Check = c.Name
	f.Seen, f.Do = oneLine(f.Seen), oneLine(f.Do)
	return f
}

// oneLine returns a text with single spaces in the place of all white space.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
