package registrybench

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/synthetic"
)

const (
	// The states of the caches.
	warm, cold = "warm", "cold"
	// round is how many claims are made at once, to be put to the registry
	// then.
	round = 4096
	// coldClaims is how many claims a cold cache is measured with: more of
	// them would find it warm.
	coldClaims = 2048
	// warmUp is how many claims go before those that are measured with a warm
	// cache, and warmers how many of them are under way at once.
	warmUp, warmers = 20_000, 8
	// unknownShare and impostorShare are one in how many claims are of a NIK
	// that nobody has, and come with the face of another person.
	unknownShare, impostorShare = 20, 20
)

// claim is a question and its right answer.
type claim struct {
	number   int // of the person
	claim    sesuai.Claim
	unknown  bool
	status   sesuai.Status
	impostor bool
	probe    face.Probe
	score    float64
}

// claim makes the question of a number, with chance from it alone.
func (b *bench) claim(number uint64, people int) (c claim, err error) {
	chance := rand.New(rand.NewPCG(seed, number)) //nolint:gosec // the same every time is the point
	c.number = chance.IntN(people)
	if c.unknown = chance.IntN(unknownShare) == 0; c.unknown {
		c.number = people + chance.IntN(synthetic.MostPeople-people)
	}
	p := b.country.Person(c.number)
	c.claim, c.status = sesuai.Claim{NIK: p.NIK, Name: p.Name, DateOfBirth: p.DateOfBirth}, p.Status
	whose := c.number
	if c.impostor = chance.IntN(impostorShare) == 0; c.impostor {
		whose = chance.IntN(synthetic.MostPeople)
	}
	c.probe.Template = b.country.Probe(whose, b.o.Model)
	// Nothing that is on record has this digest.
	c.probe.Signature.File = [32]byte{1}
	stored, err := asStored(b.country.Reference(c.number, b.o.Model))
	if err != nil {
		return c, err
	}
	c.score, err = stored.Score(c.probe.Template)
	return c, err
}

// asStored is a template as it comes back from a registry.
func asStored(t face.Template) (face.Template, error) {
	b, err := t.MarshalBinary()
	if err != nil {
		return t, err
	}
	stored := face.Template{Model: t.Model}
	return stored, stored.UnmarshalBinary(b)
}

// claims makes so many, on all cores, from the number first on.
func (b *bench) claims(first uint64, n, people int) ([]claim, error) {
	made := make([]claim, n)
	var next atomic.Int64
	var group errgroup.Group
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() (err error) {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if made[i], err = b.claim(first+uint64(i), people); err != nil {
					return err
				}
			}
		})
	}
	return made, group.Wait()
}

// tally counts answers by what they were about.
type tally struct {
	genuine, impostor Verdicts
	inactive, unknown int
}

// ask puts a claim to the registry as package verify does, and holds the answer
// to the right one.
func (b *bench) ask(ctx context.Context, c *claim, t *tally) error {
	record, err := b.registry.Check(ctx, c.claim)
	switch {
	case err != nil:
		return err
	case record.Found == c.unknown:
		return fmt.Errorf("wrong answer: person %d is found: %t", c.number, record.Found)
	case c.unknown:
		t.unknown++
		return nil
	case record.Status != c.status, record.NameScore != 100, record.DateOfBirth != sesuai.Match, !record.Portrait:
		return fmt.Errorf("wrong answer about the attributes of person %d", c.number)
	case record.Status != sesuai.Active:
		t.inactive++
		return nil
	}
	comparison, err := b.registry.Compare(ctx, c.claim.NIK, c.probe)
	switch {
	case err != nil:
		return err
	case !comparison.Portrait, comparison.SamePhotograph, comparison.Revision != record.Revision,
		comparison.Score != c.score, comparison.Percentage != b.o.Scale.Percentage(c.score):
		return fmt.Errorf("wrong answer about the face of person %d: the score is %g, not %g", c.number, comparison.Score, c.score)
	}
	v := &t.genuine
	if c.impostor {
		v = &t.impostor
	}
	v.Compared++
	if comparison.Percentage.AtLeast(b.o.PassMark) {
		v.Verified++
	}
	return nil
}

// stretch is a time in which claims are put to the registry.
type stretch struct {
	tally
	times []time.Duration
	took  time.Duration
}

// put puts claims to the registry, so many at once.
func (b *bench) put(ctx context.Context, claims []claim, concurrency int, s *stretch) error {
	times := make([]time.Duration, len(claims))
	tallies := make([]tally, concurrency)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for worker := range concurrency {
		group.Go(func() error {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(claims) {
					break
				}
				began := time.Now()
				if err := b.ask(ctx, &claims[i], &tallies[worker]); err != nil {
					return err
				}
				times[i] = time.Since(began)
			}
			return ctx.Err()
		})
	}
	err := group.Wait()
	s.took += time.Since(start)
	s.times = append(s.times, times...)
	for _, t := range tallies {
		s.genuine.add(t.genuine)
		s.impostor.add(t.impostor)
		s.inactive += t.inactive
		s.unknown += t.unknown
	}
	return err
}

func (v *Verdicts) add(w Verdicts) {
	v.Compared += w.Compared
	v.Verified += w.Verified
}

// askAll measures the answers at a size, with a warm cache and then with a cold
// one.
func (b *bench) askAll(ctx context.Context, p *SizePoint) error {
	first := uint64(p.People) << 32 // no claim comes twice
	run := func(n, concurrency int, until time.Duration) (s stretch, err error) {
		for len(s.times) < n && s.took < until {
			claims, err := b.claims(first, min(round, n-len(s.times)), p.People)
			if err != nil {
				return s, err
			}
			first += uint64(len(claims))
			if err := b.put(ctx, claims, concurrency, &s); err != nil {
				return s, err
			}
		}
		return s, nil
	}
	b.o.Progress("warming the caches", p.People)
	if _, err := run(warmUp, warmers, time.Hour); err != nil {
		return err
	}
	for _, concurrency := range b.o.Concurrency {
		b.o.Progress(fmt.Sprintf("asking with a warm cache, %d at once", concurrency), p.People)
		s, err := run(1<<62, concurrency, b.o.Duration)
		if err != nil {
			return err
		}
		p.Asked = append(p.Asked, s.asked(warm, nil, concurrency))
	}
	if b.o.Drop == nil {
		return nil
	}
	for _, concurrency := range b.o.Concurrency {
		b.o.Progress(fmt.Sprintf("asking with a cold cache, %d at once", concurrency), p.People)
		var dropped []string
		if err := b.reopen(ctx, func() (err error) {
			dropped, err = b.o.Drop(ctx)
			return err
		}); err != nil {
			return err
		}
		s, err := run(coldClaims, concurrency, b.o.Duration)
		if err != nil {
			return err
		}
		p.Asked = append(p.Asked, s.asked(cold, dropped, concurrency))
	}
	return nil
}

func (s *stretch) asked(cache string, dropped []string, concurrency int) Asked {
	slices.Sort(s.times)
	return Asked{
		Cache: cache, Dropped: dropped, Concurrency: concurrency,
		Claims: len(s.times), Seconds: s.took.Seconds(), PerSecond: float64(len(s.times)) / s.took.Seconds(),
		P50: milliseconds(quantile(s.times, 0.5)), P99: milliseconds(quantile(s.times, 0.99)), Most: milliseconds(s.times[len(s.times)-1]),
		Genuine: s.genuine, Impostor: s.impostor, Inactive: s.inactive, Unknown: s.unknown,
	}
}

// quantile is the smallest of the sorted times that the share q of them does
// not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}
