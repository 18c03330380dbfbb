package httpapi

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/admission"
)

// bodyStep is how many bytes of a body are read before memory for further ones is
// reserved. A caller has a third of Options.BodyTimeout for each step, so one that
// has stopped sending holds little memory, or holds it for a short time.
const bodyStep = 64 << 10

// body is a request's body. Memory for reading and decoding it is reserved before
// it is read.
type body struct {
	source io.Reader
	memory *admission.Pool
	client string
	// copies is how many bytes of memory each byte of the body needs at most.
	copies int64
	// proceed gives the caller time for the next step.
	proceed func()

	held  int64 // bytes taken from memory
	ahead int64 // bytes that may be read before the next step
}

// newBody returns the body of the client's request. The caller must release it.
func (s *Server) newBody(w *reply, r *http.Request, client string) *body {
	// The deadline is set on the connection. A ResponseWriter without a
	// connection, as in a test, has no deadline.
	connection := http.NewResponseController(w)
	end := time.Now().Add(s.o.BodyTimeout)
	return &body{
		source: http.MaxBytesReader(w.ResponseWriter, r.Body, s.o.MaxBody),
		memory: s.bodies, client: client,
		proceed: func() {
			deadline := time.Now().Add(s.o.BodyTimeout / 3)
			if end.Before(deadline) {
				deadline = end
			}
			_ = connection.SetReadDeadline(deadline)
		},
	}
}

// Read implements io.Reader. If there is no memory, the error has kind
// sesuai.KindOverloaded.
func (b *body) Read(p []byte) (int, error) {
	if b.ahead == 0 {
		n := bodyStep * b.copies
		if !b.memory.Take(b.client, n) {
			return 0, noMemory()
		}
		b.held += n
		b.ahead = bodyStep
		b.proceed()
	}
	n, err := b.source.Read(p[:min(int64(len(p)), b.ahead)])
	b.ahead -= int64(n)
	return n, err
}

// fits reports whether there is memory for a body of that length now. A negative
// length is an unknown one.
func (b *body) fits(length int64) bool {
	steps := max(1, (length+bodyStep-1)/bodyStep)
	return b.memory.Fits(b.client, steps*bodyStep*b.copies)
}

// keep gives back the memory but n bytes of it.
func (b *body) keep(n int64) {
	n = min(n, b.held)
	b.memory.Give(b.client, b.held-n)
	b.held = n
}

// release gives back the memory.
func (b *body) release() { b.keep(0) }

func noMemory() error {
	return &sesuai.Error{Kind: sesuai.KindOverloaded, Err: errors.New("no memory for another body")}
}
