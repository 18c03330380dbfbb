package httpapi

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/verify"
)

// The names of the fields of a face match.
const (
	fieldCapturedImage = "captured_image"
	fieldStoredImage   = "stored_image"
)

// faceMatch is POST /face/v1/match. It asks no registry, so an answer that says that
// there is none has no result.
var faceMatch = endpoint{
	name: "face_match", scope: access.FaceMatch, fields: schema{{fieldCapturedImage, true}, {fieldStoredImage, true}}.with(everyEndpoint),
	parse: func(s *Server, w *reply, client access.Client, f *form) (verifying, error) {
		var req verify.MatchRequest
		for _, image := range []struct {
			name string
			into *[]byte
		}{{fieldCapturedImage, &req.Captured}, {fieldStoredImage, &req.Stored}} {
			var err error
			if *image.into, err = f.image(image.name); err != nil {
				return nil, err
			}
		}
		return func(ctx context.Context, c call) error {
			return verified(s, c, answeringMatch, func(of verify.Call[sesuai.MatchVerdict]) (sesuai.MatchVerdict, error) {
				req.Call = of
				return s.o.Verifier.Match(ctx, req)
			}, w.writeMatch)
		}, nil
	},
}

// answeringMatch is how a face match is answered.
var answeringMatch = answering[sesuai.MatchVerdict]{matchJSON, func(c access.Client, v sesuai.MatchVerdict) answer.Basis {
	return answer.Basis{Threshold: c.Threshold.Value(), Model: v.Model, Calibration: v.Calibration}
}}

// image returns the file of a field that is not face_image.
func (f *form) image(name string) ([]byte, error) {
	if file := f.field(name).file; len(file) > 0 {
		return file, nil
	}
	return nil, &sesuai.Error{Kind: sesuai.KindNoFile, Image: name}
}

// matchBody is the body of a response about two photographs.
type matchBody struct {
	// Status is success if the faces could be compared, else failed.
	Status string `json:"status"`
	Result struct {
		Percentage json.Number      `json:"match_percentage"` // 0 to 1
		Status     string           `json:"match_status"`
		Code       sesuai.MatchCode `json:"match_status_code"`
	} `json:"result"`
}

// matchStatuses are the codes in words.
var matchStatuses = map[sesuai.MatchCode]string{
	sesuai.CodeMatch:             "match",
	sesuai.CodeNotMatch:          "not match",
	sesuai.CodeNoFaceCaptured:    "no face in captured image",
	sesuai.CodeNoFaceStored:      "no face in stored image",
	sesuai.CodeManyFacesCaptured: "many faces in captured image",
	sesuai.CodeManyFacesStored:   "many faces in stored image",
}

// matchJSON returns the response body for a verdict about two photographs.
func matchJSON(v sesuai.MatchVerdict) []byte {
	b := matchBody{Status: "failed"}
	b.Result.Percentage, b.Result.Status, b.Result.Code = "0", matchStatuses[v.Code], v.Code
	if v.Percentage.Known() {
		b.Status = "success"
		b.Result.Percentage = json.Number(strconv.FormatFloat(v.Percentage.Value()/100, 'f', 5, 64))
	}
	return encode(b)
}
