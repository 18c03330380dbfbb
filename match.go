package sesuai

// MatchCode is the outcome of comparing the faces of two photographs, spelled as on
// the wire.
type MatchCode string

// The outcomes. All but the first two mean that the faces could not be compared.
const (
	CodeMatch             MatchCode = "MATCH"
	CodeNotMatch          MatchCode = "NOT_MATCH"
	CodeNoFaceCaptured    MatchCode = "NO_FACE_CAPTURED_IMG"
	CodeNoFaceStored      MatchCode = "NO_FACE_STORED_IMG"
	CodeManyFacesCaptured MatchCode = "MANY_FACES_CAPTURED_IMG"
	CodeManyFacesStored   MatchCode = "MANY_FACES_STORED_IMG"
)

// MatchVerdict is the answer about two photographs.
type MatchVerdict struct {
	Code MatchCode
	// Percentage is that of a face verification. It is known if the faces were
	// compared.
	Percentage Percentage
	// Model and Calibration are those of a Verdict.
	Model, Calibration string
}
