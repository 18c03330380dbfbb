package face

import "math"

// Measure names a quality measure, in the terms of ISO/IEC 29794-5.
type Measure string

// The quality measures, each from 0 (worst) to 100 (best). The fields of
// Quality say what each is.
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

// QualityMeasures lists every measure in the order in which they are reported:
// that of Quality's fields.
var QualityMeasures = [...]Measure{
	InterEyeDistance, Sharpness, UnderExposure, OverExposure, IlluminationUniformity,
	HeadPoseYaw, HeadPosePitch, HeadPoseRoll, EyesOpen, MouthOcclusion, CropOfTheFace, UnifiedQualityScore,
}

// Quality holds the quality measures of one face, each 0 to 100; or the least
// that each must be. The formulas are those of OFIQ, the reference
// implementation of ISO/IEC 29794-5, where nothing else is said;
// docs/decisions/quality.md has what they are worth.
type Quality struct {
	// InterEyeDistance: 100·σ((d − 70)/20), where d is the distance of the
	// eyes' centres in pixels of the photograph over the cosine of the yaw,
	// and σ the logistic function.
	InterEyeDistance float64 `json:"inter_eye_distance" yaml:"inter_eye_distance"`
	// Sharpness: 100·v/(v + 200), where v is the variance of the Laplacian of
	// the aligned face's brightness (Pech-Pacheco et al. 2000), as it would be
	// at a mean brightness of 128, so that darkness is not taken for blur
	// (OFIQ has a trained random forest).
	Sharpness float64 `json:"sharpness" yaml:"sharpness"`
	// UnderExposure: 120·(0.832 − σ((u − 0.92)/0.05)), where u is the share
	// of the face's pixels with a brightness of at most 25 of 255.
	UnderExposure float64 `json:"under_exposure_prevention" yaml:"under_exposure_prevention"`
	// OverExposure: 1/(o + 0.01), where o is the share of the face's pixels
	// with a brightness of at least 247 of 255.
	OverExposure float64 `json:"over_exposure_prevention" yaml:"over_exposure_prevention"`
	// IlluminationUniformity: 100·s^0.3, where s is what the histograms of
	// brightness of the face's left and right half have in common (the sum of
	// the lesser shares, in 32 steps; OFIQ takes a square of each cheek and
	// 256 steps of an image that is larger).
	IlluminationUniformity float64 `json:"illumination_uniformity" yaml:"illumination_uniformity"`
	// HeadPoseYaw, HeadPosePitch and HeadPoseRoll: 100·cos² of the angle by
	// which the head is turned to a side, raised or lowered, and tilted, as
	// the landmarks have it (OFIQ has a network).
	HeadPoseYaw   float64 `json:"head_pose_yaw" yaml:"head_pose_yaw"`
	HeadPosePitch float64 `json:"head_pose_pitch" yaml:"head_pose_pitch"`
	HeadPoseRoll  float64 `json:"head_pose_roll" yaml:"head_pose_roll"`
	// EyesOpen: 100·σ(l/4), where l is the logit by which the eye network
	// takes the more open eye for open (OFIQ takes the distance of the lids
	// of the less open one, by the landmarks).
	EyesOpen float64 `json:"eyes_open" yaml:"eyes_open"`
	// MouthOcclusion: 100·m/b, at most 100, where b is the median redness (red
	// less brightness) between the eyebrows and m what a tenth of the pixels
	// around the mouth exceed: lips are redder than skin, also within a
	// beard, and masks are not. It is 100 where b is under 10, in a photograph
	// without colour for example; a mask or hand of the colour of skin cannot
	// be told by it (OFIQ has a segmentation network).
	MouthOcclusion float64 `json:"mouth_occlusion_prevention" yaml:"mouth_occlusion_prevention"`
	// CropOfTheFace: the share of the face, from the forehead to the chin,
	// that lies within the photograph, in per cent (OFIQ has four measures,
	// one a side, of the margins of a passport's photograph).
	CropOfTheFace float64 `json:"crop_of_the_face_image" yaml:"crop_of_the_face_image"`
	// UnifiedQualityScore: 100·σ((m − half)/width), where m is the length of
	// what the template network puts out, before it is scaled to a unit
	// vector; half and width are the manifest's TemplateLength. It says how
	// recognisable the face is to that network (Meng et al. 2021, MagFace,
	// which OFIQ has); most of what covers a face shortens it. Without
	// TemplateLength it is 100.
	UnifiedQualityScore float64 `json:"unified_quality_score" yaml:"unified_quality_score"`
}

// Limits are the least that each quality measure must be.
type Limits struct {
	// Probe is for photographs to be compared, Reference for those to be
	// enrolled.
	Probe     Quality `json:"probe" yaml:"probe"`
	Reference Quality `json:"reference" yaml:"reference"`
}

// DefaultLimits refuse gross cases alone. docs/decisions/quality.md has the
// figures that each comes from. A limit of 0 refuses nothing: uneven light and
// a tilted head were not seen to hurt a comparison.
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

// of returns the limits of a use.
func (l *Limits) of(use Use) *Quality {
	if use == ForReference {
		return &l.Reference
	}
	return &l.Probe
}

// at is the value of a measure: the fields have the order of QualityMeasures.
func (q *Quality) at(i int) *float64 {
	return [...]*float64{
		&q.InterEyeDistance, &q.Sharpness, &q.UnderExposure, &q.OverExposure, &q.IlluminationUniformity,
		&q.HeadPoseYaw, &q.HeadPosePitch, &q.HeadPoseRoll, &q.EyesOpen, &q.MouthOcclusion, &q.CropOfTheFace, &q.UnifiedQualityScore,
	}[i]
}

// Rounded is the quality to a tenth: more does not mean anything.
func (q Quality) Rounded() Quality {
	for i := range QualityMeasures {
		*q.at(i) = math.Round(10**q.at(i)) / 10
	}
	return q
}

// failed names the measures under their limit.
func (q Quality) failed(limits *Quality) []Measure {
	var out []Measure
	for i, m := range QualityMeasures {
		if !(*q.at(i) >= *limits.at(i)) { // not a number: not good enough
			out = append(out, m)
		}
	}
	return out
}
