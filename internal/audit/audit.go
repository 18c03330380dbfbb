// Package audit is the audit trail: one event for each verification and for each
// change by an operator, chained by keyed hashes so that a later change shows. A
// stored event has a keyed hash in place of the NIK, and no name, date, image or
// template. The package leaves it to package verify what happened in a verification,
// to the packages that own the data what a change is, and to package recorder when
// events are committed.
package audit

import (
	"context"
	"time"

	"github.com/sesuai/sesuai"
)

// Result is how a verification ended, or Changed.
type Result string

// The results. Only the first two are verdicts.
const (
	Verified    Result = "verified"
	NotVerified Result = "not_verified"
	// Refused: the photograph could not be used, and Reason is the kind of the error;
	// or, of the endpoint Access, the client was not accepted, and Reason is why.
	Refused Result = "refused"
	// Unavailable: the registry could not answer.
	Unavailable Result = "unavailable"
	// Matched and NotMatched are the verdicts about two photographs. Reason is the
	// code. They are no verdicts about a person.
	Matched    Result = "matched"
	NotMatched Result = "not_matched"
	// Measured is the verdict about the liveness of a photograph. Reason is the
	// status.
	Measured Result = "measured"
	// Changed: it is not a verification but a change by an operator.
	Changed Result = "changed"
)

// Endpoint is what a verification was asked for.
type Endpoint string

// The endpoints. Events from before schema 9 are of face verifications.
const (
	FaceVerification Endpoint = ""
	DataVerification Endpoint = "data_verification"
	FaceMatch        Endpoint = "face_match"
	PassiveLiveness  Endpoint = "passive_liveness"
	// Access is that of a client that was not accepted, whatever it asked for.
	Access Endpoint = "access"
)

// String returns the endpoint's name.
func (e Endpoint) String() string {
	if e == FaceVerification {
		return "face_verification"
	}
	return string(e)
}

// AttributeOutcome is the outcome of one attribute.
type AttributeOutcome struct {
	Attribute sesuai.Attribute
	Outcome   sesuai.Outcome
}

// Event is one verification, or one change.
type Event struct {
	// Time is when the verification started, or when the change was made.
	Time      time.Time
	RequestID string
	// Client is the client's ID, not its username. In a change it is the client, or
	// the operator, that was changed.
	Client string
	// NIK is stored only as a keyed hash. It is zero in a change that is not
	// about one person.
	NIK    sesuai.NIK
	Result Result
	// Reason is the reason of the verdict, or the kind of the error.
	Reason string
	// NIKOutcome, Name and DateOfBirth are the outcomes of the attributes.
	NIKOutcome, Name, DateOfBirth sesuai.Outcome
	// NameScore is the similarity of the names, 0 to 100; -1 if they were not
	// compared.
	NameScore int
	// NameThreshold is the client's threshold for NameScore.
	NameThreshold int
	// Compared reports whether the face was compared. Only then do Score and what
	// it was computed from have a meaning.
	Compared   bool
	Percentage sesuai.Percentage
	Score      float64
	// Cosine, ReferenceLength and ProbeLength are what Score was computed from:
	// see face.Similarity. They are 0 for a matcher other than the face engine.
	// ReferenceLength is 0 too if the reference was stored without one.
	Cosine, ReferenceLength, ProbeLength float64
	// Threshold is the client's threshold for Percentage.
	Threshold sesuai.Percentage
	// Model made the templates that were compared. Calibration is the ID of the
	// scale from Score to Percentage.
	Model, Calibration string
	// Flags are the suspicions, whether or not the request was refused for them.
	Flags Flags
	// ReplayChecked reports whether the photograph was compared with earlier
	// ones. If Flags has no SuspectedReplay, none of them was like it.
	ReplayChecked bool
	// LivenessKnown reports whether Liveness was measured: 0 to 1, higher if the
	// photograph looks more like one of a living person.
	LivenessKnown bool
	Liveness      float64
	// LivenessThreshold is the threshold for Liveness.
	LivenessThreshold float64
	// Measures are the quality measures for which the photograph was refused.
	Measures []string
	Duration time.Duration
	// Endpoint is what was asked for. Attributes are the outcomes of all that was
	// claimed in a data verification, name and date of birth included, in the
	// order of sesuai.Claimable.
	Endpoint   Endpoint
	Attributes []AttributeOutcome
	// Reference is the client's own id for the request, as it is recorded; "" if it
	// gave none.
	Reference string
	// Consent is what the client stated of the ground for the request; zero if it
	// stated nothing.
	Consent sesuai.Consent

	// The rest is about a change, and zero for a verification: see Change. A trial has an
	// Actor, too.

	Action Action
	// Actor is the operating system's user who made the change, or an operator of the
	// console: "operator:" and the name.
	Actor string
	Count int64
	// Before and After are keyed hashes of what was changed; zero if it was not
	// there.
	Before, After [32]byte
	State         [32]byte
}

// Log records events. It is safe for concurrent use.
type Log interface {
	// Append records an event. If it returns nil the event is durable: it
	// survives a kill -9 and a power cut. Any error has kind
	// sesuai.KindUnavailable and means that the event may not be recorded. The
	// caller must then not give the verdict. If ctx ends first, its error is in
	// the chain, and the event is not recorded unless it was being written.
	Append(ctx context.Context, e Event) error
}
