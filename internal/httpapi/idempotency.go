package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash"
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
	d := newDigest(scope)
	for i, kind := range f.schema {
		field := f.fields[i]
		if field.text == "" && consentGuidance[kind.name] != nil {
			continue // as before there were such fields
		}
		d.add([]byte(kind.name))
		d.add([]byte(field.text))
		d.add(field.file)
	}
	return d.sum()
}

// digest is a hash of what is asked of the endpoint with a scope, each part with its length.
type digest struct{ hash.Hash }

func newDigest(scope access.Scope) digest {
	d := digest{sha256.New()}
	d.add([]byte(scope))
	return d
}

func (d digest) add(part []byte) {
	var size [8]byte
	binary.BigEndian.PutUint64(size[:], uint64(len(part)))
	d.Write(size[:])
	d.Write(part)
}

func (d digest) sum() [32]byte { return [32]byte(d.Sum(nil)) }

// once answers a request with a key. Of several with the same key one is made, the
// others wait for its answer. They take no slot, and drop their forms: if that one gets no
// answer, neither do they, and their callers ask again.
//
// The call goes on, for at most that time, if its caller has gone: a caller whose
// connection was lost asks again with the key, and must not have the registry asked, and
// paid, twice.
func (s *Server) once(ctx context.Context, c call, key answer.Key, limit time.Duration, making verifying, drop func()) error {
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
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()
		return making(ctx, c)
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
	w.outcome, w.reason, w.basis = "repeated", "Idempotency-Key", a.Basis
	header := w.Header()
	header.Set(requestIDHeader, a.Request)
	header.Set(replayedHeader, "true")
	var batch struct {
		ID string `json:"batch_id"`
	}
	if a.Status == http.StatusAccepted && json.Unmarshal(a.Body, &batch) == nil {
		header.Set("Location", batchPath(batch.ID))
	}
	w.writeJSON(a.Status, a.Body)
}
