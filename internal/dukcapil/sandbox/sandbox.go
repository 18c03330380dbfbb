// Package sandbox is the other side of Dukcapil's wire: a server that speaks
// the data check, the face check and the receiver of returned data, on top of
// a registry into which people can be enrolled. It is Sesuai's test double and
// other integrators' first sandbox, and so it is written from what is known of
// the services, not from the client: it must not know package dukcapil, nor
// share a line of wire code with it, or both could be wrong alike.
//
// What is answered, and which of it is a guess since nothing official is
// public, is in docs/dukcapil-sandbox.md. It is for synthetic people alone.
package sandbox

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// The defaults of Options.
const (
	DefaultDataMethod  = "CALL_VERIFY_BY_ELEMEN"
	DefaultFaceMethod  = "CALL_FR"
	DefaultBalikanPath = "/store"
	DefaultQuota       = 100_000
	DefaultPassScore   = 5
	DefaultMaxImage    = 195_000
	DefaultStall       = 30 * time.Second
	DefaultSlow        = 3 * time.Second
)

// Options are what a Server is made of. Registry, Extractor, Accounts and
// PrivateKey are required; for the rest the zero value is a default.
type Options struct {
	// Registry has the people. Its Check and Compare decide what is answered
	// about a NIK that is no magic one.
	Registry registry.Registry
	// Extractor finds the face in an image that the face check is sent.
	Extractor face.Extractor
	// Accounts may call; no two may share a user id.
	Accounts []Account
	// PrivateKey decrypts nik, user_id and password of the face check, which
	// are encrypted by Scheme: SchemePKCS1v15 if empty.
	PrivateKey *rsa.PrivateKey
	Scheme     string

	// BasePath is in front of the paths of the data and the face check, such as
	// "/api"; none if empty.
	BasePath string
	// DataMethod and FaceMethod are the last parts of the paths.
	DataMethod, FaceMethod string
	// BalikanPath is the path of the receiver of returned data, BalikanToken
	// its bearer token; without a token there is no receiver.
	BalikanPath, BalikanToken string

	// Data, Face and Balikan are each service's own conditions.
	Data, Face, Balikan Service
	// Hours are when the data check may be called, Jakarta time. The face
	// check's table has no code for such a refusal.
	Hours Hours
	// CheckConnection holds an account's IPs against the address that a call
	// comes from, too, and not only against the one in its body.
	CheckConnection bool
	// PassScore is the matchScore from which two faces match.
	PassScore float64
	// Curve gives the matchScore of the registry's percentage; DefaultCurve if
	// it is empty.
	Curve Curve
	// Decimals is how many decimals a matchScore has; 3 if 0.
	Decimals int
	// MaxImage is how many bytes an image may have before base64.
	MaxImage int
	// Quirks are the forms that answers may take.
	Quirks Quirks
	// NoMagic answers about magic NIKs from the registry, as about any other.
	NoMagic bool
	// Seed decides everything that is left to chance. What the n-th call about
	// a NIK meets does not depend on the calls in between about others.
	Seed uint64
	// Stall is how long an answer that is stalled takes to come to nothing,
	// Slow how long one takes that comes slowly.
	Stall, Slow time.Duration

	// Recorder is told of each call before it is answered; Server.Record has
	// them if it is nil. A call that it does not take is not answered.
	Recorder Recorder
	// Now is the clock; time.Now if nil.
	Now func() time.Time
	// Log gets a line for each call that says nothing about anybody; none if
	// nil.
	Log *slog.Logger
}

// Account is one institution's access.
type Account struct {
	// UserID and Password are its credentials.
	UserID   string `yaml:"user_id"`
	Password string `yaml:"password"`
	// Customer is its part of the data check's path, Credential its part of the
	// face check's.
	Customer   string `yaml:"customer"`
	Credential string `yaml:"credential"`
	// IPs are the addresses it may call from; any if there are none.
	IPs []netip.Addr `yaml:"ips"`
	// InstitutionInactive and UserInactive are why the data check may refuse
	// it; the face check has one code for both.
	InstitutionInactive bool `yaml:"institution_inactive"`
	UserInactive        bool `yaml:"user_inactive"`
}

