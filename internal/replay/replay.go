// Package replay detects a probe that was sent before: Judge compares it with the
// earlier ones of the person. It leaves storing probes to package people, when
// that is committed to package recorder, comparing photographs to package face,
// and the consequences of a replay to its callers.
package replay

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"slices"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

const (
	// MaxVerified and MaxOthers are how many probes of a person are remembered:
	// the latest with the Result Verified, and the latest of each other Result.
	// So attempts that fail never displace a photograph that was verified.
	MaxVerified, MaxOthers = 64, 32
	// MaxProbes is the greatest number of probes that are remembered of a
	// person.
	MaxProbes = MaxVerified + 2*MaxOthers
	// DefaultMaxAge is how long a probe is remembered: 90 days.
	DefaultMaxAge = 90 * 24 * time.Hour
	// RetryWindow is how long a request may be sent again under its id without
	// being a replay. It is longer than a client retries, and shorter than a
	// thief needs to use a stolen photograph.
	RetryWindow = 10 * time.Minute
)

// Update is a change of the probes that are remembered of one person.
type Update struct {
	NIK sesuai.NIK
	// Change returns the probes to remember from now on, given the earlier ones.
	// Both are oldest first. If it returns none, nothing changes. It must not
	// modify earlier, and it must not panic: others share the transaction.
	//
	// If err is not nil the earlier probes cannot be read, and what Change
	// returns is dropped. The store then still changes those of other people.
	//
	// Change may be called more than once, if its transaction is run again. The
	// last call counts.
	Change func(earlier []Probe, err error) (kept []Probe)
}

// Probe is a probe as it is remembered.
type Probe struct {
	Signature face.Signature
	// Aligned is the face of a probe that is being verified, if it is known. It
	// is not remembered.
	Aligned *face.Aligned
	// Request is the request that the probe came with. It is zero for a probe
	// that was seen before.
	Request Request
	// At is when the probe came, in Unix microseconds.
	At int64
	// Result is the best result that the photograph has had, replays aside.
	Result Result
}

// Result is how well a probe did. A greater one is better.
type Result uint8

const (
	// NonMatch: the face did not match, or the photograph was known already.
	NonMatch Result = iota
	// Match: the face matched, and the person was not verified.
	Match
	// Verified: the person was verified.
	Verified
)

// max returns how many probes with the result are remembered.
func (r Result) max() int {
	if r == Verified {
		return MaxVerified
	}
	return MaxOthers
}

// Request identifies a request of a client with all that it says. If a client
// sends the same again under the same id, both are equal.
type Request [16]byte

// RequestOf returns the request that the client gave that id, with its claim and
// the SHA-256 of its photograph.
func RequestOf(client, id string, claim sesuai.Claim, photo [sha256.Size]byte) Request {
	h := sha256.New()
	field := func(text string) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
		_, _ = io.WriteString(h, text)
	}
	for _, text := range []string{client, id, claim.NIK.Reveal(), claim.Name.Reveal(), claim.DateOfBirth.Reveal()} {
		field(text)
	}
	for _, a := range sesuai.Attributes {
		field(claim.Attributes[a].Reveal())
	}
	h.Write(photo[:])
	return Request(h.Sum(nil))
}

// Judge reports whether p was sent before, given the person's earlier probes,
// oldest first. It also returns what to remember from now on, oldest first.
//
// A probe was sent before if it is near an earlier one: see
// face.Signature.Near. The same Request within RetryWindow is a retry, and was
// not. A retry does not change the remembered time, so retries do not extend the
// window.
//
// Judge drops probes older than maxAge, and the oldest of a Result if there are
// too many. A probe replaces an earlier one with an identical file and keeps the
// better result, so sending one photograph over and over does not displace the
// others. A probe that was sent before is remembered without its request:
// sending it again is not a retry. If it was sent in another form, its result is
// NonMatch, so edited copies displace no photograph that they are copies of.
func Judge(earlier []Probe, p Probe, maxAge time.Duration) (seen bool, kept []Probe) {
	kept = make([]Probe, 0, len(earlier)+1)
	aligned := p.Aligned
	p.Aligned = nil
	last, result, identical := p, p.Result, false
	for _, e := range earlier {
		switch retry := retried(e, p); {
		case p.At-e.At > maxAge.Microseconds():
			continue
		case retry:
			last = e
		case e.Signature.Identical(p.Signature):
			seen = true
		}
		if e.Signature.Identical(p.Signature) {
			result, identical = max(result, e.Result), true
			continue
		}
		kept = append(kept, e)
	}
	// To compare photographs takes longer than to compare files.
	for i := 0; i < len(kept) && !seen; i++ {
		seen = p.Signature.Near(kept[i].Signature, aligned)
	}
	if seen {
		last = p
		last.Request = Request{}
		if !identical {
			result = NonMatch
		}
	}
	last.Result = result
	return seen, latest(append(kept, last))
}

// latest drops the oldest probes of each result of which there are too many.
func latest(probes []Probe) []Probe {
	var n [Verified + 1]int
	for _, p := range probes {
		n[p.Result]++
	}
	return slices.DeleteFunc(probes, func(p Probe) bool {
		drop := n[p.Result] > p.Result.max()
		if drop {
			n[p.Result]--
		}
		return drop
	})
}

func retried(e, p Probe) bool {
	passed := time.Duration(p.At-e.At) * time.Microsecond
	return e.Request != Request{} && e.Request == p.Request &&
		e.Signature.Identical(p.Signature) && passed.Abs() <= RetryWindow
}
