// Package sesuai holds the words that every part of the service shares: what
// a caller claims, how a comparison of it came out, the verdict, and the
// kinds of error. It must not know how any of them is obtained, stored or put
// on the wire, and it imports the standard library alone.
package sesuai

// Claim is what a caller says about a person: "the holder of this NIK has this
// name and was born on this date". A registry answers about a claim; it never
// hands out what it has on record.
type Claim struct {
	NIK         NIK
	Name        Name
	DateOfBirth Date
}

// Outcome is how the comparison of one claimed attribute came out.
type Outcome uint8

const (
	// NotCompared: there was nothing to compare with, or no answer to be had.
	NotCompared Outcome = iota
	// Match: the claimed value agrees with the record.
	Match
	// NonMatch: the claimed value differs from the record.
	NonMatch
)

// OutcomeOf is Match for true and NonMatch for false.
func OutcomeOf(match bool) Outcome {
	if match {
		return Match
	}
	return NonMatch
}

// String names the outcome as audit events and logs give it.
func (o Outcome) String() string {
	switch o {
	case Match:
		return "match"
	case NonMatch:
		return "non_match"
	default:
		return "not_compared"
	}
}

// Status is the standing of a person on record.
type Status uint8

const (
	// Active: the person can be verified.
	Active Status = iota
	// Deceased: the registry has recorded a death.
	Deceased
	// Inactive: the record is suspended, duplicated or otherwise not in force.
	Inactive
)

// String names the status as the import file and the command line write it.
func (s Status) String() string {
	switch s {
	case Active:
		return "active"
	case Deceased:
		return "deceased"
	default:
		return "inactive"
	}
}

// ParseStatus reads what Status.String writes; an empty text is Active.
func ParseStatus(text string) (Status, error) {
	switch text {
	case "", "active":
		return Active, nil
	case "deceased":
		return Deceased, nil
	case "inactive":
		return Inactive, nil
	default:
		return Inactive, &Error{Kind: KindInvalidAttribute, Detail: "status must be active, deceased or inactive"}
	}
}

// Attribute names one of a person's optional attributes, spelled as on the
// wire (contract.md, "The sibling endpoints").
type Attribute string

// The optional attributes of a person, by their names on the wire.
const (
	FamilyCardNumber Attribute = "no_kk"
	MotherMaidenName Attribute = "mother_maiden_name"
	PlaceOfBirth     Attribute = "place_of_birth"
	Address          Attribute = "address"
	Gender           Attribute = "gender"
	MaritalStatus    Attribute = "marital_status"
	JobType          Attribute = "job_type"
	Province         Attribute = "province"
	City             Attribute = "city"
	District         Attribute = "district"
	Subdistrict      Attribute = "subdistrict"
	RT               Attribute = "rt"
	RW               Attribute = "rw"
)

// Attributes lists every optional attribute in the order of the contract.
var Attributes = [...]Attribute{
	FamilyCardNumber, MotherMaidenName, PlaceOfBirth, Address, Gender, MaritalStatus, JobType,
	Province, City, District, Subdistrict, RT, RW,
}
