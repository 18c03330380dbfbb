package face_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/sesuai/sesuai/internal/face"
)

// Simulated presentation attacks: computed photographs of photographs. They were
// not presented to a camera, so their rates are not an APCER.

// pictured is a photograph and the positions of its eyes.
type pictured struct {
	*light
	eyes [2]face.Point
}

// presentation computes a camera's photograph of a presentation of a photograph.
// host is the head that wears a mask.
type presentation struct {
	name string
	make func(t testing.TB, r *rand.Rand, of, host pictured) []byte
}

// recaptureSide is the side of the recaptured photographs, in pixels.
const recaptureSide = 720

// attacks are the simulated attacks, in the order of docs/decisions/pad.md.
var attacks = []presentation{
	{"screen, fills the frame", recaptured(screen{fill: 1.35}.show)},
	{"the same with glare", recaptured(screen{fill: 1.35, glare: 0.35}.show)},
	{"telephone in a room", recaptured(screen{fill: 0.72, glare: 0.1, bezel: true}.show)},
	{"halftone print, fills the frame", recaptured(paper{fill: 1.35, dots: 150, border: 0.05}.show)},
	{"halftone sheet", recaptured(paper{fill: 0.72, dots: 120, border: 0.06, bend: 1, table: true}.show)},
	{"photographic print, fills the frame", recaptured(paper{fill: 1.35, border: 0.05}.show)},
	{"photograph with its white border", recaptured(paper{fill: 0.75, border: 0.05, bend: 0.5, table: true}.show)},
	{"cut-out mask", func(t testing.TB, r *rand.Rand, of, host pictured) []byte {
		return mask(r, of, host, false).jpeg(t, 88)
	}},
	{"the same with eye holes", func(t testing.TB, r *rand.Rand, of, host pictured) []byte {
		return mask(r, of, host, true).jpeg(t, 88)
	}},
}

// worse are bona fide photographs that a bad camera or program has degraded.
var worse = []presentation{
	{"JPEG at 70", func(t testing.TB, _ *rand.Rand, of, _ pictured) []byte { return of.jpeg(t, 70) }},
	{"half the size", func(t testing.TB, _ *rand.Rand, of, _ pictured) []byte {
		return of.resized(of.w/2, of.h/2).jpeg(t, 90)
	}},
	{"blurred, with noise", func(t testing.TB, r *rand.Rand, of, _ pictured) []byte {
		return of.blurred(1.2).noisy(r, 0.02).jpeg(t, 85)
	}},
	{"before another background", func(t testing.TB, r *rand.Rand, of, _ pictured) []byte {
		all := room(r, of.w*3/2, of.h*3/2)
		for y := range of.h {
			copy(all.p[3*((y+of.h/4)*all.w+of.w/4):], of.p[3*y*of.w:3*(y+1)*of.w])
		}
		return all.jpeg(t, 90)
	}},
}

// recaptured returns a presentation as photographed by a telephone, with its
// lens, sensor and encoder.
func recaptured(show func(*rand.Rand, pictured) *light) func(testing.TB, *rand.Rand, pictured, pictured) []byte {
	return func(t testing.TB, r *rand.Rand, of, _ pictured) []byte {
		return show(r, of).blurred(0.4+0.4*r.Float64()).noisy(r, 0.012).jpeg(t, 88)
	}
}

// screen shows a photograph on a liquid crystal panel. fill is the panel's share
// of the frame.
type screen struct {
	fill, glare float64
	bezel       bool
}

func (s screen) show(r *rand.Rand, of pictured) *light {
	height := float64(of.h) / float64(of.w)
	view := posed(r, recaptureSide, height, s.fill, 0.12, 0.06)
	behind := room(r, recaptureSide, recaptureSide)
	panel := 500 + r.Float64()*700 // its pixels across the picture
	black := float32(0.004 + 0.02*r.Float64())
	gain := float32(0.8 + 0.3*r.Float64())
	cast := [3]float32{0.93, 0.98, 1.08}
	glareU, glareV, glareSize := r.Float64(), r.Float64(), 0.15+0.2*r.Float64()
	return exposed(recaptureSide, recaptureSide, func(x, y float64) (c [3]float32) {
		u, v := view.at(x, y)
		switch {
		case on(u, v, 0, 0):
			column, across := math.Modf(u * panel)
			row, down := math.Modf(v * panel * height)
			shown := of.at((column+0.5)/panel*float64(of.w), (row+0.5)/(panel*height)*float64(of.h))
			// Stripes of red, green and blue, each in a black matrix.
			stripe, within := math.Modf(3 * across)
			if k := int(stripe); within > 0.12 && within < 0.88 && down > 0.1 && down < 0.9 {
				c[k] = shown[k] * 3 / (0.76 * 0.8)
			}
			reflected := 0.0
			if s.glare > 0 {
				d := math.Hypot(u-glareU, v-glareV) / glareSize
				reflected = s.glare * (math.Exp(-d*d) + 0.06)
			}
			for k := range c {
				c[k] = c[k]*gain*cast[k] + black + float32(reflected)
			}
			return c
		case s.bezel && on(u, v, 0.05, 0.12):
			return [3]float32{0.012, 0.012, 0.014}
		case s.bezel:
			return behind.at(x, y)
		default: // the rest of the panel
			return [3]float32{0.02, 0.02, 0.02}
		}
	})
}

// paper shows a printed photograph: a halftone with dots to dots+80 dots across,
// or photographic paper if dots is 0.
type paper struct {
	fill, dots, border, bend float64
	table                    bool
}

