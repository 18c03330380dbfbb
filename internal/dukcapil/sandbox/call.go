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
)

// The largest bodies that are read, in bytes.
const (
	maxDataBody    = 64 << 10
	maxFaceBody    = 1 << 20
	maxBalikanBody = 1 << 20
)

// maxRemembered is how many bytes of what a caller calls a NIK or a
// transaction are kept.
const maxRemembered = 40

// endpoint is one service.
type endpoint struct {
	name    Name
	service Service
	maxBody int64
	// answer decides the answer to a call.
	answer func(*call)
}

// call is one call on its way to its answer.
type call struct {
	*endpoint
	r    *http.Request
	body []byte
	// entry is what will be recorded; its Status is that of the answer.
	entry Entry
	reply []byte

	// occurrence is how many calls there were about this NIK before; chance,
	// fault and latency are what befalls this one.
	occurrence uint64
	chance     *rand.Rand
	fault      Fault
	latency    time.Duration
}

// serve takes one call from its body to its answer.
func (s *Server) serve(e *endpoint, w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	c := &call{endpoint: e, r: r, entry: Entry{At: s.o.Now(), Service: e.name, Status: http.StatusOK}}
	var err error
	if c.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, e.maxBody)); err != nil {
		s.begin(c, "")
		status := http.StatusBadRequest
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status = http.StatusRequestEntityTooLarge
		}
		s.malformed(c, status)
	} else {
		e.answer(c)
	}
	c.befall()
	if err := s.record(&c.entry); err != nil {
		s.o.Log.Error("a call could not be recorded", "error", err)
		panic(http.ErrAbortHandler) // what is not on record is not answered
	}
	s.o.Log.LogAttrs(r.Context(), slog.LevelInfo, "call",
		slog.String("service", string(e.name)), slog.String("class", string(c.entry.Class)), slog.String("code", c.entry.Code),
		slog.String("fault", string(c.entry.Fault)), slog.Int("status", c.entry.Status), slog.Bool("billed", c.entry.Billed),
		slog.Duration("took", time.Since(started)))
	if !wait(r.Context(), c.latency-time.Since(started)) {
		panic(http.ErrAbortHandler) // nobody is there any more, or the server ends
	}
	s.deliver(c, w)
}

// begin says whom the call is about, and so what befalls it.
func (s *Server) begin(c *call, nik string) {
	nik = clip(nik)
	c.entry.NIK = nik
	c.occurrence = s.calls.next(c.name, nik)
	c.chance = s.chanceOf(c.name, nik, c.occurrence)
	c.latency = c.service.Latency.draw(c.chance)
	c.fault = c.service.Faults.draw(c.chance)
	if m, ok := s.magic[nik]; ok {
		c.fault = ""
		if m.service == c.name && (!m.once || c.occurrence == 0) {
			c.fault = m.fault
		}
	}
}

// magicOf is what the magic NIK of the call asks of this service; false if
// there is none, or no more of it.
func (s *Server) magicOf(c *call) (m magic, ok bool) {
	m, ok = s.magic[c.entry.NIK]
	if ok && (m.service != c.name || m.once && c.occurrence > 0) {
		m = magic{}
	}
	return m, ok
}

// replaced reports whether a fault will put another answer in the place of the
// true one, so that none is needed.
func (c *call) replaced() bool {
	_, ok := instead[c.fault]
	return ok
}

// befall puts the answer of the fault in the place of the true one.
func (c *call) befall() {
	c.entry.Fault = c.fault
	if other, ok := instead[c.fault]; ok {
		e := &c.entry
		*e = Entry{At: e.At, Service: e.Service, NIK: e.NIK, Transaction: e.Transaction, Class: other.class, Fault: c.fault, Status: other.status}
	}
}

// bill counts the call if such answers are billed. It says how many are left
// and whether there was one for this call.
func (s *Server) bill(c *call, user string, class Class) (left int, ok bool) {
	m := meter{c.name, user}
	if !billed[class] {
		return s.day.left(c.entry.At, m, c.service.Quota), true
	}
	left, ok = s.day.bill(c.entry.At, m, c.service.Quota)
	c.entry.Billed = ok
	return left, ok
}

// malformed answers what is no request of the service.
func (s *Server) malformed(c *call, status int) {
	c.entry.Class, c.entry.Status = Malformed, status
	c.answerJSON(map[string]any{
		"timestamp": c.entry.At.In(jakarta).Format("2006-01-02T15:04:05.000-0700"),
		"status":    status, "error": http.StatusText(status),
	})
}

// context is for deciding the answer: that does not depend on whether the
// caller waits for it.
func (c *call) context() context.Context { return context.WithoutCancel(c.r.Context()) }

// failed answers that the sandbox itself could not: the registry did not.
func (s *Server) failed(c *call, err error) {
	s.o.Log.Error("a call could not be answered", "service", string(c.name), "error", err)
	c.fault = HTTP500
}

// answerJSON makes v the answer.
func (c *call) answerJSON(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps and slices of texts and numbers
	}
	c.reply = b
}

// fields reads a JSON object.
func (c *call) fields() (map[string]json.RawMessage, bool) {
	var fields map[string]json.RawMessage
	err := json.Unmarshal(c.body, &fields)
	return fields, err == nil && fields != nil
}

// account is the one with the user id; nil if there is none.
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

// connectionAllowed holds the account's IPs against where the call comes from.
func (s *Server) connectionAllowed(a *Account, r *http.Request) bool {
	if !s.o.CheckConnection {
		return true
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && a.allows(from.Addr().String())
}

// clip is as much of a text as is remembered.
func clip(s string) string {
	if len(s) > maxRemembered {
		s = strings.ToValidUTF8(s[:maxRemembered], "")
	}
	return s
}
