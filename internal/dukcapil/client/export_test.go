package client

import (
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
func ReadData(c Config, body []byte, claim sesuai.Claim) (registry.Record, Class, string) {
	s, err := c.read()
	if err != nil {
		panic(err)
	}
	record, got, _ := s.data.read(body, claim)
	return record, got.class, got.what
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
