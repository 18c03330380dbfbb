package client

import (
	"context"
	"net/http"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
)

// What tests of the inside need.

var (
	DecryptableSchemes = []string{SchemePKCS1v15, SchemeOAEP}
	ParsePins          = parsePins
	ParsePublicKey     = parsePublicKey
	ParseSecret        = parseSecret
	NewTransaction     = newTransaction
)

// ReadData reads an answer of the data check by the default tables.
func ReadData(c Config, body []byte, claim sesuai.Claim) (registry.Answer, Class, string) {
	s, err := c.read()
	if err != nil {
		panic(err)
	}
	answer, got, _ := s.data.read(body, claim)
	return answer, got.class, got.what
}

// ReadFace reads an answer of the face check.
func ReadFace(c Config, body []byte, transaction string, nik sesuai.NIK) (registry.Comparison, Class, string) {
	s, err := c.read()
	if err != nil {
		panic(err)
	}
	comparison, got, _ := s.face.read(body, transaction, nik)
	return comparison, got.class, got.what
}

// CompareFace makes the face check of a question alone.
func CompareFace(ctx context.Context, r *Registry, q registry.Question) (registry.Comparison, error) {
	c := &faceCheck{r: r, q: q}
	if err := c.run(ctx); err != nil {
		return registry.Comparison{}, err
	}
	return c.comparison, nil
}

// SetImageBytes sets the size of pictures, below what Config allows too.
func SetImageBytes(r *Registry, n int) { r.budget = n }

// Opens is when the upstream may be called.
func Opens(hours, maintenance string, t time.Time) (time.Time, Class, error) {
	spans, err := parseHours(hours)
	if err != nil {
		return t, "", err
	}
	windows, err := parseMaintenance(maintenance)
	if err != nil {
		return t, "", err
	}
	at, why := calendar{spans, windows}.opens(t)
	return at, why, nil
}

// SetTransport makes the registry's calls go to rt.
func SetTransport(r *Registry, rt http.RoundTripper) {
	r.wires.client = &http.Client{Transport: rt, CheckRedirect: r.wires.client.CheckRedirect}
}
