package audit

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/sesuai/sesuai"
)

// Entry is an event as it is stored.
type Entry struct {
	// Seq numbers the events from 1, without gaps.
	Seq int64
	// Time is when the verification started, in Unix microseconds.
	Time      int64
	RequestID string
	Client    string
	// NIK is a keyed hash. Its key is used for nothing else. It is zero if there
	// is no NIK.
	NIK                           [32]byte
	Result                        Result
	Reason                        string
	NIKOutcome, Name, DateOfBirth sesuai.Outcome
	// NameScore is -1 if the name was not compared.
	NameScore int
	Compared  bool
	// Percentage and Threshold are in hundredths of a percent; -1 if unknown.
	Percentage, Threshold int
	Score                 float64
	Model, Calibration    string
	Flags                 Flags
	// LivenessKnown reports whether Liveness, 0 to 1, was measured.
	LivenessKnown bool
	Liveness      float64
	// Duration is in microseconds.
	Duration int64
	// The next fields are about a change: see Event.
	Action               Action
	Actor                string
	Count                int64
	Before, After, State [32]byte
	// The next fields explain a verification: see Event. They are zero in events
	// from before schema 7. NameThreshold is not zero in any later verification.
	NameThreshold     int
	ReplayChecked     bool
	LivenessThreshold float64
	Measures          string // separated by spaces
	// The next fields are what Score was computed from: see Event. They are zero
	// in events from before schema 8.
	Cosine, ReferenceLength, ProbeLength float64
	// Endpoint and Attributes are empty in events from before schema 9.
	Endpoint   Endpoint
	Attributes string // such as name=match, separated by spaces
	// Reference is empty in events from before schema 10.
	Reference string
	// ConsentID, ConsentAt and Purpose are what the client stated of the ground for
	// the request. ConsentAt is in Unix microseconds; 0 if it was not stated. They are
	// empty in events from before schema 14.
	ConsentID string
	ConsentAt int64
	Purpose   string
	// Hash links the entry to the one before it: see Head.Link.
	Hash [32]byte
}

// NewEntry returns what is stored of an event. nik is the keyed hash of its NIK.
// Head.Link sets Seq and Hash.
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
		Action:      e.Action,
		Actor:       e.Actor,
		Count:       e.Count,
		Before:      e.Before,
		After:       e.After,
		State:       e.State,

		NameThreshold: e.NameThreshold,
		ReplayChecked: e.ReplayChecked,
		Measures:      strings.Join(e.Measures, " "),
		Endpoint:      e.Endpoint,
		Attributes:    attributesText(e.Attributes),
		Reference:     e.Reference,
		ConsentID:     e.Consent.ID,
		Purpose:       e.Consent.Purpose,
	}
	if !e.Consent.GivenAt.IsZero() {
		entry.ConsentAt = e.Consent.GivenAt.UnixMicro()
	}
	if e.Compared && !math.IsNaN(e.Score) { // not every database stores a NaN
		entry.Score = e.Score
	}
	if lengths := e.ReferenceLength + e.ProbeLength; e.Compared && !math.IsNaN(e.Cosine) && !math.IsNaN(lengths) && !math.IsInf(lengths, 0) {
		entry.Cosine, entry.ReferenceLength, entry.ProbeLength = e.Cosine, e.ReferenceLength, e.ProbeLength
	}
	if e.LivenessKnown && !math.IsNaN(e.Liveness) {
		entry.LivenessKnown, entry.Liveness, entry.LivenessThreshold = true, e.Liveness, e.LivenessThreshold
	}
	return entry
}

// attributesText returns outcomes as they are stored.
func attributesText(all []AttributeOutcome) string {
	texts := make([]string, len(all))
	for i, a := range all {
		texts[i] = string(a.Attribute) + "=" + a.Outcome.String()
	}
	return strings.Join(texts, " ")
}

func hundredths(p sesuai.Percentage) int {
	if !p.Known() {
		return -1
	}
	return int(math.Round(p.Value() * 100))
}

// An encoded entry starts with the version of the encoding, so that no entry has
// the same encoding in two. Version 1 has neither flags nor liveness, versions 1
// and 2 have no change, versions 1 to 3 have nothing that explains a verification,
// versions 1 to 4 have nothing that a score was computed from, versions 1 to 5 are
// those of face verifications, versions 1 to 6 have no reference, and versions 1 to 7 no consent. They still encode
// entries without these, so that the hashes in older trails stay valid. Any flag makes
// it version 2, anything about a change version 3, any explanation version 4, a cosine
// or a length version 5, another endpoint or an attribute version 6, a reference
// version 7 and anything about consent version 8, so adding or removing one changes the hash.
const (
	encodingVersion1 = "sesuai audit 1"
	encodingVersion2 = "sesuai audit 2"
	encodingVersion3 = "sesuai audit 3"
	encodingVersion4 = "sesuai audit 4"
	encodingVersion5 = "sesuai audit 5"
	encodingVersion6 = "sesuai audit 6"
	encodingVersion7 = "sesuai audit 7"
	encodingVersion8 = "sesuai audit 8"
)

