// Package httpapi is the wire: routes, credentials, decoding and encoding of
// the face verification contract. It is the only place that knows HTTP
// statuses. It must not know how a verification is made, and nothing of what a
// caller sends may reach its logs or its error replies.
package httpapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/verify"
)

// FaceVerificationPath is where face verifications are asked for.
const FaceVerificationPath = "/identity/v1/face-verification"

// The defaults of Options.
const (
	DefaultMaxBody     = 10 << 20
	DefaultMaxInFlight = 64
	DefaultBodyTimeout = 30 * time.Second
	DefaultTimeout     = 30 * time.Second
)

// Verifier makes verifications; verify.Verifier is the real one.
type Verifier interface {
	Verify(ctx context.Context, req verify.Request) (sesuai.Verdict, error)
}

// Authenticator knows clients by their credentials.
type Authenticator interface {
	// Authenticate returns the client of these credentials. It takes the
	// same time whichever of them is missing or wrong, and answers all of
	// that alike: an error of kind sesuai.KindUnauthenticated.
	Authenticate(ctx context.Context, username, password, apiKey string) (access.Client, error)
}

// Limiter keeps clients to their rates.
type Limiter interface {
	// Allow counts one request of the client. An error of kind
	// sesuai.KindRateLimited says that it is one too many, and when another
	// try makes sense.
	Allow(c access.Client) error
}

// Options are what a Server is made of. Verifier and Authenticator are
// required.
type Options struct {
	Verifier      Verifier
	Authenticator Authenticator
	// Limiter may be nil: no limit.
	Limiter Limiter
	// Ready says why the service cannot answer yet, or nil if it can; a nil
	// Ready is always ready.
	Ready func() error
	// Detail is shown with readiness, as JSON: how what is asked elsewhere is
	// doing, which does not make the service less ready. If it is nil, or what
	// it returns is, nothing is shown. It never holds anything of a request.
	Detail func() any
	// Now says which day it is, for dates in the future; time.Now if nil.
	Now func() time.Time
	// Log gets one line for each request; slog.Default() if nil.
	Log *slog.Logger
	// MaxBody is how many bytes a request's body may have; DefaultMaxBody
	// if 0.
	MaxBody int64
	// MaxInFlight is how many requests of authenticated clients are held in
	// memory at once, of one client at most three quarters of that;
	// DefaultMaxInFlight if 0. One more is turned away, not
	// queued: its caller knows better than we how long to wait.
	MaxInFlight int
	// BodyTimeout is how long a caller may take to send its body;
	// DefaultBodyTimeout if 0.
	BodyTimeout time.Duration
	// Timeout is how long a verification may take once the body is there;
	// DefaultTimeout if 0.
	Timeout time.Duration
}

// Server answers the API's requests. It is an http.Handler.
type Server struct {
	o     Options
	mux   *http.ServeMux
	slots *slots
}

// New makes a Server.
func New(o Options) *Server {
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = DefaultMaxInFlight
	}
	if o.BodyTimeout == 0 {
		o.BodyTimeout = DefaultBodyTimeout
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	s := &Server{o: o, mux: http.NewServeMux(), slots: newSlots(o.MaxInFlight)}
	s.route(http.MethodPost, FaceVerificationPath, s.faceVerification)
	s.route(http.MethodGet, "/healthz", s.health)
	s.route(http.MethodGet, "/readyz", s.readiness)
	s.mux.Handle("/", handler{s, notFound})
	return s
}

// route binds the method and path to h, and every other method to 405: left to
// itself ServeMux would answer in plain text.
func (s *Server) route(method, path string, h handlerFunc) {
	allow := method
	if method == http.MethodGet {
		allow = "GET, HEAD" // as ServeMux has it
	}
	s.mux.Handle(method+" "+path, handler{s, h})
	s.mux.Handle(path, handler{s, func(w *reply, _ *http.Request) error {
		w.Header().Set("Allow", allow)
		return &sesuai.Error{Kind: sesuai.KindMethodNotAllowed}
	}})
}

func notFound(*reply, *http.Request) error { return &sesuai.Error{Kind: sesuai.KindNotFound} }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A copy, since a handler must not change its request.
	plain := *r
	plain.URL = cleanURL(r)
	if r.RequestURI == "*" {
		plain.RequestURI = plain.URL.Path // or ServeMux answers by itself
	}
	s.mux.ServeHTTP(w, &plain)
}

// faceVerification is POST /identity/v1/face-verification. Who is calling is
// settled before a byte of the body is read.
func (s *Server) faceVerification(w *reply, r *http.Request) error {
	client, err := s.authorize(w, r, access.FaceVerification)
	if err != nil {
		return err
	}
	if !s.slots.take(client.ID) {
		return &sesuai.Error{Kind: sesuai.KindOverloaded}
	}
	defer s.slots.give(client.ID)

	form, err := s.readForm(w, r)
	if err != nil {
		return err
	}
	claim, photo, err := form.validate(s.o.Now())
	if err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
	defer cancel()
	verdict, err := s.o.Verifier.Verify(ctx, verify.Request{
		ID:     recorded(w.id),
		Client: client,
		Claim:  claim,
		Photo:  photo,
	})
	if err != nil {
		return err
	}
	w.writeJSON(http.StatusOK, VerdictJSON(verdict))
	return nil
}

// health says that the process serves requests.
func (s *Server) health(w *reply, _ *http.Request) error {
	w.writeJSON(http.StatusOK, []byte(`{"status":"ok"}`))
	return nil
}

// readiness says whether requests can be answered. Why not is for the log.
func (s *Server) readiness(w *reply, _ *http.Request) error {
	if w.cause = s.o.Ready(); w.cause != nil {
		w.writeJSON(http.StatusServiceUnavailable, []byte(`{"status":"not ready"}`))
		return nil
	}
	ready := struct {
		Status string `json:"status"`
		Detail any    `json:"detail,omitempty"`
	}{Status: "ready"}
	if s.o.Detail != nil {
		ready.Detail = s.o.Detail()
	}
	body, err := json.Marshal(ready)
	if err != nil {
		return err
	}
	w.writeJSON(http.StatusOK, body)
	return nil
}
