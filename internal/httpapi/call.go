package httpapi

import (
	"net/http"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/batch"
	"github.com/sesuai/sesuai/internal/verify"
)

// fieldReference is the name of a field of every endpoint: the client's own id for the
// request.
const fieldReference = "reference_id"

// maxID is the greatest number of characters of an id that a client gives.
const maxID = 128

// call is a request whose form is valid.
type call struct {
	w      *reply
	client access.Client
	// reference is the client's own id for the request; "" if it gave none.
	reference string
	// consent is what the client states of the ground for the request.
	consent sesuai.Consent
	// keep stores the answer of a row of a batch with the row; nil for other calls.
	keep batch.Keep
	// key is the idempotency key; nil if it gave none.
	key *answer.Reservation
}

// callOf returns what a use case gets of a call, to whose verdict the client is
// answered with a body.
func callOf[V any](s *Server, c call, body func(V) []byte) verify.Call[V] {
	of := verify.Call[V]{
		ID: c.w.recordedID, Consent: c.consent, Client: c.client, Key: c.key,
		Answer: func(verdict V, err error) answer.Answer {
			a := answer.Answer{Request: c.w.id, Reference: c.reference, Status: http.StatusOK}
			if err != nil {
				a.Status, a.Body = errorJSON(err, c.w.noAnswer)
			} else {
				a.Body = body(verdict)
			}
			a.Keep = c.keep.With(batch.Reply{Status: a.Status, Body: a.Body})
			return a
		},
	}
	if c.reference != "" {
		of.Reference = RecordedReference(s.o.Hash, c.reference)
	}
	return of
}

// reference returns the client's own id for the request: 1 to maxID visible ASCII
// characters. It returns "" if none was given, which an empty text, null and ungiven
// are, too.
func (f *form) reference() (string, error) {
	field := f.field(fieldReference)
	if !field.unreadable && (field.text == "" || field.text == ungiven) {
		return "", nil
	}
	if field.unreadable || !visibleID(field.text) {
		return "", &sesuai.Error{Kind: sesuai.KindInvalidReference}
	}
	return field.text, nil
}

// visibleID reports whether a text is an id: 1 to maxID visible ASCII characters.
func visibleID(text string) bool { return visible(text, maxID) }

// visible reports whether a text has 1 to limit visible ASCII characters.
func visible(text string, limit int) bool {
	for _, c := range []byte(text) {
		if c < '!' || c > '~' {
			return false
		}
	}
	return text != "" && len(text) <= limit
}
