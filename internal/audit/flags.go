package audit

import (
	"errors"
	"strings"
)

// Flags is a set of what is remarkable about a verification. The zero Flags is empty.
type Flags uint8

// The flags. All but the last three are suspicions.
const (
	// SuspectedReplay: the photograph is the reference portrait, or was sent
	// before about the same person.
	SuspectedReplay Flags = 1 << iota
	// SuspectedPresentationAttack: the liveness measure was below its threshold.
	SuspectedPresentationAttack
	// ScoreTooHigh: the registry's score is higher than two photographs of one
	// person give. An edited copy of the reference portrait has such a score.
	ScoreTooHigh
	// DuplicateRecord: the registry has several records of the NIK.
	DuplicateRecord
	// CoarseAnswer: the client was told less than the event says, since there were
	// misses on the NIK before, or since its setting says so.
	CoarseAnswer
	// Trial: an operator has tried out a photograph and a claim in the console. No client
	// asked, and nothing but the event is stored. Actor is the operator.
	Trial
)

// flagNames are the names of the flags, in the order of their bits.
var flagNames = [...]string{"SUSPECTED_REPLAY", "SUSPECTED_PRESENTATION_ATTACK", "SCORE_TOO_HIGH", "DUPLICATE_RECORD", "COARSE_ANSWER", "TRIAL"}

// AllFlags returns each flag.
func AllFlags() (all []Flags) {
	for i := range flagNames {
		all = append(all, 1<<i)
	}
	return all
}

// Has reports whether f contains all of others.
func (f Flags) Has(others Flags) bool { return f&others == others }

// String returns the names of the flags, separated by spaces.
func (f Flags) String() string {
	var names []string
	for i, name := range flagNames {
		if f.Has(1 << i) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// ParseFlags parses what String returns, and nothing else.
func ParseFlags(s string) (Flags, error) {
	for f := range Flags(1 << len(flagNames)) {
		if f.String() == s {
			return f, nil
		}
	}
	return 0, errors.New("audit: there is no such flag")
}
