package face

import "math"

// Measure names a quality measure, in the terms of ISO/IEC 29794-5.
type Measure string

// The quality measures, each from 0 (worst) to 100 (best).
const (
	InterEyeDistance Measure = "inter_eye_distance"
	Sharpness        Measure = "sharpness"
	Exposure         Measure = "exposure"
	Pose             Measure = "pose"
)

// QualityMeasures lists every measure in the order in which they are reported.
var QualityMeasures = [...]Measure{InterEyeDistance, Sharpness, Exposure, Pose}

// Quality holds the quality measures of one face, each 0 to 100; or the least
// that each must be.
type Quality struct {
	// InterEyeDistance: the distance of the eyes' centres in the photograph,
	// by the sigmoid of ISO/IEC 29794-5 (50 at 70 pixels, width 20).
	InterEyeDistance float64 `json:"inter_eye_distance" yaml:"inter_eye_distance"`
	// Sharpness: the variance of the Laplacian over the aligned face's
	// brightness v as 100·v/(v+200).
	Sharpness float64 `json:"sharpness" yaml:"sharpness"`
	// Exposure: the aligned face's mean brightness, 100 from 70 to 190 of
	// 255, falling linearly to 0 at black and at white.
	Exposure float64 `json:"exposure" yaml:"exposure"`
	// Pose: 100·cos² of the yaw, which is judged by how far the tip of the
	// nose is off the middle between the eyes.
	Pose float64 `json:"pose" yaml:"pose"`
}

// DefaultLimits refuse gross cases alone: a face of fewer than about 14 pixels
// between the eyes, one that is blurred beyond recognition, nearly black or
// white, or seen from the side.
var DefaultLimits = Quality{InterEyeDistance: 5.7, Sharpness: 2, Exposure: 20, Pose: 10}

// of returns the value of one measure.
func (q Quality) of(m Measure) float64 {
	switch m {
	case InterEyeDistance:
		return q.InterEyeDistance
	case Sharpness:
		return q.Sharpness
	case Exposure:
		return q.Exposure
	default:
		return q.Pose
	}
}

// failed names the measures under their limit.
func (q Quality) failed(limits Quality) []Measure {
	var out []Measure
	for _, m := range QualityMeasures {
		if q.of(m) < limits.of(m) {
			out = append(out, m)
		}
	}
	return out
}

// measure judges the face whose five points these are and which lies aligned
// in the template network's input.
func (w *worker) measure(five [5]Point) Quality {
	left, right, nose := five[0], five[1], five[2]
	eyes := math.Hypot(right.X-left.X, right.Y-left.Y)
	mean, laplacian := w.brightness()
	return Quality{
		InterEyeDistance: 100 / (1 + math.Exp((70-eyes)/20)),
		Sharpness:        100 * laplacian / (laplacian + 200),
		Exposure:         100 * min(1, mean/70, (255-mean)/(255-190)),
		Pose:             100 * squaredCosineOfYaw(left, right, nose, eyes),
	}
}

// squaredCosineOfYaw takes the tip of the nose to stand out of the eyes' plane
// by noseHeight eye distances: turning the head by an angle moves it sideways
// by noseHeight·sin of it while the eyes' distance shrinks with its cosine.
func squaredCosineOfYaw(left, right, nose Point, eyes float64) float64 {
	const noseHeight = 0.6
	if eyes < 1e-9 {
		return 0
	}
	ux, uy := (right.X-left.X)/eyes, (right.Y-left.Y)/eyes
	off := (nose.X-(left.X+right.X)/2)*ux + (nose.Y-(left.Y+right.Y)/2)*uy
	tan := off / eyes / noseHeight
	return 1 / (1 + tan*tan)
}

// brightness is the mean brightness of the aligned face, 0 to 255, and the
// variance of its Laplacian.
func (w *worker) brightness() (mean, laplacian float64) {
	spec := w.engine.manifest.Template
	face := rasterOf(w.template.Input(), spec)
	const n = alignedSize
	w.grey = grow(w.grey, n*n)
	for i := range w.grey {
		v := luma(face.planes[0][i], face.planes[1][i], face.planes[2][i])*spec.Divisor + spec.Mean
		w.grey[i] = v
		mean += float64(v) / (n * n)
	}
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
	return mean, squares/inner - (sum/inner)*(sum/inner)
}
