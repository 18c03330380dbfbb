package attack_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/face"
)

// The size of a step of a climb: the standard deviation of a shading, in grey levels.
// A step that leads up is followed by a longer one. One that leads up in neither
// direction is followed by a shorter one.
const (
	firstStep, minStep, maxStep = 8, 1, 40
	longer, shorter             = 1.15, 0.93
)

// climber climbs from one picture by small shading: in a random direction, and if that
// does not lead up, in the opposite one.
type climber struct {
	picture   picture
	best      shading
	level     float64
	step      float64
	direction shading
	opposite  bool // whether the direction itself has been tried
	rng       *rand.Rand
}

func newClimber(p picture, level float64, seed uint64) *climber {
	return &climber{picture: p, level: level, step: firstStep, rng: rand.New(rand.NewPCG(seed, 7))}
}

// next returns a shading to try.
func (c *climber) next() *shading {
	if c.opposite {
		return c.best.moved(-c.step, &c.direction)
	}
	for v := range c.direction {
		for u := range c.direction[v] {
			c.direction[v][u] = c.rng.NormFloat64()
		}
	}
	return c.best.moved(c.step, &c.direction)
}

// tell says which level the shading of next has reached. The climber moves along a
// plateau.
func (c *climber) tell(s *shading, level float64) {
	switch {
	case level > c.level:
		c.best, c.level, c.opposite = *s, level, false
		c.step = min(c.step*longer, maxStep)
	case level == c.level:
		c.best, c.opposite = *s, false
	case c.opposite:
		c.opposite = false
		c.step = max(c.step*shorter, minStep)
	default:
		c.opposite = true
	}
}

// signal is what an attacker reads from an answer.
type signal func(answer) float64

// exact is the percentage as it is given.
func exact(a answer) float64 { return a.percentage() }

// tens is the percentage as it is given after three misses.
func tens(a answer) float64 { return 10 * math.Floor(a.percentage()/10) }

// climb asks about a person with a photograph, and climbs from there. It returns whether
// the person was verified, and the climber.
func (a *attacker) climb(p person, photo []byte, read signal, seed uint64) (bool, *climber) {
	a.t.Helper()
	c := newClimber(decodePicture(a.t, photo), -1, seed)
	s := &c.best
	for {
		got, ok := a.ask(p, c.picture.photo(s))
		if !ok || got.Verified {
			if got.Verified {
				c.best = *s
			}
			return got.Verified, c
		}
		if c.level < 0 {
			c.level = read(got)
		} else {
			c.tell(s, read(got))
		}
		s = c.next()
	}
}

// truth returns the percentage of a photograph, whatever the service says, against that
// of a reference; 0 if the engine refuses it.
func truth(t *testing.T, e *face.Engine, reference face.Template, photo []byte) float64 {
	t.Helper()
	x, err := e.Extract(t.Context(), photo, face.ForProbe)
	if err != nil {
		t.Fatal(err)
	}
	if x.Finding != face.OneFace {
		return 0
	}
	return percentage(t, e, reference, x.Template)
}

func percentage(t *testing.T, e *face.Engine, reference, probe face.Template) float64 {
	t.Helper()
	similarity, err := reference.Compare(probe)
	if err != nil {
		t.Fatal(err)
	}
	_, p := e.Calibration().Assess(similarity)
	return p.Value()
}

// start returns the template of a reference, and the photograph of the album with the
// highest percentage. The attacker finds it by asking with each; these queries are not
// made, and not counted.
func (all album) start(t *testing.T, e *face.Engine, reference []byte) (template face.Template, best []byte) {
	t.Helper()
	x, err := e.Extract(t.Context(), reference, face.ForReference)
	if err != nil {
		t.Fatal(err)
	}
	highest := -1.0
	for i, probe := range all.templates {
		if p := percentage(t, e, x.Template, probe); p > highest {
			best, highest = all.own[i], p
		}
	}
	return x.Template, best
}

// TestClimb climbs to one person for a day at most, without and with the defences. The
// defences leave an attacker ten answers a day that say something, and so slow the climb
// down. TestAttacks shows what that costs until the person is reached.
func TestClimb(t *testing.T) {
	needPhotographs(t)
	const maxQueries = 40
	var all album
	for _, test := range []struct {
		name               string
		config             app.Config
		minRise            float64
		wantAsked, maxTold int // answers, and those of them with a percentage over 0
	}{
		{"undefended", undefended(), 5, maxQueries, maxQueries},
		{"defaults", app.DefaultConfig(), 0, 30, 10},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := startService(t, test.config, true)
			if all.own == nil {
				all = openAlbum(t, s.engine, 1, 20)
			}
			p := someone(0)
			s.enrol(t, p, all.references[0])
			reference, photo := all.start(t, s.engine, all.references[0])
			a := s.newAttacker(t, conditions{days: 1, maxQueries: maxQueries})
			told := 0
			reached, c := a.climb(p, photo, func(got answer) float64 {
				if got.percentage() > 0 {
					told++
				}
				return exact(got)
			}, 0)
			from := truth(t, s.engine, reference, c.picture.photo(new(shading)))
			to := truth(t, s.engine, reference, c.picture.photo(&c.best))
			t.Logf("%s: %d queries in %.1f h, of which %d say something, lead from %.2f to %.2f",
				test.name, a.queries, time.Since(a.start).Hours(), told, from, to)
			if reached || a.queries != test.wantAsked || told > test.maxTold || to-from < test.minRise {
				t.Errorf("%s: %d of %d answers say something, %d at most should; reached: %v", test.name, told, a.queries, test.maxTold, reached)
			}
		})
	}
}
