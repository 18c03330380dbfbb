package client

import (
	"context"
	"encoding/json"
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
	Photo Content
}

// FaceVerdict is the answer to a FaceRequest.
type FaceVerdict struct {
	Response
	sesuai.Verdict
}

// VerifyFace asks for a face verification.
func (c *Client) VerifyFace(ctx context.Context, r FaceRequest) (v FaceVerdict, err error) {
	v.Response, v.Verdict, err = ask(ctx, c, post("identity/v1/face-verification", r.CallOptions,
		field{name: "nik", text: r.NIK}, field{name: "name", text: r.Name}, field{name: "date_of_birth", text: r.DateOfBirth},
		field{name: "face_image", file: r.Photo}), readFace)
	return v, err
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
	fields := []field{{name: nik, text: r.NIK}}
	for attribute, text := range r.Claim {
		fields = append(fields, field{name: string(attribute), text: text})
	}
	response, body, err := ask(ctx, c, post("identity/v1/verification", r.CallOptions, fields...), readData)
	if err != nil {
		return DataVerdict{}, err
	}
	for attribute, text := range r.Claim {
		if _, compared := body.Result[attribute]; text != "" && !compared {
			return DataVerdict{}, &Error{Status: http.StatusOK, RequestID: response.RequestID, Err: errors.New("the answer lacks an attribute of the claim")}
		}
	}
	return DataVerdict{response, body.verdict()}, nil
}

// nik is the name of the NIK on the wire.
const nik = "nik"

// verificationBody is what the bodies of both verifications have in common.
type verificationBody struct {
	Status *bool         `json:"verification_status"`
	Reason sesuai.Reason `json:"reason"`
}

func (b verificationBody) complete() bool { return b.Status != nil && b.Reason != "" }

// readFace reads the answer to a face verification.
func readFace(answer []byte) (v sesuai.Verdict, err error) {
	var b struct {
		verificationBody
		Result *struct {
			NIK         *bool             `json:"nik"`
			Name        *bool             `json:"name"`
			DateOfBirth *bool             `json:"date_of_birth"`
			Face        sesuai.Percentage `json:"face_image_percentage"`
		} `json:"result"`
	}
	if err := json.Unmarshal(answer, &b); err != nil || !b.complete() || b.Result == nil || b.Result.NIK == nil {
		return v, errNotAnAnswer
	}
	return sesuai.Verdict{
		Verified: *b.Status, Reason: b.Reason,
		NIK: outcome(b.Result.NIK), Name: outcome(b.Result.Name), DateOfBirth: outcome(b.Result.DateOfBirth), Face: b.Result.Face,
	}, nil
}

// dataBody is the body of an answer to a data verification.
type dataBody struct {
	verificationBody
	Result map[sesuai.Attribute]*bool `json:"result"`
}

// readData reads the answer to a data verification.
func readData(answer []byte) (b dataBody, err error) {
	if err := json.Unmarshal(answer, &b); err != nil || !b.complete() || b.Result[nik] == nil {
		return b, errNotAnAnswer
	}
	return b, nil
}

func (b dataBody) verdict() sesuai.DataVerdict {
	v := sesuai.DataVerdict{Verified: *b.Status, Reason: b.Reason, Attributes: make(map[sesuai.Attribute]sesuai.Outcome)}
	for attribute, match := range b.Result {
		switch attribute {
		case nik:
			v.NIK = outcome(match)
		case sesuai.NameAttribute:
			v.Name = outcome(match)
		case sesuai.DateOfBirthAttribute:
			v.DateOfBirth = outcome(match)
		default:
			v.Attributes[attribute] = outcome(match)
		}
	}
	return v
}

// outcome returns the outcome that true, false or null stand for.
func outcome(match *bool) sesuai.Outcome {
	if match == nil {
		return sesuai.NotCompared
	}
	return sesuai.OutcomeOf(*match)
}
