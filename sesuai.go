// Package sesuai defines the values that every part of the service shares:
// claims, outcomes, verdicts, percentages and the kinds of error. It leaves
// obtaining, storing and encoding them to other packages, and imports only the
// standard library.
package sesuai

// Claim is what a caller says about a person: "the holder of this NIK has this
// name and was born on this date". A registry answers about a claim; it never
// hands out what it has on record.
//
// Only the NIK is required. A zero Name or DateOfBirth is not claimed.
type Claim struct {
	NIK         NIK
	Name        Name
	DateOfBirth Date
	// Attributes are the claimed values of the optional attributes.
	Attributes map[Attribute]Text
}

// Outcome is the result of comparing one claimed attribute.
type Outcome uint8

const (
	// NotCompared: the record has no such value, or no answer was available.
	NotCompared Outcome = iota
	// Match: the claimed value agrees with the record.
	Match
	// NonMatch: the claimed value differs from the record.
	NonMatch
)

// OutcomeOf returns Match for true and NonMatch for false.
func OutcomeOf(match bool) Outcome {
	if match {
		return Match
	}
	return NonMatch
}

// String returns the outcome's name in audit events and logs.
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

// Status says whether a person's record is in force.
type Status uint8

const (
	// Active: the person can be verified.
	Active Status = iota
	// Deceased: the registry has recorded a death.
	Deceased
	// Inactive: the record is suspended, duplicated or otherwise not in force.
	Inactive
)

// String returns the status as import files and the command line spell it.
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

// ParseStatus parses what Status.String returns. An empty text is Active. The
// error has kind KindInvalidAttribute.
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

// What every record has, by its names on the wire.
const (
	NameAttribute        Attribute = "name"
	DateOfBirthAttribute Attribute = "date_of_birth"
)

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
