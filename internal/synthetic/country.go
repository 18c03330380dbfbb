// Package synthetic generates the people of a country, any number of them and
// the same ones every time, so that benchmarks and tests can measure a registry
// at the size of a country. The templates have the statistics of real ones. No
// NIK is a real person's. The package leaves enrolling its people to others. It
// reads no photographs, and its results must not influence a real decision.
package synthetic

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
)

// MaxPeople is the greatest number of people in a country.
const MaxPeople = 300_000_000

// A NIK consists of a region of six digits, the date of birth as six digits
// with 40 added to the day for women, and a serial number of four.
const (
	// Provinces are numbered from 41. No province of Indonesia has a number
	// in the forties, so no real person has such a NIK.
	firstProvince, provinces = 41, 9
	regencies, districts     = 40, 20 // in each, numbered from 1
	serials                  = 8      // numbered from 1
	sexes                    = 2
)

// The range of the days of birth. It is shorter than a hundred years, so that
// the two digits in a NIK identify the year.
var (
	firstDay = time.Date(1946, time.January, 1, 0, 0, 0, 0, time.UTC)
	afterAll = time.Date(2009, time.January, 1, 0, 0, 0, 0, time.UTC)
	days     = uint64(afterAll.Sub(firstDay) / (24 * time.Hour))
)

// dates holds all days of birth, since making one takes half as long as making
// a template.
var dates = sync.OnceValue(func() []sesuai.Date {
	all := make([]sesuai.Date, days)
	for i := range all {
		date, err := sesuai.ParseDate(firstDay.AddDate(0, 0, i).Format(sesuai.DateLayout), afterAll)
		must(err)
		all[i] = date
	}
	return all
})

// Country is a synthetic country. It is safe for concurrent use.
type Country struct {
	seed uint64
	// niks is the number of NIKs. step is the distance between the NIKs of
	// one person and the next. It has no divisor in common with niks, so that
	// every NIK occurs once.
	niks, step uint64
	shared     [circles]factors
}

// New returns the country of a seed. Equal seeds give equal countries.
func New(seed uint64) *Country {
	c := &Country{seed: seed, niks: provinces * regencies * districts * serials * sexes * days}
	// A step near the golden ratio spreads the people of any range of numbers
	// over all regions and years.
	for c.step = uint64(float64(c.niks) * 0.6180339887); gcd(c.step, c.niks) != 1; c.step++ {
	}
	c.share()
	return c
}

// Person returns the n-th person. It panics if n is not between 0 and
// MaxPeople-1. Every person has a NIK of their own, which fits the date of
// birth. 98 % are active, 1 % deceased and 1 % inactive.
func (c *Country) Person(n int) registry.Person {
	k := c.identityOf(n)
	var text [16]byte
	digits(text[0:2], firstProvince+k.province)
	digits(text[2:4], 1+k.regency)
	digits(text[4:6], 1+k.district)
	year, month, day := firstDay.AddDate(0, 0, k.day).Date()
	digits(text[6:8], day+40*k.sex)
	digits(text[8:10], int(month))
	digits(text[10:12], year%100)
	digits(text[12:16], 1+k.serial)

	rng := c.rng(n, forPerson)
	nik, err := sesuai.ParseNIK(string(text[:]))
	must(err)
	name, err := sesuai.ParseName(nameOf(k.sex == female, rng))
	must(err)
	p := registry.Person{NIK: nik, Name: name, DateOfBirth: dates()[k.day]}
	switch rng.IntN(100) {
	case 0:
		p.Status = sesuai.Deceased
	case 1:
		p.Status = sesuai.Inactive
	}
	return p
}

// identity holds the parts of a NIK, each counted from 0.
type identity struct{ province, regency, district, day, sex, serial int }

const female = 1

func (c *Country) identityOf(n int) (k identity) {
	if n < 0 || n >= MaxPeople {
		panic("synthetic: a person's number is out of range")
	}
	// It does not overflow: n is below 2^29, step and niks are below 2^32.
	rest := (uint64(n)*c.step + c.seed%c.niks) % c.niks
	next := func(of uint64) int {
		digit := rest % of
		rest /= of
		return int(digit)
	}
	k.sex, k.serial, k.day = next(sexes), next(serials), next(days)
	k.district, k.regency, k.province = next(districts), next(regencies), next(provinces)
	return k
}

// purpose distinguishes the generators of one person.
type purpose uint64

const (
	forPerson purpose = iota
	forReference
	forProbe
	forCircle
	forWideCircle // for these two, the number is a circle's
	forCloseCircle
)

// rng returns the generator for a number and a purpose. Equal seeds, numbers and
// purposes give equal generators.
func (c *Country) rng(n int, what purpose) *rand.Rand {
	return rand.New(rand.NewPCG(c.seed, uint64(n)<<3|uint64(what))) //nolint:gosec // must be reproducible
}

// digits writes v in decimal, with leading zeros.
func digits(into []byte, v int) {
	for i := len(into) - 1; i >= 0; i-- {
		into[i] = byte('0' + v%10)
		v /= 10
	}
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// must panics on an error about a value that this package made valid.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
