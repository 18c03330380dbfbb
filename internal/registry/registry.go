// Package registry defines what a population registry is to Sesuai: it answers
// questions about a person and never hands out a record. It holds the interfaces
// and their values; registrytest holds the conformance tests. It leaves where
// answers come from, and what follows from them, to others.
package registry

import (
	"context"
	"errors"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// ErrDamaged is in the chain of an error about a person whose record is not as
// it was written. The registry still answers about others. To ask again about
// this person is of no use; Enroller.Remove is the way out.
var ErrDamaged = errors.New("the record is damaged")

// Registry answers questions about people. It never hands out a record.
// Implementations are safe for concurrent use.
type Registry interface {
	// Ask compares the claimed attributes with the record of q.Claim.NIK and,
	// if q has a probe and the person is active, the probe with the reference
	// portrait. The answer is about one state of the record, except where the
	// record is elsewhere and its owner has a service for each. An unknown NIK
	// is Answer{Found: false}, not an error.
	//
	// Every error means "could not answer" and has kind sesuai.KindUnavailable;
	// none may be read as "not found" or "differs". When ctx ends Ask returns
	// promptly, with ctx's error in the chain. A registry with a matcher of its
	// own may refuse the probe's photograph: that error has kind
	// sesuai.KindInvalidImage.
	Ask(ctx context.Context, q Question) (Answer, error)
}

// Preparer is a Registry that can read the record before there is a probe, so that
// reading takes no time after the face is extracted.
//
// A registry whose questions cost money, or show others whom they are about, must
// not be a Preparer: it is asked about photographs that are refused later. A type
// with an Ask of its own must not embed a Preparer that answers otherwise.
type Preparer interface {
	Registry
	// Prepare reads the record of q.Claim.NIK and returns what Ask would answer
	// at this moment about q with the probe that answer is called with, instead
	// of q.Probe. answer(nil) is the answer without a probe.
	//
	// Errors are those of Ask. Those that need no probe are Prepare's, also about
	// a portrait. answer waits for nothing and holds no connection, so there may
	// be any time before it is called, and it may be dropped. It must not be
	// called concurrently.
	Prepare(ctx context.Context, q Question) (answer func(probe *face.Probe) (Answer, error), err error)
}

// Question is what a registry is asked about one person.
type Question struct {
	// Caller is on whose behalf the question is asked.
	Caller Caller
	// Claim is what is claimed about the person. Only its NIK is required.
	Claim sesuai.Claim
	// Probe is compared with the reference portrait. If it is nil, no face is
	// compared.
	Probe *face.Probe
}

// Caller identifies the client and its request as the audit trail does. Both are
// empty for the operator at the command line.
type Caller struct{ Client, RequestID string }

// Answer is what a registry says about a person.
type Answer struct {
	// Found is whether the NIK is on record. If not, the rest is zero.
	Found  bool
	Status sesuai.Status
	// Duplicate is whether the registry has several records of the NIK. Status
	// then says what the operator makes of that.
	Duplicate bool
	// NameScore is how well the claimed name agrees with the recorded one, 0 to
	// 100; internal/name defines the scale. It is NotScored if no name was
	// claimed or the name was not compared.
	NameScore int
	// DateOfBirth is NotCompared if no date was claimed. A registry may compare
	// neither name nor date of a person who is not active.
	DateOfBirth sesuai.Outcome
	// Attributes has an entry for each claimed attribute of
	// sesuai.Claim.Attributes. A registry may compare none of a person who is
	// not active.
	Attributes map[sesuai.Attribute]Agreement
	// Face is zero if there was no probe or the person is not active.
	Face Comparison
}

// NotScored is the NameScore of a name that was not compared.
const NotScored = -1

// Comparison is what a registry says about a face.
type Comparison struct {
	// Portrait is whether there was a reference portrait to compare with. If
	// not, the rest is zero.
	Portrait bool
	// Similarity is what Score was computed from. It is zero for a matcher
	// other than the face engine.
	Similarity face.Similarity
	// Score is the backend's own comparison score (higher is more similar):
	// that of the calibration's formula for the face engine, matchScore for
	// Dukcapil.
	Score float64
	// Percentage is the score on the calibrated scale.
	Percentage sesuai.Percentage
	// Model and Calibration identify what made the score and the scale.
	Model, Calibration string
	// SamePhotograph is whether the probe is the photograph of the reference
	// portrait, byte by byte or in another form: see face.Signature. It is
	// false where the registry cannot tell.
	SamePhotograph bool
	// Suspect is whether the score is higher than two photographs of one person
	// give, as that of an edited copy of the reference portrait is.
	Suspect bool
}
