package sesuai

import (
	"slices"
	"strings"
)

// Claimable lists everything that can be claimed about the holder of a NIK, in the
// order of the contract.
var Claimable = slices.Concat([]Attribute{NameAttribute, DateOfBirthAttribute}, Attributes[:])

// Claimed returns what is claimed about the holder of the NIK, in the order of the
// contract.
func (c Claim) Claimed() []Attribute {
	return slices.DeleteFunc(slices.Clone(Claimable), func(a Attribute) bool {
		switch a {
		case NameAttribute:
			return c.Name.IsZero()
		case DateOfBirthAttribute:
			return c.DateOfBirth.IsZero()
		default:
			return c.Attributes[a].IsZero()
		}
	})
}

// DataVerdict is the answer about a claim without a photograph.
type DataVerdict struct {
	// Verified is true if everything that was claimed matched.
	Verified bool
	Reason   Reason
	// NIK is NonMatch if the NIK is not on record. The others are then
	// NotCompared.
	NIK Outcome
	// Name and DateOfBirth count only if they were claimed.
	Name, DateOfBirth Outcome
	// Attributes has the outcome of each attribute that was claimed.
	Attributes map[Attribute]Outcome
}

// Outcome returns the outcome of one of Claimable.
func (v DataVerdict) Outcome(a Attribute) Outcome {
	switch a {
	case NameAttribute:
		return v.Name
	case DateOfBirthAttribute:
		return v.DateOfBirth
	default:
		return v.Attributes[a]
	}
}

// words returns the attribute's name as it stands at the start of a reason.
func (a Attribute) words() string {
	switch a {
	case FamilyCardNumber:
		return "No KK"
	case RT, RW:
		return strings.ToUpper(string(a))
	default:
		text := strings.ReplaceAll(string(a), "_", " ")
		return strings.ToUpper(text[:1]) + text[1:]
	}
}

// ReasonDiffers is the reason for an attribute that differs from the record.
func ReasonDiffers(a Attribute) Reason { return Reason(a.words() + " does not match") }

// ReasonNotAvailable is the reason for an attribute that the registry does not
// hold.
func ReasonNotAvailable(a Attribute) Reason {
	return Reason(a.words() + " is not available on Dukcapil database")
}
