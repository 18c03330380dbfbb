package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/admission"
)

// Shed is why a request is refused because there is too much to do, as in metrics.
type Shed string

// The reasons for which requests are shed.
const (
	// ShedSlots: the client has too many verifications in progress.
	ShedSlots Shed = "in_flight"
	// ShedMemory: there is no memory for the client's body.
	ShedMemory Shed = "memory"
	// ShedBacklog: the overload is lasting, and too many photographs wait.
	ShedBacklog Shed = Shed(admission.Backlog)
	// ShedDeadline: the photograph would not be processed within Options.Timeout.
	ShedDeadline Shed = Shed(admission.Deadline)
	// ShedTimeout: the photograph was not processed within Options.Timeout.
	ShedTimeout Shed = "timeout"
)

// ShedReasons are all of them.
var ShedReasons = [...]Shed{ShedSlots, ShedMemory, ShedBacklog, ShedDeadline, ShedTimeout}

// shedding is the cause of an error about a request that is shed.
type shedding struct {
	reason Shed
	why    string
}

// Error implements error.
func (s *shedding) Error() string { return s.why }

// shed returns the error about a request that is shed. The caller is told to wait for
// that long.
func shed(reason Shed, wait time.Duration, why string) error {
	return &sesuai.Error{Kind: sesuai.KindOverloaded, RetryAfter: wait, Err: &shedding{reason, why}}
}

func noSlot() error { return shed(ShedSlots, 0, "too many requests in progress") }

func noMemory() error { return shed(ShedMemory, 0, "no memory for another body") }

// shedBy returns why the request with that error was shed; "" if it was not. Of a
// caller that has gone nothing was.
func shedBy(err error) Shed {
	if s, ok := errors.AsType[*shedding](err); ok {
		return s.reason
	}
	if sesuai.KindOf(err) == sesuai.KindOverloaded && errors.Is(err, context.DeadlineExceeded) {
		return ShedTimeout
	}
	return ""
}

// admits refuses a request whose body is not worth reading: there is no free slot, or
// its photograph would not be processed soon. The slot is taken when the body is
// complete, so that none is held by a caller that sends slowly.
func (s *Server) admits(client string, fields schema) error {
	if !s.slots.Fits(client, 1) {
		return noSlot()
	}
	if fields.hasFile() {
		return s.inTime(client)
	}
	return nil
}

// inTime refuses a photograph that would not be processed in time.
func (s *Server) inTime(client string) error {
	r, refused := s.o.Queue.Refuse(client, s.o.Timeout)
	if !refused {
		return nil
	}
	why := "too many photographs wait"
	if r.Reason == admission.Deadline {
		why = "the photograph would not be processed in time"
	}
	return shed(Shed(r.Reason), r.Wait, why)
}

// maxDropped is the greatest length of a body that net/http reads and drops in order to
// keep the connection (maxPostHandlerReadBytes there), in bytes.
const maxDropped = 256 << 10

// dropShort has the connection kept although the request is refused before its body
// has been read, if that is short or has a stream of its own. Under overload a new
// connection for each request would take longer than the request. net/http drops what
// arrives of a short body within lingerTimeout before it sends the answer.
func (w *reply) dropShort(r *http.Request) {
	w.drop = r.ProtoMajor > 1 || r.ContentLength > 0 && r.ContentLength < maxDropped
}
