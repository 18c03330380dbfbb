// Package registrybench measures a registry at the size of a country. It fills an
// empty registry with synthetic people, measures at given sizes how fast people
// are enrolled and questions are answered, and checks each answer. It never adds
// people to a registry that holds others. It leaves the database to its caller.
package registrybench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/synthetic"
)

// Registry is one that can be measured.
type Registry interface {
	registry.Enroller
	io.Closer
}

// Table is a part of the registry on disk.
type Table struct {
	Name string `json:"name"`
	// Bytes is with its indexes.
	Bytes int64 `json:"bytes"`
}

// Options say what Run measures. All are required unless stated otherwise.
type Options struct {
	// Open opens the registry. Run closes it and opens it again several times.
	Open func(ctx context.Context) (Registry, error)
	// Vacuum does at once what the database does by itself some time after
	// many people were enrolled. The registry is closed. It may be nil.
	Vacuum func(ctx context.Context) error
	// Tables returns the sizes on disk. The registry is closed.
	Tables func(ctx context.Context) ([]Table, error)
	// Drop empties caches and names them. The registry is closed. If it is nil,
	// nothing is measured with a cold cache.
	Drop func(ctx context.Context) ([]string, error)
	// Model is the model id of the templates, Scale its calibration, and
	// Threshold the percentage from which a comparison is a match.
	Model     string
	Scale     registry.Scale
	Threshold sesuai.Percentage
	// At are the sizes to measure at, in ascending order.
	At []int
	// Concurrency is how many questions are in flight at once. Each number is
	// measured.
	Concurrency []int
	// Duration is the duration of each measurement.
	Duration time.Duration
	// Batch is how many people are enrolled in one step, and Writers how many
	// steps run at once.
	Batch, Writers int
	// Progress is called with what is being done and the number of people on
	// record. It may be nil.
	Progress func(doing string, people int)
}

// Report is what was measured.
type Report struct {
	Cores     int         `json:"cores"`
	Go        string      `json:"go"`
	Seed      uint64      `json:"seed"`
	Model     string      `json:"model"`
	Threshold string      `json:"threshold"`
	Batch     int         `json:"batch"`
	Writers   int         `json:"writers"`
	Sizes     []SizePoint `json:"sizes"`
	Growth    []Growth    `json:"growth,omitempty"`
}

// SizePoint is what was measured at one size.
type SizePoint struct {
	People    int       `json:"people"`
	Enrolment Enrolment `json:"enrolment"`
	// VacuumSeconds is how long Options.Vacuum took.
	VacuumSeconds  float64 `json:"vacuum_seconds"`
	Tables         []Table `json:"tables"`
	BytesPerPerson float64 `json:"bytes_per_person"`
	Asked          []Asked `json:"questions"`
	// Memory is that of this process.
	Memory Memory `json:"memory"`
}

// Enrolment is how people were put on record since the size before.
type Enrolment struct {
	// People is how many were enrolled in the time that was measured.
	People int `json:"people"`
	// Seconds is the time of that, and AllSeconds the time with the making of
	// the people.
	Seconds    float64 `json:"seconds"`
	AllSeconds float64 `json:"all_seconds"`
	PerSecond  float64 `json:"per_second"`
}

// Asked is how claims were answered.
type Asked struct {
	// Cache is cold or warm, and Dropped what had been emptied.
	Cache       string   `json:"cache"`
	Dropped     []string `json:"dropped,omitempty"`
	Concurrency int      `json:"concurrency"`
	Claims      int      `json:"claims"`
	Seconds     float64  `json:"seconds"`
	PerSecond   float64  `json:"per_second"`
	// The times of one question.
	P50 Milliseconds `json:"p50_ms"`
	P99 Milliseconds `json:"p99_ms"`
	Max Milliseconds `json:"max_ms"`
	// How many claims there were of each kind; all answers were the right ones.
	Genuine  Verdicts `json:"genuine"`
	Impostor Verdicts `json:"impostor"`
	Inactive int      `json:"inactive"`
	Unknown  int      `json:"unknown"`
}

// Verdicts is the number of comparisons, and of those that reached the threshold.
// Each had exactly the score of the two templates.
type Verdicts struct {
	Compared int `json:"compared"`
	Verified int `json:"verified"`
}

// Milliseconds is a duration.
type Milliseconds float64

