package audit

import (
	"encoding/binary"
	"math"

	"github.com/sesuai/sesuai"
)

// Entry is an event as it is kept: what is stored of it, and nothing besides.
type Entry struct {
	// Seq numbers the events from 1, without a gap.
	Seq int64
	// Time is when the verification began, in Unix microseconds.
	Time      int64
	RequestID string
	Client    string
	// NIK is a keyed hash, under a key that serves nothing else.
	NIK                           [32]byte
	Result                        Result
	Reason                        string
	NIKOutcome, Name, DateOfBirth sesuai.Outcome
	// NameScore is -1 if the name was not compared.
	NameScore int
	Compared  bool
	// Percentage and Threshold are in hundredths of a percent, -1 if not
	// known.
	Percentage, Threshold int
	Score                 float64
	Model, Calibration    string
	Flags                 Flags
	// LivenessKnown is whether Liveness, 0 to 1, was measured.
	LivenessKnown bool
	Liveness      float64
	// Duration is in microseconds.
	Duration int64
	// Hash is the link of the chain that ends with this event: see Link.
	Hash [32]byte
}

// NewEntry is what is kept of the event; nik is the keyed hash of its NIK. Seq
// and Hash are left to whoever chains it.
func NewEntry(e Event, nik [32]byte) Entry {
	entry := Entry{
		Time:        e.Time.UnixMicro(),
		RequestID:   e.RequestID,
		Client:      e.Client,
		NIK:         nik,
		Result:      e.Result,
		Reason:      e.Reason,
		NIKOutcome:  e.NIKOutcome,
		Name:        e.Name,
		DateOfBirth: e.DateOfBirth,
		NameScore:   e.NameScore,
		Compared:    e.Compared,
		Percentage:  hundredths(e.Percentage),
		Threshold:   hundredths(e.Threshold),
		Model:       e.Model,
		Calibration: e.Calibration,
		Flags:       e.Flags,
		Duration:    e.Duration.Microseconds(),
	}
	if e.Compared && !math.IsNaN(e.Score) { // not every database keeps a NaN
		entry.Score = e.Score
	}
	if e.LivenessKnown && !math.IsNaN(e.Liveness) {
		entry.LivenessKnown, entry.Liveness = true, e.Liveness
	}
	return entry
}

func hundredths(p sesuai.Percentage) int {
	if !p.Known() {
		return -1
	}
	return int(math.Round(p.Value() * 100))
}

// A version begins every encoded entry, so that one form of the encoding can
// never be taken for another. The first is from before there were flags and
// liveness. An entry without either is still encoded in it, which is how the
// trails of that time hold; and since any flag makes it the second, none can be
// put into or taken out of an entry unseen.
const (
	encodingVersion1 = "sesuai audit 1"
	encodingVersion2 = "sesuai audit 2"
)

// encode writes all of the entry but its hash. Every field has a fixed place
// and every text its length in front, so that no two entries have the same
// encoding.
func (e *Entry) encode(b []byte) []byte {
	if e.Flags == 0 && !e.LivenessKnown && math.Float64bits(e.Liveness) == 0 {
		return e.encodeFirst(appendText(b, encodingVersion1))
	}
	b = e.encodeFirst(appendText(b, encodingVersion2))
	b = append(b, byte(e.Flags))
	b = appendBool(b, e.LivenessKnown)
	return binary.BigEndian.AppendUint64(b, math.Float64bits(e.Liveness))
}

// encodeFirst writes what the first form has.
func (e *Entry) encodeFirst(b []byte) []byte {
	b = appendInt(b, e.Seq)
	b = appendInt(b, e.Time)
	b = appendText(b, e.RequestID)
	b = appendText(b, e.Client)
	b = append(b, e.NIK[:]...)
	b = appendText(b, string(e.Result))
	b = appendText(b, e.Reason)
	b = append(b, byte(e.NIKOutcome), byte(e.Name), byte(e.DateOfBirth))
	b = appendInt(b, int64(e.NameScore))
	b = appendBool(b, e.Compared)
	b = appendInt(b, int64(e.Percentage))
	b = appendInt(b, int64(e.Threshold))
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(e.Score))
	b = appendText(b, e.Model)
	b = appendText(b, e.Calibration)
	return appendInt(b, e.Duration)
}

func appendInt(b []byte, v int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(v)) }

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}
