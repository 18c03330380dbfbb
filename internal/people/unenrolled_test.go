package people_test

import (
	"path/filepath"
	"testing"

	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/replay/replaytest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/internal/vault/vaulttest"
	"github.com/sesuai/sesuai/test/process"
)

// TestUnenrolledIsAnOption: without it a registry neither finds nor remembers
// probes of people who are not on record.
func TestUnenrolledIsAnOption(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		seen(t, open(t, d, unenrolled), 1, replaytest.Probe(1, "a", 0), false)
		seen(t, open(t, d), 1, replaytest.Probe(1, "b", 1), false)
		seen(t, open(t, d, unenrolled), 1, replaytest.Probe(1, "c", 2), true)
	})
}

// TestUnenrolledWhoAreEnrolled: their earlier probes are kept. The probes of a
// person who is removed are removed, whether or not the person was on record.
func TestUnenrolledWhoAreEnrolled(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d, unenrolled)
		seen(t, n, 1, replaytest.Probe(1, "a", 0), false)
		enrol(t, n, 1)
		seen(t, n, 1, replaytest.Probe(2, "b", 1), false)
		seen(t, n, 1, replaytest.Probe(1, "c", 2), true)
		seen(t, n, 1, replaytest.Probe(2, "d", 3), true)
		if u, p := rowsOf(t, d, "unenrolled_probes"), rowsOf(t, d, "probes"); u != 0 || p != 1 {
			t.Errorf("%d rows of unenrolled people and %d of people on record, want 0 and 1", u, p)
		}

		// Enrolled and seen by a registry without the option, and then by one
		// with it.
		without := open(t, d)
		seen(t, n, 2, replaytest.Probe(5, "a", 0), false)
		enrol(t, without, 2)
		if _, err := without.Enrol(t.Context(), secondVersion(t, 2), nil); err != nil {
			t.Fatal(err)
		}
		seen(t, without, 2, replaytest.Probe(6, "b", 1), false)
		seen(t, n, 2, replaytest.Probe(5, "c", 2), true)
		seen(t, n, 2, replaytest.Probe(6, "d", 3), true)

		seen(t, n, 3, replaytest.Probe(7, "a", 0), false)
		enrol(t, n, 3)
		assertRemoved(t, n, 3, true)
		seen(t, n, 3, replaytest.Probe(7, "b", 1), false)
		assertRemoved(t, n, 3, false)
		if rows := rowsOf(t, d, "unenrolled_probes"); rows != 0 {
			t.Errorf("%d rows of unenrolled people are left", rows)
		}
		seen(t, n, 3, replaytest.Probe(7, "c", 2), false)
	})
}

// TestUpgrade: a database of schema 3 is upgraded, with its people.
func TestUpgrade(t *testing.T) {
	process.Slow(t)
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n, err := tryOpen(t.Context(), d, d.Dir)
		if err != nil {
			t.Fatal(err)
		}
		enrol(t, n, 1)
		seen(t, n, 1, replaytest.Probe(1, "a", 0), false)
		err = n.db.InTx(t.Context(), func(tx *sqldb.Tx) error {
			for _, statement := range []string{
				`DROP TABLE unenrolled_probes`, `DROP TABLE people_sums`,
			} {
				if _, err := tx.ExecContext(t.Context(), statement); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		vaulttest.Downgrade(t, n.db, filepath.Join(d.Dir, keyring.FileName), 3)
		n.close(t)

		n = open(t, d, unenrolled)
		assertOnRecord(t, n, 1)
		for part := range n.Parts() { // the people were summed
			if err := n.CheckPart(t.Context(), part); err != nil {
				t.Error(err)
			}
		}
		seen(t, n, 1, replaytest.Probe(1, "b", 1), true)
		seen(t, n, 2, replaytest.Probe(1, "a", 0), false)
		seen(t, n, 2, replaytest.Probe(1, "b", 1), true)
	})
}
