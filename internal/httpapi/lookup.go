package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/answer"
)

// The parameters that answers are looked up by. The first may be in the path instead.
const (
	paramRequest   = "request_id"
	paramReference = fieldReference
)

// lookUp handles GET /identity/v1/verifications?reference_id=… and
// GET /identity/v1/verifications/{request id}. Whatever a client's scopes are, it may look
// up what it was answered.
func (s *Server) lookUp(w *reply, r *http.Request) error {
	client, err := s.authorize(w, r, anyScope)
	if err != nil {
		return err
	}
	param, id, err := lookedUp(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
	defer cancel()
	var found answer.Found
	switch {
	case s.o.Answers == nil:
	case param == paramReference:
		found, err = s.o.Answers.ByReference(ctx, client.ID, id)
	default:
		found, err = s.o.Answers.ByRequest(ctx, client.ID, id)
	}
	if err != nil {
		return err
	}
	if len(found.Rows) == 0 {
		return &sesuai.Error{Kind: sesuai.KindNothingFound}
	}
	signing := s.signingFor(r.Header, "", client.ID)
	body, err := foundJSON(found, signing)
	if err != nil {
		return err
	}
	if signing != nil && slices.ContainsFunc(found.Rows, signable) {
		w.Header().Set(preferenceApplied, preferenceSigned)
	}
	w.writeJSON(http.StatusOK, body)
	return nil
}

// lookedUp returns the parameter and the id that a request looks up by. The query must
// have that parameter alone, once. Whoever has written another one by mistake would
// otherwise be shown answers that are not what was meant.
func lookedUp(r *http.Request) (param, id string, err error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if id := r.PathValue(paramRequest); id != "" && err == nil && len(query) == 0 && visibleID(id) {
		return paramRequest, id, nil
	}
	if r.PathValue(paramRequest) == "" && err == nil && len(query) == 1 {
		for _, param := range []string{paramReference, paramRequest} {
			if ids := query[param]; len(ids) == 1 && visibleID(ids[0]) {
				return param, ids[0], nil
			}
		}
	}
	return "", "", advised(guideLookUp, "what to look up is missing, not valid or given twice")
}

// foundBody is the body of a response with answers.
type foundBody struct {
	Verifications []foundVerification `json:"verifications"` // the latest first
	// More is whether there are others.
	More bool `json:"more"`
}

// foundVerification is an answer as it was given.
type foundVerification struct {
	RequestID string          `json:"request_id"`
	Reference *string         `json:"reference_id"`
	Endpoint  string          `json:"endpoint"`
	Time      time.Time       `json:"time"` // when the verification started
	Status    int             `json:"status"`
	Answer    json.RawMessage `json:"answer"`
	// Signature has the answer in it: readers of JSON do not keep it byte for byte.
	Signature string `json:"signature,omitempty"`
}

// signable reports whether enough is known of an answer to sign it.
func signable(r answer.Row) bool { return !r.Basis.Time.IsZero() }

// foundJSON returns the response body with answers, which are signed unless signing is
// nil. Those of a version without signatures never are.
func foundJSON(found answer.Found, signing *signing) ([]byte, error) {
	b := foundBody{More: found.More}
	for _, r := range found.Rows {
		v := foundVerification{
			RequestID: r.Request, Endpoint: r.Endpoint, Time: r.At.UTC(), Status: r.Status, Answer: r.Body,
		}
		if r.Reference != "" {
			v.Reference = &r.Reference
		}
		if signing != nil && signable(r) {
			var err error
			if v.Signature, err = signing.sign(r.Endpoint, r.Request, r.Status, r.Body, r.Basis); err != nil {
				return nil, err
			}
		}
		b.Verifications = append(b.Verifications, v)
	}
	return encode(b), nil
}
