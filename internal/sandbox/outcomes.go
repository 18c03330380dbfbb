package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/registry"
)

// The reasons of several answers.
const (
	verified    = string(sesuai.ReasonVerified)
	notFound    = string(sesuai.ReasonNIKNotFound)
	notActive   = string(sesuai.ReasonNotActive)
	nameDiffers = string(sesuai.ReasonNameDiffers)
	dateDiffers = string(sesuai.ReasonDateDiffers)
	noPortrait  = string(sesuai.ReasonNoPortrait)
	otherFace   = string(sesuai.ReasonFaceBelowThreshold)
)

// slow is how long a slow registry takes.
const slow = 3 * time.Second

// Outcomes are all outcomes, by their NIKs. In the first everything agrees.
var Outcomes = slices.Concat(people, attributes, photographs, qualities, failures)

// people are about the registry and the face.
var people = []Outcome{
	{
		NIK: Prefix + "0001", Means: "everything agrees",
		Answers: []Answer{
			ofFace(verified, "true", "true", "true", "82.04"), ofData(verified, "true", "true", "true", ""),
			ofMatch("success", "0.82040", "match", "MATCH"), ofLiveness("0.02611", "LOW"),
		},
	},
	{
		NIK: Prefix + "0002", Means: "the NIK is not on record", unknown: true,
		Answers: []Answer{ofFace(notFound, "false", "null", "null", "0"), ofData(notFound, "false", "null", "null", "")},
	},
	{
		NIK: Prefix + "0003", Means: "the name differs", name: true,
		Answers: []Answer{ofFace(nameDiffers, "true", "false", "true", "82.04"), ofData(nameDiffers, "true", "false", "true", "")},
	},
	{
		NIK: Prefix + "0004", Means: "the date of birth differs", date: true,
		Answers: []Answer{ofFace(dateDiffers, "true", "true", "false", "82.04"), ofData(dateDiffers, "true", "true", "false", "")},
	},
	{
		NIK: Prefix + "0005", Means: "the face is another's", percentage: 41.07,
		Answers: []Answer{ofFace(otherFace, "true", "true", "true", "41.07"), ofMatch("success", "0.41070", "not match", "NOT_MATCH")},
	},
	{
		NIK: Prefix + "0006", Means: "the person is deceased", status: sesuai.Deceased,
		Answers: []Answer{ofFace(notActive, "true", "true", "true", "null"), ofData(notActive, "true", "true", "true", "")},
	},
	{
		NIK: Prefix + "0007", Means: "the NIK is inactive", status: sesuai.Inactive,
		Answers: []Answer{ofFace(notActive, "true", "true", "true", "null"), ofData(notActive, "true", "true", "true", "")},
	},
	{
		NIK: Prefix + "0008", Means: "there is no portrait on record", noPortrait: true,
		Answers: []Answer{ofFace(noPortrait, "true", "true", "true", "null")},
	},
	{
		NIK: Prefix + "0009", Means: "name, date of birth and face differ: the reason is the first", name: true, date: true, percentage: 41.07,
		Answers: []Answer{
			ofFace(nameDiffers, "true", "false", "false", "41.07"), ofData(nameDiffers, "true", "false", "false", ""),
			ofMatch("success", "0.41070", "not match", "NOT_MATCH"),
		},
	},
	{
		NIK: Prefix + "0010", Means: "the face is at the default threshold", percentage: 75,
		Answers: []Answer{ofFace(verified, "true", "true", "true", "75"), ofMatch("success", "0.75000", "match", "MATCH")},
	},
	{
		NIK: Prefix + "0011", Means: "the face is just under the default threshold", percentage: 74.99,
		Answers: []Answer{ofFace(otherFace, "true", "true", "true", "74.99"), ofMatch("success", "0.74990", "not match", "NOT_MATCH")},
	},
}

// attributes are about each attribute but name and date of birth: 01 and its number
// if it differs, 02 and its number if it is not held.
var attributes = func() []Outcome {
	var differs, notHeld []Outcome
	for i, a := range sesuai.Attributes {
		differs = append(differs, Outcome{
			NIK: fmt.Sprintf("%s01%02d", Prefix, i+1), Means: "`" + string(a) + "` differs", Attribute: a,
			attribute: &registry.Agreement{Outcome: sesuai.NonMatch},
			Answers:   []Answer{ofData(string(sesuai.ReasonDiffers(a)), "true", "true", "true", `,"`+string(a)+`":false`)},
		})
		notHeld = append(notHeld, Outcome{
			NIK: fmt.Sprintf("%s02%02d", Prefix, i+1), Means: "`" + string(a) + "` is not on record", Attribute: a,
			attribute: &registry.Agreement{Score: registry.NotScored},
			Answers:   []Answer{ofData(string(sesuai.ReasonNotAvailable(a)), "true", "true", "true", `,"`+string(a)+`":null`)},
		})
	}
	return append(differs, notHeld...)
}()

