package subject

import (
	"fmt"
	"strings"
)

// Table returns the places that have something of a person as a table in Markdown, and
// the names of the others after it. docs/operate/privacy.md has it.
func Table() string {
	var b strings.Builder
	b.WriteString("| table | owner | what it has of a person | encrypted, or a keyed hash | in the clear | kept | at an erasure | backup |\n|---|---|---|---|---|---|---|---|\n")
	var others []string
	for _, p := range Places {
		if p.Holds == "" {
			others = append(others, "`"+p.Table+"`")
			continue
		}
		backup := "first file"
		if p.Apart {
			backup = "apart"
		}
		fate := string(p.Erased)
		if p.Why != "" {
			fate += ": " + strings.TrimSuffix(p.Why, ".")
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s | %s | %s | %s |\n",
			p.Table, p.Owner, p.Holds, p.columnsThat(Hash, Sealed), p.columnsThat(Linked), p.Retention, fate, backup)
	}
	fmt.Fprintf(&b, "\nNothing of a person is in %s.\n", strings.Join(others, ", "))
	return b.String()
}
