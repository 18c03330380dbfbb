// Package audit says what the audit trail is: one event for each verification,
// chained so that a later change shows. It must not know how events are
// stored, and an event never holds a NIK, a name, a date, an image or a
// template in a form that the trail's reader could open.
package audit

import (
	"context"
	"time"

	"github.com/sesuai/sesuai"
)

// Result is how a verification ended.
type Result string

// The results. Only the first two are verdicts.
const (
	Verified    Result = "verified"
	NotVerified Result = "not_verified"
	// Refused: the photograph could not be used; Reason holds the error's kind.
	Refused Result = "refused"
	// Unavailable: the registry could not answer.
	Unavailable Result = "unavailable"
)

// Event is one verification.
type Event struct {
	Time      time.Time
	RequestID string
	// Client is the client's id, not its user name.
	Client string
	// NIK is handed over so that the Log can keep its keyed hash; the Log
	// keeps nothing else of it.
	NIK    sesuai.NIK
	Result Result
	// Reason is the verdict's reason, or the kind of the error.
	Reason string
	// NIKOutcome, Name and DateOfBirth are the outcomes of the three
	// attributes.
	NIKOutcome, Name, DateOfBirth sesuai.Outcome
	// NameScore is the name's agreement, 0 to 100; -1 if not compared.
	NameScore int
	// Percentage and Score are the face's; Score means something only when
	// Compared.
	Compared   bool
	Percentage sesuai.Percentage
	Score      float64
	// Threshold is the percentage that was asked for.
	Threshold sesuai.Percentage
	// Model and Calibration identify what made the score and the scale.
	Model, Calibration string
	// Flags are what was suspected, whether or not it was refused for it.
	Flags Flags
	// Liveness is how much the photograph looked like one of a living person,
	// 0 to 1; it means something only when LivenessKnown.
	LivenessKnown bool
	Liveness      float64
	Duration      time.Duration
}

// Log keeps events. It is safe for concurrent use.
type Log interface {
	// Append records the event. When it returns nil the event is durable: it
	// survives a kill -9 and a power cut. An error, of kind
	// sesuai.KindUnavailable, means that it is not known to be recorded, and
	// the caller must not give the verdict. If ctx ends first its error is in
	// the chain; the event is then not recorded, unless it was just being
	// written.
	Append(ctx context.Context, e Event) error
}
