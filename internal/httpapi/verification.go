package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/verify"
)

// endpoint is one kind of verification: what it needs and how it is answered.
type endpoint struct {
	// name is that in look-ups and signatures.
	name   string
	scope  access.Scope
	fields schema
	// liveness is whether it is answered only if Options.Liveness.
	liveness bool
	// noAnswer is the result in an answer that says that there is none, before
	// the form has been read.
	noAnswer any
	// parse validates the form but what form.stated does, and returns what verifies and
	// answers it.
	parse func(s *Server, w *reply, client access.Client, f *form) (verifying, error)
}

// verifying makes a verification and writes its verdict.
type verifying func(ctx context.Context, c call) error

// verification handles the requests of an endpoint. It authorizes the client before
// it reads the body, and refuses one that was authorized recently before that.
func (s *Server) verification(e endpoint) handlerFunc {
	return func(w *reply, r *http.Request) error {
		w.noAnswer = e.noAnswer
		credentials := credentialsDigest(s.attempt(r), e.scope)
		if id, found := s.recent.client(credentials); found {
			if err := s.admits(id, e.fields); err != nil {
				w.client = id
				w.dropShort(r)
				return err
			}
		}
		client, err := s.authorize(w, r, e.scope)
		if err != nil {
			return err
		}
		s.recent.authorized(credentials, client.ID)
		if e.liveness && !s.o.Liveness {
			return &sesuai.Error{Kind: sesuai.KindForbidden, Err: errors.New("liveness is switched off")}
		}
		w.signing = s.signingFor(r.Header, e.name, client.ID)
		key, err := givenKey(r.Header)
		if err != nil {
			return err
		}
		if err := s.admits(client.ID, e.fields); err != nil {
			w.dropShort(r)
			return err
		}
		body := s.newBody(w, r, client.ID, s.maxBody(e.fields))
		defer body.release()
		form, err := s.readForm(w, r, body, e.fields)
		if err != nil {
			return err
		}
		w.received()
		defer form.wipe() // the verification, whatever its outcome, keeps nothing of it
		verifying, err := e.parse(s, w, client, form)
		if err != nil {
			return err
		}
		c := call{w: w, client: client, images: form.images()}
		if err := form.stated(&c, client, s.o.Now()); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
		defer cancel()
		making := func(ctx context.Context, c call) error { return s.verify(ctx, c, verifying) }
		if key == "" {
			return making(ctx, c)
		}
		return s.once(ctx, c, answer.Key{Client: client.ID, Text: key, Request: form.digest(e.scope)}, s.o.Timeout, making, func() {
			form.wipe()
			body.release()
		})
	}
}

// verify makes a verification if there is a free slot.
func (s *Server) verify(ctx context.Context, c call, verifying verifying) error {
	if !s.slots.Take(c.client.ID, 1) {
		return noSlot()
	}
	defer s.slots.Give(c.client.ID, 1)
	return verifying(ctx, c)
}

// maxDataBody is the greatest size of a body without a photograph, in bytes. All
// attributes at their greatest length, with every character escaped, take two thirds
// of it.
const maxDataBody = 64 << 10

// maxBody returns the greatest size of a body with these fields.
func (s *Server) maxBody(fields schema) int64 {
	if fields.hasFile() {
		return s.o.MaxBody
	}
	return min(s.o.MaxBody, maxDataBody)
}

// faceVerification is POST /identity/v1/face-verification.
var faceVerification = endpoint{
	name: "face_verification", scope: access.FaceVerification, fields: faceVerificationFields, noAnswer: &resultBody{},
	parse: func(s *Server, w *reply, client access.Client, f *form) (verifying, error) {
		claim, photo, err := f.faceVerification(s.o.Now())
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, c call) error {
			return verified(s, c, answeringFace, func(of verify.Call[sesuai.Verdict]) (sesuai.Verdict, error) {
				return s.o.Verifier.Verify(ctx, verify.Request{Call: of, Claim: claim, Photo: photo})
			}, func(verdict sesuai.Verdict, body []byte) { w.writeVerdict(verdict.Verified, verdict.Reason, body) })
		}, nil
	},
}

// answeringFace is how a face verification is answered.
var answeringFace = answering[sesuai.Verdict]{VerdictJSON, func(c access.Client, v sesuai.Verdict) answer.Basis {
	return answer.Basis{Threshold: c.Threshold.Value(), Model: v.Model, Calibration: v.Calibration}
}}

// dataVerification is POST /identity/v1/verification.
var dataVerification = endpoint{
	name: "data_verification", scope: access.DataVerification, fields: dataVerificationFields, noAnswer: outcomes{{fieldNIK, sesuai.NotCompared}},
	parse: func(s *Server, w *reply, client access.Client, f *form) (verifying, error) {
		if err := client.AuthorizeClaim(f.claimed()); err != nil {
			return nil, err
		}
		claim, err := f.dataVerification(s.o.Now())
		if err != nil {
			return nil, err
		}
		claimed := claim.Claimed()
		w.noAnswer = outcomesOf(sesuai.DataVerdict{}, claimed)
		how := answering[sesuai.DataVerdict]{
			func(v sesuai.DataVerdict) []byte { return dataVerdictJSON(v, claimed) },
			func(access.Client, sesuai.DataVerdict) answer.Basis { return answer.Basis{} },
		}
		return func(ctx context.Context, c call) error {
			return verified(s, c, how, func(of verify.Call[sesuai.DataVerdict]) (sesuai.DataVerdict, error) {
				return s.o.Verifier.VerifyData(ctx, verify.DataRequest{Call: of, Claim: claim})
			}, func(verdict sesuai.DataVerdict, body []byte) { w.writeVerdict(verdict.Verified, verdict.Reason, body) })
		}, nil
	},
}
