package registry

import (
	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/attribute"
)

// Agreement is what a registry says about a claimed attribute.
type Agreement struct {
	// Outcome is NotCompared if the registry does not hold the attribute.
	Outcome sesuai.Outcome
	// Score is how well the claimed value agrees, 0 to 100; NotScored if the
	// registry does not hold the attribute or does not say.
	Score int
}

// Agreements compares the attributes of a claim with the recorded ones, by the
// rules of package attribute. recorded returns "" for one that is not held. The
// result has an entry for each claimed attribute; it is nil if none is claimed.
func Agreements(claim sesuai.Claim, recorded func(sesuai.Attribute) string) map[sesuai.Attribute]Agreement {
	if len(claim.Attributes) == 0 {
		return nil
	}
	all := make(map[sesuai.Attribute]Agreement, len(claim.Attributes))
	for a, claimed := range claim.Attributes {
		value := recorded(a)
		agreement := Agreement{Outcome: attribute.Compare(a, claimed.Reveal(), value), Score: NotScored}
		if agreement.Outcome != sesuai.NotCompared {
			agreement.Score = attribute.Score(a, claimed.Reveal(), value)
		}
		all[a] = agreement
	}
	return all
}
