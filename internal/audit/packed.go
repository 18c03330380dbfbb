package audit

import (
	"database/sql/driver"
	"strconv"
	"strings"

	"github.com/sesuai/sesuai"
)

// separator stands between the values in the first of the packedColumns. Stored texts
// that have it are read from their own columns.
const separator = "\x1f"

// packedColumns are the eventColumns in few, since both drivers take longer for the columns
// of a result than the database for those of the table: the integers and the texts as
// one text, the keyed hashes behind each other, and the real numbers, which have no
// exact text in SQLite. $1 is the separator. No two events have the same packed columns
// unless a text has the separator in it, which their number shows.
const packedColumns = `concat_ws($1, seq, at, nik_outcome, name_outcome, birth_outcome, name_score, compared, percentage, threshold,
		duration, liveness_known, item_count, name_threshold, replay_checked, consent_at,
		octet_length(nik), octet_length(digest_before), octet_length(digest_after), octet_length(state),
		request_id, client, result, reason, model, calibration, flags, action, actor, measures, endpoint, attributes,
		reference, consent_id, purpose),
	nik || digest_before || digest_after || state, hash,
	score, liveness, liveness_threshold, cosine, reference_length, probe_length`

const (
	packedCount  = 9  // of packedColumns
	packedValues = 34 // in the first of them
)

// decodePacked sets the entry to a row of the packedColumns. The only error is
// errUnreadable, which says nothing about whether decode can read the event.
func (e *Entry) decodePacked(values []driver.Value) error {
	d := decoder{values: values, ok: len(values) == packedCount}
	p := unpacker{text: d.text()}
	hashes := d.bytes()
	*e = Entry{
		Seq: p.int(), Time: p.int(), NIKOutcome: p.outcome(), Name: p.outcome(), DateOfBirth: p.outcome(),
		NameScore: int(p.int()), Compared: p.bool(), Percentage: int(p.int()), Threshold: int(p.int()),
		Duration: p.int(), LivenessKnown: p.bool(), Count: p.int(), NameThreshold: int(p.int()), ReplayChecked: p.bool(), ConsentAt: p.int(),
		NIK: p.hash(&hashes, false), Before: p.hash(&hashes, true), After: p.hash(&hashes, true), State: p.hash(&hashes, true),
		RequestID: p.next(), Client: p.next(), Result: Result(p.next()), Reason: p.next(),
		Model: p.next(), Calibration: p.next(), Flags: p.flags(), Action: Action(p.next()), Actor: p.next(),
		Measures: p.next(), Endpoint: Endpoint(p.next()), Attributes: p.next(),
		Reference: p.next(), ConsentID: p.next(), Purpose: p.next(),
		Hash:  d.hash(),
		Score: d.float(), Liveness: d.float(), LivenessThreshold: d.float(),
		Cosine: d.float(), ReferenceLength: d.float(), ProbeLength: d.float(),
	}
	if !d.ok || p.bad || p.taken != packedValues || len(hashes) > 0 {
		return errUnreadable
	}
	return nil
}

// bytes returns the next value, of bytes or, as SQLite has what it puts together, of text.
func (d *decoder) bytes() string {
	if len(d.values) > 0 {
		if b, ok := d.values[0].([]byte); ok {
			d.values = d.values[1:]
			return string(b)
		}
	}
	return d.text()
}

// unpacker takes the values of a text of packedColumns one after the other. bad is true
// once one of them was of another kind.
type unpacker struct {
	text  string
	taken int
	bad   bool
}

// next returns the next value. The last one is the whole rest, which may have no separator.
func (p *unpacker) next() (v string) {
	p.taken++
	i := strings.IndexByte(p.text, separator[0])
	p.bad = p.bad || i >= 0 != (p.taken < packedValues)
	if i < 0 {
		v, p.text = p.text, ""
		return v
	}
	v, p.text = p.text[:i], p.text[i+1:]
	return v
}

func (p *unpacker) int() int64 {
	v, err := strconv.ParseInt(p.next(), 10, 64)
	p.bad = p.bad || err != nil
	return v
}

func (p *unpacker) bool() bool {
	v := p.next()
	p.bad = p.bad || v != "0" && v != "1"
	return v == "1"
}

func (p *unpacker) outcome() sesuai.Outcome {
	v, err := strconv.ParseUint(p.next(), 10, 8)
	p.bad = p.bad || err != nil
	return sesuai.Outcome(v)
}

func (p *unpacker) flags() Flags {
	text := p.next()
	if text == "" {
		return 0
	}
	f, err := ParseFlags(text)
	p.bad = p.bad || err != nil
	return f
}

// hash returns the first of the hashes, whose length is the next value. It may be empty
// if it is optional.
func (p *unpacker) hash(hashes *string, optional bool) (h [32]byte) {
	switch length := p.next(); {
	case length == "0" && optional:
		return h
	case length != "32" || len(*hashes) < len(h):
		p.bad = true
		return h
	}
	copy(h[:], *hashes)
	*hashes = (*hashes)[len(h):]
	p.bad = p.bad || optional && h == [32]byte{} // it would be empty
	return h
}
