package attack_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/policy"
)

// attack is a row of the table.
type attack struct {
	name string
	// photographs is whether the service needs the face engine.
	photographs bool
	// inWhole is whether only make attacks has the row.
	inWhole bool
	// before and defaults are how it is made without and with the defences.
	before, defaults conditions
	run              func(t *testing.T, s *service, c conditions) result
	// slowed is whether the defaults only slow it down.
	slowed bool
}

// sized returns the first number in make attacks, and the second in make test.
func sized(inWhole, short int) int {
	if whole() {
		return inWhole
	}
	return short
}

// never is more queries than any attack makes.
const never = 1 << 30

// climbing returns an attack by a climb.
func climbing(read signal, change ...func(*access.Client)) func(*testing.T, *service, conditions) result {
	return func(t *testing.T, s *service, c conditions) (r result) {
		all := openAlbum(t, s.engine, c.targets, sized(200, 20))
		var reaches []float64
		for i, reference := range all.references {
			p := someone(i)
			s.enrol(t, p, reference)
			template, photo := all.start(t, s.engine, reference)
			a := s.newAttacker(t, c, change...)
			reached, climber := a.climb(p, photo, read, uint64(i))
			r.attempt(a, reached)
			reaches = append(reaches, truth(t, s.engine, template, climber.picture.photo(&climber.best)))
		}
		r.note = fmt.Sprintf("the highest in truth %.2f to %.2f", slices.Min(reaches), slices.Max(reaches))
		return r
	}
}

// modelling returns an attack by a model of the person's template.
func modelling(read signal) func(*testing.T, *service, conditions) result {
	return func(t *testing.T, s *service, c conditions) (r result) {
		all := openAlbum(t, s.engine, c.targets, sized(200, 100))
		for i, reference := range all.references {
			p := someone(i)
			s.enrol(t, p, reference)
			a := s.newAttacker(t, c)
			r.attempt(a, a.surrogate(p, all, 30, 12, read, uint64(i)))
		}
		return r
	}
}

// climbingToAnybody asks about many people, a few times each, and climbs to the one with
// the highest percentage.
func climbingToAnybody(t *testing.T, s *service, c conditions) (r result) {
	const people, photos = 60, 3
	all := openAlbum(t, s.engine, people, photos)
	a := s.newAttacker(t, c)
	best, level, start := person{}, -1.0, 0
	for i, reference := range all.references {
		p := someone(i)
		s.enrol(t, p, reference)
		for j, photo := range all.own {
			got, ok := a.ask(p, photo)
			if ok && exact(got) > level {
				best, level, start = p, exact(got), j
			}
		}
	}
	climber := newClimber(decodePicture(t, all.own[start]), level, 1)
	for {
		shaded := climber.next()
		got, ok := a.ask(best, climber.picture.photo(shaded))
		if !ok || got.Verified {
			r.attempt(a, got.Verified)
			return r
		}
		climber.tell(shaded, exact(got))
	}
}

// enumerating asks about NIKs. With padding, each query follows one about somebody
// whom the attacker knows, so that half of the answers are verified.
func enumerating(padding bool) func(*testing.T, *service, conditions) result {
	return func(t *testing.T, s *service, c conditions) result { return enumerate(t, s, c, padding) }
}

func enumerate(t *testing.T, s *service, c conditions, padding bool) (r result) {
	n := sized(2000, 60)
	var niks []string
	for i := range n / 2 {
		p := someone(i)
		s.enrol(t, p, nil)
		niks = append(niks, p.nik, unusedNIK(i))
	}
	a := s.newAttacker(t, c)
	var known *person
	if padding {
		p := someone(n)
		s.enrol(t, p, nil)
		known = &p
	}
	sorted, right := a.enumerate(niks, known)
	r.attempt(a, right == n)
	r.note = fmt.Sprintf("%d of %d NIKs are told known or unknown", right, n)
	if sorted != right {
		t.Errorf("%d NIKs were sorted, %d rightly", sorted, right)
	}
	return r
}

// asking returns an attack on a field of the claim, by face verification with a photograph
// of somebody else, or by data verification. values are what the attacker asks for, in
// that order, and set sets the field. In make test the right value is the last one.
func asking(byFace bool, values func(seed uint64) []string, set func(*person, string), right func(answer) *bool) func(*testing.T, *service, conditions) result {
	return func(t *testing.T, s *service, c conditions) (r result) {
		var reference, photo []byte
		if byFace {
			all := openAlbum(t, s.engine, 1, 1)
			reference, photo = all.references[0], all.own[0]
		}
		for i := range c.targets {
			all := values(uint64(i))
			p := someone(i)
			set(&p, all[sized(rand.New(rand.NewPCG(uint64(i), 3)).IntN(len(all)), len(all)-1)])
			s.enrol(t, p, reference)
			a := s.newAttacker(t, c)
			r.attempt(a, a.find(p, all, set, right, photo))
		}
		return r
	}
}

