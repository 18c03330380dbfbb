package access_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/accesstest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// TestImport: clients move from a store to another one with all that is stored of
// them. Run again, only what has changed is changed. A client that is only in the other
// store stays there, and is named.
func TestImport(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		from := openStore(t, engines.SQLite(t).Open(t)) // the engines are tested at the same time
		for _, name := range []string{"a", "b"} {
			if err := from.AddClient(t.Context(), accesstest.Client(name), accesstest.HashesOf(name)); err != nil {
				t.Fatal(err)
			}
		}
		db := d.Open(t)
		to := openStore(t, db)
		move := func() (done access.Imported, err error) {
			stored, err := from.Export(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			err = db.InTx(t.Context(), func(tx *sqldb.Tx) error {
				done, err = to.ImportTx(t.Context(), tx, stored)
				return err
			})
			return done, err
		}
		set := func(name string, burst int) {
			_, found, err := from.ChangeClient(t.Context(), name, func(c *access.Client) error { c.Burst = burst; return nil })
			if err != nil || !found {
				t.Fatal(found, err)
			}
		}
		rotate := func(name string) {
			_, _, found, err := access.Rotate(t.Context(), from, sha256.Sum256, name, access.RotateOptions{EndOlder: true, ValidFor: time.Hour})
			if err != nil || !found {
				t.Fatal(found, err)
			}
		}
		for i, step := range []struct {
			before func()
			want   int
		}{
			{func() {}, 2},
			{func() {}, 0},
			{func() { set("a", 99) }, 1},
			{func() { set("a", 10) }, 1},
			{func() { rotate("a") }, 1},
			{func() {}, 0},
			{func() { rotate("a") }, 1},
		} {
			step.before()
			done, err := move()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(access.Imported{Changed: step.want}, done); diff != "" {
				t.Errorf("step %d (-want +got):\n%s", i, diff)
			}
			there, err := to.Export(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			here, err := from.Export(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(here, there, accesstest.Comparable); diff != "" {
				t.Errorf("step %d (-here +there):\n%s", i, diff)
			}
		}

		for _, name := range []string{"z", "aa"} {
			if err := to.AddClient(t.Context(), accesstest.Client(name), accesstest.HashesOf(name)); err != nil {
				t.Fatal(err)
			}
		}
		done, err := move()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(access.Imported{OnlyHere: []string{"aa", "z"}}, done); diff != "" {
			t.Errorf("with clients of its own (-want +got):\n%s", diff)
		}

		// A client of the same name that is another one is left alone.
		if _, err := to.RemoveClient(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		other := accesstest.Client("b")
		other.ID = "other"
		if err := to.AddClient(t.Context(), other, accesstest.HashesOf("other")); err != nil {
			t.Fatal(err)
		}
		if _, err := move(); sesuai.KindOf(err) != sesuai.KindConflict {
			t.Errorf("ImportTx = %v, want an error of kind %s", err, sesuai.KindConflict)
		}
		if listed, err := to.ListClients(t.Context()); err != nil || len(listed) != 4 || listed[2].ID != "other" {
			t.Errorf("there are %v, %v", listed, err)
		}
	})
}
