package sesuai

import (
	"errors"
	"time"
)

// Kind classes an error by what the caller can do about it. It is also the
// stable code that the wire shows; which HTTP status it becomes is known to
// internal/httpapi alone.
type Kind string

// The kinds of error. An error of no kind is KindInternal: a defect.
const (
	KindInternal           Kind = "INTERNAL"
	KindUnavailable        Kind = "UNAVAILABLE" // the registry, the audit trail or an upstream cannot answer
	KindOverloaded         Kind = "OVERLOADED"  // too much is in flight
	KindInvalidNIK         Kind = "INVALID_NIK"
	KindInvalidName        Kind = "INVALID_NAME"
	KindInvalidDate        Kind = "INVALID_DATE_OF_BIRTH"
	KindInvalidAttribute   Kind = "INVALID_ATTRIBUTE"
	KindNoFile             Kind = "NO_FILE"
	KindUnsupportedImage   Kind = "UNSUPPORTED_IMAGE"
	KindInvalidImage       Kind = "INVALID_IMAGE"
	KindFaceNotDetected    Kind = "FACE_NOT_DETECTED"
	KindMultipleFaces      Kind = "MULTIPLE_FACES"
	KindFaceQuality        Kind = "FACE_QUALITY"
	KindSuspectedReplay    Kind = "SUSPECTED_REPLAY"              // the photograph was sent before, or is the reference's own
	KindSuspectedAttack    Kind = "SUSPECTED_PRESENTATION_ATTACK" // the photograph does not look like one of a living person
	KindTooLarge           Kind = "TOO_LARGE"
	KindUnsupportedContent Kind = "UNSUPPORTED_CONTENT_TYPE"
	KindMalformed          Kind = "MALFORMED"
	KindUnauthenticated    Kind = "UNAUTHENTICATED"
	KindForbidden          Kind = "FORBIDDEN"
	KindNotFound           Kind = "NOT_FOUND"
	KindMethodNotAllowed   Kind = "METHOD_NOT_ALLOWED"
	KindRateLimited        Kind = "RATE_LIMITED"
	KindTimeout            Kind = "TIMEOUT"  // the caller was too slow to send its request
	KindConflict           Kind = "CONFLICT" // what is to be added is already there, and differs
	KindConfiguration      Kind = "CONFIGURATION"
)

// Error is an error that a caller may be told about. An unfavourable answer is
// not an Error: it is a Verdict.
type Error struct {
	Kind Kind
	// Detail may be shown to the caller: it never holds what was sent.
	Detail string
	// Err is the cause, for the log alone. It may be nil.
	Err error
	// Measures names the quality measures that failed (KindFaceQuality).
	Measures []string
	// RetryAfter is when another try makes sense; 0 if not known.
	RetryAfter time.Duration
}

// Error is for the log: the kind, the detail and the cause.
func (e *Error) Error() string {
	s := string(e.Kind)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first Error in err's chain, KindInternal if
// there is none, and "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return KindInternal
}
