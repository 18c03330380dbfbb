package app

import (
	"context"
	"fmt"
	"net/http"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/sandbox"
	"github.com/sesuai/sesuai/internal/verify"
)

// maxSandboxPeople is how many people may be on record in a sandbox. It bounds the
// time of the check at the start, which opens a sealed NIK of each, to a second or
// two.
const maxSandboxPeople = 100_000

func refuseSandbox(why string) error {
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "not served as a sandbox: " + why}
}

// checkSynthetic returns an error of kind sesuai.KindConfiguration if somebody is on
// record who may not be synthetic, or if so many people are that not all are looked at.
func (s *Storage) checkSynthetic(ctx context.Context) error {
	count, err := s.People.Count(ctx)
	if err != nil {
		return err
	}
	if count > maxSandboxPeople {
		return refuseSandbox(fmt.Sprintf("%d people are on record; there may be %d", count, maxSandboxPeople))
	}
	others, err := s.People.HasNIK(ctx, func(nik sesuai.NIK) bool { return !sandbox.Synthetic(nik) })
	if err == nil && others {
		err = refuseSandbox("people are on record who may be real: their NIK does not start with 99")
	}
	return err
}

// newVerifier returns what the service verifies with.
func newVerifier(c Config, s *Storage, asked Registry, engine *face.Engine, asSandbox bool) httpapi.Verifier {
	o := servedOptions(c, s, asked, engine, asSandbox)
	if !asSandbox {
		return verify.New(o)
	}
	o.Limits = sandbox.NewLimits(o.Limits)
	return sandbox.NewVerifier(verify.New(o), s.Hash)
}

// newTrials returns what operators try out in the console: the same without the fixed
// outcomes of a sandbox that are about clients.
func newTrials(c Config, s *Storage, asked Registry, engine *face.Engine, asSandbox bool) *verify.Verifier {
	return verify.New(servedOptions(c, s, asked, engine, asSandbox))
}

// servedOptions are those of the running service.
func servedOptions(c Config, s *Storage, asked Registry, engine *face.Engine, asSandbox bool) verify.Options {
	if !asSandbox {
		return verifierOptions(c, s, asked, engine)
	}
	asked.Registry = sandbox.NewRegistry(s.People)
	return verifierOptions(c, s, asked, sandbox.NewExtractor(engine, s.calibration))
}

// sandboxHeader is the further header of every response.
func sandboxHeader(asSandbox bool) http.Header {
	if !asSandbox {
		return nil
	}
	return http.Header{sandbox.Header: {"true"}}
}
