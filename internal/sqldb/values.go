package sqldb

import (
	"database/sql"
	"errors"
)

// Int stores a bool: both engines have it as an integer of 1 or 0.
func Int(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// ScanHash returns a destination for Scan that reads a stored hash of 32 bytes
// into h. A value of another length is an error.
func ScanHash(h *[32]byte) sql.Scanner { return hashScanner{h} }

type hashScanner struct{ h *[32]byte }

// Scan implements sql.Scanner.
func (s hashScanner) Scan(value any) error {
	b, ok := value.([]byte)
	if !ok || len(b) != len(s.h) {
		return errors.New("a stored hash does not have 32 bytes")
	}
	copy(s.h[:], b)
	return nil
}
