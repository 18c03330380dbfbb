package policy

import "github.com/sesuai/sesuai"

// Disclosure is about what answers say after misses on a NIK
// (docs/decisions/disclosure.md). A miss is a verification that does not verify the
// person. Those of the last 24 hours count, of all clients and nodes.
type Disclosure struct {
	// ExactMisses is how many misses on a NIK are answered exactly. After them, an
	// answer that does not verify the person no longer says what differs, and a
	// percentage under the threshold is rounded down to tens. 0 means all.
	ExactMisses int `yaml:"exact_misses" range:"0,100"`
	// TensMisses is the number of misses on a NIK after which such a percentage is 0.
	// 0 means that it never is.
	TensMisses int `yaml:"tens_misses" range:"0,100"`
}

// DefaultDisclosure returns the default: three exact answers, seven in tens.
func DefaultDisclosure() Disclosure { return Disclosure{ExactMisses: 3, TensMisses: 10} }

// Detail is how much an answer says that does not verify the person.
type Detail struct {
	// Precision is that of a percentage under the threshold.
	Precision sesuai.Precision
	// Attributes is whether the answer has the outcomes of name, date of birth and
	// the other attributes, and a reason that names what differs.
	Attributes bool
}

// After returns how much the answer says after that many misses, to a client whose
// setting is p.
func (d Disclosure) After(misses int, p sesuai.Precision) Detail {
	detail := Detail{Precision: p, Attributes: true}
	if d.ExactMisses > 0 && misses >= d.ExactMisses {
		detail.Attributes = false
		detail.Precision = max(detail.Precision, sesuai.PrecisionTens)
	}
	if d.TensMisses > 0 && misses >= d.TensMisses {
		detail.Precision = sesuai.PrecisionNone
	}
	return detail
}

// Disclose returns what the client is told of a verdict, given the threshold that the
// face had to reach. A verified answer, and one about a NIK that is not on record, are
// unchanged.
//
// Without Detail.Attributes, name and date of birth are null whether they match or not,
// and the first cause is sought in another order: the person is not active, there is no
// portrait, the face is below the threshold, name or date differ. So nothing about name
// and date is told to whoever does not have the face, and of two answers that do not
// verify the person nobody can tell in which of them the date was right.
//
// A percentage that has reached the threshold is given as the threshold unless
// Detail.Precision is exact: the face passed, and no answer says by how much until name
// and date match, too.
func Disclose(v sesuai.Verdict, threshold sesuai.Percentage, d Detail) sesuai.Verdict {
	if v.Verified || v.NIK != sesuai.Match {
		return v
	}
	passed := threshold.Known() && v.Face.AtLeast(threshold)
	if !d.Attributes {
		v.Name, v.DateOfBirth = sesuai.NotCompared, sesuai.NotCompared
		switch {
		case v.Reason == sesuai.ReasonNotActive:
		case !v.Face.Known():
			v.Reason = sesuai.ReasonNoPortrait
		case !passed:
			v.Reason = sesuai.ReasonFaceBelowThreshold
		default:
			v.Reason = sesuai.ReasonDataDiffers
		}
	}
	switch {
	case !v.Face.Known() || d.Precision == sesuai.PrecisionExact:
	case passed:
		v.Face = threshold
	case d.Precision == sesuai.PrecisionTens:
		v.Face = v.Face.Tens()
	default:
		v.Face = sesuai.PercentageOf(0)
	}
	return v
}

// DiscloseData is Disclose for a verdict on data. Without Detail.Attributes every
// attribute that was claimed is null. The reason is the first of: the person is not
// active, the registry does not hold an attribute, something differs. Whether the
// registry holds an attribute does not depend on what was claimed.
func DiscloseData(v sesuai.DataVerdict, d Detail) sesuai.DataVerdict {
	if v.Verified || v.NIK != sesuai.Match || d.Attributes {
		return v
	}
	told := sesuai.DataVerdict{NIK: v.NIK, Reason: v.Reason}
	if v.Reason != sesuai.ReasonNotActive {
		told.Reason = generalReason(v)
	}
	if len(v.Attributes) > 0 {
		told.Attributes = make(map[sesuai.Attribute]sesuai.Outcome, len(v.Attributes))
	}
	for a := range v.Attributes {
		told.Attributes[a] = sesuai.NotCompared
	}
	return told
}

// generalReason is the reason for an active person that does not say what differs.
func generalReason(v sesuai.DataVerdict) sesuai.Reason {
	for _, a := range sesuai.Attributes {
		if outcome, claimed := v.Attributes[a]; claimed && outcome == sesuai.NotCompared {
			return sesuai.ReasonNotAvailable(a)
		}
	}
	return sesuai.ReasonDataDiffers
}
