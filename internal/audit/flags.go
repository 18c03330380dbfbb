package audit

import (
	"errors"
	"strings"
)

// Flags is a set of suspicions. The zero Flags is none.
type Flags uint8

// The suspicions there are.
const (
	// SuspectedReplay: the photograph is that of the reference portrait, or
	// of an earlier probe for the same person.
	SuspectedReplay Flags = 1 << iota
	// SuspectedPresentationAttack: the liveness measure was under its
	// threshold.
	SuspectedPresentationAttack
	// ScoreTooHigh: the registry's score is higher than two photographs of one
	// person give, as that of an edited copy of the reference portrait is.
	ScoreTooHigh
	// DuplicateRecord: the registry has several records of the NIK.
	DuplicateRecord
)

// flagNames are the flags' names, by bit.
var flagNames = [...]string{"SUSPECTED_REPLAY", "SUSPECTED_PRESENTATION_ATTACK", "SCORE_TOO_HIGH", "DUPLICATE_RECORD"}

// Has reports whether all of the others are in the set.
func (f Flags) Has(others Flags) bool { return f&others == others }

// String lists the names, with a space between; "" for none.
func (f Flags) String() string {
	var names []string
	for i, name := range flagNames {
		if f.Has(1 << i) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// ParseFlags reads what String writes, and nothing else.
func ParseFlags(s string) (Flags, error) {
	for f := range Flags(1 << len(flagNames)) {
		if f.String() == s {
			return f, nil
		}
	}
	return 0, errors.New("audit: there is no such flag")
}
