package synthetic

import (
	"math"

	"github.com/sesuai/sesuai/internal/face"
)

// The statistics of templates were measured on LFW's development photographs,
// as in docs/reference/accuracy.md, with the model faceplugin-mobilefacenet-1:
// 4,649 photographs of 2,350 people, references averaged with their mirror
// image. The covariance is that of one photograph of each person.
// docs/decisions/templates.md compares generated templates with real ones.
//
// A face is a point in a space of factorCount dimensions. The other dimensions
// of the 512 of a template hold less than a ten-thousandth of the variance. A
// person's point is the sum of three: that of a wide circle of people who
// resemble each other, such as a region, that of a close circle within it, such
// as a family, and the person's own. Without circles, the scores of different
// people would lack the upper tail of real scores.
const (
	factorCount = 160
	// wideShare and closeShare are the shares of the wide and the close
	// circles in the variance between people.
	wideShare, closeShare = 0.155, 0.16
	// wideCircles is the number of wide circles, circles that of close ones.
	// Every wide circle has the same number of close ones.
	wideCircles, circles = 28, 72 * wideCircles
	// flattened is the power to which the spectrum is raised. There are few
	// circles, which makes the resulting spectrum steeper again.
	flattened = 0.82
	// medianLength is the median length of the network's output. All templates
	// have it, so lengths do not change which scores are higher.
	medianLength = 3.75
	// The person's own part of a probe correlates with that of the reference
	// by 1 - medianChange * exp(changeSpread * z), where z is a standard
	// normal number: photographs differ in quality.
	medianChange, changeSpread = 0.435, 0.33
)

// spectrum holds the greatest eigenvalues of the covariance. Those between the
// listed ones are interpolated linearly.
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

// share draws the points of the circles.
func (c *Country) share() {
	for n := range c.shared {
		wide, narrow := c.rng(n%wideCircles, forWideCircle), c.rng(n, forCloseCircle)
		for i, d := range deviations {
			c.shared[n][i] = d * float32(math.Sqrt(wideShare)*wide.NormFloat64()+math.Sqrt(closeShare)*narrow.NormFloat64())
		}
	}
}

// Reference returns the reference template of the n-th person, labelled with
// model.
func (c *Country) Reference(n int, model string) face.Template {
	return c.reference(n).template(model)
}

// Probe returns the template of another photograph of the n-th person. Its
// scores with other people's references have the same distribution as those of
// the person's reference.
func (c *Country) Probe(n int, model string) face.Template {
	fresh := c.rng(n, forProbe)
	same := max(1-medianChange*math.Exp(changeSpread*fresh.NormFloat64()), 0)
	keep, change := float32(same), float32(math.Sqrt((1-same*same)*(1-wideShare-closeShare)))
	f := c.reference(n)
	shared := c.circle(n)
	for i, d := range deviations {
		f[i] = shared[i] + keep*(f[i]-shared[i]) + change*d*float32(fresh.NormFloat64())
	}
	return f.template(model)
}

// reference returns a person's point.
func (c *Country) reference(n int) *factors {
	own := c.rng(n, forReference)
	f := *c.circle(n)
	weight := float32(math.Sqrt(1 - wideShare - closeShare))
	for i, d := range deviations {
		f[i] += weight * d * float32(own.NormFloat64())
	}
	return &f
}

// circle returns the point of a person's circles.
func (c *Country) circle(n int) *factors {
	return &c.shared[c.rng(n, forCircle).IntN(circles)]
}

const (
	// block is the number of components that are made of the same factors.
	block  = 32
	blocks = face.TemplateSize / block
)

// template maps a point to the components of a template. Each block of
// components takes every blocks-th factor, and so an equal share of the
// variance, and mixes them by a Walsh-Hadamard transform. The transform keeps
// lengths and angles and gives all components about the same variance, as in
// real templates.
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
	t.Length = medianLength
	return t
}
