package face

import (
	"context"
	"math"
	"slices"

	"github.com/sesuai/sesuai/internal/telemetry"
)

// sigmoid returns the logistic function of (x − half)/width.
func sigmoid(x, half, width float64) float64 { return 1 / (1 + math.Exp((half-x)/width)) }

// quality is measure as a stage of ctx's request, whose telemetry gets the quality.
func (w *worker) quality(ctx context.Context, v *view) (Quality, error) {
	_, timing := telemetry.Start(ctx, telemetry.Quality)
	defer timing.End()
	q, err := w.measure(v)
	if r := telemetry.Of(ctx); r != nil && err == nil {
		for i, name := range QualityMeasures {
			r.Measure(string(name), *q.at(i))
		}
	}
	return q, err
}

// measure returns the quality of the face of a view. The aligned face must be in
// the template network's input.
func (w *worker) measure(v *view) (Quality, error) {
	p, l := v.photo, v.points
	pose := l.pose()
	aligned, back := l.aligned()
	mean := w.brighten()
	dark, light, common := w.exposure(&aligned)
	laplacian := w.laplacian() * (128 / max(mean, 16)) * (128 / max(mean, 16))
	open, err := w.eyesOpen(&aligned)
	if err != nil {
		return Quality{}, err
	}
	return Quality{
		InterEyeDistance:       100 * sigmoid(p.Scale*l.eyeDistance()/max(math.Cos(pose.yaw), 0.2), 70, 20),
		Sharpness:              100 * laplacian / (laplacian + 200),
		UnderExposure:          min(max(120*(0.832-sigmoid(dark, 0.92, 0.05)), 0), 100),
		OverExposure:           min(1/(light+0.01), 100),
		IlluminationUniformity: 100 * math.Pow(common, 0.3),
		HeadPoseYaw:            100 * squaredCosine(pose.yaw),
		HeadPosePitch:          100 * squaredCosine(pose.pitch),
		HeadPoseRoll:           100 * squaredCosine(pose.roll),
		EyesOpen:               100 * sigmoid(open, 0, 4),
		MouthOcclusion:         100 * w.mouthColour(),
		CropOfTheFace:          100 * aligned.within(back, p.Width, p.Height),
		UnifiedQualityScore:    100 * w.engine.manifest.TemplateLength.recognisable(v.length),
	}, nil
}

// recognisable returns the unified quality score, 0 to 1, for an output of the
// template network of that length. It is 1 if t is nil.
func (t *TemplateLength) recognisable(length float64) float64 {
	if t == nil {
		return 1
	}
	return sigmoid(length, t.Half, t.Width)
}

// squaredCosine returns cos² of an angle, or 0 if it is over 90 degrees.
func squaredCosine(angle float64) float64 {
	c := max(math.Cos(angle), 0)
	return c * c
}

// pose is the pose of a head in radians: turned to its left or right (yaw),
// raised (positive) or lowered (pitch), and tilted to a shoulder (roll).
type pose struct{ yaw, pitch, roll float64 }

// eyeFrame is a coordinate system with its origin midway between the eyes. X is
// along the line through the eyes, Y perpendicular to it and down. The unit is
// the distance of the eyes.
type eyeFrame struct{ middle, across Point }

func (u eyeFrame) of(p Point) Point {
	x, y := p.X-u.middle.X, p.Y-u.middle.Y
	scale := u.across.X*u.across.X + u.across.Y*u.across.Y
	return Point{(x*u.across.X + y*u.across.Y) / scale, (y*u.across.X - x*u.across.Y) / scale}
}

// eyeDistance returns the distance of the eyes' centres.
func (l *landmarks) eyeDistance() float64 {
	five := l.five()
	return math.Hypot(five[1].X-five[0].X, five[1].Y-five[0].Y)
}

// pose estimates the pose from the positions of the nose and the jaw relative to
// the eyes. The constants, in degrees, give the best agreement with the pose
// network of the models' package on LFW: docs/decisions/quality.md.
func (l *landmarks) pose() pose {
	five := l.five()
	u := eyeFrame{
		Point{(five[0].X + five[1].X) / 2, (five[0].Y + five[1].Y) / 2},
		Point{five[1].X - five[0].X, five[1].Y - five[0].Y},
	}
	nose, chin := u.of(five[2]), u.of(l[8])
	mouth := (u.of(five[3]).Y + u.of(five[4]).Y) / 2
	left, right := u.of(l[2]), u.of(l[14])
	ears := (u.of(l[0]).Y + u.of(l[16]).Y) / 2
	degrees := func(d float64) float64 { return min(max(d, -90), 90) * math.Pi / 180 }
	return pose{
		yaw:   degrees(45.5*(left.X+right.X)/(right.X-left.X) - 31.8*nose.X),
		pitch: degrees(14.9 - 9.9*nose.Y/mouth - 46.2*nose.Y/chin.Y + 20.3*ears/mouth),
		roll:  math.Atan2(u.across.Y, u.across.X),
	}
}

