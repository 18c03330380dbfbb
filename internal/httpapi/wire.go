package httpapi

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/sesuai/sesuai"
)

// verificationBody is the body of a response about a verification. The order of
// its fields is that on the wire.
type verificationBody struct {
	Status   bool        `json:"verification_status"`
	Reason   string      `json:"reason"`
	Result   any         `json:"result,omitempty"`
	Code     sesuai.Kind `json:"code,omitempty"`
	Guidance *Guidance   `json:"guidance,omitempty"`
	Measures []string    `json:"measures,omitempty"`
	Image    string      `json:"image,omitempty"` // which of two the error is about
}

// resultBody is the result of a face verification. A nil is null.
type resultBody struct {
	NIK         *bool             `json:"nik"`
	Name        *bool             `json:"name"`
	DateOfBirth *bool             `json:"date_of_birth"`
	Percentage  sesuai.Percentage `json:"face_image_percentage"`
}

// errorBody is the body of a response about the request itself.
type errorBody struct {
	Error string `json:"error"`
}

// VerdictJSON returns the response body for a verdict.
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

// nullable returns true, false, or nil for an outcome that was not compared.
func nullable(o sesuai.Outcome) *bool {
	if o == sesuai.NotCompared {
		return nil
	}
	match := o == sesuai.Match
	return &match
}

// ErrorJSON returns the HTTP status and the response body for an error of a face
// verification. The body never contains input.
func ErrorJSON(err error) (status int, body []byte) { return errorJSON(err, &resultBody{}) }

// errorJSON is ErrorJSON with the result of an answer that says that there is none.
func errorJSON(err error, nothing any) (status int, body []byte) {
	a := answerTo(err)
	switch a.shape {
	case aboutRequest:
		return a.status, encode(errorBody{a.reason})
	case noAnswer:
		return a.status, encode(verificationBody{Reason: a.reason, Result: nothing})
	case documented:
		return a.status, encode(verificationBody{Reason: a.reason})
	}
	b := verificationBody{Reason: a.reason, Code: sesuai.KindOf(err), Guidance: a.guidance}
	if e, ok := errors.AsType[*sesuai.Error](err); ok {
		b.Image = e.Image
		if b.Code == sesuai.KindFaceQuality {
			b.Measures = e.Measures
		}
	}
	return a.status, encode(b)
}

// encode returns the body's JSON, without HTML escapes in its texts.
func encode(body any) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		panic(err) // booleans, numbers and texts always encode
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}
