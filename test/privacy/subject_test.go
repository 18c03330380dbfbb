package privacy_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/subject"
)

// TestSubjects reports and erases people among others. A report lists what a search of
// every table finds. After the erasure the search finds what the erasure says that stays,
// and no backup without the table of keys opens anything of them.
func TestSubjects(t *testing.T) {
	each(t, func(t *testing.T, c app.Config) {
		start := time.Now()
		w := newWorld(t, c)
		t.Logf("%d people on record, %d subjects, and as many who are not on record: %.1f s", w.people, w.subjects, time.Since(start).Seconds())
		before := newSearch(t, w, c, w.asked())
		found := before.run(t, c)
		subjects := app.NewSubjects(w.c, w.s)
		start = time.Now()
		listed := 0
		for _, n := range w.asked() {
			report, err := subjects.Report(t.Context(), w.nik(n), subject.ReportOptions{Values: true})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(found[n], counts(report.Tables)); diff != "" {
				t.Errorf("person %d: (-search +report)\n%s", n, diff)
			}
			assertReport(t, w, n, report)
			for _, table := range report.Tables {
				listed += table.Rows
			}
		}
		reported := time.Since(start)

		whole, rest := w.backups(t)
		start = time.Now()
		for _, n := range w.asked() {
			erasure, err := subjects.Erase(t.Context(), w.nik(n))
			if err != nil {
				t.Fatal(err)
			}
			for table, rows := range counts(erasure.Erased) {
				if rows != found[n][table] {
					t.Errorf("person %d: %d rows of %s were erased, and the search found %d", n, rows, table, found[n][table])
				}
			}
			if n != w.asked()[0] {
				continue
			}
			remaining := newSearch(t, w, c, []int{n}).run(t, c)[n]
			remaining["audit_events"]-- // that of the erasure follows what stays
			if diff := cmp.Diff(remaining, counts(erasure.Stays)); diff != "" {
				t.Errorf("person %d: what stays (-search +erasure)\n%s", n, diff)
			}
			start = time.Now() // without the search
		}
		erased := time.Since(start)
		after := newSearch(t, w, c, w.asked())
		for n, tables := range after.run(t, c) {
			for table := range tables {
				if place, ok := subject.PlaceOf(table); !ok || place.Erased != subject.Kept {
					t.Errorf("person %d is still in %s", n, table)
				}
			}
		}
		if v, err := w.s.VerifyTrail(t.Context(), w.c, app.TrailCheck{}); err != nil || !v.Whole {
			t.Errorf("the trail: %+v, %v", v, err)
		}
		v, err := w.s.Privacy(t.Context(), w.c, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		if err != nil || v.Reports != int64(len(w.asked())) || v.Erasures != v.Reports || len(v.Asked) == 0 || v.Asked[0].Purpose == "" && v.Asked[0].Requests == 0 {
			t.Errorf("the overview: %d reports, %d erasures, %+v, %v", v.Reports, v.Erasures, v.Asked, err)
		}
		live := after.allDataKeys(t)
		if len(live) != w.people-w.subjects {
			t.Errorf("%d data keys remain of %d people", len(live), w.people-w.subjects)
		}

		// The backup with the keys opens everybody; that shows that the search would.
		s := newSearch(t, w, whole, w.asked())
		if opened, there := s.open(t, w, w.asked(), s.allDataKeys(t)); opened != w.subjects || there != w.subjects {
			t.Errorf("the whole backup has %d of the subjects and opens %d, want %d", there, opened, w.subjects)
		}
		s = newSearch(t, w, rest, w.asked())
		if own := s.allDataKeys(t); len(own) != 0 {
			t.Fatalf("the backup without keys has %d", len(own))
		}
		opened, there := s.open(t, w, w.asked(), live)
		if opened != 0 || there != w.subjects {
			t.Errorf("the backup without keys has %d of the subjects and opens %d, want %d and 0", there, opened, w.subjects)
		}
		for n, tables := range s.run(t, rest) {
			for table := range tables {
				if place, _ := subject.PlaceOf(table); place.Apart {
					t.Errorf("person %d is in %s of the backup without keys", n, table)
				}
			}
		}
		t.Logf("%d reports with %d rows in %.1f s, %d further erasures in %.1f s; the backup without keys has %d of their records and opens %d with %d other keys",
			len(w.asked()), listed, reported.Seconds(), len(w.asked())-1, erased.Seconds(), there, opened, len(live))
	})
}

func counts(tables []subject.TableCount) map[string]int {
	all := make(map[string]int)
	for _, t := range tables {
		all[t.Table] = t.Rows
	}
	return all
}

// assertReport: a report and its page say who asked and what for, and have no NIK. The
// values are there if they are wanted.
func assertReport(t *testing.T, w *world, n int, r subject.Report) {
	t.Helper()
	if want := len(w.requests[n]); n < w.subjects && len(r.Requests) != want-1 || n >= w.people && len(r.Requests) != want {
		t.Errorf("person %d: %d requests, want %d", n, len(r.Requests), want)
	}
	for _, q := range r.Requests {
		batch := strings.HasPrefix(q.RequestID, "batch-")
		if !batch && (q.Purpose != "account_opening" || q.ConsentID == "") || q.ClientName == "" {
			t.Errorf("person %d: %+v", n, q)
		}
	}
	var page strings.Builder
	if err := r.WritePage(&page); err != nil {
		t.Fatal(err)
	}
	name := w.country.Person(n).Name.Reveal()
	if onRecord := n < w.people; strings.Contains(page.String(), name) != onRecord || (r.Record != nil) != onRecord {
		t.Errorf("person %d: the values are not in the page as they should", n)
	}
	if strings.Contains(page.String(), w.nik(n).Reveal()) || strings.Contains(page.String(), "<script") {
		t.Errorf("person %d: the page has the NIK or a script", n)
	}
}

// backups makes a backup in two files, and returns configurations of databases that both
// were restored to, and the first one alone.
func (w *world) backups(t *testing.T) (whole, rest app.Config) {
	t.Helper()
	folder := t.TempDir()
	path := func(name string) string { return filepath.Join(folder, name) }
	if _, err := app.Backup(t.Context(), w.c, app.BackupOptions{Path: path("rest.db"), Apart: path("keys.db")}); err != nil {
		t.Fatal(err)
	}
	restored := func(apart string) app.Config {
		c := w.c
		c.Data, c.MasterKey = filepath.Join(t.TempDir(), "data"), w.c.MasterKeyPath(1)
		if c.Registry != "" {
			c.Registry = pgtest.Database(t)
		}
		if _, err := app.Restore(t.Context(), c, app.RestoreOptions{Path: path("rest.db"), Apart: apart}); err != nil {
			t.Fatal(err)
		}
		return c
	}
	return restored(path("keys.db")), restored("")
}
