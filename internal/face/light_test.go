package face_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"testing"
)

// light is an image of w×h pixels in linear light: red, green and blue from 0 to
// 1, row by row. The effects of a camera can be computed on it.
type light struct {
	w, h int
	p    []float32
}

func newLight(w, h int) *light { return &light{w, h, make([]float32, 3*w*h)} }

// linear is the transfer function of sRGB (IEC 61966-2-1) for each byte.
var linear = func() (t [256]float32) {
	for i := range t {
		v := float64(i) / 255
		if v <= 0.04045 {
			t[i] = float32(v / 12.92)
		} else {
			t[i] = float32(math.Pow((v+0.055)/1.055, 2.4))
		}
	}
	return t
}()

// coded is the inverse of linear.
func coded(v float32) byte {
	x := float64(min(max(v, 0), 1))
	if x <= 0.0031308 {
		x *= 12.92
	} else {
		x = 1.055*math.Pow(x, 1/2.4) - 0.055
	}
	return byte(x*255 + 0.5)
}

// lightOf reads a photograph.
func lightOf(t testing.TB, file []byte) *light {
	t.Helper()
	m := pixelsOf(t, file)
	l := newLight(m.Bounds().Dx(), m.Bounds().Dy())
	for y := range l.h {
		for x := range l.w {
			c := pixel(m, x, y)
			l.set(x, y, [3]float32{linear[c[0]], linear[c[1]], linear[c[2]]})
		}
	}
	return l
}

func (l *light) set(x, y int, c [3]float32) { copy(l.p[3*(y*l.w+x):], c[:]) }

// jpeg returns the image as a file.
func (l *light) jpeg(t testing.TB, quality int) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, l.w, l.h))
	for i := range l.w * l.h {
		m.SetNRGBA(i%l.w, i/l.w, color.NRGBA{coded(l.p[3*i]), coded(l.p[3*i+1]), coded(l.p[3*i+2]), 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// at returns the light at a point, interpolated linearly. The centre of the first
// pixel is at ½, ½. Beyond the edge, the edge is repeated.
func (l *light) at(x, y float64) (c [3]float32) {
	x, y = min(max(x-0.5, 0), float64(l.w-1)), min(max(y-0.5, 0), float64(l.h-1))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, l.w-1), min(y0+1, l.h-1)
	fx, fy := float32(x-float64(x0)), float32(y-float64(y0))
	for k := range c {
		upper := l.p[3*(y0*l.w+x0)+k]*(1-fx) + l.p[3*(y0*l.w+x1)+k]*fx
		lower := l.p[3*(y1*l.w+x0)+k]*(1-fx) + l.p[3*(y1*l.w+x1)+k]*fx
		c[k] = upper*(1-fy) + lower*fy
	}
	return c
}

// fine is the number of points along a side over which a camera's pixel averages.
const fine = 3

// exposed returns an image of w×h pixels, each the mean over its points.
func exposed(w, h int, at func(x, y float64) [3]float32) *light {
	l := newLight(w, h)
	for y := range h {
		for x := range w {
			var sum [3]float32
			for i := range fine * fine {
				c := at(float64(x)+(float64(i%fine)+0.5)/fine, float64(y)+(float64(i/fine)+0.5)/fine)
				for k := range sum {
					sum[k] += c[k] / (fine * fine)
				}
			}
			l.set(x, y, sum)
		}
	}
	return l
}

// resized averages pixels, so that nothing aliases down to a third of the size.
func (l *light) resized(w, h int) *light {
	sx, sy := float64(l.w)/float64(w), float64(l.h)/float64(h)
	return exposed(w, h, func(x, y float64) [3]float32 { return l.at(x*sx, y*sy) })
}

// blurred returns the image through a lens whose point spread function is a
// Gaussian with that σ in pixels.
func (l *light) blurred(sigma float64) *light {
	n := int(math.Ceil(3 * sigma))
	weights := make([]float32, 2*n+1)
	var sum float32
	for i := range weights {
		weights[i] = float32(math.Exp(-float64((i-n)*(i-n)) / 2 / sigma / sigma))
		sum += weights[i]
	}
	along := func(l *light, dx, dy int) *light {
		out := newLight(l.w, l.h)
		for y := range l.h {
			for x := range l.w {
				var c [3]float32
				for i, weight := range weights {
					from := 3 * (min(max(y+(i-n)*dy, 0), l.h-1)*l.w + min(max(x+(i-n)*dx, 0), l.w-1))
					for k := range c {
						c[k] += weight / sum * l.p[from+k]
					}
				}
				out.set(x, y, c)
			}
		}
		return out
	}
	return along(along(l, 1, 0), 0, 1)
}

// noisy adds a sensor's noise, which grows with the square root of the light.
func (l *light) noisy(r *rand.Rand, strength float64) *light {
	for i, v := range l.p {
		l.p[i] = max(0, v+float32(r.NormFloat64()*strength*math.Sqrt(float64(v)+0.02)))
	}
	return l
}

// room returns a background out of focus: large blots of colour.
func room(r *rand.Rand, w, h int) *light {
	const coarse = 45
	l := newLight(coarse, coarse)
	base := [3]float32{0.25 + r.Float32()*0.3, 0.25 + r.Float32()*0.25, 0.2 + r.Float32()*0.25}
	for i := range coarse * coarse {
		for k := range 3 {
			l.p[3*i+k] = base[k] * (0.7 + 0.6*float32(i/coarse)/coarse)
		}
	}
	for range 8 {
		x0, y0 := r.IntN(coarse), r.IntN(coarse)
		x1, y1 := min(coarse, x0+coarse/8+r.IntN(coarse/3)), min(coarse, y0+coarse/8+r.IntN(coarse/3))
		shade := [3]float32{r.Float32(), r.Float32(), r.Float32()}
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
				for k := range shade {
					l.p[3*(y*coarse+x)+k] *= 0.4 + 1.2*shade[k]
				}
			}
		}
	}
	out := newLight(w, h)
	for y := range h {
		for x := range w {
			out.set(x, y, l.at((float64(x)+0.5)*coarse/float64(w), (float64(y)+0.5)*coarse/float64(h)))
		}
	}
	return out
}

