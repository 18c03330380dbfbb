package face

import "math"

// Measure is the name of a quality measure, after ISO/IEC 29794-5.
type Measure string

// The quality measures, each from 0 (worst) to 100 (best). The fields of Quality
// define them.
const (
	InterEyeDistance       Measure = "inter_eye_distance"
	Sharpness              Measure = "sharpness"
	UnderExposure          Measure = "under_exposure_prevention"
	OverExposure           Measure = "over_exposure_prevention"
	IlluminationUniformity Measure = "illumination_uniformity"
	HeadPoseYaw            Measure = "head_pose_yaw"
	HeadPosePitch          Measure = "head_pose_pitch"
	HeadPoseRoll           Measure = "head_pose_roll"
	EyesOpen               Measure = "eyes_open"
	MouthOcclusion         Measure = "mouth_occlusion_prevention"
	CropOfTheFace          Measure = "crop_of_the_face_image"
	UnifiedQualityScore    Measure = "unified_quality_score"
)

// QualityMeasures lists every measure in the order in which they are reported,
// which is that of Quality's fields.
var QualityMeasures = [...]Measure{
	InterEyeDistance, Sharpness, UnderExposure, OverExposure, IlluminationUniformity,
	HeadPoseYaw, HeadPosePitch, HeadPoseRoll, EyesOpen, MouthOcclusion, CropOfTheFace, UnifiedQualityScore,
}

// Quality holds the quality measures of one face, each 0 to 100, or the limit of
// each. The formulas are those of OFIQ, the reference implementation of
// ISO/IEC 29794-5, where nothing else is said; docs/decisions/quality.md says
// how well they work. The comments also document the limits as settings.
type Quality struct {
	// InterEyeDistance is 100·σ((d − 70)/20), where d is the distance between
	// the centres of the eyes in pixels, divided by the cosine of the yaw, and
	// σ the logistic function. 5.7 is 14 pixels, 9 is 24 pixels.
	InterEyeDistance float64 `json:"inter_eye_distance" yaml:"inter_eye_distance"`
	// Sharpness is 100·v/(v + 200), where v is the variance of the Laplacian of
	// the aligned face's brightness (Pech-Pacheco et al. 2000), scaled to a
	// mean brightness of 128 so that a dark face does not count as blurred
	// (OFIQ has a trained random forest). 3 is blurred beyond recognition.
	Sharpness float64 `json:"sharpness" yaml:"sharpness"`
	// UnderExposure is 120·(0.832 − σ((u − 0.92)/0.05)), where u is the share
	// of the face's pixels with a brightness of at most 25 of 255. A dark face
	// is measured brightened by up to 8 times, so that only what has at most 3
	// of 255 levels counts in it. 20 is a face that is nearly black, 80 one of
	// which most is.
	UnderExposure float64 `json:"under_exposure_prevention" yaml:"under_exposure_prevention"`
	// OverExposure is 1/(o + 0.01), where o is the share of the face's pixels
	// with a brightness of at least 247 of 255. 2 is a face of which half is
	// white, 4.5 a fifth.
	OverExposure float64 `json:"over_exposure_prevention" yaml:"over_exposure_prevention"`
	// IlluminationUniformity is 100·s^0.3, where s is the overlap of the
	// brightness histograms of the face's left and right half, in 32 bins
	// (OFIQ takes a square of each cheek, and 256 bins of a larger image). 40
	// is a face with one half in deep shadow.
	IlluminationUniformity float64 `json:"illumination_uniformity" yaml:"illumination_uniformity"`
	// HeadPoseYaw is 100·cos² of the angle by which the head is turned to a
	// side, by the landmarks (OFIQ has a network). 50 is 45°, 58 is 40°.
	HeadPoseYaw float64 `json:"head_pose_yaw" yaml:"head_pose_yaw"`
	// HeadPosePitch is 100·cos² of the angle by which the head is raised or
	// lowered. 40 is 51°, 75 is 30°.
	HeadPosePitch float64 `json:"head_pose_pitch" yaml:"head_pose_pitch"`
	// HeadPoseRoll is 100·cos² of the angle by which the head is tilted. 50 is
	// 45°.
	HeadPoseRoll float64 `json:"head_pose_roll" yaml:"head_pose_roll"`
	// EyesOpen is 100·σ(l/4), where l is the logit of the eye network for the
	// more open eye (OFIQ measures the distance of the lids of the less open
	// one). 6 is two eyes that are certainly closed or hidden.
	EyesOpen float64 `json:"eyes_open" yaml:"eyes_open"`
	// MouthOcclusion is 100·m/b, at most 100, where b is the median redness
	// (red minus brightness) between the eyebrows, and m the redness that a
	// tenth of the pixels around the mouth exceed (OFIQ has a segmentation
	// network). Lips are redder than skin, also within a beard, and masks are
	// not; a mask or a hand of the colour of skin is not found. Where b is
	// below 10, as in a photograph without colour, it is 100.
	MouthOcclusion float64 `json:"mouth_occlusion_prevention" yaml:"mouth_occlusion_prevention"`
	// CropOfTheFace is the percentage of the face, from the forehead to the
	// chin, that is inside the photograph (OFIQ has four measures of a passport
	// photograph's margins).
	CropOfTheFace float64 `json:"crop_of_the_face_image" yaml:"crop_of_the_face_image"`
	// UnifiedQualityScore is 100·σ((m − half)/width), where m is the length of
	// the template network's output before it is scaled to a unit vector, and
	// half and width are the manifest's template_length. It says how well that
	// network recognises the face (Meng et al. 2021, MagFace, as in OFIQ); most
	// things that cover a face lower it. It is 100 if the manifest has no
	// template_length.
	UnifiedQualityScore float64 `json:"unified_quality_score" yaml:"unified_quality_score"`
}