// encode appends everything in the entry except its hash to b. Fields are in a
// fixed order, and each text follows its length, so that no two entries have the
// same encoding.
func (e *Entry) encode(b []byte) []byte {
	none := [32]byte{}
	switch {
	case e.ConsentID != "" || e.ConsentAt != 0 || e.Purpose != "":
		return e.encodeEighth(e.encodeSeventh(e.encodeSixth(e.encodeFifth(e.encodeFourth(e.encodeThird(e.encodeSecond(e.encodeFirst(appendText(b, encodingVersion8)))))))))
	case e.Reference != "":
		return e.encodeSeventh(e.encodeSixth(e.encodeFifth(e.encodeFourth(e.encodeThird(e.encodeSecond(e.encodeFirst(appendText(b, encodingVersion7))))))))
	case e.Endpoint != "" || e.Attributes != "":
		return e.encodeSixth(e.encodeFifth(e.encodeFourth(e.encodeThird(e.encodeSecond(e.encodeFirst(appendText(b, encodingVersion6)))))))
	case math.Float64bits(e.Cosine) != 0 || math.Float64bits(e.ReferenceLength) != 0 || math.Float64bits(e.ProbeLength) != 0:
		return e.encodeFifth(e.encodeFourth(e.encodeThird(e.encodeSecond(e.encodeFirst(appendText(b, encodingVersion5))))))
	case e.NameThreshold != 0 || e.ReplayChecked || math.Float64bits(e.LivenessThreshold) != 0 || e.Measures != "":
		return e.encodeFourth(e.encodeThird(e.encodeSecond(e.encodeFirst(appendText(b, encodingVersion4)))))
	case e.Action != "" || e.Actor != "" || e.Count != 0 || e.Before != none || e.After != none || e.State != none:
		return e.encodeThird(e.encodeSecond(e.encodeFirst(appendText(b, encodingVersion3))))
	case e.Flags != 0 || e.LivenessKnown || math.Float64bits(e.Liveness) != 0:
		return e.encodeSecond(e.encodeFirst(appendText(b, encodingVersion2)))
	default:
		return e.encodeFirst(appendText(b, encodingVersion1))
	}
}

// encodeEighth appends what version 8 has besides the fields of version 7.
func (e *Entry) encodeEighth(b []byte) []byte {
	return appendText(appendInt(appendText(b, e.ConsentID), e.ConsentAt), e.Purpose)
}

// encodeSeventh appends what version 7 has besides the fields of version 6.
func (e *Entry) encodeSeventh(b []byte) []byte { return appendText(b, e.Reference) }

// encodeSixth appends what version 6 has besides the fields of version 5.
func (e *Entry) encodeSixth(b []byte) []byte {
	return appendText(appendText(b, string(e.Endpoint)), e.Attributes)
}

// encodeFifth appends what version 5 has besides the fields of version 4.
func (e *Entry) encodeFifth(b []byte) []byte {
	for _, v := range [...]float64{e.Cosine, e.ReferenceLength, e.ProbeLength} {
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

// encodeFourth appends what version 4 has besides the fields of version 3.
func (e *Entry) encodeFourth(b []byte) []byte {
	b = appendInt(b, int64(e.NameThreshold))
	b = appendBool(b, e.ReplayChecked)
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(e.LivenessThreshold))
	return appendText(b, e.Measures)
}

// encodeThird appends what version 3 has besides the fields of version 2.
func (e *Entry) encodeThird(b []byte) []byte {
	b = appendText(b, string(e.Action))
	b = appendText(b, e.Actor)
	b = appendInt(b, e.Count)
	b = append(b, e.Before[:]...)
	b = append(b, e.After[:]...)
	return append(b, e.State[:]...)
}

// encodeSecond appends what version 2 has besides the fields of version 1.
func (e *Entry) encodeSecond(b []byte) []byte {
	b = append(b, byte(e.Flags))
	b = appendBool(b, e.LivenessKnown)
	return binary.BigEndian.AppendUint64(b, math.Float64bits(e.Liveness))
}

// encodeFirst appends the fields of version 1.
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
