package backup_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/test/process"
)

// service is a running service at a place.
type service struct {
	*process.Process
	process.Credentials
	address string
	client  *http.Client
	photos  map[string][]byte
}

// serve starts the service.
func (p place) serve(t *testing.T, who process.Credentials) *service {
	t.Helper()
	s := &service{
		Credentials: who, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}, Timeout: patience},
		photos: make(map[string][]byte),
	}
	for _, p := range portraits {
		s.photos[p.probe] = photograph(t, p.probe)
	}
	t.Cleanup(s.client.CloseIdleConnections)
	var started struct{ Address string }
	s.Process = p.sesuai.Start(t, &started, "serve", "--listen", "127.0.0.1:0")
	s.address = started.Address
	return s
}

// stop stops the service, which must end without an error.
func (s *service) stop(t *testing.T) {
	t.Helper()
	s.client.CloseIdleConnections()
	s.Stop(t)
}

// verify verifies the claim that is made about the n-th person: a fifth have the name of
// the next one, and a fifth the face. The answer is the status and the body.
func (s *service) verify(n int) (answer string, err error) {
	p, photo := country.Person(n), s.photos[portraits[n%len(portraits)].probe]
	name := p.Name
	switch n % 5 {
	case 3:
		name = country.Person(n + 1).Name
	case 4:
		photo = s.photos[portraits[(n+1)%len(portraits)].probe]
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for _, f := range [][2]string{{"nik", p.NIK.Reveal()}, {"name", name.Reveal()}, {"date_of_birth", p.DateOfBirth.Reveal()}} {
		_ = w.WriteField(f[0], f[1]) // a bytes.Buffer does not fail
	}
	part, _ := w.CreateFormFile("face_image", "x")
	_, _ = part.Write(photo)
	_ = w.Close()
	r, err := http.NewRequest(http.MethodPost, s.address+httpapi.FaceVerificationPath, &form)
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	s.Sign(r)
	resp, err := s.client.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return fmt.Sprintf("%d %s", resp.StatusCode, body), err
}

// callers is how many requests are in flight.
const callers = 4

// verdicts verifies each of so many people.
func (s *service) verdicts(t *testing.T, people int) []string {
	t.Helper()
	all := make([]string, people)
	var group sync.WaitGroup
	var next atomic.Int64
	for range callers {
		group.Go(func() {
			for n := int(next.Add(1)) - 1; n < people; n = int(next.Add(1)) - 1 {
				var err error
				if all[n], err = s.verify(n); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	return all
}

// load verifies people again and again, and enrols others, until it is stopped.
type load struct {
	cancel context.CancelFunc
	group  sync.WaitGroup
	// verified and enrolled count what was answered.
	verified, enrolled atomic.Int64
	changed            chan struct{}
}

// startLoad verifies people whose answers are known, and enrols those from that number on.
func startLoad(t *testing.T, s *service, storage *app.Storage, want []string, references []*registry.Portrait) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{cancel: cancel, changed: make(chan struct{}, 1)}
	for range callers {
		l.group.Go(func() {
			for ctx.Err() == nil {
				n := rand.IntN(len(want))
				got, err := s.verify(n)
				if err != nil || got != want[n] {
					t.Errorf("person %d: %s, %v; it was %s", n, got, err, want[n])
					return
				}
				l.count(&l.verified)
			}
		})
	}
	l.group.Go(func() {
		for n := len(want); ctx.Err() == nil; n++ {
			if err := enrol(t.Context(), storage, n, references); err != nil {
				t.Errorf("person %d: %v", n, err)
				return
			}
			l.count(&l.enrolled)
		}
	})
	t.Cleanup(l.stop)
	return l
}

func (l *load) count(n *atomic.Int64) {
	n.Add(1)
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// stop stops the load and waits for the requests in flight.
func (l *load) stop() {
	l.cancel()
	l.group.Wait()
}

// awaitMore waits until so many more were verified, and enrolled.
func (l *load) awaitMore(t *testing.T, more int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	verified, enrolled := l.verified.Load()+more, l.enrolled.Load()+more
	for l.verified.Load() < verified || l.enrolled.Load() < enrolled {
		select {
		case <-l.changed:
		case <-ctx.Done():
			t.Fatalf("the load has stopped at %d verified and %d enrolled", l.verified.Load(), l.enrolled.Load())
		}
	}
}
