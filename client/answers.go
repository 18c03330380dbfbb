package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Answer is an answer as the service gave it, for the client that asked. It never has
// what was claimed. A refusal of a photograph is one too.
type Answer struct {
	RequestID string `json:"request_id"`
	// ReferenceID is the caller's own id; empty if it gave none.
	ReferenceID string `json:"reference_id"`
	// Endpoint is face_verification, data_verification, face_match or
	// passive_liveness.
	Endpoint string `json:"endpoint"`
	// Time is when the verification started.
	Time time.Time `json:"time"`
	// Status and Body are the HTTP status and the body that were sent.
	Status int             `json:"status"`
	Body   json.RawMessage `json:"answer"`
	// Signature has the body in it. It is empty without Options.SigningKeys, and of an
	// answer of a version without signatures.
	Signature string `json:"signature"`
	// Signed is what was verified of the Signature; nil if there is none.
	Signed *Signed `json:"-"`
}

// Face returns the verdict of a face verification. The error is an *Error if the
// photograph was refused, or if the answer is about something else.
func (a Answer) Face() (v FaceVerdict, err error) {
	v.Response, v.Verdict, err = reread(a, readFace)
	return v, err
}

// Data returns the verdict of a data verification. Its errors are those of Face.
func (a Answer) Data() (v DataVerdict, err error) {
	response, body, err := reread(a, readData)
	if err != nil {
		return v, err
	}
	return DataVerdict{response, body.verdict()}, nil
}

// Match returns the verdict of a face match. Its errors are those of Face.
func (a Answer) Match() (v MatchVerdict, err error) {
	v.Response, v.MatchVerdict, err = reread(a, readMatch)
	return v, err
}

// Liveness returns the verdict of a passive liveness check. Its errors are those of
// Face.
func (a Answer) Liveness() (v LivenessVerdict, err error) {
	v.Response, v.LivenessVerdict, err = reread(a, readLiveness)
	return v, err
}

// reread reads the verdict of an answer.
func reread[V any](a Answer, read func([]byte) (V, error)) (Response, V, error) {
	var none V
	if a.Status != http.StatusOK {
		return Response{}, none, errorOf(a.Status, http.Header{"Request-Id": {a.RequestID}}, a.Body)
	}
	v, err := read(a.Body)
	if err != nil {
		return Response{}, none, &Error{Status: a.Status, RequestID: a.RequestID, Err: err}
	}
	return Response{RequestID: a.RequestID, Repeated: true, Signed: a.Signed}, v, nil
}

// Answers returns the answers to calls with a ReferenceID, the latest first. more
// reports whether there are others. There are none if the service has given none, or
// keeps them no longer.
func (c *Client) Answers(ctx context.Context, referenceID string) (found []Answer, more bool, err error) {
	return c.lookUp(ctx, "reference_id", referenceID)
}

// AnswersTo returns the answers with a RequestID, the latest first. There are several
// only if several calls were given that id.
func (c *Client) AnswersTo(ctx context.Context, requestID string) (found []Answer, more bool, err error) {
	return c.lookUp(ctx, "request_id", requestID)
}

func (c *Client) lookUp(ctx context.Context, parameter, id string) ([]Answer, bool, error) {
	type body struct {
		Answers []Answer `json:"verifications"`
		More    bool     `json:"more"`
	}
	k := call{method: http.MethodGet, path: "identity/v1/verifications", query: url.Values{parameter: {id}}}
	_, found, err := ask(ctx, c, k, func(answer []byte) (b body, err error) {
		if err := json.Unmarshal(answer, &b); err != nil || len(b.Answers) == 0 {
			return b, errNotAnAnswer
		}
		return b, nil
	})
	if failed, ok := err.(*Error); ok && failed.Status == http.StatusNotFound && failed.Reason == nothingFound {
		return nil, false, nil
	}
	if err == nil {
		err = c.verifyFound(found.Answers)
	}
	if err != nil {
		return nil, false, err
	}
	return found.Answers, found.More, nil
}

// nothingFound is the service's text if nothing is found. That of a path that does not
// exist, or of a proxy, is another one.
const nothingFound = "Nothing found"
