package subject

import (
	"context"
	"slices"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/batch"
)

// AnswerTime is the time within which a controller gives a data subject access: 3 × 24
// hours from the request (UU 27/2022, article 32).
const AnswerTime = 3 * 24 * time.Hour

// ReportOptions are about one report.
type ReportOptions struct {
	// Values puts the values of the record into the report, and not their names alone.
	Values bool
	// ReceivedAt is when the data subject asked; zero if it is not known.
	ReceivedAt time.Time
}

// Report is all that is stored about one person, and who asked when. It has neither the
// NIK nor a template. Times are in UTC.
type Report struct {
	At time.Time `json:"at"`
	// DueAt is when the data subject must have it; nil if it is not known when it was
	// asked for.
	DueAt *time.Time `json:"due_at,omitempty"`
	// Record is that of the built-in registry; nil if the person is not on record.
	Record *Record `json:"record"`
	// Probes are photographs that are remembered as signatures, from which no
	// photograph can be made.
	Probes Probes `json:"probes"`
	// Requests are the verifications, and Changes what operators did. The last is
	// first.
	Requests []Request `json:"requests"`
	Changes  []Change  `json:"changes"`
	// The rest is what other tables have of the requests.
	Answers  []StoredAnswer `json:"answers"`
	Keyed    []StoredAnswer `json:"idempotency_keys"`
	Messages []Message      `json:"webhook_messages"`
	Rows     []Row          `json:"batch_rows"`
	Returned []Returned     `json:"returned_to_dukcapil"`
	Calls    []Call         `json:"dukcapil_calls"`
	Misses   []time.Time    `json:"limit_misses"`
	// Tables is how many rows each table has of the person. A table without a row is
	// omitted.
	Tables []TableCount `json:"tables"`
}

// Record is a record of the built-in registry.
type Record struct {
	Status     string   `json:"status"`
	Attributes []string `json:"attributes"`
	// Values are those of the attributes; nil unless ReportOptions.Values.
	Values     map[string]string `json:"values,omitempty"`
	Portrait   bool              `json:"portrait"`
	Model      string            `json:"model,omitempty"`
	EnrolledAt time.Time         `json:"enrolled_at"`
	ChangedAt  time.Time         `json:"changed_at"`
}

// Probes are those of one person.
type Probes struct {
	Count int        `json:"count"`
	First *time.Time `json:"first,omitempty"`
	Last  *time.Time `json:"last,omitempty"`
	// Until is when the last of them is removed, if no other follows.
	Until *time.Time `json:"until,omitempty"`
}

// Request is a verification.
type Request struct {
	Event       int64        `json:"event"`
	Time        time.Time    `json:"time"`
	RequestID   string       `json:"request_id"`
	Reference   string       `json:"reference_id,omitempty"`
	Client      string       `json:"client"`
	ClientName  string       `json:"client_name,omitempty"`
	Endpoint    string       `json:"endpoint"`
	Purpose     string       `json:"purpose,omitempty"`
	ConsentID   string       `json:"consent_id,omitempty"`
	ConsentAt   *time.Time   `json:"consent_given_at,omitempty"`
	Result      audit.Result `json:"result"`
	Reason      string       `json:"reason,omitempty"`
	Explanation string       `json:"explanation"`
}

// Change is what an operator did about the person.
type Change struct {
	Event  int64        `json:"event"`
	Time   time.Time    `json:"time"`
	Action audit.Action `json:"action"`
	Actor  string       `json:"actor"`
}

// StoredAnswer is an answer that is stored for its client.
type StoredAnswer struct {
	Event     int64     `json:"event,omitempty"`
	Client    string    `json:"client"`
	RequestID string    `json:"request_id"`
	Until     time.Time `json:"until"`
}

// Message is one to a webhook.
type Message struct {
	ID        string    `json:"id"`
	Client    string    `json:"client"`
	RequestID string    `json:"request_id"`
	State     string    `json:"state"`
	Until     time.Time `json:"until"`
}

// Row is a row of a batch.
type Row struct {
	Batch  string `json:"batch"`
	Line   int    `json:"line"`
	Client string `json:"client"`
	// Pending means that what was sent is stored: the claim, and the photograph if there
	// is one.
	Pending bool `json:"pending"`
	// Until is nil while the batch is not finished.
	Until *time.Time `json:"until,omitempty"`
}

// Returned is a row of the outbox to Dukcapil.
type Returned struct {
	Event int64     `json:"event"`
	At    time.Time `json:"at"`
	// DeliveredAt is nil while the NIK is stored.
	DeliveredAt *time.Time `json:"delivered_at"`
}

// Call is a call of a service of Dukcapil.
type Call struct {
	At        time.Time `json:"at"`
	Client    string    `json:"client"`
	RequestID string    `json:"request_id"`
	Service   string    `json:"service"`
}

// TableCount is how many rows a table has of the person.
type TableCount struct {
	Table string `json:"table"`
	Rows  int    `json:"rows"`
}

// Report reports all that is stored about a person. The report is an event of the audit
// trail, which is recorded before it is returned, and is not in it.
func (s *Service) Report(ctx context.Context, nik sesuai.NIK, o ReportOptions) (Report, error) {
	found, err := s.find(ctx, nik)
	if err != nil {
		return Report{}, err
	}
	names := map[string]string{}
	if s.o.Clients != nil {
		if names, err = s.o.Clients(ctx); err != nil {
			return Report{}, err
		}
	}
	r := s.report(found, names, o)
	if err := s.o.Record(ctx, audit.Change{Action: audit.SubjectReported, NIK: nik, Count: int64(total(r.Tables))}); err != nil {
		return Report{}, err
	}
	return r, nil
}

