// Package registrybench measures a registry at the size of a country: it fills
// an empty one with made-up people, and measures at the sizes that are wanted
// how fast people are enrolled and claims answered, and checks each answer. It
// must not know what database the registry is kept in, and must not put its
// people into a registry that serves real ones.
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

// Scale turns a comparison score into a percentage; *face.Calibration is the
// real one.
type Scale interface {
	Percentage(score float64) sesuai.Percentage
}

// Options are what a Bench is made of. All are required, but where said
// otherwise.
type Options struct {
	// Open opens the registry. It is closed and opened again at times.
	Open func(ctx context.Context) (Registry, error)
	// Settle brings the registry, which is open, to the state that it comes to
	// by itself some time after people were enrolled. It may be nil.
	Settle func(ctx context.Context, r Registry) error
	// Tables measures the registry, which is open, on disk.
	Tables func(ctx context.Context, r Registry) ([]Table, error)
	// Drop empties the caches that can be emptied, while the registry is
	// closed, and names them. It may be nil: then there is no cold cache.
	Drop func(ctx context.Context) ([]string, error)
	// Model is the model that templates are said to be of, Scale its
	// calibration, and PassMark what a comparison has to reach.
	Model    string
	Scale    Scale
	PassMark sesuai.Percentage
	// At are the sizes to measure at, ascending.
	At []int
	// Concurrency is how many claims are under way at once, one measurement
	// for each.
	Concurrency []int
	// Duration is how long claims are put to the registry in each.
	Duration time.Duration
	// Batch is how many people are enrolled in one step, and Writers how many
	// steps are under way at once.
	Batch, Writers int
	// Progress is told what is being done, and how many people are on record.
	// It may be nil.
	Progress func(doing string, people int)
}

// Report is what was measured.
type Report struct {
	Cores    int         `json:"cores"`
	Go       string      `json:"go"`
	Seed     uint64      `json:"seed"`
	Model    string      `json:"model"`
	PassMark string      `json:"pass_mark"`
	Batch    int         `json:"batch"`
	Writers  int         `json:"writers"`
	Sizes    []SizePoint `json:"sizes"`
	Growth   []Growth    `json:"growth,omitempty"`
}

// SizePoint is what was measured at one size.
type SizePoint struct {
	People    int       `json:"people"`
	Enrolment Enrolment `json:"enrolment"`
	// SettleSeconds is how long Options.Settle took.
	SettleSeconds  float64 `json:"settle_seconds"`
	Tables         []Table `json:"tables"`
	BytesPerPerson float64 `json:"bytes_per_person"`
	Asked          []Asked `json:"check_and_compare"`
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
	// The times of one claim, Check and Compare together.
	P50  Milliseconds `json:"p50_ms"`
	P99  Milliseconds `json:"p99_ms"`
	Most Milliseconds `json:"max_ms"`
	// How many claims there were of each kind; all answers were the right ones.
	Genuine  Verdicts `json:"genuine"`
	Impostor Verdicts `json:"impostor"`
	Inactive int      `json:"inactive"`
	Unknown  int      `json:"unknown"`
}

// Verdicts is how many comparisons there were, and how many of them reached the
// pass mark. Each had exactly the score that the two templates have.
type Verdicts struct {
	Compared int `json:"compared"`
	Verified int `json:"verified"`
}

// Milliseconds is a duration.
type Milliseconds float64

func milliseconds(d time.Duration) Milliseconds {
	return Milliseconds(float64(d) / float64(time.Millisecond))
}

// MostPeople is the largest size.
const MostPeople = 280_000_000

// seed is that of the country: with another one, people of an earlier run would
// be strangers.
const seed = 1

type bench struct {
	o       Options
	country *synthetic.Country
	// registry is nil while none is open.
	registry Registry
}

// Run fills the registry and measures it.
//
// A registry must be empty, or be one that Run has begun to fill: then it goes
// on from there, and sizes that are behind are passed over. How that is known
// is said at bench.begin. An answer that is not the right one is an error.
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
		Cores: runtime.GOMAXPROCS(0), Go: runtime.Version(), Seed: seed, Model: o.Model, PassMark: o.PassMark.String(),
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
		return nil, fmt.Errorf("there are %d made-up people on record already, more than any size to measure at", people)
	}
	report.Growth = report.growth()
	return report, nil
}

func (o *Options) check() error {
	switch {
	case len(o.At) == 0 || !slices.IsSorted(o.At) || o.At[0] < 1 || o.At[len(o.At)-1] > MostPeople:
		return fmt.Errorf("the sizes must ascend, from 1 to %d people", MostPeople)
	case len(o.Concurrency) == 0 || slices.Min(o.Concurrency) < 1:
		return errors.New("how many claims are under way at once must be 1 or more")
	case o.Batch < 1 || o.Batch > chunk || o.Writers < 1:
		return fmt.Errorf("a batch must have from 1 to %d people, and somebody must write it", chunk)
	case o.Duration <= 0:
		return errors.New("the time to measure in must be more than nothing")
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

// measure fills the registry from so many people to a size and measures it.
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
	if b.o.Settle != nil {
		b.o.Progress("settling", size)
		start := time.Now()
		if err := b.o.Settle(ctx, b.registry); err != nil {
			return p, err
		}
		p.SettleSeconds = time.Since(start).Seconds()
	}
	if p.Tables, err = b.o.Tables(ctx, b.registry); err != nil {
		return p, err
	}
	for _, t := range p.Tables {
		p.BytesPerPerson += float64(t.Bytes) / float64(size)
	}
	// What the enrolment left in the process is gone.
	if err := b.reopen(ctx, nil); err != nil {
		return p, err
	}
	if err := b.askAll(ctx, &p); err != nil {
		return p, err
	}
	return p, p.Memory.end()
}
