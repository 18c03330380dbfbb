package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
)

// The greatest sizes of bodies, in bytes.
const (
	maxDataBody    = 64 << 10
	maxFaceBody    = 1 << 20
	maxBalikanBody = 1 << 20
)

// maxRecorded is how many bytes of a NIK or a transaction id are recorded, since
// a caller may send any text as one.
const maxRecorded = 40

// endpoint is one service.
type endpoint struct {
	name    Name
	service Service
	maxBody int64
	// answer decides the answer to a call.
	answer func(*call)
}

// call is one call that is being answered.
type call struct {
	*endpoint
	r    *http.Request
	body []byte
	// entry is what will be recorded. Its Status is that of the answer.
	entry Entry
	reply []byte

	// occurrence is the number of earlier calls about this NIK.
	occurrence uint64
	// rng is the call's random number generator, from which its fault and
	// latency are drawn.
	rng     *rand.Rand
	fault   Fault
	latency time.Duration
}

// serve answers one call.
func (s *Server) serve(e *endpoint, w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	c := &call{endpoint: e, r: r, entry: Entry{At: s.o.Now(), Service: e.name, Status: http.StatusOK}}
	var err error
	if c.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, e.maxBody)); err != nil {
		s.identify(c, "")
		status := http.StatusBadRequest
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status = http.StatusRequestEntityTooLarge
		}
		s.malformed(c, status)
	} else {
		e.answer(c)
	}
	c.inject()
	if err := s.record(&c.entry); err != nil {
		s.o.Log.Error("a call could not be recorded", "error", err)
		panic(http.ErrAbortHandler) // an unrecorded call gets no answer
	}
	s.o.Log.LogAttrs(r.Context(), slog.LevelInfo, "call",
		slog.String("service", string(e.name)), slog.String("class", string(c.entry.Class)), slog.String("code", c.entry.Code),
		slog.String("fault", string(c.entry.Fault)), slog.Int("status", c.entry.Status), slog.Bool("billed", c.entry.Billed),
		slog.Duration("took", time.Since(started)))
	if !wait(r.Context(), c.latency-time.Since(started)) {
		panic(http.ErrAbortHandler) // the caller has gone, or the server stops
	}
	s.deliver(c, w)
}

// identify sets the NIK that the call is about, and draws the call's latency and
// fault.
func (s *Server) identify(c *call, nik string) {
	nik = clip(nik)
	c.entry.NIK = nik
	c.occurrence = s.calls.next(c.name, nik)
	c.rng = s.rngOf(c.name, nik, c.occurrence)
	c.latency = c.service.Latency.draw(c.rng)
	c.fault = c.service.Faults.draw(c.rng)
	if m, ok := s.magic[nik]; ok {
		c.fault = ""
		if m.service == c.name && (!m.once || c.occurrence == 0) {
			c.fault = m.fault
		}
	}
}

// magicOf reports whether the call's NIK is a magic one, and returns what it
// does to this service. That is the zero magic if it affects another service, or
// only the first call.
func (s *Server) magicOf(c *call) (m magic, ok bool) {
	m, ok = s.magic[c.entry.NIK]
	if ok && (m.service != c.name || m.once && c.occurrence > 0) {
		m = magic{}
	}
	return m, ok
}

// replaced reports whether the call's fault replaces the answer, so that none is
// needed.
func (c *call) replaced() bool {
	_, ok := replacements[c.fault]
	return ok
}

// inject records the call's fault, which may replace the answer.
func (c *call) inject() {
	c.entry.Fault = c.fault
	if other, ok := replacements[c.fault]; ok {
		e := &c.entry
		*e = Entry{At: e.At, Service: e.Service, NIK: e.NIK, Transaction: e.Transaction, Class: other.class, Fault: c.fault, Status: other.status}
	}
}

// bill counts the call if answers of this class are billed. It returns how many
// calls remain of the quota, and whether the quota included this call.
func (s *Server) bill(c *call, user string, class Class) (remaining int, ok bool) {
	m := meter{c.name, user}
	if !billed[class] {
		return s.day.remaining(c.entry.At, m, c.service.Quota), true
	}
	remaining, ok = s.day.bill(c.entry.At, m, c.service.Quota)
	c.entry.Billed = ok
	return remaining, ok
}

// malformed answers a request that is not one of the service.
func (s *Server) malformed(c *call, status int) {
	c.entry.Class, c.entry.Status = Malformed, status
	c.answerJSON(map[string]any{
		"timestamp": c.entry.At.In(sesuai.Jakarta).Format("2006-01-02T15:04:05.000-0700"),
		"status":    status, "error": http.StatusText(status),
	})
}

// context returns the context for deciding the answer. It is not cancelled if
// the caller closes the connection, so that the record does not depend on that.
func (c *call) context() context.Context { return context.WithoutCancel(c.r.Context()) }

// failed answers HTTP 500, for an error of the registry or the face engine.
func (s *Server) failed(c *call, err error) {
	s.o.Log.Error("a call could not be answered", "service", string(c.name), "error", err)
	c.fault = HTTP500
}

// answerJSON sets the answer to the JSON of v.
func (c *call) answerJSON(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps and slices of texts and numbers always encode
	}
	c.reply = b
}

// fields parses the body as a JSON object.
func (c *call) fields() (map[string]json.RawMessage, bool) {
	var fields map[string]json.RawMessage
	err := json.Unmarshal(c.body, &fields)
	return fields, err == nil && fields != nil
}

// account returns the account of the user id, or nil.
func (s *Server) account(userID string) *Account {
	for i := range s.o.Accounts {
		if s.o.Accounts[i].UserID == userID {
			return &s.o.Accounts[i]
		}
	}
	return nil
}

// allows reports whether the account may call from an address.
func (a *Account) allows(address string) bool {
	if len(a.IPs) == 0 {
		return true
	}
	ip, err := netip.ParseAddr(strings.TrimSpace(address))
	return err == nil && slices.Contains(a.IPs, ip.Unmap())
}

// connectionAllowed reports whether the account may call from the address of the
// connection.
func (s *Server) connectionAllowed(a *Account, r *http.Request) bool {
	if !s.o.CheckConnection {
		return true
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && a.allows(from.Addr().String())
}

// clip returns as much of a text as is recorded.
func clip(s string) string {
	if len(s) > maxRecorded {
		s = strings.ToValidUTF8(s[:maxRecorded], "")
	}
	return s
}
