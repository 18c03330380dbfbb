package attack_test

import (
	"math"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// belief is what an attacker believes about the template of a person: a normal
// distribution. A percentage is, by the published calibration, a scalar product of
// that template with the template of the photograph that was sent, which the attacker
// computes with the public models. So each percentage is a linear measurement, and
// belief is a Kalman filter (Kalman 1960).
type belief struct {
	mean       [face.TemplateSize]float64
	covariance [face.TemplateSize][face.TemplateSize]float64
	// length is the Template.Length that the attacker assumes of references.
	length float64
}

// newBelief returns what templates of other people say about anybody's. Their covariance
// is of low rank, so a part of it is spread evenly.
func newBelief(templates []face.Template) *belief {
	const even = 0.3
	b := new(belief)
	n := float64(len(templates))
	for _, t := range templates {
		b.length += t.Length / n
		for i, v := range t.Vector {
			b.mean[i] += float64(v) / n
		}
	}
	trace := 0.0
	for _, t := range templates {
		var d [face.TemplateSize]float64
		for i, v := range t.Vector {
			d[i] = float64(v) - b.mean[i]
			trace += d[i] * d[i] / n
		}
		for i := range d {
			for j := range d {
				b.covariance[i][j] += (1 - even) * d[i] * d[j] / n
			}
		}
	}
	for i := range b.covariance {
		b.covariance[i][i] += even * trace / face.TemplateSize
	}
	return b
}

// expect returns the expected cosine of a template, and its standard deviation.
func (b *belief) expect(t face.Template) (cosine, deviation float64) {
	gain := b.gain(t)
	variance := 0.0
	for i, v := range t.Vector {
		cosine += b.mean[i] * float64(v)
		variance += gain[i] * float64(v)
	}
	return cosine, math.Sqrt(max(variance, 0))
}

// gain returns the product of the covariance with a template.
func (b *belief) gain(t face.Template) (gain [face.TemplateSize]float64) {
	for i := range gain {
		for j, v := range t.Vector {
			gain[i] += b.covariance[i][j] * float64(v)
		}
	}
	return gain
}

// learn takes in a measured cosine with its standard error.
func (b *belief) learn(t face.Template, cosine, deviation float64) {
	expected, own := b.expect(t)
	gain := b.gain(t)
	variance := own*own + deviation*deviation
	for i := range gain {
		b.mean[i] += gain[i] * (cosine - expected) / variance
		for j := range gain {
			b.covariance[i][j] -= gain[i] * gain[j] / variance
		}
	}
}

// scoring is how percentages are computed, which is published.
type scoring struct{ *face.Calibration }

// term is what is subtracted from a cosine, by what the attacker assumes.
func (s scoring) term(t face.Template, b *belief) float64 { return s.Term(min(t.Length, b.length)) }

// score returns the score at a percentage.
func (s scoring) score(percentage float64) float64 {
	low, high := -1.0, 1.0
	for range 40 {
		if middle := (low + high) / 2; s.Percentage(middle).AtLeast(sesuai.PercentageOf(percentage)) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

// surrogate finds a photograph of the person by asking with those of the album first,
// and then with shaded ones that are climbed to at home: towards the template that the
// attacker believes in. local is how many shadings are tried at home for each query.
func (a *attacker) surrogate(p person, all album, natural, local int, read signal, seed uint64) bool {
	a.t.Helper()
	b := newBelief(all.templates)
	s := scoring{a.s.engine.Calibration()}
	learn := func(t face.Template, got answer) {
		switch v := read(got); {
		case v == 0: // at most the median of two people
			if expected, _ := b.expect(t); expected-s.term(t, b) > s.ImpostorMedian {
				b.learn(t, s.ImpostorMedian+s.term(t, b), 0.05)
			}
		case v == math.Trunc(v): // in tens
			b.learn(t, s.score(min(v+5, 72.5))+s.term(t, b), 0.025)
		default:
			b.learn(t, s.score(v)+s.term(t, b), 0.01)
		}
	}
	used := make(map[int]bool)
	for range natural {
		i := mostPromising(b, all.templates, used)
		used[i] = true
		got, ok := a.ask(p, all.own[i])
		if !ok || got.Verified {
			return got.Verified
		}
		learn(all.templates[i], got)
	}
	i := mostPromising(b, all.templates, nil)
	c := newClimber(decodePicture(a.t, all.own[i]), -1, seed)
	for {
		shaded, t, ok := a.improve(c, b, s, local)
		if !ok {
			return false
		}
		got, ok := a.ask(p, shaded)
		if !ok || got.Verified {
			return got.Verified
		}
		learn(t, got)
		expected, _ := b.expect(t)
		c.level = expected - s.term(t, b)
	}
}

// improve climbs at home towards the highest expected score.
func (a *attacker) improve(c *climber, b *belief, s scoring, local int) (photo []byte, t face.Template, ok bool) {
	for range local {
		shaded := c.next()
		file := c.picture.photo(shaded)
		x, err := a.s.engine.Extract(a.t.Context(), file, face.ForProbe)
		if err != nil {
			a.t.Fatal(err)
		}
		if x.Finding != face.OneFace {
			c.tell(shaded, math.Inf(-1))
			continue
		}
		var level float64
		for i, v := range x.Template.Vector {
			level += b.mean[i] * float64(v)
		}
		level -= s.term(x.Template, b)
		if level > c.level {
			photo, t, ok = file, x.Template, true
		}
		c.tell(shaded, level)
	}
	if ok {
		return photo, t, true
	}
	// Nothing at home is better: ask with the best once more, shaded otherwise.
	photo = c.picture.photo(c.next())
	x, err := a.s.engine.Extract(a.t.Context(), photo, face.ForProbe)
	if err != nil {
		a.t.Fatal(err)
	}
	return photo, x.Template, x.Finding == face.OneFace
}

// mostPromising returns the template with the highest expected cosine, plus a standard
// deviation, of those that are not used yet.
func mostPromising(b *belief, templates []face.Template, used map[int]bool) (best int) {
	highest := math.Inf(-1)
	for i, t := range templates {
		if used[i] {
			continue
		}
		cosine, deviation := b.expect(t)
		if used == nil {
			deviation = 0
		}
		if v := cosine + deviation; v > highest {
			best, highest = i, v
		}
	}
	return best
}
