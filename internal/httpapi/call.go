package httpapi

import (
	"crypto/sha256"
	"net/http"
	"time"

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
	// images are those that were sent.
	images []answer.Image
	// keep stores the answer of a row of a batch with the row; nil for other calls.
	keep batch.Keep
	// key is the idempotency key; nil if it gave none.
	key *answer.Reservation
}

// answering is how a client is answered to verdicts of one kind.
type answering[V any] struct {
	// body returns the body.
	body func(V) []byte
	// basis returns what the verdict was given on, but for time and images. It gets the
	// zero verdict if the photograph was refused.
	basis func(access.Client, V) answer.Basis
}

// verified makes a verification and writes its verdict.
func verified[V any](s *Server, c call, a answering[V], verify func(verify.Call[V]) (V, error), write func(verdict V, body []byte)) error {
	start := s.o.Now().UTC().Truncate(time.Microsecond)
	verdict, err := verify(callOf(s, c, a, start))
	if isAnswer(err) {
		c.w.basis = c.basis(a.basis(c.client, verdict), start)
	}
	if err != nil {
		return err
	}
	write(verdict, a.body(verdict))
	return nil
}

// isAnswer reports whether the outcome of a verification is an answer, which may be
// signed: a verdict, or a refusal of the photograph.
func isAnswer(err error) bool { return err == nil || verify.Refused(err) }

// basis adds to a basis what is known of the call.
func (c call) basis(b answer.Basis, start time.Time) answer.Basis {
	b.Time, b.Images = start, c.images
	return b
}

// callOf returns what a use case gets of a call that starts at a time.
func callOf[V any](s *Server, c call, how answering[V], start time.Time) verify.Call[V] {
	of := verify.Call[V]{
		ID: c.w.recordedID, Consent: c.consent, Client: c.client, Key: c.key, Time: start,
		Answer: func(verdict V, err error) answer.Answer {
			a := answer.Answer{
				Request: c.w.id, Reference: c.reference, Status: http.StatusOK, Basis: c.basis(how.basis(c.client, verdict), start),
			}
			if err != nil {
				a.Status, a.Body = errorJSON(err, c.w.noAnswer)
			} else {
				a.Body = how.body(verdict)
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

// images returns the images of a form.
func (f *form) images() (all []answer.Image) {
	for i, kind := range f.schema {
		if kind.file {
			all = append(all, answer.Image{Field: kind.name, SHA256: sha256.Sum256(f.fields[i].file)})
		}
	}
	return all
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