// photographs are about photographs, but for their quality.
var photographs = []Outcome{
	{
		NIK: Prefix + "0301", Means: "no face in the photograph", captured: photograph{finding: face.NoFace},
		Answers: []Answer{
			refusal(httpapi.FaceVerificationPath, 400, "Face not detected", "FACE_NOT_DETECTED", "face_image", ""),
			ofMatch("failed", "0", "no face in captured image", "NO_FACE_CAPTURED_IMG"), unmeasured("face not detected"),
		},
	},
	{
		NIK: Prefix + "0302", Means: "several faces in the photograph", captured: photograph{finding: face.SeveralFaces},
		Answers: []Answer{
			refusal(httpapi.FaceVerificationPath, 400, "Multiple faces detected", "MULTIPLE_FACES", "face_image", ""),
			ofMatch("failed", "0", "many faces in captured image", "MANY_FACES_CAPTURED_IMG"), unmeasured("too many faces detected"),
		},
	},
	{
		NIK: Prefix + "0303", Means: "no face in the stored photograph of a match", stored: photograph{finding: face.NoFace},
		Answers: []Answer{ofMatch("failed", "0", "no face in stored image", "NO_FACE_STORED_IMG")},
	},
	{
		NIK: Prefix + "0304", Means: "several faces in the stored photograph of a match", stored: photograph{finding: face.SeveralFaces},
		Answers: []Answer{ofMatch("failed", "0", "many faces in stored image", "MANY_FACES_STORED_IMG")},
	},
	{
		NIK: Prefix + "0305", Means: "the file is neither PNG nor JPEG",
		captured: photograph{refused: &sesuai.Error{Kind: sesuai.KindUnsupportedImage}},
		Answers:  refusals(415, "Unsupported %s format", "UNSUPPORTED_IMAGE", ""),
	},
	{
		NIK: Prefix + "0306", Means: "the file is an iPhone's HEIC; the guidance says what to do about it",
		captured: photograph{refused: &sesuai.Error{Kind: sesuai.KindUnsupportedImage, Format: "HEIC"}},
		Answers:  refusals(415, "Unsupported %s format", "UNSUPPORTED_IMAGE", ""),
	},
	{
		NIK: Prefix + "0307", Means: "the stored file of a match is neither PNG nor JPEG",
		stored:  photograph{refused: &sesuai.Error{Kind: sesuai.KindUnsupportedImage}},
		Answers: []Answer{refusal(httpapi.FaceMatchPath, 415, "Unsupported %s format", "UNSUPPORTED_IMAGE", "stored_image", "")},
	},
	{
		NIK: Prefix + "0308", Means: "the file is damaged",
		captured: photograph{refused: &sesuai.Error{Kind: sesuai.KindInvalidImage}},
		Answers:  refusals(400, "Invalid %s", "INVALID_IMAGE", ""),
	},
	{
		NIK: Prefix + "0309", Means: "the photograph has too many pixels",
		captured: photograph{refused: &sesuai.Error{Kind: sesuai.KindTooLarge}},
		Answers:  refusals(413, "Request is too large", "TOO_LARGE", ""),
	},
	{
		NIK: Prefix + "0310", Means: "the photograph was sent before, and the client's policy is to refuse that", replay: true,
		Answers: []Answer{refusal(httpapi.FaceVerificationPath, 400, "Suspected replay of a photograph", "SUSPECTED_REPLAY", "", "")},
	},
	{
		NIK: Prefix + "0311", Means: "the photograph looks like one of a print or a screen, and the client's policy is to refuse that",
		captured: photograph{spoof: 0.96},
		Answers: []Answer{
			refusal(httpapi.FaceVerificationPath, 400, "Suspected presentation attack", "SUSPECTED_PRESENTATION_ATTACK", "", ""),
			ofLiveness("0.96000", "HIGH"),
		},
	},
	{
		NIK: Prefix + "0312", Means: "the photograph may be one of a print or a screen", captured: photograph{spoof: 0.45},
		Answers: []Answer{ofLiveness("0.45000", "MODERATE")},
	},
}