// paperWhite is the share of white light that paper reflects, inkBlack the share
// that the darkest ink reflects.
var paperWhite = [3]float32{0.80, 0.79, 0.74}

const inkBlack = 0.045

func (p paper) show(r *rand.Rand, of pictured) *light {
	height := float64(of.h) / float64(of.w)
	view := posed(r, recaptureSide, height, p.fill, 0.2, 0.08)
	behind := room(r, recaptureSide, recaptureSide)
	grain := newLight(256, 256)
	for i := range grain.w * grain.h {
		grain.p[3*i] = float32(r.NormFloat64())
	}
	grain = grain.blurred(0.8)
	brightness := 0.75 + 0.4*r.Float32()
	sin, cos := math.Sincos(r.Float64() * 2 * math.Pi) // where the lamp is
	dots := p.dots
	if dots > 0 {
		dots += 80 * r.Float64()
	}
	return exposed(recaptureSide, recaptureSide, func(x, y float64) [3]float32 {
		u, v := view.at(x, y)
		bright := float64(brightness) * (1 + 0.25*(cos*(x/recaptureSide-0.5)+sin*(y/recaptureSide-0.5)))
		bent := 1.0
		if p.bend > 0 { // about its vertical centre line
			from := (u - 0.5) * 2
			u += p.bend * 0.12 * from * (1 - from*from)
			bent = 1 - p.bend*0.35*from*from
		}
		var c [3]float32
		switch {
		case on(u, v, 0, 0):
			shown := of.at(u*float64(of.w), v*float64(of.h))
			if dots > 0 {
				c = halftone(shown, u*dots, v*height*dots)
			} else {
				c = inked(shown)
			}
		case on(u, v, p.border, p.border/height) || !p.table:
			c = paperWhite
		default:
			c, bent = behind.at(x, y), 1
		}
		at := 3 * ((int(math.Abs(v)*700)&255)*grain.w + int(math.Abs(u)*700)&255)
		for k := range c {
			c[k] *= float32(bright*max(bent, 0)) * (1 + 0.05*grain.p[at])
		}
		return c
	})
}

// inked returns a colour limited to the range of photographic paper.
func inked(c [3]float32) (out [3]float32) {
	grey := (c[0] + c[1] + c[2]) / 3
	for k := range c {
		out[k] = inkBlack + (0.88*c[k]+0.12*grey)*(paperWhite[k]-inkBlack)
	}
	return out
}

// halftone returns the colour at a position, in dots, of a print in cyan,
// magenta, yellow and black with dots at the four usual angles.
func halftone(c [3]float32, x, y float64) [3]float32 {
	var inks [4]float32
	for k := range 3 {
		inks[k] = 1 - float32(math.Pow(float64(min(c[k], 1)), 1/2.2))
	}
	black := min(inks[0], inks[1], inks[2]) * 0.8
	inks[3] = black
	for k := range 3 {
		inks[k] = (inks[k] - black) / (1 - 0.98*black)
	}
	out := paperWhite
	for ink, degrees := range [...]float64{15, 75, 0, 45} {
		sin, cos := math.Sincos(degrees * math.Pi / 180)
		spot := 0.5 + 0.25*(math.Cos(2*math.Pi*(x*cos+y*sin))+math.Cos(2*math.Pi*(y*cos-x*sin)))
		if float32(spot) <= 1-1.05*inks[ink] {
			continue
		}
		for k := range out {
			switch ink {
			case 3:
				out[k] *= 0.07
			case k:
				out[k] *= 0.13
			default:
				out[k] *= 0.88
			}
		}
	}
	return out
}

// mask returns the oval of a printed face in front of another head, with aligned
// eyes and a shadow, and with holes for the eyes if holes.
func mask(r *rand.Rand, of, host pictured, holes bool) *light {
	// Points are relative to the centres of pixels.
	fromX, fromY := host.eyes[0].X+0.5, host.eyes[0].Y+0.5
	toX, toY := of.eyes[0].X+0.5, of.eyes[0].Y+0.5
	hx, hy := host.eyes[1].X-host.eyes[0].X, host.eyes[1].Y-host.eyes[0].Y
	mx, my := of.eyes[1].X-of.eyes[0].X, of.eyes[1].Y-of.eyes[0].Y
	n := hx*hx + hy*hy
	a, b := (mx*hx+my*hy)/n, (my*hx-mx*hy)/n // the similarity from host to mask
	apart := math.Sqrt(n)
	brightness := 0.8 + 0.3*r.Float32()
	oval := func(dx, dy float64) bool { // in distances of the eyes, from between them
		tall := 1.75
		if dy < 0.45 {
			tall = 1.35
		}
		return sq(dx/1.22)+sq((dy-0.45)/tall) < 1
	}
	hole := func(dx, dy float64) bool { return holes && sq((math.Abs(dx)-0.5)/0.27)+sq(dy/0.13) < 1 }
	return exposed(host.w, host.h, func(x, y float64) [3]float32 {
		dx, dy := (x-fromX-hx/2)/apart, (y-fromY-hy/2)/apart
		if oval(dx, dy) && !hole(dx, dy) {
			c := of.at(toX+a*(x-fromX)-b*(y-fromY), toY+b*(x-fromX)+a*(y-fromY))
			for k := range c {
				c[k] = (inkBlack + c[k]*(paperWhite[k]-inkBlack)) * brightness
			}
			return c
		}
		c := host.at(x, y)
		if oval(dx-0.05, dy-0.05) {
			for k := range c {
				c[k] *= 0.6
			}
		}
		return c
	}).blurred(0.35).noisy(r, 0.01)
}

func sq(v float64) float64 { return v * v }
