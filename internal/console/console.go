// Package console is the pages of those who answer for the service: why somebody was
// refused, which clients there are, whether the audit trail is whole. It is rendered on
// the server. It leaves who an operator is to package operator, and what happened to
// package audit.
package console

import (
	"context"
	"embed"
	"html/template"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/approval"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/operator"
)

// Options are what a Console is made of. All but Passkeys, Provider, Calibration, People,
// Header and Now are required.
type Options struct {
	Operators *operator.Store
	// Passkeys are those of the console's origin; nil if there are none.
	Passkeys *operator.Passkeys
	// Provider is that at which operators may sign in; nil if there is none.
	Provider *operator.Provider
	Events   audit.Reader
	Counts   Counts
	// Calibration is that of the face engine; nil if it has none.
	Calibration *face.Calibration
	// Record records what an operator does that changes nothing.
	Record  func(context.Context, audit.Change) error
	Clients access.Clients
	// Approvals are what admins propose to each other. New registers the kinds of acts.
	Approvals *approval.Store
	// Erase erases what is stored of a person.
	Erase func(context.Context, sesuai.NIK) error
	// ReportSubject writes all that is stored of a person, and who asked when, as a page of its
	// own, and records that.
	ReportSubject func(context.Context, sesuai.NIK, io.Writer) error
	// Hash is the keyed hash of credentials, and of ids that may hold a NIK.
	Hash   access.Hash
	Usage  Usage
	Trail  Trail
	Trials Trials
	// MaxPhoto is the largest size of a form with a photograph, in bytes.
	MaxPhoto int64
	// TrialPrice says what a trial may cost at a time; "" if nothing.
	TrialPrice func(time.Time) (string, error)
	// People are those of the built-in registry; nil if people are elsewhere.
	People People
	Log    *slog.Logger
	// Header has further headers of each response.
	Header http.Header
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Counts are of the events of the audit trail.
type Counts interface {
	// Results returns the number of events since a time by their results.
	Results(ctx context.Context, since time.Time) (map[audit.Result]int64, error)
	// Moved compares the percentages since a time with another threshold, by client.
	Moved(ctx context.Context, since time.Time, threshold sesuai.Percentage) ([]audit.Moved, error)
}

// Usage is what clients have used of their limits.
type Usage interface {
	ClientUsage(ctx context.Context, client string, own limit.Settings) (limit.ClientUsage, error)
}

// Trail is the audit trail as a whole.
type Trail interface {
	// LatestCheckpoint returns the latest signed checkpoint; the zero one if there is none.
	LatestCheckpoint() (audit.Checkpoint, error)
	// Verify verifies the trail, all people and all clients. why says what is not as it
	// was recorded; "" if everything is.
	Verify(ctx context.Context) (events int64, why string, err error)
}

// Console is the handler of all pages.
type Console struct {
	o         Options
	mux       *http.ServeMux
	templates map[string]*template.Template
	origin    *http.CrossOriginProtection
	// verifying lets one verification of the trail run at a time.
	verifying chan struct{}
	// uploading lets few forms with a photograph be read and answered at a time, since each
	// takes memory.
	uploading chan struct{}
	tries     tries
}

var (
	//go:embed templates
	templateFiles embed.FS
	//go:embed assets
	assetFiles embed.FS
)

// New returns a console.
func New(o Options) (*Console, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Console{o: o, mux: http.NewServeMux(), origin: http.NewCrossOriginProtection(), verifying: make(chan struct{}, 1), uploading: make(chan struct{}, maxUploads)}
	registerKinds(o)
	var err error
	if c.templates, err = parseTemplates(); err != nil {
		return nil, err
	}
	for _, r := range routes() {
		c.mux.Handle(r.pattern, c.handler(r))
	}
	assets, err := fs.Sub(assetFiles, "assets")
	if err != nil {
		return nil, err
	}
	c.mux.Handle("GET /assets/", http.StripPrefix("/assets/", http.FileServerFS(assets)))
	c.mux.Handle("/", c.handler(route{handle: notFound}))
	return c, nil
}

// ServeHTTP implements http.Handler.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.setHeaders(w.Header())
	c.mux.ServeHTTP(w, r)
}
