// Package httpapi implements the HTTP interface: routes, credentials, and the
// decoding and encoding of the contract. Only this package
// knows HTTP statuses. It leaves the verification itself to package verify, and
// checking credentials to package access. Nothing that a caller sends appears in
// its logs or error responses.
package httpapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/admission"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/signature"
	"github.com/sesuai/sesuai/internal/telemetry"
	"github.com/sesuai/sesuai/internal/verify"
)

// The paths of the API.
const (
	FaceVerificationPath = "/identity/v1/face-verification"
	DataVerificationPath = "/identity/v1/verification"
	FaceMatchPath        = "/face/v1/match"
	PassiveLivenessPath  = "/face/v1/passive-liveness"
	// VerificationsPath looks up the answers of all of them.
	VerificationsPath = "/identity/v1/verifications"

	healthPath    = "/healthz"
	readinessPath = "/readyz"
)

// The defaults of Options.
const (
	DefaultMaxBody     = 10 << 20
	DefaultMaxInFlight = 64
	DefaultMemory      = 256 << 20
	DefaultBodyTimeout = 30 * time.Second
	DefaultTimeout     = 30 * time.Second
)

// Verifier verifies a person; verify.Verifier is the real one.
type Verifier interface {
	Verify(ctx context.Context, req verify.Request) (sesuai.Verdict, error)
	VerifyData(ctx context.Context, req verify.DataRequest) (sesuai.DataVerdict, error)
	Match(ctx context.Context, req verify.MatchRequest) (sesuai.MatchVerdict, error)
	Liveness(ctx context.Context, req verify.LivenessRequest) (sesuai.LivenessVerdict, error)
}

// Authenticator identifies clients by their credentials.
type Authenticator interface {
	// Authenticate returns the client of the attempt's credentials. If any of
	// them is missing or wrong, or the client is not active, the error has kind
	// sesuai.KindUnauthenticated; if the client may not call from that address,
	// sesuai.KindForbidden; after many such attempts sesuai.KindRateLimited. But
	// for the address, neither the error nor the time it takes tells which.
	Authenticate(ctx context.Context, attempt access.Attempt) (access.Client, error)
}

// Limiter limits the request rate of each client.
type Limiter interface {
	// Allow counts one request of the client. If the client exceeds its
	// rate, the error has kind sesuai.KindRateLimited and says when another
	// try makes sense.
	Allow(ctx context.Context, c access.Client) error
}

// Keys has each request answered once that has an idempotency key; *answer.Store is the
// real one.
type Keys interface {
	// Reserve and Await are those of answer.Store.
	Reserve(ctx context.Context, key answer.Key) (answer.Taken, error)
	Await(ctx context.Context, key answer.Key) (answer.Answer, error)
}

// Options configures a Server. Verifier, Authenticator and Hash are required.
type Options struct {
	Verifier      Verifier
	Authenticator Authenticator
	// Answers are the stored answers. If nil, there are none.
	Answers answer.Answers
	// Batches keeps batches of verifications. If nil, there are none.
	Batches Batches
	// MaxUpload is the greatest size of the upload of a batch in bytes, MaxRows the
	// greatest number of its rows, and MaxUploads how many are received at once.
	MaxUpload           int64
	MaxRows, MaxUploads int
	// SpoolFolder is where uploads are written, encrypted; that for temporary files of
	// the system if "".
	SpoolFolder string
	// LocalRegistry is whether the registry needs this machine's cores for an answer,
	// so that a row of a batch has to wait for one.
	LocalRegistry bool
	// Keys are the idempotency keys of clients. If nil, a request with one is refused,
	// since it could not be answered only once.
	Keys Keys
	// Liveness is whether the Verifier can measure liveness. If not, nobody is
	// allowed to ask for it.
	Liveness bool
	// Hash is a keyed hash, for request ids that may hold a NIK. Every process
	// that serves the same clients has the same key.
	Hash access.Hash
	// Limiter may be nil: no limit.
	Limiter Limiter
	// Ready returns why the service cannot answer yet, or nil if it can. A
	// nil Ready means always ready.
	Ready func() error
	// Detail returns what /readyz shows as JSON beside its status: the state
	// of upstream services, which does not affect readiness. Nothing is
	// shown if Detail, or its result, is nil. It must not reveal anything of
	// a request.
	Detail func() any
	// Now returns the current time, by which dates in the future are
	// refused; time.Now if nil.
	Now func() time.Time
	// Log gets one line for each request; slog.Default() if nil.
	Log *slog.Logger
	// Tracer starts a span for each request but those about health; nil means that
	// there are none.
	Tracer telemetry.Tracer
	// Observe gets the measurements of each request, and of each row of a batch, once it
	// is answered. It may be nil.
	Observe func(*telemetry.Request)
	// MaxBody is the greatest size of a request's body in bytes;
	// DefaultMaxBody if 0. One without a photograph has at most 64 KiB.
	MaxBody int64
	// MaxInFlight is how many verifications are in progress at once;
	// DefaultMaxInFlight if 0. A request counts once its body has been read. A
	// further one is refused, not queued: its caller knows best how long to
	// wait. For what one client may have, see admission.Pool.
	MaxInFlight int
	// Memory is how many bytes all bodies may take that are being read, decoded
	// or verified; DefaultMemory if 0. A body of MaxBody takes up to three
	// times its size. One for which there is no memory is refused.
	Memory int64
	// Queue has clients take turns at decoding bodies; nothing is taken from its
	// memory. If nil, the Server has one with a worker for each core.
	Queue *admission.Queue
	// BodyTimeout is how long a caller may take to send its body;
	// DefaultBodyTimeout if 0. A third of it is the time for each 64 KiB.
	BodyTimeout time.Duration
	// Timeout is how long a verification may take once the body has been
	// read; DefaultTimeout if 0.
	Timeout time.Duration
	// Proxies are the proxies that name callers.
	Proxies Proxies
	// Header are further headers of every response.
	Header http.Header
	// Signer signs answers where the caller prefers that. If nil, none is signed.
	Signer *signature.Signer
}