func milliseconds(d time.Duration) Milliseconds {
	return Milliseconds(float64(d) / float64(time.Millisecond))
}

// MaxPeople is the largest size.
const MaxPeople = 280_000_000

// seed is that of the country. With another one, a registry of an earlier run
// would hold other people.
const seed = 1

type bench struct {
	o       Options
	country *synthetic.Country
	// registry is nil while none is open.
	registry Registry
}

// Run fills the registry and measures it.
//
// The registry must be empty, or one that Run has started to fill: Run then
// continues and skips sizes that are exceeded. bench.begin explains how Run knows
// that. A wrong answer is an error.
func Run(ctx context.Context, o Options) (_ *Report, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	b := &bench{o: o, country: synthetic.New(seed)}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.open(ctx); err != nil {
		return nil, err
	}
	people, err := b.begin(ctx)
	if err != nil {
		return nil, err
	}
	report := &Report{
		Cores: runtime.GOMAXPROCS(0), Go: runtime.Version(), Seed: seed, Model: o.Model, Threshold: o.Threshold.String(),
		Batch: o.Batch, Writers: o.Writers,
	}
	for _, size := range o.At {
		if size < people {
			continue
		}
		point, err := b.measure(ctx, people, size)
		if err != nil {
			return nil, err
		}
		people = size
		report.Sizes = append(report.Sizes, point)
	}
	if len(report.Sizes) == 0 {
		return nil, fmt.Errorf("there are %d synthetic people on record already, more than any size to measure at", people)
	}
	report.Growth = report.growth()
	return report, nil
}

func (o *Options) check() error {
	switch {
	case len(o.At) == 0 || !slices.IsSorted(o.At) || o.At[0] < 1 || o.At[len(o.At)-1] > MaxPeople:
		return fmt.Errorf("the sizes must ascend, from 1 to %d people", MaxPeople)
	case len(o.Concurrency) == 0 || slices.Min(o.Concurrency) < 1:
		return errors.New("the number of questions in flight must be 1 or more")
	case o.Batch < 1 || o.Batch > chunk || o.Writers < 1:
		return fmt.Errorf("a batch must have from 1 to %d people, and there must be a writer", chunk)
	case o.Duration <= 0:
		return errors.New("the duration must be more than 0")
	}
	if o.Progress == nil {
		o.Progress = func(string, int) {}
	}
	return nil
}

func (b *bench) open(ctx context.Context) error {
	r, err := b.o.Open(ctx)
	if err != nil {
		return err // r may be something that cannot be closed
	}
	b.registry = r
	return nil
}

func (b *bench) close() error {
	if b.registry == nil {
		return nil
	}
	r := b.registry
	b.registry = nil
	return r.Close()
}

// reopen closes the registry, calls between if it is not nil, and opens it.
func (b *bench) reopen(ctx context.Context, between func() error) error {
	if err := b.close(); err != nil {
		return err
	}
	if between != nil {
		if err := between(); err != nil {
			return err
		}
	}
	return b.open(ctx)
}

// measure fills the registry from a number of people to a size and measures it.
func (b *bench) measure(ctx context.Context, people, size int) (p SizePoint, err error) {
	p.People = size
	if err := p.Memory.begin(); err != nil {
		return p, err
	}
	if p.Enrolment, err = b.fill(ctx, people, size); err != nil {
		return p, err
	}
	if p.Memory.Enrolled, err = resident(); err != nil {
		return p, err
	}
	if err := b.reopen(ctx, func() error { return b.vacuum(ctx, &p) }); err != nil {
		return p, err
	}
	if err := b.askAll(ctx, &p); err != nil {
		return p, err
	}
	return p, p.Memory.end()
}

// vacuum vacuums the closed registry and measures it on disk.
func (b *bench) vacuum(ctx context.Context, p *SizePoint) (err error) {
	if b.o.Vacuum != nil {
		b.o.Progress("vacuuming", p.People)
		start := time.Now()
		if err := b.o.Vacuum(ctx); err != nil {
			return err
		}
		p.VacuumSeconds = time.Since(start).Seconds()
	}
	if p.Tables, err = b.o.Tables(ctx); err != nil {
		return err
	}
	for _, t := range p.Tables {
		p.BytesPerPerson += float64(t.Bytes) / float64(p.People)
	}
	return nil
}
