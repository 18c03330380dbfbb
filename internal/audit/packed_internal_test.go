package audit

import (
	"database/sql/driver"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// TestPackedColumns: the packed columns hold what the columns hold. A text that has the
// separator in it cannot be read from them; the trail is verified nonetheless, and what
// was moved from one text to the next one is found.
func TestPackedColumns(t *testing.T) {
	nik, err := sesuai.ParseNIK("9999000000000001")
	if err != nil {
		t.Fatal(err)
	}
	verification := Event{
		Time: time.Unix(1, 0), RequestID: "é\n", NIK: nik, Client: "cli_a", Result: Verified, Reason: "reason", NIKOutcome: 1, Name: 2, DateOfBirth: 3,
		NameScore: -1, Compared: true, Score: -1.0 / 3, Model: "m", Calibration: "c", Flags: 3, LivenessKnown: true, Liveness: 0.1, LivenessThreshold: 0.2,
		Duration: time.Second, NameThreshold: 85, ReplayChecked: true, Measures: []string{"a", "b"}, Cosine: 1e-300, ReferenceLength: 20.1, ProbeLength: 1.0 / 7,
		Endpoint: DataVerification, Attributes: []AttributeOutcome{{sesuai.NameAttribute, 1}}, Reference: "r",
	}
	verification.Consent.ID, verification.Consent.Purpose, verification.Consent.GivenAt = "id", "purpose", time.Unix(2, 0)
	separated := verification
	separated.RequestID, separated.Client = "a"+separator+"b", "c"
	sqltest.New(Migrations).Each(t, func(t *testing.T, d sqltest.Database) {
		db := d.Open(t)
		trail, err := NewTrail(t.Context(), Options{DB: db, NIK: keyring.NewSecret(), Chain: keyring.NewSecret(), Actor: "actor"})
		if err != nil {
			t.Fatal(err)
		}
		err = db.InTx(t.Context(), func(tx *sqldb.Tx) error {
			if err := trail.StartTx(t.Context(), tx, [32]byte{}, [32]byte{}); err != nil {
				return err
			}
			if _, err := trail.AppendTx(t.Context(), tx, []Event{verification}); err != nil {
				return err
			}
			return trail.ChangeTx(t.Context(), tx, Change{Action: ClientChanged, Client: "cli_a", Count: 2, Before: []byte("b"), After: []byte("a"), State: [32]byte{1}})
		})
		if err != nil {
			t.Fatal(err)
		}
		var entries, packed []Entry
		readInto := func(all *[]Entry, decode func(*Entry, []driver.Value) error, query string, args ...driver.Value) error {
			return db.EachRow(t.Context(), func(values []driver.Value) error {
				var e Entry
				err := decode(&e, values)
				*all = append(*all, e)
				return err
			}, query, args...)
		}
		if err := readInto(&entries, (*Entry).decode, selectEvents, int64(0), int64(9)); err != nil {
			t.Fatal(err)
		}
		if err := readInto(&packed, (*Entry).decodePacked, selectPacked, separator, int64(0), int64(9)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(entries, packed); diff != "" || len(packed) < 2 {
			t.Errorf("%d events; columns, packed columns:\n%s", len(packed), diff)
		}

		head, err := trail.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = db.InTx(t.Context(), func(tx *sqldb.Tx) error {
			_, err := trail.AppendTx(t.Context(), tx, []Event{separated})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := readInto(&packed, (*Entry).decodePacked, selectPacked, separator, head.Seq, head.Seq+1); err == nil {
			t.Error("a text with the separator was read from the packed columns")
		}
		if _, err := trail.Verify(t.Context()); err != nil {
			t.Errorf("with a separator: %v", err)
		}
		d.Exec(t, `UPDATE audit_events SET request_id = 'a', client = 'b`+separator+`c' WHERE seq = 3`)
		if _, err := trail.Verify(t.Context()); !isBroken(err) {
			t.Errorf("with a separator moved: %v", err)
		}
	})
}
