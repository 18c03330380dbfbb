package httpapi

import (
	"io"
	"net/http"
	"time"

	"github.com/sesuai/sesuai/internal/admission"
)

// bodyStep is how many bytes of a body are read before memory for further ones is
// reserved. A caller has a third of Options.BodyTimeout for each step, so one that
// has stopped sending holds little memory, or holds it for a short time.
const bodyStep = 64 << 10

// body is a request's body. It is read as a whole before it is decoded, so that a
// caller that sends slowly holds up no other. Memory for reading and decoding it is
// reserved before it is read.
type body struct {
	source io.Reader
	limit  int64
	memory *admission.Pool
	client string
	// copies is how many bytes of memory each byte of the body needs at most.
	copies int64
	// proceed gives the caller time for the next step.
	proceed func()

	held int64 // bytes taken from memory
	read steps // what has been read
}

// newBody returns the body of the client's request, of at most limit bytes. The
// caller must release it.
func (s *Server) newBody(w *reply, r *http.Request, client string, limit int64) *body {
	// The deadline is set on the connection. A ResponseWriter without a
	// connection, as in a test, has no deadline.
	connection := http.NewResponseController(w)
	end := time.Now().Add(s.o.BodyTimeout)
	return &body{
		source: http.MaxBytesReader(w.ResponseWriter, r.Body, limit), limit: limit,
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

// readAll reads the whole body, of that length, or of an unknown one if it is
// negative. If there is no memory, the error has kind sesuai.KindOverloaded.
func (b *body) readAll(length int64) error {
	for left := length; ; left -= bodyStep {
		n := bodyStep * b.copies
		if !b.memory.Take(b.client, n) {
			return noMemory()
		}
		b.held += n
		b.proceed()
		size := int64(bodyStep)
		if length >= 0 {
			size = min(max(left, 0)+1, size) // one more shows the end
		}
		step := make([]byte, size)
		n, err := b.fill(step)
		b.read = append(b.read, step[:n])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// fill reads until step is full, or until an error, which is io.EOF at the end of
// the body.
func (b *body) fill(step []byte) (n int64, err error) {
	for n < int64(len(step)) && err == nil {
		var got int
		got, err = b.source.Read(step[n:])
		n += int64(got)
	}
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

// release overwrites what has not been decoded, and gives back the memory.
func (b *body) release() {
	for _, step := range b.read {
		clear(step)
	}
	b.keep(0)
}

// steps are parts of a body. Read overwrites and drops what it returns.
type steps [][]byte

// Read implements io.Reader.
func (s *steps) Read(p []byte) (n int, err error) {
	if len(*s) == 0 {
		return 0, io.EOF
	}
	step := (*s)[0]
	n = copy(p, step)
	clear(step[:n])
	if (*s)[0] = step[n:]; n == len(step) {
		*s = (*s)[1:]
	}
	return n, nil
}

// len returns how many bytes are left to read.
func (s *steps) len() (n int) {
	for _, step := range *s {
		n += len(step)
	}
	return n
}

// join returns the steps as one slice. It overwrites and drops them.
func (s *steps) join() []byte {
	size := 0
	for _, step := range *s {
		size += len(step)
	}
	// slices.Concat would allocate the whole twice under the race detector.
	whole := make([]byte, 0, size)
	for _, step := range *s {
		whole = append(whole, step...)
		clear(step)
	}
	*s = nil
	return whole
}
