package client

import (
	"context"

	"github.com/sesuai/sesuai"
)

// MatchRequest asks whether two photographs show one person.
type MatchRequest struct {
	CallOptions
	// Captured is usually a selfie, Stored the portrait of an identity card.
	Captured, Stored Photo
}

// MatchVerdict is the answer to a MatchRequest.
type MatchVerdict struct {
	Response
	sesuai.MatchVerdict
}

// Match asks for a face match.
func (c *Client) Match(ctx context.Context, r MatchRequest) (v MatchVerdict, err error) {
	var body struct {
		Status measured `json:"status"`
		Result struct {
			Fraction *float64         `json:"match_percentage"`
			Code     sesuai.MatchCode `json:"match_status_code"`
		} `json:"result"`
	}
	k := post("face/v1/match", r.CallOptions, field{name: "captured_image", photo: r.Captured}, field{name: "stored_image", photo: r.Stored})
	v.Response, err = c.send(ctx, k, &body, func() bool {
		return body.Result.Code != "" && body.Status.complete(body.Result.Fraction)
	})
	if err != nil {
		return MatchVerdict{}, err
	}
	v.Code = body.Result.Code
	if body.Status == success {
		v.Percentage = sesuai.PercentageOf(*body.Result.Fraction * 100)
	}
	return v, nil
}

// LivenessRequest asks whether a photograph looks like one of a living person, and not
// of a print or a screen.
type LivenessRequest struct {
	CallOptions
	Photo Photo
}

// LivenessVerdict is the answer to a LivenessRequest.
type LivenessVerdict struct {
	Response
	sesuai.LivenessVerdict
}

// Liveness asks for a passive liveness check.
func (c *Client) Liveness(ctx context.Context, r LivenessRequest) (v LivenessVerdict, err error) {
	var body struct {
		Status measured `json:"status"`
		Result struct {
			Spoof  *float64              `json:"spoof_percentage"`
			Status sesuai.LivenessStatus `json:"status"`
		} `json:"result"`
	}
	k := post("face/v1/passive-liveness", r.CallOptions, field{name: "image", photo: r.Photo})
	v.Response, err = c.send(ctx, k, &body, func() bool {
		return body.Result.Status != "" && body.Status.complete(body.Result.Spoof)
	})
	if err != nil {
		return LivenessVerdict{}, err
	}
	v.Status = body.Result.Status
	if v.Measured = body.Status == success; v.Measured {
		v.Spoof = *body.Result.Spoof
	}
	return v, nil
}

// measured says whether an answer has a fraction of 0 to 1.
type measured string

const (
	success measured = "success"
	failed  measured = "failed"
)

// complete reports whether the answer has what it says.
func (m measured) complete(fraction *float64) bool {
	return m == failed || m == success && fraction != nil && *fraction >= 0 && *fraction <= 1
}
