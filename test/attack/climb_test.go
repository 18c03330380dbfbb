package attack_test

import (
	"math"
	"math/rand/v2"
)

// The size of a step of a climb, in grey levels: the standard deviation of each value of
// the shading. A step that leads up is followed by a longer one, any other by a shorter
// one (the 1/5th success rule of evolution strategies; Rechenberg 1973).
const (
	firstStep, minStep, maxStep = 5, 1.5, 12
	longer, shorter             = 1.3, 0.94
)

// moved returns the shading after a random step.
func (s shading) moved(step float64, rng *rand.Rand) *shading {
	for y := range s {
		for x := range s[y] {
			for channel := range s[y][x] {
				s[y][x][channel] += step * rng.NormFloat64()
			}
		}
	}
	return &s
}

// climber climbs from one picture by small shading.
type climber struct {
	picture picture
	best    shading
	level   float64
	step    float64
	rng     *rand.Rand
}

func newClimber(p picture, level float64, seed uint64) *climber {
	return &climber{picture: p, level: level, step: firstStep, rng: rand.New(rand.NewPCG(seed, 1))}
}

// next returns a shading to try.
func (c *climber) next() *shading { return c.best.moved(c.step, c.rng) }

// tell says which level a shading has reached. The climber stays on a plateau, and moves
// along it.
func (c *climber) tell(s *shading, level float64) {
	switch {
	case level > c.level:
		c.best, c.level = *s, level
		c.step = min(c.step*longer, maxStep)
	case level == c.level:
		c.best = *s
	default:
		c.step = max(c.step*shorter, minStep)
	}
}

// signal is what an attacker reads from an answer.
type signal func(answer) float64

// exact is the percentage as it is given.
func exact(a answer) float64 { return a.percentage() }

// tens is the percentage as it is given after three misses.
func tens(a answer) float64 { return 10 * math.Floor(a.percentage()/10) }

// climb asks with each photograph of the album, and climbs from the one with the highest
// percentage. It returns whether the person was verified.
func (a *attacker) climb(p person, album [][]byte, read signal, seed uint64) bool {
	a.t.Helper()
	best, level := 0, -1.0
	for i, photo := range album {
		got, ok := a.ask(p, photo)
		if !ok || got.Verified {
			return got.Verified
		}
		if v := read(got); v > level {
			best, level = i, v
		}
	}
	c := newClimber(decodePicture(a.t, album[best]), level, seed)
	for {
		s := c.next()
		got, ok := a.ask(p, c.picture.photo(s))
		if !ok || got.Verified {
			return got.Verified
		}
		c.tell(s, read(got))
	}
}