// aligned returns the landmarks in the aligned face, and the similarity that maps
// it back to the photograph.
func (l *landmarks) aligned() (out landmarks, back similarity) {
	five := l.five()
	back, _ = similarityBetween(arcFacePoints[:], five[:])
	// The inverse of back: see similarity.
	n := back.a*back.a + back.b*back.b
	s := similarity{a: back.a / n, b: -back.b / n}
	s.tx = -(s.a*back.tx - s.b*back.ty)
	s.ty = -(s.b*back.tx + s.a*back.ty)
	for i, p := range l {
		out[i] = s.apply(p)
	}
	return out, back
}

// brighten fills w.grey with the aligned face's brightness, 0 to 255, and
// returns its mean.
func (w *worker) brighten() (mean float64) {
	spec := w.engine.manifest.Template
	face := rasterOf(w.template.Input(), spec)
	w.grey = grow(w.grey, alignedSize*alignedSize)
	for i := range w.grey {
		w.grey[i] = luma(face.planes[0][i], face.planes[1][i], face.planes[2][i])*spec.Divisor + spec.Mean
		mean += float64(w.grey[i])
	}
	return mean / float64(len(w.grey))
}

// mouthColour returns the redness of the mouth relative to the area between the
// eyebrows, 0 to 1: see Quality.MouthOcclusion. Both areas are at fixed positions
// in an aligned face.
func (w *worker) mouthColour() float64 {
	const coloured = 10
	between := w.redness(48, 38, 65, 56, 0.5)
	if between < coloured {
		return 1
	}
	return min(max(w.redness(44, 84, 69, 101, 0.9)/between, 0), 1)
}

// redness returns a quantile of red minus brightness over a rectangle of the
// aligned face, on the scale of 0 to 255.
func (w *worker) redness(x0, y0, x1, y1 int, quantile float64) float64 {
	spec := w.engine.manifest.Template
	red := rasterOf(w.template.Input(), spec).planes[0]
	const levels = 256
	var count [2 * levels]int
	for y := y0; y < y1; y++ {
		for i := y*alignedSize + x0; i < y*alignedSize+x1; i++ {
			count[int(min(max(red[i]*spec.Divisor+spec.Mean-w.grey[i], -levels+1), levels-1))+levels]++
		}
	}
	rest := int(quantile * float64((x1-x0)*(y1-y0)))
	for v, n := range count {
		if rest -= n; rest < 0 {
			return float64(v - levels)
		}
	}
	return levels
}

// laplacian returns the variance of the Laplacian of the aligned face.
func (w *worker) laplacian() float64 {
	const n = alignedSize
	var sum, squares float64
	for y := 1; y < n-1; y++ {
		for x := 1; x < n-1; x++ {
			i := y*n + x
			d := float64(4*w.grey[i] - w.grey[i-1] - w.grey[i+1] - w.grey[i-n] - w.grey[i+n])
			sum += d
			squares += d * d
		}
	}
	const inner = (n - 2) * (n - 2)
	return squares/inner - (sum/inner)*(sum/inner)
}

// outlinePoints is the number of landmarks on the face's outline.
const outlinePoints = 17 + 10

// outline returns the outline of the face without the hair: the jaw from ear to
// ear, and the eyebrows, which are raised by that many pixels.
func (l *landmarks) outline(raised float64) (o [outlinePoints]Point) {
	copy(o[:], l[:27])
	slices.Reverse(o[17:])
	for i := range o[17:] {
		o[17+i].Y -= raised
	}
	return o
}

// spans calls f for every run of pixels from x0 to x1-1 of row y whose centres
// are within the outline. The centres of pixels are at whole numbers.
func spans(outline *[outlinePoints]Point, y float64, f func(x0, x1 float64)) {
	var at [outlinePoints]float64
	n := 0
	for i, a := range outline {
		b := outline[(i+1)%outlinePoints]
		if (a.Y > y) != (b.Y > y) {
			at[n] = a.X + (y-a.Y)/(b.Y-a.Y)*(b.X-a.X)
			n++
		}
	}
	slices.Sort(at[:n])
	for i := 0; i+1 < n; i += 2 {
		f(math.Ceil(at[i]), math.Ceil(at[i+1]))
	}
}

