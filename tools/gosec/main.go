// Command gosec reports what the rules and analyzers of securego/gosec find in the
// packages that its arguments name. It is the analysis of the command of that name
// without what proposes fixes, which would link the clients of three language models.
//
// What is found can be accepted, with a reason: in accepted.txt, or where it stands by
// a comment of the form "#nosec G304 -- why".
package main

import (
	_ "embed"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/securego/gosec/v2"
	"github.com/securego/gosec/v2/analyzers"
	"github.com/securego/gosec/v2/rules"
	"golang.org/x/tools/go/packages"
)

func main() {
	tags := flag.String("tags", "", "build tags, separated by commas")
	flag.Parse()
	found, err := run(*tags, flag.Args())
	if err != nil {
		log.Fatal(err)
	}
	for _, text := range found {
		fmt.Println(text)
	}
	if len(found) > 0 {
		os.Exit(1)
	}
}

func run(tags string, patterns []string) (found []string, err error) {
	folder, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	const tests, keepSuppressed, suppressed = false, false, true
	a := gosec.NewAnalyzer(gosec.NewConfig(), tests, keepSuppressed, suppressed, runtime.NumCPU(), log.New(io.Discard, "", 0))
	all := rules.Generate(suppressed)
	a.LoadRules(all.RulesInfo())
	more := analyzers.Generate(suppressed)
	a.LoadAnalyzers(more.AnalyzersInfo())

	// The analyzer's own way loads one package at a time, each with all that it
	// imports.
	loaded, err := packages.Load(&packages.Config{Mode: gosec.LoadMode, BuildFlags: []string{"-tags=" + tags}}, patterns...)
	if err != nil {
		return nil, err
	}
	if packages.PrintErrors(loaded) > 0 {
		return nil, fmt.Errorf("packages cannot be loaded")
	}
	for _, p := range loaded {
		a.CheckRules(p)
		a.CheckAnalyzers(p)
	}
	issues, metrics, broken := a.Report()
	for file, errs := range broken {
		return nil, fmt.Errorf("%s: %v", file, errs)
	}
	list, err := parseAccepted(accepted)
	if err != nil {
		return nil, err
	}
	count := 0
	for _, i := range issues {
		file, err := filepath.Rel(folder, i.File)
		if err != nil || strings.HasPrefix(file, "..") {
			continue // cgo has generated it
		}
		text := fmt.Sprintf("%s:%s: %s: %s (severity %v, confidence %v)", file, i.Line, i.RuleID, i.What, i.Severity, i.Confidence)
		why := ""
		for _, s := range i.Suppressions {
			why += strings.TrimSpace(s.Justification)
		}
		switch {
		case len(i.Suppressions) > 0 && why == "":
			found = append(found, text+": it is accepted without a reason: #nosec "+i.RuleID+" -- why")
		case len(i.Suppressions) == 0 && !list.accepts(i.RuleID, file):
			found = append(found, text)
		default:
			count++
		}
	}
	for _, e := range list {
		// The taint analysis of G7xx does not find the same in every run.
		if !e.used && !strings.HasPrefix(e.rule, "G7") {
			found = append(found, fmt.Sprintf("accepted.txt: nothing is found of %s in %s", e.rule, e.path))
		}
	}
	fmt.Fprintf(os.Stderr, "gosec: %d files, %d findings, %d accepted with a reason\n", metrics.NumFiles, len(found), count)
	return found, nil
}

//go:embed accepted.txt
var accepted string

// entry accepts what a rule finds in a file, or in a folder and those in it.
type entry struct {
	rule, path string
	used       bool
}

type entries []*entry

func parseAccepted(text string) (list entries, err error) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || fields[0] == "#":
		case len(fields) < 3:
			return nil, fmt.Errorf("accepted.txt: a rule, a path and a reason are needed: %q", line)
		default:
			list = append(list, &entry{rule: fields[0], path: fields[1]})
		}
	}
	return list, nil
}

func (list entries) accepts(rule, file string) bool {
	for _, e := range list {
		if e.rule == rule && (file == e.path || strings.HasPrefix(file, e.path+"/")) {
			e.used = true
			return true
		}
	}
	return false
}
