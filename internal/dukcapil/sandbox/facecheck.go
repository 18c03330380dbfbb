package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// maxTransaction is the greatest length of a transactionId, in bytes.
const maxTransaction = 20

// faceRequest is the request of a face check.
type faceRequest struct {
	TransactionID     scalar `json:"transactionId"`
	TransactionSource scalar `json:"transactionSource"`
	CustomerID        scalar `json:"customer_id"`
	NIK               scalar `json:"nik"`
	Threshold         scalar `json:"threshold"`
	Image             scalar `json:"image"`
	Template          scalar `json:"template"`
	Type              scalar `json:"type"`
	Position          scalar `json:"position"`
	UserID            scalar `json:"user_id"`
	Password          scalar `json:"password"`
	IP                scalar `json:"ip"`
}

// faceAnswer is the answer to a face check.
type faceAnswer struct {
	// code is the errorCode; 0 omits the error.
	code int
	// score is the matchScore as digits; omitted if empty.
	score string
	// matched is the verificationResult; omitted if nil.
	matched *bool
	// otherNIK and otherTransaction make the answer refer to another person
	// or another call.
	otherNIK, otherTransaction bool
	// quotaUsedUp sets quotaLimiter to 0.
	quotaUsedUp bool
	// status is the httpResponseCode; 200 if 0.
	status int
	// empty omits everything.
	empty bool
}

// verdict returns an answer with that code, score and verificationResult.
func verdict(code int, score string, matched bool) faceAnswer {
	return faceAnswer{code: code, score: score, matched: &matched}
}

// refusal returns an answer with only a code.
func refusal(code int) faceAnswer { return faceAnswer{code: code} }

// face answers a face check.
func (s *Server) face(c *call) {
	var r faceRequest
	if _, ok := c.fields(); !ok {
		s.identify(c, "")
		s.malformed(c, 400)
		return
	}
	if json.Unmarshal(c.body, &r) != nil {
		s.identify(c, "")
		s.sendFace(c, faceRequest{}, nil, refusal(faceParameters))
		return
	}
	c.entry.Transaction = clip(string(r.TransactionID))
	if !s.decrypt(&r.NIK, &r.UserID, &r.Password) {
		s.identify(c, "")
		if !c.replaced() {
			r.NIK = ""
			s.sendFace(c, r, nil, refusal(faceDecryption))
		}
		return
	}
	s.identify(c, string(r.NIK))
	if c.replaced() {
		return
	}
	a := s.account(string(r.UserID))
	if code := s.admitFace(c, r, a); code != 0 {
		s.sendFace(c, r, a, refusal(code))
		return
	}
	answer, err := s.askFace(c, r)
	if err != nil {
		s.failed(c, err)
		return
	}
	s.sendFace(c, r, a, answer)
}

// admitFace returns the code that refuses the call before anything is compared,
// or 0 if the call is admitted. The order of the checks is a guess.
func (s *Server) admitFace(c *call, r faceRequest, a *Account) int {
	switch {
	case a == nil || a.Credential != c.r.PathValue("credential") || a.InstitutionInactive || a.UserInactive:
		return faceAccount
	case a.Password != string(r.Password):
		return facePassword
	case !a.allows(string(r.IP)) || !s.connectionAllowed(a, c.r):
		return faceIP
	case s.day.remaining(c.entry.At, meter{c.name, a.UserID}, c.service.Quota) == 0:
		return faceLimited
	}
	if r.TransactionID == "" || len(r.TransactionID) > maxTransaction || !s.day.first(c.entry.At, a.UserID, string(r.TransactionID)) ||
		!strings.EqualFold(string(r.Type), "face") || !strings.EqualFold(string(r.Position), "f") || r.Template != "" || r.NIK == "" {
		return faceParameters
	}
	if v, err := strconv.ParseFloat(string(r.Threshold), 64); err != nil || !(v >= 0) || math.IsInf(v, 0) {
		return faceThreshold
	}
	return 0
}

