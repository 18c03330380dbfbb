package main

import (
	"cmp"
	"errors"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/enrol"
)

// words say for the operator what the kinds of errors are about that come without a
// detail. The API's reasons are for a caller who asked it.
var words = map[sesuai.Kind]string{
	sesuai.KindInternal:         "this is a defect of the program",
	sesuai.KindUnavailable:      "no answer",
	sesuai.KindOverloaded:       "too much to do at once",
	sesuai.KindInvalidNIK:       "the NIK must be 16 digits",
	sesuai.KindInvalidName:      "the name must have 1 to 100 characters, one of them a letter",
	sesuai.KindInvalidDate:      "the date of birth must be a day until today, as dd-mm-yyyy",
	sesuai.KindInvalidAttribute: "an attribute is not valid",
	sesuai.KindNoFile:           "the photograph is missing",
	sesuai.KindUnsupportedImage: "the photograph is not JPEG or PNG",
	sesuai.KindInvalidImage:     "the photograph is damaged, or of a kind of JPEG or PNG that is not read",
	sesuai.KindFaceNotDetected:  "there is no face in the photograph",
	sesuai.KindMultipleFaces:    "there are several faces in the photograph",
	sesuai.KindFaceQuality:      "the quality of the photograph is too low",
	sesuai.KindSuspectedReplay:  "the photograph was sent before, or is the reference's own",
	sesuai.KindSuspectedAttack:  "the photograph does not look like one of a living person",
	sesuai.KindTooLarge:         "the photograph is too large",
	sesuai.KindConflict:         "what is on record differs",
}

// describe says what an error is about, for the operator: its detail, the cause, and
// what to do about a file that is refused. Of joined errors it says each: the second
// is often of what could not be cleaned up.
func describe(err error) string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // no error around them
		var texts []string
		for _, e := range joined.Unwrap() {
			texts = append(texts, describe(e))
		}
		return strings.Join(texts, "; ")
	}
	e, ok := errors.AsType[*sesuai.Error](err)
	if !ok {
		return err.Error()
	}
	text := cmp.Or(e.Detail, words[e.Kind], string(e.Kind))
	if e.Format != "" {
		text += " (it is " + e.Format + ")"
	}
	for _, m := range e.Measures {
		text += " (" + m + ")"
	}
	if e.Err != nil {
		text += ": " + cause(e.Err)
	}
	if e.RetryAfter > 0 {
		text += "; try again in " + e.RetryAfter.Round(time.Second).String()
	}
	switch {
	case errors.Is(err, enrol.ErrRounded):
		text += "\n" + guidanceRounded.ID + "\n" + guidanceRounded.EN
	case errors.Is(err, enrol.ErrNoPhotographs):
		text += "; say it with --photos, a folder, a .tar or a .zip"
	}
	return text
}

// cause returns the text of the cause of an error without the codes of the API.
func cause(err error) string {
	text := err.Error()
	for kind := range words {
		text = strings.ReplaceAll(text, string(kind)+": ", "")
	}
	return text
}
