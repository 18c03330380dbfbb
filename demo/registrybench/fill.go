package registrybench

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// chunk is how many people are made before they are enrolled: their templates
// take 16 MiB. A chunk is on record as a whole before the next one starts. So the
// people on record are the first ones of the country, except within one chunk.
const chunk = 8192

// samples is how many people are looked up in a registry that Run continues with.
const samples = 1000

// enrolment is the person of a number. There is no photograph: digests of the
// number stand for it.
func (b *bench) enrolment(n int) registry.Enrolment {
	var number [17]byte
	binary.BigEndian.PutUint64(number[:], seed)
	binary.BigEndian.PutUint64(number[8:], uint64(n))
	source := sha256.Sum256(number[:])
	number[16] = 1
	look := sha256.Sum256(number[:])
	signature := face.Signature{File: source}
	for i := range signature.Look {
		signature.Look[i] = binary.BigEndian.Uint64(look[8*i:])
	}
	return registry.Enrolment{
		Person: b.country.Person(n),
		Portrait: &registry.Portrait{
			Template: b.country.Reference(n, b.o.Model), Source: source, Signature: signature,
		},
	}
}

// begin returns the number of people on record, and refuses a registry that Run
// has not filled.
//
// Run knows its own registry by two facts. The first person of the country goes
// on record alone, and only where nobody is on record: a registry that holds that
// person, with the same values and portrait, was started by Run. And the people
// on record are the first ones of the country, which a sample shows. No real
// person has such a NIK: package synthetic uses numbers of provinces that do not
// exist.
func (b *bench) begin(ctx context.Context) (int, error) {
	people, err := b.registry.Count(ctx)
	if err != nil {
		return 0, err
	}
	if people == 0 {
		changes, err := b.registry.EnrolBatch(ctx, []registry.Enrolment{b.enrolment(0)}, false)
		if err == nil && changes[0] != registry.Added {
			err = errNotOurs
		}
		if err != nil {
			return 0, err
		}
		if people, err = b.registry.Count(ctx); err == nil && people != 1 {
			err = errNotOurs // another process adds people
		}
		return people, err
	}
	whole := people / chunk * chunk
	rng := rand.New(rand.NewPCG(seed, uint64(people))) //nolint:gosec // a sample
	for i := range samples {
		n := 0
		if i > 0 && whole > 0 {
			n = rng.IntN(whole)
		}
		e := b.enrolment(n)
		ours, err := b.registry.Holds(ctx, e.Person, e.Portrait)
		if err != nil {
			return 0, err
		}
		if !ours {
			return 0, errNotOurs
		}
	}
	if err := b.enrol(ctx, b.people(whole, min(whole+chunk, people)), registry.Added, registry.Unchanged); err != nil {
		return 0, err
	}
	return people, b.counted(ctx, people)
}

var errNotOurs = errors.New("the registry holds people whom this command did not add: use an empty one, " +
	"with --data and, for PostgreSQL, another database")

// people makes the people from one number up to another, on all cores.
func (b *bench) people(from, to int) []registry.Enrolment {
	made := make([]registry.Enrolment, to-from)
	var next atomic.Int64
	var group errgroup.Group
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(made) {
					return nil
				}
				made[i] = b.enrolment(from + i)
			}
		})
	}
	_ = group.Wait() // none of them fails
	return made
}

// fill enrols the people from one number up to another.
func (b *bench) fill(ctx context.Context, from, to int) (e Enrolment, err error) {
	began := time.Now()
	var took time.Duration
	for from < to {
		b.o.Progress("enrolling", from)
		next := min(from/chunk*chunk+chunk, to)
		made := b.people(from, next)
		start := time.Now()
		if err := b.enrol(ctx, made, registry.Added); err != nil {
			return e, err
		}
		took += time.Since(start)
		e.People += next - from
		from = next
	}
	e.Seconds, e.AllSeconds = took.Seconds(), time.Since(began).Seconds()
	if took > 0 {
		e.PerSecond = float64(e.People) / e.Seconds
	}
	return e, b.counted(ctx, to)
}

// enrol enrols people in batches. Each change must be one of may.
func (b *bench) enrol(ctx context.Context, people []registry.Enrolment, may ...registry.Change) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range b.o.Writers {
		group.Go(func() error {
			for {
				end := int(next.Add(int64(b.o.Batch)))
				start := end - b.o.Batch
				if start >= len(people) {
					return nil
				}
				changes, err := b.registry.EnrolBatch(ctx, people[start:min(end, len(people))], false)
				if err != nil {
					return err
				}
				for _, c := range changes {
					if !slices.Contains(may, c) {
						return fmt.Errorf("a person was %s: %w", c, errNotOurs)
					}
				}
			}
		})
	}
	return group.Wait()
}

// counted fails if the number of people on record is another one.
func (b *bench) counted(ctx context.Context, want int) error {
	n, err := b.registry.Count(ctx)
	if err == nil && n != want {
		err = fmt.Errorf("%d people are on record instead of %d: %w", n, want, errNotOurs)
	}
	return err
}
