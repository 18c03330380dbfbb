package synthetic

import (
	"math"

	"github.com/sesuai/sesuai/internal/face"
)

// The statistics of templates, measured on LFW's development photographs as in
// docs/accuracy.md with the model faceplugin-mobilefacenet-1: 4,649 photographs
// of 2,350 people, references averaged with their mirror image. One photograph
// of each person gave the covariance. docs/decisions/templates.md says how well
// what is drawn agrees.
//
// A face is a point in a space of factorCount dimensions; of the template's 512
// the others are empty to a ten-thousandth of the variance. A person's point is
// that of a circle of people who resemble each other, such as a region's, that
// of a smaller circle among them, such as a family's, and their own: without
// circles, the scores of different people have no such tail as real ones have.
const (
	factorCount = 160
	// wideShare and closeShare are the shares of the variance between people
	// that a wide circle and a close one in it account for.
	wideShare, closeShare = 0.155, 0.16
	// wideCircles is how many wide circles there are, circles how many close
	// ones, an equal number in each.
	wideCircles, circles = 28, 72 * wideCircles
	// flattened is the power that the spectrum is raised to: the circles are
	// few, and so make the country's own spectrum steeper again.
	flattened = 0.82
	// A probe's own part has the correlation with the reference's of 1 less
	// medianChange times e to the power of a normal number with a standard
	// deviation of changeSpread: photographs differ in how good they are.
	medianChange, changeSpread = 0.435, 0.33
)

// spectrum are the greatest eigenvalues of the covariance: straight lines
// between every so many of them.
var spectrum = [...]struct {
	number int
	value  float64
}{
	{1, 0.01889},
	{8, 0.01576},
	{16, 0.01322},
	{32, 0.01024},
	{48, 0.00835},
	{64, 0.00646},
	{80, 0.00518},
	{96, 0.00413},
	{112, 0.00321},
	{128, 0.00218},
	{144, 0.00083},
	{160, 0.00002},
}

// factors is a point in the space of faces.
type factors [factorCount]float32

// deviations are the standard deviations of the factors; their squares add up
// to 1.
var deviations = func() (d factors) {
	var values [factorCount]float64
	var sum float64
	for i := range values {
		number, b := i+1, 1
		for spectrum[b].number < number {
			b++
		}
		low, high := spectrum[b-1], spectrum[b]
		share := float64(number-low.number) / float64(high.number-low.number)
		values[i] = math.Pow(low.value+share*(high.value-low.value), flattened)
		sum += values[i]
	}
	for i, v := range values {
		d[i] = float32(math.Sqrt(v / sum))
	}
	return d
}()

// share draws what the people of each circle have in common.
func (c *Country) share() {
	for n := range c.shared {
		wide, narrow := c.chance(n%wideCircles, forWideCircle), c.chance(n, forCloseCircle)
		for i, d := range deviations {
			c.shared[n][i] = d * float32(math.Sqrt(wideShare)*wide.NormFloat64()+math.Sqrt(closeShare)*narrow.NormFloat64())
		}
	}
}

// Reference is the template on record of the person of a number, as made by
// that model.
func (c *Country) Reference(n int, model string) face.Template {
	return c.reference(n).template(model)
}

// Probe is the template of another photograph of the person of a number. Its
// scores with other people's references are distributed as those of the
// person's own reference are.
func (c *Country) Probe(n int, model string) face.Template {
	fresh := c.chance(n, forProbe)
	same := max(1-medianChange*math.Exp(changeSpread*fresh.NormFloat64()), 0)
	keep, change := float32(same), float32(math.Sqrt((1-same*same)*(1-wideShare-closeShare)))
	f := c.reference(n)
	shared := c.circle(n)
	for i, d := range deviations {
		f[i] = shared[i] + keep*(f[i]-shared[i]) + change*d*float32(fresh.NormFloat64())
	}
	return f.template(model)
}

// reference is a person's point.
func (c *Country) reference(n int) *factors {
	own := c.chance(n, forReference)
	f := *c.circle(n)
	weight := float32(math.Sqrt(1 - wideShare - closeShare))
	for i, d := range deviations {
		f[i] += weight * d * float32(own.NormFloat64())
	}
	return &f
}

// circle is what a person has in common with the circle.
func (c *Country) circle(n int) *factors {
	return &c.shared[c.chance(n, forCircle).IntN(circles)]
}

const (
	// block is how many components are made of the same factors.
	block  = 32
	blocks = face.TemplateSize / block
)

// template turns the space of faces into a template's: into each block of
// components go every blocks-th factors, the same share of the variance, mixed
// by a Walsh-Hadamard transform. That keeps lengths and angles, and leaves no
// component longer than others by nature, as real ones are not either.
func (f *factors) template(model string) face.Template {
	v := make([]float32, face.TemplateSize)
	for b := range blocks {
		part := (*[block]float32)(v[b*block:])
		for i := b; i < factorCount; i += blocks {
			part[i/blocks*3] = f[i]
		}
		for half := 1; half < block; half *= 2 {
			for i := range block / 2 {
				low := i&(half-1) | i&^(half-1)<<1 // all without the bit of half
				x, y := part[low%block], part[(low|half)%block]
				part[low%block], part[(low|half)%block] = x+y, x-y
			}
		}
	}
	t, err := face.NewTemplate(model, v)
	must(err)
	return t
}
