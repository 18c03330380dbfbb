// Package limit counts what clients ask, and refuses what exceeds their limits. What is
// counted is committed with the event of the request in the audit trail, and exact over
// all processes with one database. The package leaves it to package verify when a
// request starts, and to package recorder when one is completed.
package limit

import (
	"slices"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
)

// Day is the longest window of what is counted about a NIK, and Hour the shorter one.
const (
	Day  = 24 * time.Hour
	Hour = time.Hour
)

// FreeRefusals is the number of photographs of one NIK that may be refused in a window
// before a further refusal is a miss. An honest person needs several attempts at a
// usable photograph.
const FreeRefusals = 5

// Request is a request that starts.
type Request struct {
	// Client is the client's ID, and Settings its limits.
	Client   string
	Settings Settings
	// NIK is that of the person; zero if the request is about nobody.
	NIK sesuai.NIK
}

// Prior is what is known about a NIK before a request is completed: of all requests that
// were completed earlier, by any client, through any process.
type Prior struct {
	// Misses is the number of misses on the NIK in the last Day: answers that were not
	// verified, and photographs that were refused after FreeRefusals others. Above
	// MaxPrior it may be any number that is not less.
	Misses int
}

// MaxPrior is the number up to which Prior.Misses is exact.
const MaxPrior = 100

// kind is how a request counts against its NIK, as it is stored.
type kind int64

const (
	none     kind = 0 // it does not count
	miss     kind = 1
	refusal  kind = 2
	verified kind = 3
	leased   kind = 4 // a request in progress: see selectInProgress; not stored
)

// kindOf returns how a request with an event counts.
func kindOf(e audit.Event) kind {
	switch {
	case e.Result == audit.NotVerified:
		return miss
	case e.Result == audit.Refused && refusesPhotograph(sesuai.Kind(e.Reason)):
		return refusal
	case e.Result == audit.Verified:
		return verified
	default:
		return none
	}
}

// isNonMatch reports whether an answer says that the NIK is not on record, or that
// something differs. One that does not verify a person who is not active or has no
// portrait, or since the registry does not hold an attribute, is a miss all the same.
func isNonMatch(e audit.Event) bool {
	if e.Result != audit.NotVerified {
		return false
	}
	return e.NIKOutcome == sesuai.NonMatch || e.Name == sesuai.NonMatch || e.DateOfBirth == sesuai.NonMatch ||
		e.Compared && !e.Percentage.AtLeast(e.Threshold) ||
		slices.ContainsFunc(e.Attributes, func(a audit.AttributeOutcome) bool { return a.Outcome == sesuai.NonMatch })
}

// refusesPhotograph reports whether a photograph was refused for what it shows, or since
// it cannot be decoded. A registry, too, may refuse one so, which it does only for people
// on record: without a limit that would tell whether a NIK is.
func refusesPhotograph(k sesuai.Kind) bool {
	switch k {
	case sesuai.KindInvalidImage, sesuai.KindFaceNotDetected, sesuai.KindMultipleFaces, sesuai.KindFaceQuality,
		sesuai.KindSuspectedAttack, sesuai.KindSuspectedReplay:
		return true
	default:
		return false
	}
}

// tally is what is stored about a NIK in a window.
type tally struct{ misses, refusals, verified int }

// add adds what a request counts as.
func (t *tally) add(k kind, n int) {
	switch k {
	case miss:
		t.misses += n
	case refusal:
		t.refusals += n
	case verified:
		t.verified += n
	}
}

// total is the number of misses, with the refusals that are.
func (t tally) total() int { return t.misses + max(0, t.refusals-FreeRefusals) }

// attempts is the number of answers.
func (t tally) attempts() int { return t.misses + t.refusals + t.verified }

// dayOf returns the day of a time in UTC+7, as a number of days since 1970.
func dayOf(t time.Time) int64 {
	_, offset := t.In(sesuai.Jakarta).Zone()
	return (t.Unix() + int64(offset)) / int64(Day/time.Second)
}

// untilTomorrow returns how long it is until the next day.
func untilTomorrow(now time.Time) time.Duration {
	_, offset := now.In(sesuai.Jakarta).Zone()
	return time.Unix((dayOf(now)+1)*int64(Day/time.Second)-int64(offset), 0).Sub(now)
}
