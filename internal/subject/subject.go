// Package subject serves the rights of a data subject under UU 27/2022: it reports all
// that is stored about one person, and erases it. It holds the list of the tables, with
// what each has of a person and for how long. It knows no table itself: each belongs to
// a package that finds and erases its own rows.
package subject

import (
	"context"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/batch"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/people"
	"github.com/sesuai/sesuai/internal/webhook"
)

// People is the built-in registry.
type People interface {
	Held(ctx context.Context, nik sesuai.NIK) (people.Held, error)
	Remove(ctx context.Context, nik sesuai.NIK) (removed bool, err error)
}

// Answers are those that clients were given.
type Answers interface {
	OfEvents(ctx context.Context, seqs []int64) ([]answer.Row, error)
	KeyedOf(ctx context.Context, of func(answer.Keyed) bool) ([]answer.Keyed, error)
	Erase(ctx context.Context, seqs []int64, keyed []answer.Keyed) error
}

// Messages are those to webhooks.
type Messages interface {
	StoredOf(ctx context.Context, of func(webhook.Stored) bool) ([]webhook.Stored, error)
	Erase(ctx context.Context, ids []string) error
}

// Batches are those of verifications.
type Batches interface {
	StoredOf(ctx context.Context, of func(batch.Stored) bool) ([]batch.Stored, error)
	Erase(ctx context.Context, rows []batch.Stored) (int, error)
}

// Outbox is the data to be returned to Dukcapil.
type Outbox interface {
	OfEvents(ctx context.Context, seqs []int64) ([]balikan.Returned, error)
}

// Calls is the call log of Dukcapil's services.
type Calls interface {
	MadeFor(ctx context.Context, client, requestID string, from, to time.Time) ([]ledger.Made, error)
}

// Misses are what the limits count against a NIK.
type Misses interface {
	StoredOf(ctx context.Context, nik sesuai.NIK) (misses []time.Time, days int, err error)
}

// Options are what a Service is made of. All are required but Clients and Now.
type Options struct {
	People   People
	Trail    audit.Reader
	Answers  Answers
	Messages Messages
	Batches  Batches
	Outbox   Outbox
	Calls    Calls
	Misses   Misses
	// Record records an event of the trail.
	Record func(ctx context.Context, c audit.Change) error
	// RecordedID returns an id of a request as the audit trail has it.
	RecordedID func(id string) string
	// Clients returns the names of clients by their ids. Without it the report has ids
	// alone.
	Clients func(ctx context.Context) (map[string]string, error)
	// Retention is how long data are kept.
	Retention Retention
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Retention is how long data are kept, by the keys of the configuration. Zero means that
// nothing is stored.
type Retention struct {
	Probes   time.Duration // replay.max_age
	Answers  time.Duration // answers.max_age
	Messages time.Duration // webhooks.keep_log
	Batches  time.Duration // batches.max_age
	// Upstream is how long what is known of calls of Dukcapil and of data that were
	// returned is kept: dukcapil.keep_log. Zero is no limit.
	Upstream time.Duration
}

// Service reports and erases. It is safe for concurrent use, while the service runs on
// any node. Errors have kind sesuai.KindUnavailable unless stated otherwise.
type Service struct{ o Options }

// New returns a Service.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{o}
}

// stored is all that was found of a person, as its owners have it.
type stored struct {
	held     people.Held
	events   []audit.Entry
	answers  []answer.Row
	keyed    []answer.Keyed
	messages []webhook.Stored
	rows     []batch.Stored
	returned []balikan.Returned
	calls    []ledger.Made
	misses   []time.Time
	niks     int // rows of limit_niks
}

const (
	// keyBefore is how long before its event the idempotency key of a request may have
	// been taken: the longest time that the configuration allows for a request.
	keyBefore = time.Hour
	// callAfter is how long after the start of a verification a call of it may start.
	callAfter = time.Hour
)

// find finds all that is stored of a person.
func (s *Service) find(ctx context.Context, nik sesuai.NIK) (found stored, err error) {
	if found.held, err = s.o.People.Held(ctx, nik); err != nil {
		return stored{}, err
	}
	if found.events, err = s.o.Trail.Events(ctx, audit.Filter{NIK: nik}); err != nil {
		return stored{}, err
	}
	asked := requestsOf(found.events)
	if found.answers, err = s.o.Answers.OfEvents(ctx, asked.seqs); err != nil {
		return stored{}, err
	}
	if found.keyed, err = s.o.Answers.KeyedOf(ctx, func(k answer.Keyed) bool {
		return asked.has(k.Client, s.o.RecordedID(k.Request), func(at time.Time) bool { return !k.At.After(at) && at.Sub(k.At) <= keyBefore })
	}); err != nil {
		return stored{}, err
	}
	if found.messages, err = s.o.Messages.StoredOf(ctx, func(m webhook.Stored) bool {
		return asked.has(m.Client, s.o.RecordedID(m.RequestID), func(at time.Time) bool { return at.UnixMicro() == m.Time.UnixMicro() })
	}); err != nil {
		return stored{}, err
	}
	if found.rows, err = s.o.Batches.StoredOf(ctx, func(r batch.Stored) bool {
		if r.NIK != "" {
			sent, err := sesuai.ParseNIK(r.NIK)
			return err == nil && sent.Equal(nik)
		}
		return r.Outcome != batch.Pending && asked.has(r.Batch.Client, s.o.RecordedID(r.Request()), func(time.Time) bool { return true })
	}); err != nil {
		return stored{}, err
	}
	if found.returned, err = s.o.Outbox.OfEvents(ctx, asked.seqs); err != nil {
		return stored{}, err
	}
	for _, e := range asked.events {
		at := time.UnixMicro(e.Time)
		calls, err := s.o.Calls.MadeFor(ctx, e.Client, e.RequestID, at, at.Add(callAfter))
		if err != nil {
			return stored{}, err
		}
		found.calls = append(found.calls, calls...)
	}
	found.misses, found.niks, err = s.o.Misses.StoredOf(ctx, nik)
	return found, err
}

// requests are the events of requests about one person.
type requests struct {
	events []audit.Entry
	seqs   []int64
	times  map[[2]string][]time.Time // by client and request
}

func requestsOf(events []audit.Entry) requests {
	r := requests{times: make(map[[2]string][]time.Time)}
	for _, e := range events {
		if e.Result == audit.Changed {
			continue
		}
		r.events, r.seqs = append(r.events, e), append(r.seqs, e.Seq)
		id := [2]string{e.Client, e.RequestID}
		r.times[id] = append(r.times[id], time.UnixMicro(e.Time))
	}
	return r
}

// has reports whether there is a request of that client and id at a time for which at
// holds. A client may use an id several times, so the time matters.
func (r requests) has(client, id string, at func(time.Time) bool) bool {
	for _, t := range r.times[[2]string{client, id}] {
		if at(t) {
			return true
		}
	}
	return false
}
