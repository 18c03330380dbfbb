// Package sandbox is a server that behaves like Dukcapil's web services: the
// data check, the face check and the receiver of returned data. It answers from
// a registry of enrolled people. It serves as a test double for Sesuai and as a
// sandbox for other integrators. It leaves comparing names and faces to the
// registry, and finding faces to the face engine.
//
// The package is written from what is known of the services, and shares no code
// with package client. With shared code, one misunderstanding could make both
// sides wrong and every test pass.
//
// docs/integrate/dukcapil-sandbox.md describes the answers, and which of them
// are guesses, since no official description is public. The sandbox is only for
// synthetic people.
package sandbox

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// Options configures a Server.
type Options struct {
	// Config is the configuration; start from DefaultConfig. Only Open uses
	// its Listen, TLSCert, TLSKey, RSAKey and Record.
	Config
	// Registry answers about every NIK that is not a magic one. Required.
	Registry registry.Registry
	// Extractor finds the face in the image of a face check. Required.
	Extractor face.Extractor
	// PrivateKey decrypts nik, user_id and password of the face check by
	// Config.Scheme. Required.
	PrivateKey *rsa.PrivateKey
	// Recorder records each call before it is answered. A call that cannot
	// be recorded gets no answer. If Recorder is nil, Server.Record returns
	// the calls.
	Recorder Recorder
	// Now returns the current time; time.Now if nil.
	Now func() time.Time
	// Log gets a line for each call, without personal data; none if nil.
	Log *slog.Logger
}

// Server is the sandbox. It is safe for concurrent use.
type Server struct {
	o      Options
	hours  hours
	memory *memory
	counts counter
	day    day
	calls  occurrences
	sent   returned
	magic  map[string]magic
	mux    *http.ServeMux
}

// New returns a Server. The error says which option is invalid.
func New(o Options) (*Server, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	open, err := parseHours(o.Hours)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	s := &Server{o: o, hours: open, mux: http.NewServeMux(), magic: make(map[string]magic)}
	if o.Recorder == nil {
		s.memory = new(memory)
		s.o.Recorder = s.memory
	}
	if o.Magic {
		for _, m := range magics {
			s.magic[MagicPrefix+m.suffix] = m
		}
	}
	s.handle(o.BasePath+"/dukcapil/get_json/{customer}/"+o.DataMethod, &endpoint{DataCheck, o.Data, maxDataBody, s.data})
	s.handle(o.BasePath+"/api/face-recognition/dukcapil/{credential}/"+o.FaceMethod, &endpoint{FaceCheck, o.Face, maxFaceBody, s.face})
	if o.BalikanToken != "" {
		s.handle(o.BalikanPath, &endpoint{Balikan, o.Balikan, maxBalikanBody, s.balikan})
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		page(w, http.StatusNotFound)
	})
	return s, nil
}

// ServeHTTP implements http.Handler. It panics with http.ErrAbortHandler to close
// the connection of a call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// handle registers the endpoint of one service.
func (s *Server) handle(pattern string, e *endpoint) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			page(w, http.StatusMethodNotAllowed)
			return
		}
		s.serve(e, w, r)
	})
}

// complete fills in the defaults and validates the options.
func (o *Options) complete() error {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.Registry == nil || o.Extractor == nil:
		return errors.New("a registry and an extractor are needed")
	case o.PrivateKey == nil:
		return errors.New("a private key is needed")
	}
	return o.check()
}