// exposure returns the dark and the light share of the aligned face, and the
// intersection of the brightness histograms of its two halves: see Quality.
func (w *worker) exposure(aligned *landmarks) (dark, light, common float64) {
	const darkest, lightest, steps = 25, 247, 32
	// The column between the eyes of an aligned face.
	const middle = 56
	var halves [2][256]int
	outline := aligned.outline(0)
	for y := range alignedSize {
		spans(&outline, float64(y), func(from, to float64) {
			row := w.grey[y*alignedSize : (y+1)*alignedSize]
			for x := int(max(from, 0)); x < int(min(to, alignedSize)); x++ {
				half := &halves[0]
				if x >= middle {
					half = &halves[1]
				}
				half[int(min(max(row[x]+0.5, 0), 255))]++
			}
		})
	}
	var count [2]int
	var darks, lights int
	var step [2][steps]int
	for side := range halves {
		for v, n := range halves[side] {
			count[side] += n
			step[side][v*steps/256] += n
			if v <= darkest {
				darks += n
			} else if v >= lightest {
				lights += n
			}
		}
	}
	all := float64(max(count[0]+count[1], 1))
	for i := range steps {
		common += min(float64(step[0][i])/float64(max(count[0], 1)), float64(step[1][i])/float64(max(count[1], 1)))
	}
	return float64(darks) / all, float64(lights) / all, common
}

// forehead is how much of it belongs to the face, in pixels of an aligned one:
// half the distance of the eyes.
const forehead = 18

// within returns the share of the aligned face's outline that lies in a
// photograph of width×height pixels.
func (l *landmarks) within(back similarity, width, height int) float64 {
	outline := l.outline(forehead)
	inside := true
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range outline {
		at := back.apply(p)
		inside = inside && at.X >= 0 && at.Y >= 0 && at.X < float64(width) && at.Y < float64(height)
		low, high = min(low, p.Y), max(high, p.Y)
	}
	if inside {
		return 1
	}
	var all, in float64
	for y := math.Ceil(low); y < high; y++ {
		spans(&outline, y, func(from, to float64) {
			for x := from; x < to; x++ {
				all++
				if at := back.apply(Point{x, y}); at.X >= 0 && at.Y >= 0 && at.X < float64(width) && at.Y < float64(height) {
					in++
				}
			}
		})
	}
	return in / max(all, 1)
}

// eyeSide is the side of the eye network's input, in widths of the eye.
const eyeSide = 2

// eyesOpen returns the eye network's logit for the more open eye: that of an
// open eye minus that of a closed one.
func (w *worker) eyesOpen(aligned *landmarks) (float64, error) {
	spec := w.engine.manifest.Eyes
	in := rasterOf(w.eyes.Input(), spec)
	best := math.Inf(-1)
	for _, first := range [2]int{36, 42} {
		outer, inner := aligned[first], aligned[first+3]
		centre := aligned.mean(first+1, first+2, first+4, first+5)
		step := eyeSide * math.Hypot(inner.X-outer.X, inner.Y-outer.Y) / float64(in.width)
		for y := range in.height {
			for x := range in.width {
				v := w.greyAt(
					centre.X+(float64(x)+0.5-float64(in.width)/2)*step,
					centre.Y+(float64(y)+0.5-float64(in.height)/2)*step,
				)
				in.planes[0][y*in.width+x] = (v - spec.Mean) / spec.Divisor
			}
		}
		if err := w.eyes.Run(); err != nil {
			return 0, err
		}
		out := w.eyes.Output(0)
		best = max(best, float64(out[1])-float64(out[0]))
	}
	return best, nil
}

// greyAt interpolates linearly in w.grey.
func (w *worker) greyAt(x, y float64) float32 {
	const n = alignedSize
	x, y = min(max(x, 0), n-1), min(max(y, 0), n-1)
	x0, y0 := min(int(x), n-2), min(int(y), n-2)
	fx, fy := float32(x-float64(x0)), float32(y-float64(y0))
	row := w.grey[y0*n+x0:]
	return (1-fy)*((1-fx)*row[0]+fx*row[1]) + fy*((1-fx)*row[n]+fx*row[n+1])
}

// lengthOf returns the Euclidean length of a vector.
func lengthOf(v []float32) float64 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}
