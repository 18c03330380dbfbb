// Package synthetic makes up the people of a country, as many as are wanted and
// the same every time, so that a registry can be measured at the size of a
// country's: it is for benchmarks and tests. Their templates have the
// statistics of real ones, and no real person's NIK is among theirs. It must
// not read a photograph, run a network or know where its people are put, and
// nothing that it makes may decide about anybody.
package synthetic

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
)

// MostPeople is how many people a country can have.
const MostPeople = 300_000_000

// A NIK is a region of six digits, the date of birth with 40 added to the day
// of women, and a serial of four.
const (
	// Provinces are numbered from 41: no province of Indonesia has a number
	// in the forties, so that no NIK is anybody's.
	firstProvince, provinces = 41, 9
	regencies, districts     = 40, 20 // in each, numbered from 1
	serials                  = 8      // numbered from 1
	sexes                    = 2
)

// The days of birth: under a hundred years, so that the two digits of a year
// in a NIK tell which.
var (
	firstDay = time.Date(1946, time.January, 1, 0, 0, 0, 0, time.UTC)
	afterAll = time.Date(2009, time.January, 1, 0, 0, 0, 0, time.UTC)
	days     = uint64(afterAll.Sub(firstDay) / (24 * time.Hour))
)

// dates are the days of birth: to make one takes as long as half of a template.
var dates = sync.OnceValue(func() []sesuai.Date {
	all := make([]sesuai.Date, days)
	for i := range all {
		date, err := sesuai.ParseDate(firstDay.AddDate(0, 0, i).Format(sesuai.DateLayout), afterAll)
		must(err)
		all[i] = date
	}
	return all
})

// Country is one made-up country. It is safe for concurrent use.
type Country struct {
	seed uint64
	// niks is how many NIKs there are, step what lies between those of one
	// person and the next: it has no divisor in common with niks, so that each
	// comes up once.
	niks, step uint64
	shared     [circles]factors
}

// New makes the country of that seed.
func New(seed uint64) *Country {
	c := &Country{seed: seed, niks: provinces * regencies * districts * serials * sexes * days}
	// Near the golden section, the people of any part of the numbers are spread
	// over all regions and years.
	for c.step = uint64(float64(c.niks) * 0.6180339887); gcd(c.step, c.niks) != 1; c.step++ {
	}
	c.share()
	return c
}

// Person is the person of a number: from 0 to under MostPeople, or it panics.
// The NIK is that of no other number, and fits the date of birth; 98 % are
// active, 1 % deceased and 1 % inactive.
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

	chance := c.chance(n, forPerson)
	nik, err := sesuai.ParseNIK(string(text[:]))
	must(err)
	name, err := sesuai.ParseName(nameOf(k.sex == female, chance))
	must(err)
	p := registry.Person{NIK: nik, Name: name, DateOfBirth: dates()[k.day]}
	switch chance.IntN(100) {
	case 0:
		p.Status = sesuai.Deceased
	case 1:
		p.Status = sesuai.Inactive
	}
	return p
}

// identity is what a NIK consists of, each counted from 0.
type identity struct{ province, regency, district, day, sex, serial int }

const female = 1

func (c *Country) identityOf(n int) (k identity) {
	if n < 0 || n >= MostPeople {
		panic("synthetic: there is nobody of that number")
	}
	// It does not overflow: a number is under 2^29, step and niks under 2^32.
	left := (uint64(n)*c.step + c.seed%c.niks) % c.niks
	next := func(of uint64) int {
		digit := left % of
		left /= of
		return int(digit)
	}
	k.sex, k.serial, k.day = next(sexes), next(serials), next(days)
	k.district, k.regency, k.province = next(districts), next(regencies), next(provinces)
	return k
}

// purpose tells apart what is drawn about one person.
type purpose uint64

const (
	forPerson purpose = iota
	forReference
	forProbe
	forCircle
	forWideCircle // of these two the number is a circle's
	forCloseCircle
)

// chance is what is drawn from for a purpose: the same for the same seed and
// number.
func (c *Country) chance(n int, what purpose) *rand.Rand {
	return rand.New(rand.NewPCG(c.seed, uint64(n)<<3|uint64(what))) //nolint:gosec // the same every time is the point
}

// digits writes v in decimal, with zeros in front.
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

// must is for what was made to be valid.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
