package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/verify"
)

// fieldImage is the name of the field of a passive liveness check.
const fieldImage = "image"

// passiveLiveness is POST /face/v1/passive-liveness.
var passiveLiveness = endpoint{
	name: "passive_liveness", scope: access.PassiveLiveness, fields: schema{{fieldImage, true}}.with(everyEndpoint), liveness: true,
	parse: func(s *Server, w *reply, client access.Client, f *form) (verifying, error) {
		photo, err := f.image(fieldImage)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, c call) error {
			return verified(s, c, answeringLiveness, func(of verify.Call[sesuai.LivenessVerdict]) (sesuai.LivenessVerdict, error) {
				return s.o.Verifier.Liveness(ctx, verify.LivenessRequest{Call: of, Photo: photo})
			}, func(verdict sesuai.LivenessVerdict, body []byte) {
				w.outcome, w.reason = "measured", string(verdict.Status)
				w.writeJSON(http.StatusOK, body)
			})
		}, nil
	},
}

// answeringLiveness is how a passive liveness check is answered.
var answeringLiveness = answering[sesuai.LivenessVerdict]{livenessJSON, func(_ access.Client, v sesuai.LivenessVerdict) answer.Basis {
	return answer.Basis{Threshold: v.Threshold}
}}

// livenessBody is the body of a response about the liveness of a photograph.
type livenessBody struct {
	// Status is success if it was measured, else failed.
	Status string `json:"status"`
	Result struct {
		Spoof  json.Number           `json:"spoof_percentage,omitempty"` // 0 to 1
		Status sesuai.LivenessStatus `json:"status"`
	} `json:"result"`
}

// livenessJSON returns the response body for a verdict about liveness.
func livenessJSON(v sesuai.LivenessVerdict) []byte {
	b := livenessBody{Status: "failed"}
	b.Result.Status = v.Status
	if v.Measured {
		b.Status = "success"
		b.Result.Spoof = json.Number(strconv.FormatFloat(v.Spoof, 'f', 5, 64))
	}
	return encode(b)
}