// askFace returns the answer about a person and an image, or an error if the
// registry or the extractor has none.
func (s *Server) askFace(c *call, r faceRequest) (faceAnswer, error) {
	image, err := base64.StdEncoding.DecodeString(string(r.Image))
	if err != nil || len(image) > s.o.MaxImage || !bytes.HasPrefix(image, []byte{0xff, 0xd8, 0xff}) {
		return refusal(faceUnusable), nil
	}
	if m, ok := s.magicOf(c); ok {
		a := verdict(faceMatch, "8.331", true)
		if m.face != nil {
			m.face(&a)
		}
		return a, nil
	}
	switch c.fault {
	case Refused:
		code, err := strconv.Atoi(c.service.Faults.code(c.rng, "5000", "5002", "6012", "6014"))
		return refusal(code), err
	case EmptyContent:
		return faceAnswer{empty: true}, nil
	}
	return s.compare(c.context(), string(r.NIK), image)
}

// compare compares the image with the reference portrait.
func (s *Server) compare(ctx context.Context, nikText string, image []byte) (faceAnswer, error) {
	nik, err := sesuai.ParseNIK(nikText)
	if err != nil {
		return refusal(faceNotFound), nil
	}
	x, err := s.o.Extractor.Extract(ctx, image, face.ForProbe)
	switch sesuai.KindOf(err) {
	case "":
	case sesuai.KindUnsupportedImage, sesuai.KindInvalidImage, sesuai.KindTooLarge:
		return refusal(faceUnusable), nil
	case sesuai.KindOverloaded:
		return refusal(faceBusy), nil
	default:
		return faceAnswer{}, err
	}
	if x.Finding != face.OneFace {
		return refusal(faceNoFace), nil
	}
	answer, err := s.o.Registry.Ask(ctx, registry.Question{
		Claim: sesuai.Claim{NIK: nik}, Probe: &face.Probe{Template: x.Template, Signature: x.Signature},
	})
	if err != nil {
		return faceAnswer{}, err
	}
	compared := answer.Face
	if !compared.Portrait {
		return refusal(faceNotFound), nil
	}
	// The rounded score decides, so that a caller that applies PassScore to
	// the digits gets the same result.
	digits := s.scoreText(s.o.Curve.score(compared.Percentage.Value()))
	score, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return faceAnswer{}, err
	}
	if score >= s.o.PassScore {
		return verdict(faceMatch, digits, true), nil
	}
	return verdict(faceNoMatch, digits, false), nil
}

// classOf returns the class of the answer.
func (a faceAnswer) classOf() Class {
	row, ok := faceCodes[a.code]
	if a.empty || !ok || a.otherNIK || a.otherTransaction || a.status != 0 && a.status != 200 {
		return Unreadable
	}
	if v, err := strconv.ParseFloat(a.score, 64); row.class == Compared && (err != nil || math.IsNaN(v)) {
		return Unreadable
	}
	return row.class
}

// sendFace writes the answer.
func (s *Server) sendFace(c *call, r faceRequest, account *Account, a faceAnswer) {
	remaining, ok := 0, true
	if account != nil {
		if remaining, ok = s.bill(c, account.UserID, a.classOf()); !ok {
			a = refusal(faceLimited)
		}
	}
	c.entry.Class = a.classOf()
	if a.empty {
		c.answerJSON(map[string]any{})
		return
	}
	f := form{s.o.Quirks, c.rng}
	a.status = cmp.Or(a.status, http.StatusOK)
	if a.quotaUsedUp {
		remaining = 0
	}
	body := map[string]any{
		"httpResponseCode": f.number(a.status), "quotaLimiter": f.number(remaining),
		"transactionId": string(r.TransactionID), "uid": string(r.NIK),
	}
	if a.code != 0 {
		text := faceCodes[a.code].text
		if text == "" {
			text = "Kesalahan Tidak Dikenal."
		}
		c.entry.Code = strconv.Itoa(a.code)
		body["error"] = map[string]any{"errorCode": f.number(a.code), "errorMessage": f.text(text)}
	}
	if a.score != "" {
		c.entry.MatchScore = a.score
		body["matchScore"] = f.digits(a.score)
	}
	if a.matched != nil {
		c.entry.Matched = a.matched
		body["verificationResult"] = f.truth(*a.matched)
	}
	if a.otherNIK {
		body["uid"] = MagicPrefix + "0000"
	}
	if a.otherTransaction {
		body["transactionId"] = "0"
	}
	c.answerJSON(body)
}
