// Package policy turns what is known about a claim into a verdict: which
// outcomes the client is told, which reason comes first, whether the person is
// verified, and how much of that the client is told after misses. It is pure. It must not know where the evidence comes
// from, what time it is, or how a verdict is put on the wire.
package policy

import "github.com/sesuai/sesuai"

// Evidence is all that a verdict depends on.
type Evidence struct {
	// Found is whether the NIK is on record. If not, only that counts.
	Found  bool
	Status sesuai.Status
	// NameScore is how well the claimed name agrees with the recorded one, and
	// NameThreshold what it must reach, both 0 to 100. A registry may compare
	// nothing of a person who is not active: then NameScore is -1.
	NameScore, NameThreshold int
	// DateOfBirth is how the date's comparison came out.
	DateOfBirth sesuai.Outcome
	// Portrait is whether there was a reference portrait to compare with.
	Portrait bool
	// Percentage is how strictly the face matched, Threshold what it must
	// reach.
	Percentage, Threshold sesuai.Percentage
}

// Decide gives the verdict on the evidence. Each outcome is set on its own;
// the reason is the first cause in this order: the NIK is not on record, the
// person is not active, the name differs, the date of birth differs, there is
// no portrait, the face is below the threshold.
//
// So a deceased person whose name differs is "not active", and a person
// without a portrait whose name differs is "name does not match": what the
// client cannot fix by another photograph comes first.
//
// Decide fails closed. A person is verified only when every comparison was
// made and came out well: an unknown threshold or percentage, a name threshold
// of zero, or a score beyond the scale never verifies anybody.
func Decide(e Evidence) sesuai.Verdict {
	if !e.Found {
		// The contract's R2: null for what could not be compared, but a
		// percentage of 0, not null.
		return sesuai.Verdict{
			Reason: sesuai.ReasonNIKNotFound,
			NIK:    sesuai.NonMatch,
			Face:   sesuai.PercentageOf(0),
		}
	}
	v := sesuai.Verdict{
		NIK:         sesuai.Match,
		Name:        sesuai.OutcomeOf(nameMatches(e)),
		DateOfBirth: e.DateOfBirth,
	}
	active := e.Status == sesuai.Active
	if !active && e.NameScore < 0 {
		v.Name = sesuai.NotCompared
	}
	if active && e.Portrait {
		v.Face = e.Percentage
	}
	switch {
	case !active:
		v.Reason = sesuai.ReasonNotActive
	case v.Name != sesuai.Match:
		v.Reason = sesuai.ReasonNameDiffers
	case v.DateOfBirth != sesuai.Match:
		v.Reason = sesuai.ReasonDateDiffers
	case !v.Face.Known():
		v.Reason = sesuai.ReasonNoPortrait
	case !e.Threshold.Known() || !v.Face.AtLeast(e.Threshold):
		v.Reason = sesuai.ReasonFaceBelowThreshold
	default:
		v.Reason = sesuai.ReasonVerified
		v.Verified = true
	}
	return v
}

// nameMatches reports whether the name's score reaches the threshold. A
// threshold of zero was never set, and must not let every name pass.
func nameMatches(e Evidence) bool {
	return e.NameThreshold > 0 && e.NameScore >= e.NameThreshold && e.NameScore <= 100
}
