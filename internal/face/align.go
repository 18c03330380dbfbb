package face

import (
	"context"
	"math"

	"github.com/sesuai/sesuai/internal/telemetry"
)

const (
	landmarkPoints = 68
	alignedSize    = 112
	// shrinkFrom is the ratio of photograph pixels to aligned pixels, along a
	// side, from which the photograph is averaged down before it is sampled.
	// Below it, interpolation between four pixels uses nearly all of them.
	shrinkFrom = 2
)

// Point is a position in a photograph, in pixels from the top left.
type Point struct{ X, Y float64 }

// arcFacePoints are the positions of the eyes, the tip of the nose and the
// corners of the mouth in an aligned face of 112×112 (Deng et al. 2019,
// ArcFace).
var arcFacePoints = [5]Point{
	{38.2946, 51.6963}, {73.5318, 51.5014}, {56.0252, 71.7366}, {41.5493, 92.3655}, {70.7299, 92.2041},
}

// landmarks are the 68 points of the iBUG 300-W annotation, in pixels of the
// photograph.
type landmarks [landmarkPoints]Point

// five reduces the points to those of arcFacePoints: each eye is the mean of
// four of its lid points, and each corner of the mouth the mean of its outer and
// inner lip points.
func (l *landmarks) five() [5]Point {
	return [5]Point{
		l.mean(37, 38, 40, 41), l.mean(43, 44, 46, 47), l[30], l.mean(48, 60), l.mean(54, 64),
	}
}

func (l *landmarks) mean(indices ...int) Point {
	var m Point
	for _, i := range indices {
		m.X += l[i].X
		m.Y += l[i].Y
	}
	return Point{m.X / float64(len(indices)), m.Y / float64(len(indices))}
}

// boxShift is how far the square for the landmark network is moved down from the
// detector's square, in heights of the square. The detector's square includes
// hair and hats, in which the network would find eyes
// (docs/decisions/accuracy.md).
const boxShift = 0.05

// locate runs the landmark network on a face's square.
func (w *worker) locate(ctx context.Context, p *Photo, face Box) (*landmarks, error) {
	_, timing := telemetry.Start(ctx, telemetry.Align)
	defer timing.End()
	square := move{0, boxShift, 1}.apply(face)
	spec := w.engine.manifest.Landmarks
	in := rasterOf(w.landmarks.Input(), spec)
	w.resampler.resample(in, p, square, 0, spec.Mean, spec.Divisor, spec.Channels == "GREY")
	if err := w.landmarks.Run(); err != nil {
		return nil, err
	}
	out := w.landmarks.Output(0)
	var l landmarks
	for i := range l {
		l[i] = Point{
			square.X0 + float64(out[2*i])*square.Width(),
			square.Y0 + float64(out[2*i+1])*square.Height(),
		}
	}
	return &l, nil
}

// similarity is a rotation, a scaling and a translation: it maps (x, y) to
// (a·x − b·y + tx, b·x + a·y + ty).
type similarity struct{ a, b, tx, ty float64 }

func (s similarity) apply(p Point) Point {
	return Point{s.a*p.X - s.b*p.Y + s.tx, s.b*p.X + s.a*p.Y + s.ty}
}

// scale returns the factor by which lengths grow.
func (s similarity) scale() float64 { return math.Hypot(s.a, s.b) }

// similarityBetween returns the similarity that maps from closest to to, by
// least squares (Umeyama 1991, in the plane and without reflection). ok is false
// if the points of from coincide.
func similarityBetween(from, to []Point) (s similarity, ok bool) {
	n := float64(len(from))
	var cf, ct Point
	for i := range from {
		cf.X, cf.Y = cf.X+from[i].X/n, cf.Y+from[i].Y/n
		ct.X, ct.Y = ct.X+to[i].X/n, ct.Y+to[i].Y/n
	}
	var dot, cross, norm float64
	for i := range from {
		fx, fy := from[i].X-cf.X, from[i].Y-cf.Y
		tx, ty := to[i].X-ct.X, to[i].Y-ct.Y
		dot += fx*tx + fy*ty
		cross += fx*ty - fy*tx
		norm += fx*fx + fy*fy
	}
	if !(norm > 1e-9) {
		return similarity{}, false
	}
	s.a, s.b = dot/norm, cross/norm
	s.tx = ct.X - s.a*cf.X + s.b*cf.Y
	s.ty = ct.Y - s.b*cf.X - s.a*cf.Y
	return s, s.scale() > 1e-9
}