// Service is what can be set for each service.
type Service struct {
	// Quota is how many calls of an account are answered on one day in
	// Jakarta; DefaultQuota if 0, and none if it is negative. Only calls that
	// are billed count. The receiver of returned data has none.
	Quota int `yaml:"quota"`
	// Latency is how long answers take.
	Latency Latency `yaml:"latency"`
	// Faults are what goes wrong by chance.
	Faults Faults `yaml:"faults"`
}

// Server is the sandbox. It is safe for concurrent use.
type Server struct {
	o      Options
	memory *memory
	counts counter
	day    day
	calls  occurrences
	sent   returned
	magic  map[string]magic
	mux    *http.ServeMux
}

// New makes a Server. An error says which option cannot be.
func New(o Options) (*Server, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	s := &Server{o: o, mux: http.NewServeMux(), magic: make(map[string]magic)}
	if o.Recorder == nil {
		s.memory = new(memory)
		s.o.Recorder = s.memory
	}
	if !o.NoMagic {
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

// ServeHTTP implements http.Handler. A call that is to be cut off ends in a
// panic with http.ErrAbortHandler, which http.Server takes for that.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// handle serves calls of one service.
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

// complete fills in the defaults and checks what is there.
func (o *Options) complete() error {
	orElse(&o.Scheme, SchemePKCS1v15)
	orElse(&o.DataMethod, DefaultDataMethod)
	orElse(&o.FaceMethod, DefaultFaceMethod)
	orElse(&o.BalikanPath, DefaultBalikanPath)
	orElse(&o.PassScore, DefaultPassScore)
	orElse(&o.Decimals, 3)
	orElse(&o.MaxImage, DefaultMaxImage)
	orElse(&o.Stall, DefaultStall)
	orElse(&o.Slow, DefaultSlow)
	if o.Curve == nil {
		o.Curve = DefaultCurve
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	for _, path := range []struct{ name, value string }{
		{"base path", o.BasePath}, {"balikan path", o.BalikanPath}, {"data method", "/" + o.DataMethod}, {"face method", "/" + o.FaceMethod},
	} {
		if path.value != "" && (path.value[0] != '/' || strings.ContainsAny(path.value, "{} ?#%") || strings.HasSuffix(path.value, "/")) {
			return fmt.Errorf("the %s cannot be part of a path", path.name)
		}
	}
	switch {
	case o.Registry == nil || o.Extractor == nil:
		return errors.New("a registry and an extractor are needed")
	case o.PrivateKey == nil:
		return errors.New("a private key is needed")
	case schemes[o.Scheme] == nil:
		return fmt.Errorf("the schemes are %s and %s", SchemePKCS1v15, SchemeOAEP)
	case len(o.Accounts) == 0:
		return errors.New("an account is needed")
	case o.Decimals < 0 || o.Decimals > 9:
		return errors.New("a score has 1 to 9 decimals")
	}
	seen := make(map[string]bool)
	for _, a := range o.Accounts {
		if a.UserID == "" || a.Password == "" || a.Customer == "" || a.Credential == "" {
			return errors.New("an account needs a user id, a password, a customer and a credential")
		}
		if seen[a.UserID] {
			return errors.New("two accounts have the same user id")
		}
		seen[a.UserID] = true
	}
	for _, service := range []*Service{&o.Data, &o.Face, &o.Balikan} {
		orElse(&service.Quota, DefaultQuota)
		if err := errors.Join(service.Latency.check(), service.Faults.check()); err != nil {
			return err
		}
	}
	for _, code := range o.Face.Faults.Codes {
		if _, err := strconv.Atoi(code); err != nil {
			return errors.New("the face check's codes are numbers")
		}
	}
	return errors.Join(o.Curve.check(), o.Quirks.check())
}

// orElse sets a value that is zero.
func orElse[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}