// qualities are about the quality of the face: 04 and the number of the measure that
// fails, 0400 if several do.
var qualities = func() []Outcome {
	measures := [][]face.Measure{{face.Sharpness, face.UnderExposure}}
	for _, m := range face.QualityMeasures {
		measures = append(measures, []face.Measure{m})
	}
	var all []Outcome
	for i, failed := range measures {
		var names []string
		for _, m := range failed {
			names = append(names, string(m))
		}
		all = append(all, Outcome{
			NIK:      fmt.Sprintf("%s04%02d", Prefix, i),
			Means:    "the quality of the face is too low: `" + strings.Join(names, "` and `") + "`",
			captured: photograph{finding: face.LowQuality, failed: failed},
			Answers:  refusals(400, "Face image quality is too low", "FACE_QUALITY", `"`+strings.Join(names, `","`)+`"`),
		})
	}
	return all
}()

// failures are those of the service and of what it asks. Their answers are no
// verdicts.
var failures = []Outcome{
	{
		NIK: Prefix + "0501", Means: "the registry fails",
		failed:  &sesuai.Error{Kind: sesuai.KindUnavailable, Err: errChosen},
		Answers: noAnswer(""),
	},
	{
		NIK: Prefix + "0502", Means: "the registry fails, and says when to ask again",
		failed:  &sesuai.Error{Kind: sesuai.KindUnavailable, RetryAfter: 30 * time.Second, Err: errChosen},
		Answers: noAnswer("30"),
	},
	{
		NIK: Prefix + "0503", Means: "too many requests are in progress",
		refused: &sesuai.Error{Kind: sesuai.KindOverloaded, Err: errChosen},
		Answers: noAnswer("1"),
	},
	{
		NIK: Prefix + "0504", Means: "the registry does not answer within `timeouts.registry`, or, of a match or a liveness, the service within `timeouts.request`",
		takes: forever,
		Answers: func() []Answer {
			all := noAnswer("")
			all[2].RetryAfter, all[3].RetryAfter = "1", "1"
			return all
		}(),
	},
	{NIK: Prefix + "0505", Means: "everything agrees, after 3 seconds", takes: slow, Answers: people[0].Answers},
	{
		NIK: Prefix + "0506", Means: "the client has exceeded its rate",
		refused: &sesuai.Error{Kind: sesuai.KindRateLimited, RetryAfter: time.Minute, Err: errChosen},
		Answers: everywhere(429, `{"error":"Rate limit exceeded"}`, "60"),
	},
	{
		NIK: Prefix + "0507", Means: "a defect of the service", refused: errChosen,
		Answers: everywhere(500, `{"error":"Internal server error"}`, ""),
	},
}

// errChosen is the cause of failures.
var errChosen = errors.New("the NIK of a sandbox stands for this failure")

// Mistake is what a request brings about itself, whoever it is about. It is
// answered so without a sandbox, too.
type Mistake struct {
	// Field has Value, or an empty file if that is empty.
	Field, Value string
	Answer
}

// Mistakes are those of a request's fields.
var Mistakes = []Mistake{
	mistake(httpapi.FaceVerificationPath, "nik", "123", `"Invalid NIK number format"`),
	mistake(httpapi.DataVerificationPath, "nik", "123", `"Invalid NIK number format"`),
	mistake(httpapi.FaceVerificationPath, "date_of_birth", "31-02-1990", `"Invalid date_of_birth format"`),
	mistake(httpapi.DataVerificationPath, "date_of_birth", "31-02-1990", `"Invalid date_of_birth format"`),
	mistake(httpapi.FaceVerificationPath, "name", "-", `"Invalid name format","code":"INVALID_NAME"`),
	mistake(httpapi.DataVerificationPath, "gender", "-", `"Invalid gender format","code":"INVALID_ATTRIBUTE"`),
	mistake(httpapi.FaceVerificationPath, "reference_id", "two words", `"Invalid reference_id format","code":"INVALID_REFERENCE_ID"`),
	mistake(httpapi.FaceVerificationPath, "face_image", "", `"No file in request body","code":"NO_FILE"`),
	mistake(httpapi.FaceMatchPath, "stored_image", "", `"No file in request body","code":"NO_FILE","image":"stored_image"`),
	mistake(httpapi.PassiveLivenessPath, "image", "", `"No file in request body","code":"NO_FILE","image":"image"`),
}

// mistake returns a mistake that is answered 400 with a reason and what follows it.
func mistake(endpoint, field, value, reason string) Mistake {
	return Mistake{field, value, Answer{Endpoint: endpoint, Status: 400, Body: `{"verification_status":false,"reason":` + reason + "}"}}
}
