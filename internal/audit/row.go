package audit

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"math"

	"github.com/sesuai/sesuai"
)

// errUnreadable is the error for a row that AppendTx cannot have written.
var errUnreadable = errors.New("a stored event cannot be read")

// scanEntry reads the eventColumns.
func scanEntry(rows *sql.Rows) (e Entry, err error) {
	var values [columnCount]driver.Value
	var places [columnCount]any
	for i := range values {
		places[i] = &values[i]
	}
	if err := rows.Scan(places[:]...); err != nil {
		return e, err
	}
	return e, e.decode(values[:])
}

// decode sets the entry to a row of the eventColumns. The only error is
// errUnreadable. Nothing is converted: two rows that differ give entries that differ.
func (e *Entry) decode(values []driver.Value) error {
	d := decoder{values: values, ok: len(values) == columnCount}
	*e = Entry{
		Seq: d.int(), Time: d.int(), RequestID: d.text(), Client: d.text(), NIK: d.hash(),
		Result: Result(d.text()), Reason: d.text(),
		NIKOutcome: d.outcome(), Name: d.outcome(), DateOfBirth: d.outcome(),
		NameScore: int(d.int()), Compared: d.bool(), Percentage: int(d.int()), Threshold: int(d.int()), Score: d.float(),
		Model: d.text(), Calibration: d.text(), Duration: d.int(), Hash: d.hash(),
		Flags: d.flags(), LivenessKnown: d.bool(), Liveness: d.float(),
		Action: Action(d.text()), Actor: d.text(), Count: d.int(),
		Before: d.optional(), After: d.optional(), State: d.optional(),
		NameThreshold: int(d.int()), ReplayChecked: d.bool(), LivenessThreshold: d.float(), Measures: d.text(),
		Cosine: d.float(), ReferenceLength: d.float(), ProbeLength: d.float(),
		Endpoint: Endpoint(d.text()), Attributes: d.text(), Reference: d.text(),
		ConsentID: d.text(), ConsentAt: d.int(), Purpose: d.text(),
	}
	if !d.ok {
		return errUnreadable
	}
	return nil
}

// decoder takes the values of a row one after the other. ok is false once one of them
// was of another kind.
type decoder struct {
	values []driver.Value
	ok     bool
}

// next returns the next value if it is a T.
func next[T any](d *decoder) (v T) {
	if len(d.values) == 0 {
		d.ok = false
		return v
	}
	v, ok := d.values[0].(T)
	d.ok = d.ok && ok
	d.values = d.values[1:]
	return v
}

func (d *decoder) int() int64     { return next[int64](d) }
func (d *decoder) float() float64 { return next[float64](d) }
func (d *decoder) text() string   { return next[string](d) }

// bool returns what sqldb.Int has stored.
func (d *decoder) bool() bool {
	v := next[int64](d)
	d.ok = d.ok && (v == 0 || v == 1)
	return v == 1
}

func (d *decoder) outcome() sesuai.Outcome {
	v := next[int64](d)
	d.ok = d.ok && v >= 0 && v <= math.MaxUint8
	return sesuai.Outcome(v)
}

func (d *decoder) flags() Flags {
	text := next[string](d)
	if text == "" {
		return 0
	}
	f, err := ParseFlags(text)
	d.ok = d.ok && err == nil
	return f
}

func (d *decoder) hash() (h [32]byte) {
	b := next[[]byte](d)
	if len(b) != len(h) {
		d.ok = false
		return h
	}
	return [32]byte(b)
}

// optional returns what optional has stored.
func (d *decoder) optional() (h [32]byte) {
	b := next[[]byte](d)
	if len(b) == 0 {
		return h
	}
	if len(b) != len(h) || [32]byte(b) == h {
		d.ok = false
		return h
	}
	return [32]byte(b)
}
