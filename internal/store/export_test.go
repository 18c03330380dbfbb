package store

import "testing"

// ExecForTest runs a statement behind the store's back.
func (s *Store) ExecForTest(t testing.TB, query string, args ...any) {
	t.Helper()
	if _, err := s.write.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// QueryForTest scans the one row of a query into dest.
func (s *Store) QueryForTest(t testing.TB, query string, dest ...any) {
	t.Helper()
	if err := s.write.QueryRowContext(t.Context(), query).Scan(dest...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// PragmaForTest is what a setting is on the connections for writing and for
// reading.
func (s *Store) PragmaForTest(t testing.TB, name string) (writing, reading int) {
	t.Helper()
	s.QueryForTest(t, "PRAGMA "+name, &writing)
	if err := s.primary.db.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&reading); err != nil {
		t.Fatal(err)
	}
	return writing, reading
}

// LockForTest takes the audit trail for writing, and with SQLite the whole
// database, until release is called.
func (s *Store) LockForTest(t testing.TB) (release func()) {
	t.Helper()
	return s.HoldForTest(t, `UPDATE audit_head SET seq = seq WHERE id = 1`)
}

// HoldForTest runs a statement in a transaction that stays open until release
// is called.
func (s *Store) HoldForTest(t testing.TB, query string) (release func()) {
	t.Helper()
	tx, err := s.write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}

// NearForTest reports whether people are read from a replica now.
func (s *Store) NearForTest() bool {
	replica, _ := s.replicas.pick()
	return replica != nil
}
