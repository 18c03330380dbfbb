package client

import (
	"context"
	"encoding/json"

	"github.com/sesuai/sesuai"
)

// MatchRequest asks whether two photographs show one person.
type MatchRequest struct {
	CallOptions
	// Captured is usually a selfie, Stored the portrait of an identity card.
	Captured, Stored Content
}

// MatchVerdict is the answer to a MatchRequest.
type MatchVerdict struct {
	Response
	sesuai.MatchVerdict
}

// Match asks for a face match.
func (c *Client) Match(ctx context.Context, r MatchRequest) (v MatchVerdict, err error) {
	v.Response, v.MatchVerdict, err = ask(ctx, c, post("face/v1/match", r.CallOptions,
		field{name: "captured_image", file: r.Captured}, field{name: "stored_image", file: r.Stored}), readMatch)
	return v, err
}

// LivenessRequest asks whether a photograph looks like one of a living person, and not
// of a print or a screen.
type LivenessRequest struct {
	CallOptions
	Photo Content
}

// LivenessVerdict is the answer to a LivenessRequest.
type LivenessVerdict struct {
	Response
	sesuai.LivenessVerdict
}

// Liveness asks for a passive liveness check.
func (c *Client) Liveness(ctx context.Context, r LivenessRequest) (v LivenessVerdict, err error) {
	v.Response, v.LivenessVerdict, err = ask(ctx, c, post("face/v1/passive-liveness", r.CallOptions,
		field{name: "image", file: r.Photo}), readLiveness)
	return v, err
}

// readMatch reads the answer to a face match.
func readMatch(answer []byte) (v sesuai.MatchVerdict, err error) {
	var b struct {
		Status measured `json:"status"`
		Result struct {
			Fraction *float64         `json:"match_percentage"`
			Code     sesuai.MatchCode `json:"match_status_code"`
		} `json:"result"`
	}
	if err := json.Unmarshal(answer, &b); err != nil || b.Result.Code == "" || !b.Status.complete(b.Result.Fraction) {
		return v, errNotAnAnswer
	}
	v.Code = b.Result.Code
	if b.Status == success {
		v.Percentage = sesuai.PercentageOf(*b.Result.Fraction * 100)
	}
	return v, nil
}

// readLiveness reads the answer to a passive liveness check.
func readLiveness(answer []byte) (v sesuai.LivenessVerdict, err error) {
	var b struct {
		Status measured `json:"status"`
		Result struct {
			Spoof  *float64              `json:"spoof_percentage"`
			Status sesuai.LivenessStatus `json:"status"`
		} `json:"result"`
	}
	if err := json.Unmarshal(answer, &b); err != nil || b.Result.Status == "" || !b.Status.complete(b.Result.Spoof) {
		return v, errNotAnAnswer
	}
	v.Status = b.Result.Status
	if v.Measured = b.Status == success; v.Measured {
		v.Spoof = *b.Result.Spoof
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
