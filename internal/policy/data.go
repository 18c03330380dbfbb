package policy

import "github.com/sesuai/sesuai"

// DataEvidence is all that the verdict of a data verification depends on.
type DataEvidence struct {
	// Found is whether the NIK is on record. If not, only that and Attributes'
	// keys count.
	Found  bool
	Status sesuai.Status
	// NameClaimed and DateClaimed are whether a name and a date of birth were
	// claimed. NameScore, NameThreshold and DateOfBirth are as in Evidence.
	NameClaimed, DateClaimed bool
	NameScore, NameThreshold int
	DateOfBirth              sesuai.Outcome
	// Attributes has the outcome of each other attribute that was claimed.
	Attributes map[sesuai.Attribute]sesuai.Outcome
}

// DecideData gives the verdict on the evidence. Each outcome is set on its own; the
// reason is the first cause in this order: the NIK is not on record, the person is
// not active, the name, the date of birth, and then each attribute in the order of
// sesuai.Attributes. An attribute that the registry does not hold verifies nobody.
//
// Like Decide it fails closed: a person is verified only if something was claimed
// and all of it was compared and matched.
func DecideData(e DataEvidence) sesuai.DataVerdict {
	v := sesuai.DataVerdict{NIK: sesuai.OutcomeOf(e.Found)}
	if len(e.Attributes) > 0 {
		v.Attributes = make(map[sesuai.Attribute]sesuai.Outcome, len(e.Attributes))
	}
	for a := range e.Attributes {
		v.Attributes[a] = sesuai.NotCompared
	}
	if !e.Found {
		v.Reason = sesuai.ReasonNIKNotFound
		return v
	}
	active := e.Status == sesuai.Active
	if e.NameClaimed && (active || e.NameScore >= 0) {
		v.Name = sesuai.OutcomeOf(nameMatches(Evidence{NameScore: e.NameScore, NameThreshold: e.NameThreshold}))
	}
	if e.DateClaimed {
		v.DateOfBirth = e.DateOfBirth
	}
	for a, outcome := range e.Attributes {
		v.Attributes[a] = outcome
	}
	switch {
	case !active:
		v.Reason = sesuai.ReasonNotActive
		return v
	case e.NameClaimed && v.Name != sesuai.Match:
		v.Reason = sesuai.ReasonNameDiffers
		return v
	case e.DateClaimed && v.DateOfBirth != sesuai.Match:
		v.Reason = sesuai.ReasonDateDiffers
		return v
	}
	compared := 0
	for _, a := range sesuai.Attributes {
		outcome, claimed := v.Attributes[a]
		switch {
		case !claimed:
		case outcome == sesuai.Match:
			compared++
		case outcome == sesuai.NonMatch:
			v.Reason = sesuai.ReasonDiffers(a)
			return v
		default:
			v.Reason = sesuai.ReasonNotAvailable(a)
			return v
		}
	}
	v.Reason = sesuai.ReasonVerified
	// An attribute that is not one of sesuai.Attributes is not compared.
	v.Verified = compared == len(e.Attributes) && (e.NameClaimed || e.DateClaimed || compared > 0)
	return v
}
