package sandbox

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// Name is the name of a service.
type Name string

// The services.
const (
	DataCheck Name = "data_check"
	FaceCheck Name = "face_check"
	Balikan   Name = "balikan"
)

// Class classifies an answer by its meaning.
type Class string

// The classes of answers.
const (
	Found         Class = "found"         // data check
	NotFound      Class = "not_found"     // data check
	NotActive     Class = "not_active"    // data check: deceased or inactive
	Duplicate     Class = "duplicate"     // data check
	Compared      Class = "compared"      // face check
	NoPortrait    Class = "no_portrait"   // face check: the NIK is not on record
	BadImage      Class = "image"         // face check: the image cannot be processed
	Busy          Class = "busy"          // face check: busy or rate limited
	Quota         Class = "quota"         // the day's quota is used up
	Configuration Class = "configuration" // an operator's error
	Accepted      Class = "accepted"      // balikan
	AlreadySent   Class = "already_sent"  // balikan
	Malformed     Class = "malformed"     // the request is not one of the service
	Unreadable    Class = "unreadable"    // the answer is not one of the service, or is empty
	NoAnswer      Class = "no_answer"     // no answer, or one with another HTTP status
)

// billed holds the classes of answers that cost money: a person was looked up,
// or two faces were compared. This is a guess, since only the prices are known.
var billed = map[Class]bool{
	Found: true, NotFound: true, NotActive: true, Duplicate: true, Compared: true,
}

// Entry is one call and its answer. It identifies people, so it is only for
// synthetic ones.
type Entry struct {
	// Number counts the calls from 1, in the order in which they were
	// recorded.
	Number uint64 `json:"number"`
	// At is when the call arrived.
	At      time.Time `json:"at"`
	Service Name      `json:"service"`
	// NIK is the NIK that was sent, decrypted; empty if it could not be read.
	NIK string `json:"nik,omitempty"`
	// Class is the class of the answer. Code is its RESPONSE_CODE or
	// errorCode, if it had one.
	Class Class  `json:"class"`
	Code  string `json:"code,omitempty"`
	// Name and DateOfBirth are the texts that the answer had about NAMA_LGKP
	// and TGL_LHR.
	Name        string `json:"name,omitempty"`
	DateOfBirth string `json:"date_of_birth,omitempty"`
	// MatchScore is the face check's score as digits, Matched its
	// verificationResult; empty or nil if the answer had none.
	MatchScore string `json:"match_score,omitempty"`
	Matched    *bool  `json:"matched,omitempty"`
	// Transaction is the face check's transactionId.
	Transaction string `json:"transaction,omitempty"`
	// Returned are the people that balikan accepted with this call.
	Returned []Return `json:"returned,omitempty"`
	// Billed is whether the call costs money and counts against the quota.
	Billed bool `json:"billed"`
	// Fault is the fault that was injected; empty if the answer was sent
	// unchanged. With a fault, the answer may arrive in part or not at all.
	Fault Fault `json:"fault,omitempty"`
	// Status is the HTTP status; 0 if no header was sent.
	Status int `json:"status"`
}

// Return is one person whose data was returned.
type Return struct {
	NIK        string `json:"nik"`
	CustomerID string `json:"customer_id"`
}

// Recorder records calls. It is safe for concurrent use.
type Recorder interface {
	// Record is called before the answer is sent. After an error no answer
	// is sent.
	Record(Entry) error
}

// Counts holds numbers of calls.
type Counts struct {
	// Calls and Billed are by service.
	Calls, Billed map[Name]int
	// Classes is by service and class, Faults by service and fault.
	Classes map[Name]map[Class]int
	Faults  map[Name]map[Fault]int
}

// Record returns every recorded call in order, or nil if Options.Recorder was
// set.
func (s *Server) Record() []Entry {
	if s.memory == nil {
		return nil
	}
	return s.memory.all()
}

// Counts returns the numbers of recorded calls.
func (s *Server) Counts() Counts { return s.counts.copy() }

// record numbers and records a call.
func (s *Server) record(e *Entry) error {
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	e.Number = s.counts.n + 1
	if err := s.o.Recorder.Record(*e); err != nil {
		return err
	}
	s.counts.add(e)
	return nil
}

// memory is a Recorder that keeps every Entry.
type memory struct {
	mu      sync.Mutex
	entries []Entry
}

func (m *memory) Record(e Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = append(m.entries, e)
	return nil
}

func (m *memory) all() []Entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.entries)
}

// Lines is a Recorder that writes a line of JSON for each call with one Write.
// If it writes to a file, the line survives a crash of this process once Record
// returns.
type Lines struct {
	mu sync.Mutex
	w  io.Writer
}

// NewLines returns a Recorder that writes to w.
func NewLines(w io.Writer) *Lines { return &Lines{w: w} }

// Record implements Recorder.
func (l *Lines) Record(e Entry) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err = l.w.Write(append(b, '\n'))
	return err
}

// counter counts calls.
type counter struct {
	mu sync.Mutex
	n  uint64
	Counts
}

func (c *counter) add(e *Entry) {
	if c.Calls == nil {
		c.Counts = Counts{make(map[Name]int), make(map[Name]int), make(map[Name]map[Class]int), make(map[Name]map[Fault]int)}
	}
	if c.Classes[e.Service] == nil {
		c.Classes[e.Service], c.Faults[e.Service] = make(map[Class]int), make(map[Fault]int)
	}
	c.n++
	c.Calls[e.Service]++
	c.Classes[e.Service][e.Class]++
	if e.Billed {
		c.Billed[e.Service]++
	}
	if e.Fault != "" {
		c.Faults[e.Service][e.Fault]++
	}
}

func (c *counter) copy() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := Counts{maps.Clone(c.Calls), maps.Clone(c.Billed), maps.Clone(c.Classes), maps.Clone(c.Faults)}
	for service := range c.Calls {
		out.Classes[service], out.Faults[service] = maps.Clone(c.Classes[service]), maps.Clone(c.Faults[service])
	}
	return out
}