// align draws the face with these landmarks into the template network's input,
// with eyes, nose and mouth at arcFacePoints. It reports false if the landmarks
// do not form a face.
func (w *worker) align(p *Photo, l *landmarks) bool {
	five := l.five()
	back, ok := similarityBetween(arcFacePoints[:], five[:])
	if !ok {
		return false
	}
	spec := w.engine.manifest.Template
	dst := rasterOf(w.template.Input(), spec)
	src, box := w.source(p, back, alignedSize)
	// The centre of photograph pixel i is at i here and at i+0.5 of its box.
	sx, sy := float64(src.width)/box.Width(), float64(src.height)/box.Height()
	for y := range alignedSize {
		for x := range alignedSize {
			from := back.apply(Point{float64(x), float64(y)})
			r, g, b := src.at((from.X+0.5-box.X0)*sx-0.5, (from.Y+0.5-box.Y0)*sy-0.5)
			i := y*alignedSize + x
			dst.planes[0][i] = (r - spec.Mean) / spec.Divisor
			dst.planes[1][i] = (g - spec.Mean) / spec.Divisor
			dst.planes[2][i] = (b - spec.Mean) / spec.Divisor
		}
	}
	return true
}

// source returns the part of the photograph that an aligned face of size×size
// covers, averaged down to about the resolution of that face, and its box.
func (w *worker) source(p *Photo, back similarity, size int) (*raster, Box) {
	last := float64(size - 1)
	box := Box{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	for _, corner := range [4]Point{{0, 0}, {last, 0}, {0, last}, {last, last}} {
		c := back.apply(corner)
		box.X0, box.Y0 = min(box.X0, c.X), min(box.Y0, c.Y)
		box.X1, box.Y1 = max(box.X1, c.X), max(box.Y1, c.Y)
	}
	// Interpolation needs one pixel more. The box ends at the photograph's
	// edge; beyond it the edge is repeated.
	box.X0, box.Y0 = max(math.Floor(box.X0)-1, 0), max(math.Floor(box.Y0)-1, 0)
	box.X1, box.Y1 = min(math.Ceil(box.X1)+2, float64(p.Width)), min(math.Ceil(box.Y1)+2, float64(p.Height))
	if box.Area() == 0 { // outside the photograph
		box = Box{0, 0, float64(p.Width), float64(p.Height)}
	}
	step := back.scale()
	if step < shrinkFrom {
		step = 1
	}
	width := max(int(math.Round(box.Width()/step)), 1)
	height := max(int(math.Round(box.Height()/step)), 1)
	n := width * height
	w.chip = grow(w.chip, 3*n)
	w.aligned = raster{width, height, [3][]float32{w.chip[:n], w.chip[n : 2*n], w.chip[2*n : 3*n]}}
	w.resampler.resample(w.aligned, p, box, 0, 0, 1, false)
	return &w.aligned, box
}

// at interpolates linearly between the four pixels around (x, y). The centres of
// pixels are at whole numbers. Beyond the edge, its pixels are repeated.
func (r *raster) at(x, y float64) (red, green, blue float32) {
	x = min(max(x, 0), float64(r.width-1))
	y = min(max(y, 0), float64(r.height-1))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, r.width-1), min(y0+1, r.height-1)
	fx, fy := float32(x-float64(x0)), float32(y-float64(y0))
	i00, i01 := y0*r.width+x0, y0*r.width+x1
	i10, i11 := y1*r.width+x0, y1*r.width+x1
	w00, w01 := (1-fx)*(1-fy), fx*(1-fy)
	w10, w11 := (1-fx)*fy, fx*fy
	red = w00*r.planes[0][i00] + w01*r.planes[0][i01] + w10*r.planes[0][i10] + w11*r.planes[0][i11]
	green = w00*r.planes[1][i00] + w01*r.planes[1][i01] + w10*r.planes[1][i10] + w11*r.planes[1][i11]
	blue = w00*r.planes[2][i00] + w01*r.planes[2][i01] + w10*r.planes[2][i10] + w11*r.planes[2][i11]
	return red, green, blue
}
