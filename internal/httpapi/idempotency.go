package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/http"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/answer"
)

const (
	// idempotencyKey is the header by which a client says that requests are one.
	idempotencyKey = "Idempotency-Key"
	// replayedHeader is on an answer that was given before.
	replayedHeader = "Idempotent-Replayed"
	// maxKey is the greatest number of characters of a key.
	maxKey = 255
	// maxAwaits is how many requests may wait for the answers of others. Each holds a
	// connection and looks at its key some times a second.
	maxAwaits = 1024
)

// givenKey returns the request's key; "" if it has none.
func givenKey(header http.Header) (string, error) {
	values := header[idempotencyKey]
	if len(values) == 0 {
		return "", nil
	}
	if !visible(values[0], maxKey) {
		return "", &sesuai.Error{Kind: sesuai.KindInvalidKey}
	}
	return values[0], nil
}

// digest returns a hash of what a form asks of the endpoint with that scope. It is the
// same for the same fields, in whatever form they were sent.
func (f *form) digest(scope access.Scope) [32]byte {
	h := sha256.New()
	part := func(b []byte) {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(b)))
		h.Write(size[:])
		h.Write(b)
	}
	part([]byte(scope))
	for i, kind := range f.schema {
		field := f.fields[i]
		part([]byte(kind.name))
		part([]byte(field.text))
		part(field.file)
	}
	return [32]byte(h.Sum(nil))
}

// once answers a request with a key. Of several with the same key one is verified, the
// others wait for its answer. They take no slot, and drop their forms: if that one gets no
// answer, neither do they, and their callers ask again.
//
// The verification goes on if its caller has gone: a caller whose connection was lost
// asks again with the key, and must not have the registry asked, and paid, twice.
func (s *Server) once(ctx context.Context, c call, key answer.Key, verifying verifying, drop func()) error {
	if s.o.Keys == nil {
		return unanswered(errors.New("there are no idempotency keys"))
	}
	taken, err := s.o.Keys.Reserve(ctx, key)
	switch {
	case err != nil:
		return err
	case taken.Reservation != nil:
		defer taken.Reservation.Release()
		c.key = taken.Reservation
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.Timeout)
		defer cancel()
		return s.verify(ctx, c, verifying)
	case taken.Answer != nil:
		c.w.replay(*taken.Answer)
		return nil
	}
	drop()
	if !s.awaits.Take(c.client.ID, 1) {
		return noSlot()
	}
	defer s.awaits.Give(c.client.ID, 1)
	given, err := s.o.Keys.Await(ctx, key)
	if errors.Is(err, answer.ErrUnanswered) {
		return unanswered(err)
	}
	if err != nil {
		return err
	}
	c.w.replay(given)
	return nil
}

// unanswered returns the error about a request whose key has no answer yet.
func unanswered(err error) error {
	return &sesuai.Error{Kind: sesuai.KindUnavailable, RetryAfter: time.Second, Err: err}
}

// replay writes an answer that was given before, with the id of its request.
func (w *reply) replay(a answer.Answer) {
	w.outcome, w.reason = "repeated", "Idempotency-Key"
	header := w.Header()
	header.Set(requestIDHeader, a.Request)
	header.Set(replayedHeader, "true")
	w.writeJSON(a.Status, a.Body)
}
