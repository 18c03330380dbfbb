package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/verify"
)

// fieldImage is the name of the field of a passive liveness check.
const fieldImage = "image"

// passiveLiveness is POST /face/v1/passive-liveness.
var passiveLiveness = endpoint{
	scope: access.PassiveLiveness, fields: schema{{fieldImage, true}}.with(everyEndpoint), liveness: true,
	parse: func(s *Server, w *reply, client access.Client, f *form) (verifying, error) {
		photo, err := f.image(fieldImage)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, c call) error {
			verdict, err := s.o.Verifier.Liveness(ctx, verify.LivenessRequest{Call: callOf(s, c, livenessJSON), Photo: photo})
			if err != nil {
				return err
			}
			w.outcome, w.reason = "measured", string(verdict.Status)
			w.writeJSON(http.StatusOK, livenessJSON(verdict))
			return nil
		}, nil
	},
}

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
