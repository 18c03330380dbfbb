package sesuai

import (
	"math"
	"strconv"
)

// Reason explains a verdict by the first cause that applies, in the order of
// the wire contract. The texts are also those of the contract.
type Reason string

// The reasons a verdict can have.
const (
	ReasonVerified           Reason = "Verification Success"
	ReasonNIKNotFound        Reason = "NIK not found on Dukcapil database"
	ReasonNotActive          Reason = "NIK is not active on Dukcapil database"
	ReasonNameDiffers        Reason = "Name does not match"
	ReasonDateDiffers        Reason = "Date of birth does not match"
	ReasonNoPortrait         Reason = "Face is not available on Dukcapil database"
	ReasonFaceBelowThreshold Reason = "Selfie image does not pass the threshold"
	// ReasonDataDiffers does not say what differs.
	ReasonDataDiffers    Reason = "Data does not match"
	ReasonRegistryFailed Reason = "Something wrong in Dukcapil server"
)

// Verdict is the answer about a claim and a photograph.
type Verdict struct {
	// Verified is true if every attribute matched and the face reached its
	// threshold.
	Verified bool
	Reason   Reason
	// NIK, Name and DateOfBirth are the outcomes of the three attributes.
	NIK, Name, DateOfBirth Outcome
	// Face is the result of the face comparison, unknown if none was made.
	Face Percentage
	// Model made the templates that were compared, and Calibration gave the
	// percentage. They are empty if no faces were compared, or if that is not known.
	Model, Calibration string
}

// Percentage is the result of comparing two faces, 0 to 100 in steps of 0.01.
// It stands for a false match rate: see face.Calibration. The zero value is
// "not known", which is null on the wire.
type Percentage struct {
	hundredths uint16
	known      bool
}

// PercentageOf clamps v to 0..100 and rounds it, half away from zero, to two
// decimals. NaN gives an unknown percentage.
func PercentageOf(v float64) Percentage {
	if math.IsNaN(v) {
		return Percentage{}
	}
	return Percentage{uint16(math.Round(min(max(v, 0), 100) * 100)), true}
}

// Known reports whether p has a value.
func (p Percentage) Known() bool { return p.known }

// Value returns p as a number, 0 to 100, with at most two decimals. It is 0 if
// p is unknown.
func (p Percentage) Value() float64 { return float64(p.hundredths) / 100 }

// AtLeast reports whether p is known and reaches threshold. Both are rounded,
// so the caller is shown the same value that was compared.
func (p Percentage) AtLeast(threshold Percentage) bool {
	return p.known && p.hundredths >= threshold.hundredths
}

// Tens returns p rounded down to a multiple of ten. It is unknown if p is.
func (p Percentage) Tens() Percentage {
	const ten = 10 * 100
	p.hundredths -= p.hundredths % ten
	return p
}

// String returns the number with at most two decimals, or "null".
func (p Percentage) String() string {
	if !p.known {
		return "null"
	}
	return strconv.FormatFloat(p.Value(), 'f', -1, 64)
}

// MarshalJSON writes a JSON number with at most two decimals, or null.
func (p Percentage) MarshalJSON() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalJSON parses what MarshalJSON writes. Its error has kind
// KindMalformed.
func (p *Percentage) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*p = Percentage{}
		return nil
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil || v < 0 || v > 100 {
		return &Error{Kind: KindMalformed, Detail: "a percentage is a number from 0 to 100"}
	}
	*p = PercentageOf(v)
	return nil
}
