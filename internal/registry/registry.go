// Package registry says what a population registry is to Sesuai: something
// that answers about a claim and never hands out a record. It holds the
// interface and its values; registrytest is the exam that every registry
// passes. It must not know any backend, any storage or any wire.
package registry

import (
	"context"
	"errors"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// ErrDamaged is in the chain of an error about one person whose record is not
// as it was written. The registry answers about others; for this one asking
// again is of no use, and Enroller.Remove is the way out.
var ErrDamaged = errors.New("the record is damaged")

// Registry answers about claims. Implementations are safe for concurrent use
// and honour ctx: when it ends they return promptly with its error in the
// chain. Every error means "could not answer" and has kind
// sesuai.KindUnavailable, but for the one of Compare; it must never be read as
// "not found" or "differs".
//
// A registry that keeps account of who asks finds that in ctx: see WithAsker.
type Registry interface {
	// Check compares the claimed attributes with the record of claim.NIK.
	// An unknown NIK is Record{Found: false}, not an error.
	Check(ctx context.Context, claim sesuai.Claim) (Record, error)

	// Compare compares the probe with the reference portrait on record.
	// It is called only after Check has found an active person, or at the same
	// time as Check where the operator would rather pay for what Check may make
	// needless; then it counts only if Check finds one. A person
	// without a portrait, or one who has gone since, is
	// Comparison{Portrait: false}, not an error; see Comparison.Revision.
	//
	// A registry with a matcher of its own may not be able to work with the
	// probe's photograph: that is an error of kind sesuai.KindInvalidImage.
	Compare(ctx context.Context, nik sesuai.NIK, probe face.Probe) (Comparison, error)
}

// Preparer is a Registry whose comparisons take work that does not depend on
// what Check says: it can be done while Check waits for others (see WithWaits).
type Preparer interface {
	Registry

	// Prepare does that work. Nobody is asked. An error is as one of Compare.
	Prepare(ctx context.Context, nik sesuai.NIK, probe face.Probe) (Prepared, error)
}

// Prepared is a comparison that is prepared. One of its methods is called, once.
type Prepared interface {
	// Compare is what Registry.Compare does beyond Prepare.
	Compare(ctx context.Context) (Comparison, error)
	// Drop undoes what Prepare did: there will be no comparison.
	Drop(ctx context.Context)
}

// Record is what a registry says about a claim's attributes.
type Record struct {
	// Found is whether the NIK is on record. If not, the rest is zero.
	Found  bool
	Status sesuai.Status
	// NameScore is how well the claimed name agrees with the recorded one,
	// 0 to 100; internal/name defines the scale.
	NameScore int
	// DateOfBirth is Match or NonMatch; NotCompared only if Status is not
	// Active, in a registry that then compares nothing: NameScore is -1 there.
	DateOfBirth sesuai.Outcome
	// Duplicate is whether the registry has several records of the NIK.
	// Status says what the operator makes of that.
	Duplicate bool
	// Portrait is whether a reference portrait is known to be on record.
	// A registry that cannot tell before Compare says true.
	Portrait bool
	// Revision is which state of the person's record this is about: see
	// Comparison.Revision. It is empty where the registry cannot tell.
	Revision string
}

// Comparison is what a registry says about a face.
type Comparison struct {
	// Portrait is whether there was a reference portrait to compare with. If
	// not, the rest is zero.
	Portrait bool
	// Score is the backend's own comparison score (higher is more similar):
	// a cosine for the face engine, matchScore for Dukcapil.
	Score float64
	// Percentage is the score on the calibrated scale.
	Percentage sesuai.Percentage
	// Model and Calibration identify what made the score and the scale.
	Model, Calibration string
	// SamePhotograph is whether the probe is the photograph of the reference
	// portrait, byte by byte or sent again in another form: face.Signature
	// says what that is. False where the registry cannot tell.
	SamePhotograph bool
	// Suspect is whether the score is higher than photographs of one person
	// give: whoever edits the reference portrait itself gets there.
	Suspect bool
	// Revision is which state of the record this is about, whether or not
	// there is a portrait. Equal to Record.Revision, nothing of the record has
	// changed between the two calls; the text means nothing else. Empty if
	// nobody is on record any more. A registry that cannot tell leaves both
	// empty, always.
	Revision string
}

// Person is one person to be put on record.
type Person struct {
	NIK         sesuai.NIK
	Name        sesuai.Name
	DateOfBirth sesuai.Date
	Status      sesuai.Status
	// Attributes are the optional ones that are known.
	Attributes map[sesuai.Attribute]sesuai.Text
}

// Portrait is a person's reference: the template and which photograph it was
// made from.
type Portrait struct {
	Template face.Template
	// Source is the SHA-256 of the photograph's bytes: it tells an unchanged
	// photograph from a new one without keeping either.
	Source [32]byte
	// Signature tells the photograph again. The zero Signature is one that is
	// not known: then Comparison.SamePhotograph goes by Source alone.
	Signature face.Signature
}

// Made reports whether the probe is the photograph that the portrait was made
// from: see Comparison.SamePhotograph.
func (p Portrait) Made(probe face.Probe) bool {
	return probe.Signature.File != [32]byte{} &&
		(probe.Signature.File == p.Source || probe.Signature.Near(p.Signature))
}

// Change is what an enrolment did.
type Change uint8

const (
	// Unchanged: the same person with the same portrait was there.
	Unchanged Change = iota
	// Added: the NIK was not on record.
	Added
	// Replaced: the NIK was on record with other values or another portrait.
	Replaced
	// Kept: the NIK was on record with other values or another portrait, and
	// that was to be left as it is.
	Kept
)

// String names the change as the command line reports it.
func (c Change) String() string {
	switch c {
	case Added:
		return "added"
	case Replaced:
		return "replaced"
	case Kept:
		return "kept"
	default:
		return "unchanged"
	}
}

// Entry says that somebody is on record, not what is on record about them.
type Entry struct {
	Status sesuai.Status
	// Attributes names the optional attributes on record.
	Attributes []sesuai.Attribute
	// Portrait is whether a reference portrait is on record, Model what made
	// its template.
	Portrait bool
	Model    string
	// EnrolledAt and ChangedAt are Unix microseconds.
	EnrolledAt, ChangedAt int64
}

// Enroller is a registry that can be written to. When a method returns nil the
// change is durable: it survives a kill -9 and a power cut. When it returns an
// error nothing has changed. Errors are of the kind of Registry, but for what
// Person.Validate and Portrait.Validate refuse.
type Enroller interface {
	Registry

	// Enrol puts a person on record, or replaces the record of the same NIK
	// as a whole, atomically. portrait may be nil.
	Enrol(ctx context.Context, p Person, portrait *Portrait) (Change, error)

	// EnrolBatch is Enrol for many people at once, all or none: the changes are
	// in the order of the batch. Where a NIK is on record with other values or
	// another portrait, and replace is false, that stays as it is: Kept. No NIK
	// may be in a batch twice. A batch with a person whose record is damaged
	// fails with ErrDamaged in the chain; Enrol then tells who it is.
	EnrolBatch(ctx context.Context, batch []Enrolment, replace bool) ([]Change, error)

	// Holds reports whether exactly this person is on record with a portrait
	// from the photograph of that SHA-256 made by that model (both zero: with
	// no portrait), so that an import can skip the face extraction.
	Holds(ctx context.Context, p Person, source [32]byte, model string) (bool, error)

	// Lookup reports that somebody is on record; false if nobody is.
	Lookup(ctx context.Context, nik sesuai.NIK) (Entry, bool, error)

	// Remove takes a person off the record and reports whether one was there.
	Remove(ctx context.Context, nik sesuai.NIK) (bool, error)

	// Count is how many people are on record.
	Count(ctx context.Context) (int, error)
}

// Enrolment is one person of a batch, with or without a portrait.
type Enrolment struct {
	Person   Person
	Portrait *Portrait
}

// Exporter hands out everything that is on record, to move it to another
// registry. It is the one exception to a registry's answering about claims
// alone, it is for the operator, and nothing that serves clients may use it.
type Exporter interface {
	// Export calls each for everybody who was on record from its start to its
	// end, in no particular order, until each returns an error, which it
	// returns as it is. Its own errors are of the kind of Registry. Somebody
	// enrolled, replaced or removed meanwhile may be among them, as before or
	// as after.
	Export(ctx context.Context, each func(Enrolment) error) error
}