// Limits are the limits of the quality measures.
type Limits struct {
	// Probe is the lowest value of each quality measure, 0 to 100, with which a
	// photograph is compared. A photograph below one of them is refused with
	// FACE_QUALITY, which names the measures. 0 refuses nothing. The defaults
	// refuse gross cases only: docs/decisions/quality.md.
	Probe Quality `json:"probe" yaml:"probe"`
	// Reference is the lowest value of each quality measure with which a
	// photograph is enrolled. face.quality.probe says what the measures are.
	Reference Quality `json:"reference" yaml:"reference"`
}

// DefaultLimits refuses only gross cases. docs/decisions/quality.md has the
// measurements behind each limit. A limit of 0 refuses nothing: uneven light and
// a tilted head were not found to affect comparisons.
var DefaultLimits = Limits{
	Probe: Quality{
		InterEyeDistance: 5.7, Sharpness: 3, UnderExposure: 20, OverExposure: 2, IlluminationUniformity: 0,
		HeadPoseYaw: 50, HeadPosePitch: 40, HeadPoseRoll: 0, EyesOpen: 6, MouthOcclusion: 40, CropOfTheFace: 80,
		UnifiedQualityScore: 15,
	},
	Reference: Quality{
		InterEyeDistance: 9, Sharpness: 3.5, UnderExposure: 80, OverExposure: 4.5, IlluminationUniformity: 40,
		HeadPoseYaw: 58, HeadPosePitch: 75, HeadPoseRoll: 50, EyesOpen: 12, MouthOcclusion: 50, CropOfTheFace: 95,
		UnifiedQualityScore: 18,
	},
}

// of returns the limits for a use.
func (l *Limits) of(use Use) *Quality {
	if use == ForReference {
		return &l.Reference
	}
	return &l.Probe
}

// at returns the field of QualityMeasures[i].
func (q *Quality) at(i int) *float64 {
	return [...]*float64{
		&q.InterEyeDistance, &q.Sharpness, &q.UnderExposure, &q.OverExposure, &q.IlluminationUniformity,
		&q.HeadPoseYaw, &q.HeadPosePitch, &q.HeadPoseRoll, &q.EyesOpen, &q.MouthOcclusion, &q.CropOfTheFace, &q.UnifiedQualityScore,
	}[i]
}

// Rounded returns the quality rounded to tenths. More digits have no meaning.
func (q Quality) Rounded() Quality {
	for i := range QualityMeasures {
		*q.at(i) = math.Round(10**q.at(i)) / 10
	}
	return q
}

// failed returns the measures below their limit.
func (q Quality) failed(limits *Quality) []Measure {
	var out []Measure
	for i, m := range QualityMeasures {
		if !(*q.at(i) >= *limits.at(i)) { // NaN fails too
			out = append(out, m)
		}
	}
	return out
}
