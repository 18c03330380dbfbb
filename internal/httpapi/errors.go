package httpapi

import (
	"errors"
	"time"

	"github.com/sesuai/sesuai"
)

// shape is how the body of an error is built.
type shape uint8

const (
	// coded: the contract's undocumented errors, with a code and guidance.
	coded shape = iota
	// documented: R6 and R7, without either.
	documented
	// noAnswer: R8, every outcome null.
	noAnswer
	// aboutRequest: {"error": reason}.
	aboutRequest
)

// answer is how errors of one kind look on the wire.
type answer struct {
	status   int
	reason   string
	shape    shape
	guidance *guidance
}

// disallowed is said for every wrong credential and for a missing scope.
const disallowed = "Access to this API has been disallowed"

// answers is the one table from kinds of errors to the wire.
var answers = map[sesuai.Kind]answer{
	sesuai.KindInvalidNIK:  {400, "Invalid NIK number format", documented, nil},
	sesuai.KindInvalidDate: {400, "Invalid date_of_birth format", documented, nil},

	sesuai.KindUnavailable: {503, string(sesuai.ReasonRegistryFailed), noAnswer, nil},
	sesuai.KindOverloaded:  {503, string(sesuai.ReasonRegistryFailed), noAnswer, nil},

	sesuai.KindInvalidName:        {400, "Invalid name format", coded, guideName},
	sesuai.KindInvalidAttribute:   {400, "Invalid attribute", coded, guideAttribute},
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
	sesuai.KindMethodNotAllowed: {405, "Method not allowed", aboutRequest, nil},
	sesuai.KindTimeout:          {408, "Request timeout", aboutRequest, nil},
	sesuai.KindRateLimited:      {429, "Rate limit exceeded", aboutRequest, nil},

	// These have no meaning to a caller of the API: if one gets here, it is
	// a defect of ours.
	sesuai.KindInternal:      {500, "Internal server error", aboutRequest, nil},
	sesuai.KindConflict:      {500, "Internal server error", aboutRequest, nil},
	sesuai.KindConfiguration: {500, "Internal server error", aboutRequest, nil},
}

// retryAfter is the Retry-After of err's answer in whole seconds, rounded up;
// 0 is none. Those who were turned away for being too many are always given
// one, so that they do not come back at once.
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
