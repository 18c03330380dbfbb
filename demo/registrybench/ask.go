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
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/synthetic"
)

const (
	// The states of the caches.
	warm, cold = "warm", "cold"
	// round is how many claims are made before they are asked about.
	round = 4096
	// coldClaims is how many claims a cold cache is measured with: further
	// ones would find it warm.
	coldClaims = 2048
	// warmUp is how many claims precede the measurement with a warm cache, and
	// warmers how many of them are in flight at once.
	warmUp, warmers = 20_000, 8
	// One in unknownShare claims has a NIK that is not on record. One in
	// impostorShare comes with the face of another person.
	unknownShare, impostorShare = 20, 20
)

// claim is a claim and its right answer.
type claim struct {
	number   int // of the person
	claim    sesuai.Claim
	unknown  bool
	status   sesuai.Status
	impostor bool
	probe    face.Probe
	score    float64
	// percentage is that of score.
	percentage sesuai.Percentage
}

// claim makes the claim of a number, which alone seeds its random choices.
func (b *bench) claim(number uint64, people int) (c claim, err error) {
	rng := rand.New(rand.NewPCG(seed, number)) //nolint:gosec // the same every time is the point
	c.number = rng.IntN(people)
	if c.unknown = rng.IntN(unknownShare) == 0; c.unknown {
		c.number = people + rng.IntN(synthetic.MaxPeople-people)
	}
	p := b.country.Person(c.number)
	c.claim, c.status = sesuai.Claim{NIK: p.NIK, Name: p.Name, DateOfBirth: p.DateOfBirth}, p.Status
	whose := c.number
	if c.impostor = rng.IntN(impostorShare) == 0; c.impostor {
		whose = rng.IntN(synthetic.MaxPeople)
	}
	c.probe.Template = b.country.Probe(whose, b.o.Model)
	// Nothing that is on record has this digest.
	c.probe.Signature.File = [32]byte{1}
	stored, err := asStored(b.country.Reference(c.number, b.o.Model))
	if err != nil {
		return c, err
	}
	similarity, err := stored.Compare(c.probe.Template)
	c.score, c.percentage = b.o.Scale.Assess(similarity)
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

// claims makes n claims on all cores, from the number first on.
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

// ask asks about a claim as package verify does, and checks the answer.
func (b *bench) ask(ctx context.Context, c *claim, t *tally) error {
	answer, err := b.registry.Ask(ctx, registry.Question{Claim: c.claim, Probe: &c.probe})
	comparison := answer.Face
	switch {
	case err != nil:
		return err
	case answer.Found == c.unknown:
		return fmt.Errorf("wrong answer: person %d is found: %t", c.number, answer.Found)
	case c.unknown:
		t.unknown++
		return nil
	case answer.Status != c.status, answer.NameScore != 100, answer.DateOfBirth != sesuai.Match:
		return fmt.Errorf("wrong answer about the attributes of person %d", c.number)
	case answer.Status != sesuai.Active:
		t.inactive++
		return nil
	case !comparison.Portrait, comparison.SamePhotograph, comparison.Score != c.score, comparison.Percentage != c.percentage:
		return fmt.Errorf("wrong answer about the face of person %d: the score is %g, not %g", c.number, comparison.Score, c.score)
	}
	v := &t.genuine
	if c.impostor {
		v = &t.impostor
	}
	v.Compared++
	if comparison.Percentage.AtLeast(b.o.Threshold) {
		v.Verified++
	}
	return nil
}

// measurement is the answers and times of claims.
type measurement struct {
	tally
	times []time.Duration
	took  time.Duration
}

// put asks about claims, a number of them at once.
func (b *bench) put(ctx context.Context, claims []claim, concurrency int, m *measurement) error {
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
	m.took += time.Since(start)
	m.times = append(m.times, times...)
	for _, t := range tallies {
		m.genuine.add(t.genuine)
		m.impostor.add(t.impostor)
		m.inactive += t.inactive
		m.unknown += t.unknown
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
	run := func(n, concurrency int, until time.Duration) (m measurement, err error) {
		for len(m.times) < n && m.took < until {
			claims, err := b.claims(first, min(round, n-len(m.times)), p.People)
			if err != nil {
				return m, err
			}
			first += uint64(len(claims))
			if err := b.put(ctx, claims, concurrency, &m); err != nil {
				return m, err
			}
		}
		return m, nil
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

func (m *measurement) asked(cache string, dropped []string, concurrency int) Asked {
	slices.Sort(m.times)
	return Asked{
		Cache: cache, Dropped: dropped, Concurrency: concurrency,
		Claims: len(m.times), Seconds: m.took.Seconds(), PerSecond: float64(len(m.times)) / m.took.Seconds(),
		P50: milliseconds(quantile(m.times, 0.5)), P99: milliseconds(quantile(m.times, 0.99)), Max: milliseconds(m.times[len(m.times)-1]),
		Genuine: m.genuine, Impostor: m.impostor, Inactive: m.inactive, Unknown: m.unknown,
	}
}

// quantile is the smallest of the sorted times that the share q of them does
// not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}