func total(tables []TableCount) (n int) {
	for _, t := range tables {
		n += t.Rows
	}
	return n
}

// report returns what was found as a report.
func (s *Service) report(found stored, names map[string]string, o ReportOptions) Report {
	// Lists are never nil: in JSON they are empty then.
	r := Report{
		At: s.o.Now().UTC().Truncate(time.Microsecond), Record: recordOf(found, o.Values), Probes: s.probes(found),
		Requests: []Request{}, Changes: []Change{}, Answers: []StoredAnswer{}, Keyed: []StoredAnswer{}, Messages: []Message{},
		Rows: []Row{}, Returned: []Returned{}, Calls: []Call{}, Misses: []time.Time{}, Tables: found.tables(),
	}
	if !o.ReceivedAt.IsZero() {
		due := o.ReceivedAt.Add(AnswerTime).UTC()
		r.DueAt = &due
	}
	for _, e := range found.events {
		at := time.UnixMicro(e.Time).UTC()
		if e.Result == audit.Changed {
			r.Changes = append(r.Changes, Change{e.Seq, at, e.Action, e.Actor})
			continue
		}
		q := Request{
			Event: e.Seq, Time: at, RequestID: e.RequestID, Reference: e.Reference, Client: e.Client, ClientName: names[e.Client],
			Endpoint: e.Endpoint.String(), Purpose: e.Purpose, ConsentID: e.ConsentID,
			Result: e.Result, Reason: e.Reason, Explanation: e.Explain(),
		}
		if e.ConsentAt != 0 {
			q.ConsentAt = timeOf(time.UnixMicro(e.ConsentAt))
		}
		r.Requests = append(r.Requests, q)
	}
	for _, a := range found.answers {
		r.Answers = append(r.Answers, StoredAnswer{a.Seq, a.Client, a.Request, a.At.Add(s.o.Retention.Answers).UTC()})
	}
	for _, k := range found.keyed {
		r.Keyed = append(r.Keyed, StoredAnswer{0, k.Client, k.Request, k.At.Add(KeysAge).UTC()})
	}
	for _, m := range found.messages {
		r.Messages = append(r.Messages, Message{m.ID, m.Client, m.RequestID, string(m.State), m.CreatedAt.Add(s.o.Retention.Messages).UTC()})
	}
	for _, b := range found.rows {
		row := Row{b.Batch.ID, b.Line, b.Batch.Client, b.Outcome == batch.Pending, nil}
		if !b.Batch.FinishedAt.IsZero() {
			row.Until = timeOf(b.Batch.FinishedAt.Add(s.o.Retention.Batches))
		}
		r.Rows = append(r.Rows, row)
	}
	for _, d := range found.returned {
		r.Returned = append(r.Returned, Returned{d.Seq, d.At.UTC(), timeOf(d.DeliveredAt)})
	}
	for _, c := range found.calls {
		r.Calls = append(r.Calls, Call{c.At.UTC(), c.Client, c.RequestID, string(c.Service)})
	}
	r.Misses = append(r.Misses, found.misses...)
	return r
}

// timeOf returns a time; nil for the zero one.
func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// recordOf returns the record, with its values if they are wanted.
func recordOf(found stored, values bool) *Record {
	e := found.held.Enrolment
	if e == nil {
		return nil
	}
	all := map[string]string{
		string(sesuai.NameAttribute): e.Person.Name.Reveal(), string(sesuai.DateOfBirthAttribute): e.Person.DateOfBirth.Reveal(),
	}
	for a, text := range e.Person.Attributes {
		all[string(a)] = text.Reveal()
	}
	r := &Record{
		Status: e.Person.Status.String(), Portrait: e.Portrait != nil, Model: found.held.Model,
		EnrolledAt: found.held.EnrolledAt, ChangedAt: found.held.ChangedAt,
	}
	for name := range all {
		r.Attributes = append(r.Attributes, name)
	}
	slices.Sort(r.Attributes)
	if values {
		r.Values = all
	}
	return r
}

// probes are those of both tables.
func (s *Service) probes(found stored) (p Probes) {
	all := slices.SortedFunc(slices.Values(slices.Concat(found.held.Probes, found.held.Unenrolled)), time.Time.Compare)
	if p.Count = len(all); p.Count > 0 {
		first, last := all[0], all[p.Count-1]
		p.First, p.Last, p.Until = timeOf(first), timeOf(last), timeOf(last.Add(s.o.Retention.Probes))
	}
	return p
}

// tables counts the rows of each table.
func (f stored) tables() (all []TableCount) {
	one := func(is bool) int {
		if is {
			return 1
		}
		return 0
	}
	onRecord := f.held.Enrolment != nil
	for _, t := range []TableCount{
		{"people", one(onRecord)},
		{"person_keys", one(onRecord)},
		{"templates", one(onRecord && f.held.Enrolment.Portrait != nil)},
		{"probes", one(len(f.held.Probes) > 0)},
		{"unenrolled_probes", one(len(f.held.Unenrolled) > 0)},
		{"audit_events", len(f.events)},
		{"answers", len(f.answers)},
		{"idempotency_keys", len(f.keyed)},
		{"webhook_deliveries", len(f.messages)},
		{"batch_rows", len(f.rows)},
		{"outbox", len(f.returned)},
		{"upstream_calls", len(f.calls)},
		{"limit_misses", len(f.misses)},
		{"limit_niks", f.niks},
	} {
		if t.Rows > 0 {
			all = append(all, t)
		}
	}
	return all
}
