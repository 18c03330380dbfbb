package sesuai

import (
	"errors"
	"time"
)

// Kind classifies an error by what the caller can do about it. It is also the
// stable code in an error response. Only internal/httpapi maps it to an HTTP
// status.
type Kind string

// The kinds of error. An error of no kind is KindInternal: a defect.
const (
	KindInternal           Kind = "INTERNAL"
	KindUnavailable        Kind = "UNAVAILABLE" // the registry, the audit trail or an upstream cannot answer
	KindOverloaded         Kind = "OVERLOADED"  // too many requests are in flight
	KindInvalidNIK         Kind = "INVALID_NIK"
	KindInvalidName        Kind = "INVALID_NAME"
	KindInvalidDate        Kind = "INVALID_DATE_OF_BIRTH"
	KindInvalidAttribute   Kind = "INVALID_ATTRIBUTE"
	KindNoAttribute        Kind = "NO_ATTRIBUTE" // nothing is claimed but a NIK
	KindInvalidReference   Kind = "INVALID_REFERENCE_ID"
	KindInvalidConsent     Kind = "INVALID_CONSENT"  // consent_id, consent_given_at or purpose
	KindConsentRequired    Kind = "CONSENT_REQUIRED" // the client must state what it did not
	KindInvalidKey         Kind = "INVALID_IDEMPOTENCY_KEY"
	KindKeyReused          Kind = "IDEMPOTENCY_KEY_REUSED" // the key was given to another request
	KindNoFile             Kind = "NO_FILE"
	KindUnsupportedImage   Kind = "UNSUPPORTED_IMAGE"
	KindInvalidImage       Kind = "INVALID_IMAGE"
	KindFaceNotDetected    Kind = "FACE_NOT_DETECTED"
	KindMultipleFaces      Kind = "MULTIPLE_FACES"
	KindFaceQuality        Kind = "FACE_QUALITY"
	KindSuspectedReplay    Kind = "SUSPECTED_REPLAY"              // the photograph was sent before, or is the enrolled photograph
	KindSuspectedAttack    Kind = "SUSPECTED_PRESENTATION_ATTACK" // the photograph does not look like one of a living person
	KindTooLarge           Kind = "TOO_LARGE"
	KindUnsupportedContent Kind = "UNSUPPORTED_CONTENT_TYPE"
	KindMalformed          Kind = "MALFORMED"
	KindUnauthenticated    Kind = "UNAUTHENTICATED"
	KindForbidden          Kind = "FORBIDDEN"
	KindNotFound           Kind = "NOT_FOUND"     // there is no such path
	KindNothingFound       Kind = "NOTHING_FOUND" // there is no such answer or batch
	KindMethodNotAllowed   Kind = "METHOD_NOT_ALLOWED"
	KindRateLimited        Kind = "RATE_LIMITED"
	KindTimeout            Kind = "TIMEOUT"  // the caller was too slow to send its request
	KindConflict           Kind = "CONFLICT" // the record to add exists already and differs
	KindConfiguration      Kind = "CONFIGURATION"
)

// Error is an error that may be shown to the caller. An unfavourable answer is
// not an Error but a Verdict.
type Error struct {
	Kind Kind
	// Detail may be shown to the caller. It never repeats the caller's input.
	Detail string
	// Err is the cause. It is only logged, and may be nil.
	Err error
	// Format is the kind of image that was found, if that kind is not read
	// (KindUnsupportedImage, KindInvalidImage), in English; "" if it is not known.
	// It is never taken from the caller's input.
	Format string
	// Image names the photograph that the error is about, as on the wire, if a
	// request has several; else it is empty.
	Image string
	// Measures names the quality measures that failed (KindFaceQuality).
	Measures []string
	// RetryAfter is how long to wait before another try; 0 if not known.
	RetryAfter time.Duration
}

// Error returns the kind, the detail and the cause. It is for the log.
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

// KindOf returns the kind of the first Error in err's tree, KindInternal if
// there is none, and "" if err is nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return KindInternal
}