// Server serves the API. It implements http.Handler.
type Server struct {
	o      Options
	mux    *http.ServeMux
	routes []Route
	slots  *admission.Pool // verifications in progress
	bodies *admission.Pool // bytes of bodies
	awaits *admission.Pool // requests that wait for another one's answer

	recent  recent // clients that were authorized recently
	sampler *sampler
	held    chan struct{} // the responses that are being held: see hold
	uploads chan struct{} // the batches that are being received
}

// New returns a Server.
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
	if o.Memory == 0 {
		o.Memory = DefaultMemory
	}
	if o.Queue == nil {
		o.Queue = admission.NewQueue(runtime.GOMAXPROCS(0), 0)
	}
	s := &Server{
		o: o, mux: http.NewServeMux(),
		slots: admission.NewPool(int64(o.MaxInFlight)), bodies: admission.NewPool(o.Memory), awaits: admission.NewPool(maxAwaits),
		sampler: newSampler(), held: make(chan struct{}, maxHeld), uploads: make(chan struct{}, o.MaxUploads),
	}
	s.route(http.MethodPost, FaceVerificationPath, s.verification(faceVerification))
	s.route(http.MethodPost, DataVerificationPath, s.verification(dataVerification))
	s.route(http.MethodPost, FaceMatchPath, s.verification(faceMatch))
	s.route(http.MethodPost, PassiveLivenessPath, s.verification(passiveLiveness))
	s.route(http.MethodGet, VerificationsPath, s.lookUp)
	s.route(http.MethodGet, VerificationsPath+"/{"+paramRequest+"}", s.lookUp)
	s.route(http.MethodGet, healthPath, s.health)
	s.route(http.MethodGet, readinessPath, s.readiness)
	s.routeBatches()
	for _, d := range s.documents() {
		s.route(http.MethodGet, d.path, d.serve)
	}
	s.refuseMethods()
	s.mux.Handle("/", handler{s, notFound})
	return s
}

// Route is a method and a path that the Server answers, as http.ServeMux writes them:
// a {name} stands for a part of the path.
type Route struct{ Method, Path string }

// Routes returns all routes. HEAD, which every path of GET answers, is left out.
func (s *Server) Routes() []Route { return slices.Clone(s.routes) }

// route registers h for the method and path.
func (s *Server) route(method, path string, h handlerFunc) {
	s.mux.Handle(method+" "+path, handler{s, h})
	s.routes = append(s.routes, Route{method, path})
}

// refuseMethods registers a 405 for every other method of the paths, which ServeMux
// would answer in plain text.
func (s *Server) refuseMethods() {
	allow := make(map[string][]string)
	for _, r := range s.routes {
		allow[r.Path] = append(allow[r.Path], r.Method)
		if r.Method == http.MethodGet {
			allow[r.Path] = append(allow[r.Path], http.MethodHead) // ServeMux routes it to GET
		}
	}
	for path, methods := range allow {
		s.mux.Handle(path, handler{s, func(w *reply, _ *http.Request) error {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			return &sesuai.Error{Kind: sesuai.KindMethodNotAllowed}
		}})
	}
}

func notFound(*reply, *http.Request) error { return &sesuai.Error{Kind: sesuai.KindNotFound} }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	maps.Copy(w.Header(), s.o.Header)
	// It is a copy, since a handler must not change its request.
	plain := *r
	plain.URL = cleanURL(r)
	if r.RequestURI == "*" {
		plain.RequestURI = plain.URL.Path // otherwise ServeMux answers itself
	}
	s.mux.ServeHTTP(w, &plain)
}

// health handles GET /healthz: the process serves requests.
func (s *Server) health(w *reply, _ *http.Request) error {
	w.writeJSON(http.StatusOK, []byte(`{"status":"ok"}`))
	return nil
}

// readiness handles GET /readyz: whether verifications can be answered. The
// reason why not is only logged.
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
