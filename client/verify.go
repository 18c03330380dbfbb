package client

import (
	"context"
	"errors"
	"net/http"

	"github.com/sesuai/sesuai"
)

// FaceRequest asks whether the holder of a NIK has a name, a date of birth and a face.
type FaceRequest struct {
	CallOptions
	// NIK has 16 digits.
	NIK string
	// Name has 1 to 100 characters.
	Name string
	// DateOfBirth is written dd-mm-yyyy.
	DateOfBirth string
	// Photo is the photograph, usually a selfie.
	Photo Photo
}

// FaceVerdict is the answer to a FaceRequest.
type FaceVerdict struct {
	Response
	sesuai.Verdict
}

// VerifyFace asks for a face verification.
func (c *Client) VerifyFace(ctx context.Context, r FaceRequest) (v FaceVerdict, err error) {
	k := post("identity/v1/face-verification", r.CallOptions,
		field{name: "nik", text: r.NIK}, field{name: "name", text: r.Name}, field{name: "date_of_birth", text: r.DateOfBirth},
		field{name: "face_image", photo: r.Photo})
	var body struct {
		verificationBody
		Result *struct {
			NIK         *bool             `json:"nik"`
			Name        *bool             `json:"name"`
			DateOfBirth *bool             `json:"date_of_birth"`
			Face        sesuai.Percentage `json:"face_image_percentage"`
		} `json:"result"`
	}
	v.Response, err = c.send(ctx, k, &body, func() bool {
		return body.complete() && body.Result != nil && body.Result.NIK != nil
	})
	if err != nil {
		return FaceVerdict{}, err
	}
	v.Verdict = sesuai.Verdict{
		Verified: *body.Status, Reason: body.Reason,
		NIK: outcome(body.Result.NIK), Name: outcome(body.Result.Name), DateOfBirth: outcome(body.Result.DateOfBirth),
		Face: body.Result.Face,
	}
	return v, nil
}

// DataRequest asks whether the holder of a NIK has these attributes.
type DataRequest struct {
	CallOptions
	// NIK has 16 digits.
	NIK string
	// Claim has at least one of sesuai.Claimable. An empty text is not sent.
	Claim map[sesuai.Attribute]string
}

// DataVerdict is the answer to a DataRequest.
type DataVerdict struct {
	Response
	sesuai.DataVerdict
}

// VerifyData asks for a data verification. It is an error if the answer lacks an
// attribute of the claim, such as one that the service does not know: the verdict would
// be about a part of the claim.
func (c *Client) VerifyData(ctx context.Context, r DataRequest) (v DataVerdict, err error) {
	const nik = "nik"
	fields := []field{{name: nik, text: r.NIK}}
	for attribute, text := range r.Claim {
		fields = append(fields, field{name: string(attribute), text: text})
	}
	var body struct {
		verificationBody
		Result map[sesuai.Attribute]*bool `json:"result"`
	}
	v.Response, err = c.send(ctx, post("identity/v1/verification", r.CallOptions, fields...), &body, func() bool {
		return body.complete() && body.Result[nik] != nil
	})
	if err != nil {
		return DataVerdict{}, err
	}
	v.DataVerdict = sesuai.DataVerdict{
		Verified: *body.Status, Reason: body.Reason, NIK: outcome(body.Result[nik]),
		Name: outcome(body.Result[sesuai.NameAttribute]), DateOfBirth: outcome(body.Result[sesuai.DateOfBirthAttribute]),
		Attributes: make(map[sesuai.Attribute]sesuai.Outcome),
	}
	for attribute, text := range r.Claim {
		found, compared := body.Result[attribute]
		if text != "" && !compared {
			return DataVerdict{}, &Error{Status: http.StatusOK, RequestID: v.RequestID, Err: errors.New("the answer lacks an attribute of the claim")}
		}
		if text != "" && attribute != sesuai.NameAttribute && attribute != sesuai.DateOfBirthAttribute {
			v.Attributes[attribute] = outcome(found)
		}
	}
	return v, nil
}

// verificationBody is what the bodies of both verifications have in common.
type verificationBody struct {
	Status *bool         `json:"verification_status"`
	Reason sesuai.Reason `json:"reason"`
}

func (b verificationBody) complete() bool { return b.Status != nil && b.Reason != "" }

// outcome returns the outcome that true, false or null stand for.
func outcome(match *bool) sesuai.Outcome {
	if match == nil {
		return sesuai.NotCompared
	}
	return sesuai.OutcomeOf(*match)
}
