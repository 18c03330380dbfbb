package httpapi

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/sesuai/sesuai"
)

// verificationBody is the body of an answer about a verification; the order of
// the fields is that of the wire.
type verificationBody struct {
	Status   bool        `json:"verification_status"`
	Reason   string      `json:"reason"`
	Result   *resultBody `json:"result,omitempty"`
	Code     sesuai.Kind `json:"code,omitempty"`
	Guidance *guidance   `json:"guidance,omitempty"`
	Measures []string    `json:"measures,omitempty"`
}

// resultBody is its part about each outcome; nil is null.
type resultBody struct {
	NIK         *bool             `json:"nik"`
	Name        *bool             `json:"name"`
	DateOfBirth *bool             `json:"date_of_birth"`
	Percentage  sesuai.Percentage `json:"face_image_percentage"`
}

// errorBody is the body of an answer about the request as such.
type errorBody struct {
	Error string `json:"error"`
}

// VerdictJSON is the verdict as the API gives it.
func VerdictJSON(v sesuai.Verdict) []byte {
	return encode(verificationBody{
		Status: v.Verified,
		Reason: string(v.Reason),
		Result: &resultBody{
			NIK:         nullable(v.NIK),
			Name:        nullable(v.Name),
			DateOfBirth: nullable(v.DateOfBirth),
			Percentage:  v.Face,
		},
	})
}

// nullable is true, false or nil.
func nullable(o sesuai.Outcome) *bool {
	if o == sesuai.NotCompared {
		return nil
	}
	match := o == sesuai.Match
	return &match
}

// ErrorJSON is the error as the API gives it: its HTTP status and its body,
// which never holds what was sent.
func ErrorJSON(err error) (status int, body []byte) {
	kind := sesuai.KindOf(err)
	a, ok := answers[kind]
	if !ok {
		a = answers[sesuai.KindInternal]
	}
	switch a.shape {
	case aboutRequest:
		return a.status, encode(errorBody{a.reason})
	case noAnswer:
		return a.status, encode(verificationBody{Reason: a.reason, Result: &resultBody{}})
	case documented:
		return a.status, encode(verificationBody{Reason: a.reason})
	}
	b := verificationBody{Reason: a.reason, Code: kind, Guidance: a.guidance}
	if e, ok := errors.AsType[*sesuai.Error](err); ok && kind == sesuai.KindFaceQuality {
		b.Measures = e.Measures
		b.Guidance = measureGuidance(e.Measures, a.guidance)
	}
	return a.status, encode(b)
}

// encode is the body's JSON. Texts of the contract stand for themselves: no
// HTML escapes.
func encode(body any) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		panic(err) // booleans, numbers and texts always encode
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}