// plane is a camera's view of a flat rectangle: a homography that maps a point of
// the photograph to a point of the rectangle, in shares of its sides.
type plane [9]float64

// posed returns a pinhole camera's view of a rectangle of width 1 and that
// height. fill is its share of a photograph of side×side. It is turned by up to
// tilt about the axes across the view and by up to roll about the view, in
// radians.
func posed(r *rand.Rand, side, height, fill, tilt, roll float64) plane {
	angle := func(limit float64) (sin, cos float64) { return math.Sincos((r.Float64()*2 - 1) * limit) }
	sx, cx := angle(tilt)
	sy, cy := angle(tilt)
	sz, cz := angle(roll)
	right := [3]float64{cy * cz, cy * sz, -sy}
	down := [3]float64{sx*sy*cz - cx*sz, sx*sy*sz + cx*cz, sx * cy}
	focal := 1.2 * side
	corner := [3]float64{(r.Float64() - 0.5) * 0.03, (r.Float64() - 0.5) * 0.03, focal / (fill * min(side, side/height))}
	var seen [3][3]float64 // the columns: u, v and 1
	for i := range 3 {
		seen[i] = [3]float64{right[i], down[i] * height, corner[i] - 0.5*right[i] - 0.5*height*down[i]}
	}
	var m plane
	for j := range 3 {
		m[j] = focal*seen[0][j] + side/2*seen[2][j]
		m[3+j] = focal*seen[1][j] + side/2*seen[2][j]
		m[6+j] = seen[2][j]
	}
	return m.inverse()
}

// inverse returns the adjugate, since the scale of a homography has no meaning.
func (m plane) inverse() plane {
	return plane{
		m[4]*m[8] - m[5]*m[7], m[2]*m[7] - m[1]*m[8], m[1]*m[5] - m[2]*m[4],
		m[5]*m[6] - m[3]*m[8], m[0]*m[8] - m[2]*m[6], m[2]*m[3] - m[0]*m[5],
		m[3]*m[7] - m[4]*m[6], m[1]*m[6] - m[0]*m[7], m[0]*m[4] - m[1]*m[3],
	}
}

func (m plane) at(x, y float64) (u, v float64) {
	w := m[6]*x + m[7]*y + m[8]
	return (m[0]*x + m[1]*y + m[2]) / w, (m[3]*x + m[4]*y + m[5]) / w
}

// on reports whether a point is on the rectangle, or beside it by less than these
// shares.
func on(u, v, besideU, besideV float64) bool {
	return u >= -besideU && u < 1+besideU && v >= -besideV && v < 1+besideV
}
