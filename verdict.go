package sesuai

import (
	"math"
	"strconv"
)

// Reason is why a verdict came out as it did: the first cause in the
// contract's order. The texts are those of the wire contract.
type Reason string

// The reasons a verdict can have.
const (
	ReasonVerified       Reason = "Verification Success"
	ReasonNIKNotFound    Reason = "NIK not found on Dukcapil database"
	ReasonNotActive      Reason = "NIK is not active on Dukcapil database"
	ReasonNameDiffers    Reason = "Name does not match"
	ReasonDateDiffers    Reason = "Date of birth does not match"
	ReasonNoPortrait     Reason = "Face is not available on Dukcapil database"
	ReasonFaceBelowPass  Reason = "Selfie image does not pass the threshold"
	ReasonRegistryFailed Reason = "Something wrong in Dukcapil server"
)

// Verdict is the answer about a claim and a photograph.
type Verdict struct {
	// Verified is whether everything matched and the face passed.
	Verified bool
	Reason   Reason
	// NIK, Name and DateOfBirth are the outcomes of the three attributes.
	NIK, Name, DateOfBirth Outcome
	// Face is how strictly the face matched; unknown where no comparison
	// was made.
	Face Percentage
}

// Percentage is how strictly two faces match, from 0 to 100 in hundredths. It
// stands for a false match rate: see face.Calibration. The zero value is "not
// known", which is null on the wire.
type Percentage struct {
	hundredths uint16
	known      bool
}

// PercentageOf rounds v, half away from zero, to two decimals and clamps it to
// 0..100. NaN is not known.
func PercentageOf(v float64) Percentage {
	if math.IsNaN(v) {
		return Percentage{}
	}
	return Percentage{uint16(math.Round(min(max(v, 0), 100) * 100)), true}
}

// Known reports whether there is a percentage at all.
func (p Percentage) Known() bool { return p.known }

// Value is the percentage, 0 to 100, with at most two decimals; 0 if unknown.
func (p Percentage) Value() float64 { return float64(p.hundredths) / 100 }

// AtLeast reports whether p is known and reaches threshold. Both are rounded
// values, so what a caller is shown is what was compared.
func (p Percentage) AtLeast(threshold Percentage) bool {
	return p.known && p.hundredths >= threshold.hundredths
}

// String is the number with at most two decimals, or "null".
func (p Percentage) String() string {
	if !p.known {
		return "null"
	}
	return strconv.FormatFloat(p.Value(), 'f', -1, 64)
}

// MarshalJSON writes a JSON number with at most two decimals, or null.
func (p Percentage) MarshalJSON() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalJSON reads what MarshalJSON writes.
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
