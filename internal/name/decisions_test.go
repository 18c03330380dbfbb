package name_test

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/name"
)

var update = flag.Bool("update", false, "rewrite the scores (never the decisions) in "+decisionsFile)

const decisionsFile = "testdata/decisions.txtar"

func TestDecisions(t *testing.T) {
	onFile, err := os.ReadFile(decisionsFile)
	if err != nil {
		t.Fatal(err)
	}
	groups := parseGroups(t, string(onFile))
	var rewritten strings.Builder
	for _, g := range groups {
		t.Run(g.title, func(t *testing.T) {
			for i := range g.decisions {
				g.decisions[i].check(t)
			}
		})
		rewritten.WriteString(g.String())
	}
	if *update {
		if err := os.WriteFile(decisionsFile, []byte(rewritten.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(string(onFile), rewritten.String()); diff != "" {
		t.Errorf("%s is not formatted as -update does it (-is +should be):\n%s", decisionsFile, diff)
	}
}

// decision is a row of the decisions file: whether a claimed name passes.
type decision struct {
	claimed, recorded string
	pass              bool
	score             int
	why               string
}

// check scores the row in both directions. With -update it sets the score, but
// never the decision.
func (d *decision) check(t *testing.T) {
	t.Helper()
	got := name.Score(d.claimed, d.recorded)
	if pass := got >= name.DefaultThreshold; pass != d.pass {
		t.Errorf("%s | %s: the score is %d, which is a %s; it must be a %s, because: %s",
			d.claimed, d.recorded, got, verdict(pass), verdict(d.pass), d.why)
	}
	if back := name.Score(d.recorded, d.claimed); back != got {
		t.Errorf("%s | %s: the score is %d, the other way round %d", d.claimed, d.recorded, got, back)
	}
	if *update {
		d.score = got
	} else if got != d.score {
		t.Errorf("%s | %s: the score is %d, on file %d", d.claimed, d.recorded, got, d.score)
	}
}

// group is the decisions under one heading, "-- title --" as in a txtar file.
// The text before the first heading is a group without a title.
type group struct {
	title     string
	prose     string
	decisions []decision
}

// parseGroups reads the decisions file.
func parseGroups(t *testing.T, text string) []*group {
	t.Helper()
	g := new(group)
	groups := []*group{g}
	for line := range strings.Lines(text) {
		switch title, heading := strings.CutPrefix(line, "-- "); {
		case heading:
			g = &group{title: strings.TrimSuffix(strings.TrimSpace(title), " --")}
			groups = append(groups, g)
		case g.title == "" || strings.HasPrefix(line, "#"):
			g.prose += line
		default:
			g.decisions = append(g.decisions, parseDecision(t, line))
		}
	}
	return groups
}

func parseDecision(t *testing.T, line string) decision {
	t.Helper()
	fields := strings.Split(line, "|")
	if len(fields) != 5 {
		t.Fatalf("not a row of five columns: %q", line)
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	score, err := strconv.Atoi(fields[3])
	if err != nil {
		t.Fatalf("no score: %q", line)
	}
	if fields[2] != verdict(true) && fields[2] != verdict(false) {
		t.Fatalf("neither pass nor fail: %q", line)
	}
	if fields[4] == "" {
		t.Fatalf("no reason: %q", line)
	}
	return decision{fields[0], fields[1], fields[2] == verdict(true), score, fields[4]}
}

// String returns the group as the file has it, with the rows in columns.
func (g *group) String() string {
	var b strings.Builder
	if g.title != "" {
		fmt.Fprintf(&b, "-- %s --\n", g.title)
	}
	b.WriteString(g.prose)
	var claimed, recorded int
	for _, d := range g.decisions {
		claimed = max(claimed, utf8.RuneCountInString(d.claimed))
		recorded = max(recorded, utf8.RuneCountInString(d.recorded))
	}
	for _, d := range g.decisions {
		fmt.Fprintf(&b, "%-*s | %-*s | %s | %3d | %s\n",
			claimed, d.claimed, recorded, d.recorded, verdict(d.pass), d.score, d.why)
	}
	return b.String()
}

func verdict(pass bool) string {
	if pass {
		return "pass"
	}
	return "fail"
}
