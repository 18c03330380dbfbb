package privacy_test

import (
	"slices"
	"testing"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/subject"
)

// TestPlaces holds the list of places to the schema: every table and every column of both
// engines is in it, and nothing else. Whoever adds one says what it has of a person.
func TestPlaces(t *testing.T) {
	listed := make(map[string]map[string]bool) // the columns that an engine has
	for _, p := range subject.Places {
		listed[p.Table] = make(map[string]bool)
	}
	each(t, func(t *testing.T, c app.Config) {
		w := &world{c: c}
		w.open(t)
		s := newSearch(t, w, c, nil)
		for _, table := range s.tables(t, c) {
			place, ok := subject.PlaceOf(table)
			if !ok {
				t.Errorf("%s is not among subject.Places: add it, with what it has of a person, for how long, and what an erasure does with it", table)
				continue
			}
			rows, err := s.db.QueryContext(t.Context(), `SELECT * FROM `+table+` LIMIT 0`)
			if err != nil {
				t.Fatal(err)
			}
			columns, err := rows.Columns()
			_ = rows.Close()
			if err != nil {
				t.Fatal(err)
			}
			for _, column := range columns {
				if _, ok := place.Columns[column]; !ok {
					t.Errorf("%s.%s is not among subject.Places: say what it has of a person", table, column)
				}
				listed[table][column] = true
			}
		}
	})
	for _, p := range subject.Places {
		for column, has := range p.Columns {
			if !listed[p.Table][column] {
				t.Errorf("%s.%s is among subject.Places, and in no database", p.Table, column)
			}
			if has != subject.Nothing && p.Holds == "" || !slices.Contains([]subject.Has{subject.Nothing, subject.Hash, subject.Sealed, subject.Linked}, has) {
				t.Errorf("%s.%s has %q, and the table has nothing of a person", p.Table, column, has)
			}
		}
		if (p.Holds == "") != (p.Erased == subject.None) || p.Retention == "" || p.Owner == "" || p.Erased == subject.Kept && p.Why == "" {
			t.Errorf("%s: what it holds, for how long and why is not said", p.Table)
		}
	}
}
