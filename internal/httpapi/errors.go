package httpapi

import (
	"errors"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
)

// shape is the form of an error's body.
type shape uint8

const (
	// coded: with a code and guidance, for errors that the vendor does not
	// document.
	coded shape = iota
	// documented: without code and guidance, for R6 and R7 of the contract.
	documented
	// noAnswer: with a result in which every outcome is null, for R8.
	noAnswer
	// aboutRequest: {"error": reason}.
	aboutRequest
)

// wireForm is the wire form of the errors of one kind.
type wireForm struct {
	status   int
	reason   string
	shape    shape
	guidance *Guidance
}

// disallowed is the reason for wrong credentials and for a missing scope.
const disallowed = "Access to this API has been disallowed"

// noAttribute is the reason if nothing is claimed but a NIK. It names what can be.
var noAttribute = func() string {
	names := make([]string, len(sesuai.Claimable))
	for i, a := range sesuai.Claimable {
		names[i] = string(a)
	}
	return "You must fill in at least one of the following: " + strings.Join(names, ", ")
}()

// answers maps kinds of errors to their wire form.
var answers = map[sesuai.Kind]wireForm{
	sesuai.KindInvalidNIK:  {400, "Invalid NIK number format", documented, nil},
	sesuai.KindInvalidDate: {400, "Invalid date_of_birth format", documented, nil},

	sesuai.KindUnavailable: {503, string(sesuai.ReasonRegistryFailed), noAnswer, nil},
	sesuai.KindOverloaded:  {503, string(sesuai.ReasonRegistryFailed), noAnswer, nil},

	sesuai.KindInvalidName:        {400, "Invalid name format", coded, guideName},
	sesuai.KindInvalidAttribute:   {400, "Invalid attribute", coded, guideAttribute},
	sesuai.KindNoAttribute:        {400, noAttribute, coded, guideNoAttribute},
	sesuai.KindInvalidReference:   {400, "Invalid reference_id format", coded, guideReference},
	sesuai.KindInvalidConsent:     {400, "Invalid consent", coded, guideConsent},
	sesuai.KindConsentRequired:    {400, "No consent in request body", coded, guideConsent},
	sesuai.KindInvalidKey:         {400, "Invalid Idempotency-Key", coded, guideInvalidKey},
	sesuai.KindKeyReused:          {409, "Idempotency-Key was used for another request", coded, guideKeyReused},
	sesuai.KindNoFile:             {400, "No file in request body", coded, guideNoFile},
	sesuai.KindUnsupportedImage:   {415, "Unsupported face_image format", coded, guideUnsupportedImage},
	sesuai.KindInvalidImage:       {400, "Invalid face_image", coded, guideInvalidImage},
	sesuai.KindFaceNotDetected:    {400, "Face not detected", coded, guideFaceNotDetected},
	sesuai.KindMultipleFaces:      {400, "Multiple faces detected", coded, guideMultipleFaces},
	sesuai.KindFaceQuality:        {400, "Face image quality is too low", coded, guideFaceQuality},
	sesuai.KindSuspectedReplay:    {400, "Suspected replay of a photograph", coded, guideReplay},
	sesuai.KindSuspectedAttack:    {400, "Suspected presentation attack", coded, guideAttack},
	sesuai.KindTooLarge:           {413, "Request is too large", coded, guideTooLarge},
	sesuai.KindUnsupportedContent: {415, "Unsupported Content-Type", coded, guideUnsupportedContent},
	sesuai.KindMalformed:          {400, "Malformed request", coded, guideMalformed},

	sesuai.KindUnauthenticated:  {401, disallowed, aboutRequest, nil},
	sesuai.KindForbidden:        {403, disallowed, aboutRequest, nil},
	sesuai.KindNotFound:         {404, "Not found", aboutRequest, nil},
	sesuai.KindNothingFound:     {404, "Nothing found", aboutRequest, nil},
	sesuai.KindMethodNotAllowed: {405, "Method not allowed", aboutRequest, nil},
	sesuai.KindTimeout:          {408, "Request timeout", aboutRequest, nil},
	sesuai.KindRateLimited:      {429, "Rate limit exceeded", aboutRequest, nil},

	// These mean nothing to a caller of the API. One that gets here is a
	// defect.
	sesuai.KindInternal:      {500, "Internal server error", aboutRequest, nil},
	sesuai.KindConflict:      {500, "Internal server error", aboutRequest, nil},
	sesuai.KindConfiguration: {500, "Internal server error", aboutRequest, nil},
}

// answerTo returns the wire form of an error, with the guidance for the quality
// measures that failed, for the format of the photograph or for what is wrong with the
// request.
func answerTo(err error) wireForm {
	kind := sesuai.KindOf(err)
	a, ok := answers[kind]
	if !ok {
		a = answers[sesuai.KindInternal]
	}
	if special, ok := errors.AsType[*advice](err); ok {
		a.guidance = special.guidance
		if special.reason != "" {
			a.reason = special.reason
		}
		return a
	}
	e, ok := errors.AsType[*sesuai.Error](err)
	if ok && e.Image != "" {
		a.reason = strings.ReplaceAll(a.reason, fieldFaceImage, e.Image)
	}
	switch kind {
	case sesuai.KindNoFile:
		if e.Image != "" {
			a.guidance = noFileGuidance(e.Image)
		}
	case sesuai.KindFaceQuality:
		a.guidance = measureGuidance(e.Measures, a.guidance)
	case sesuai.KindUnsupportedImage:
		a.guidance = formatGuidance(e.Format)
	case sesuai.KindInvalidImage:
		if e.Format != "" {
			a.guidance = guideUnreadImage
		}
	}
	return a
}

// advised is malformed with guidance of its own.
func advised(guidance *Guidance, why string) error {
	return &sesuai.Error{Kind: sesuai.KindMalformed, Err: &advice{guidance: guidance, why: why}}
}

// advice is the cause of an error with guidance that its kind does not have, and
// perhaps with a reason of its own.
type advice struct {
	guidance *Guidance
	why      string
	reason   string
}

// Error implements error.
func (a *advice) Error() string { return a.why }

// GuidanceOf returns the guidance in the API's response to an error; nil if there
// is none.
func GuidanceOf(err error) *Guidance { return answerTo(err).guidance }

// retryAfter returns the Retry-After header for err in whole seconds, rounded
// up; 0 for none. An overload and an exceeded rate always have one, so that the
// caller does not retry at once.
func retryAfter(err error) int {
	var after time.Duration
	if e, ok := errors.AsType[*sesuai.Error](err); ok {
		after = e.RetryAfter
	}
	switch sesuai.KindOf(err) {
	case sesuai.KindOverloaded, sesuai.KindRateLimited:
		after = max(after, time.Second)
	case sesuai.KindUnavailable:
	default:
		return 0
	}
	return int((max(after, 0) + time.Second - 1) / time.Second)
}