func askingDates(byFace bool) func(*testing.T, *service, conditions) result {
	values := func(seed uint64) []string { return plausibleDates(sized(46, 1), seed) }
	set := func(p *person, date string) { p.born = date }
	return asking(byFace, values, set, func(a answer) *bool { return a.Result.Born })
}

func askingNames(byFace bool) func(*testing.T, *service, conditions) result {
	values := func(seed uint64) []string {
		return plausibleNames(firstParts[:sized(len(firstParts), 8)], lastParts[:sized(len(lastParts), 8)], seed)
	}
	set := func(p *person, name string) { p.name = name }
	return asking(byFace, values, set, func(a answer) *bool { return a.Result.Name })
}

// attempt adds a target that an attacker has made all queries about.
func (r *result) attempt(a *attacker, reached bool) {
	r.ended(reached, a.queries, time.Since(a.start))
}

// rounded has a client told percentages less exactly from the first.
func rounded(p sesuai.Precision) func(*access.Client) {
	return func(c *access.Client) { c.Precision = p }
}

// attacks are the rows of the table.
func attacks() []attack {
	days := sized(90, 10)
	climbed := conditions{targets: sized(6, 1), days: 1, maxQueries: sized(1500, 900)}
	patient := func(perDay, clients int) conditions {
		return conditions{targets: sized(3, 1), clients: clients, perDay: perDay, days: days, maxQueries: never}
	}
	asked := conditions{targets: 1, days: 1, maxQueries: never}
	month := func(clients int) conditions {
		return conditions{targets: 1, clients: clients, days: sized(30, 2), maxQueries: never}
	}
	return []attack{
		{"hill-climb by the percentage, three queries a day", true, true, climbed, patient(3, 1), climbing(exact), false},
		{"hill-climb by the percentage in tens, ten queries a day", true, true, climbed, patient(10, 1), climbing(tens), false},
		{"hill-climb by ten clients", true, true, climbed, patient(10, 10), climbing(tens), false},
		{
			"hill-climb by a client that is told no percentage", true, true,
			conditions{targets: 1, days: 1, maxQueries: 1500},
			conditions{targets: 1, days: 30, maxQueries: never},
			climbing(exact, rounded(sesuai.PrecisionNone)), false,
		},
		{"hill-climb to any of 60 people", true, true, conditions{days: 1, maxQueries: 1500}, patient(3, 1), climbingToAnybody, false},
		{"model of the template, three queries a day", true, true, conditions{targets: 3, days: 1, maxQueries: 300}, patient(3, 1), modelling(exact), false},
		{"model of the template in tens, ten queries a day", true, true, conditions{targets: 3, days: 1, maxQueries: 300}, patient(10, 1), modelling(tens), false},
		{"enumeration of NIKs", false, false, asked, month(1), enumerating(false), true},
		{"enumeration of NIKs by ten clients", false, true, asked, month(10), enumerating(false), true},
		{"enumeration of NIKs, each with a verified answer", false, true, asked, month(1), enumerating(true), true},
		{"date of birth by data verification", false, false, asked, month(1), askingDates(false), false},
		{"date of birth by data verification, ten clients", false, true, asked, month(10), askingDates(false), false},
		{"date of birth by face verification", true, true, conditions{targets: 1, days: 1, maxQueries: 1000}, month(1), askingDates(true), false},
		{"name by its parts, by data verification", false, false, asked, month(1), askingNames(false), false},
		{"name by its parts, by data verification, ten clients", false, true, asked, month(10), askingNames(false), false},
		{"name by its parts, by face verification", true, true, conditions{targets: 1, days: 1, maxQueries: 1000}, month(1), askingNames(true), false},
	}
}

// TestAttacks makes each attack without and with the defences, and prints the table.
func TestAttacks(t *testing.T) {
	var table strings.Builder
	for _, a := range attacks() {
		if a.inWhole && !whole() {
			continue
		}
		t.Run(a.name, func(t *testing.T) {
			if a.photographs {
				needPhotographs(t)
			}
			before := a.in(t, undefended(), a.before)
			t.Logf("before: %v", before)
			defaults := a.in(t, app.DefaultConfig(), a.defaults)
			t.Logf("with the defaults: %v", defaults)
			fmt.Fprintf(&table, "| %s | %v | %v |\n", a.name, before, defaults)
			if !whole() && len(before.asked) > 0 {
				t.Errorf("without defences the attack fails, so it shows nothing: %v", before)
			}
			if !whole() && !a.slowed && len(defaults.queries) > 0 {
				t.Errorf("the defaults let the attack through: %v", defaults)
			}
		})
	}
	t.Logf("\n| attack | before | with the defaults |\n|---|---|---|\n%s", &table)
}

// in makes the attack on a service of its own.
func (a attack) in(t *testing.T, config app.Config, c conditions) (r result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r = a.run(t, startService(t, config, a.photographs), c)
	})
	return r
}

// undefended returns a configuration without limits, and with answers that are always
// exact.
func undefended() app.Config {
	c := app.DefaultConfig()
	c.Limits.NIK, c.Limits.Client, c.Disclosure = limit.NIKConfig{}, limit.ClientConfig{NonMatchShare: 100}, policy.Disclosure{}
	return c
}
