package timing_test

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/synthetic"
	"github.com/sesuai/sesuai/test/process"
)

// TestDataVerification: an answer about an unknown NIK takes the same time as those
// about a known one with another name or date.
func TestDataVerification(t *testing.T) {
	for name, url := range map[string]func(t *testing.T) string{
		"SQLite":     func(*testing.T) string { return "" },
		"PostgreSQL": func(t *testing.T) string { return pgtest.Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			config := configuration(t)
			config.Registry = url(t)
			testDataVerification(t, config)
		})
	}
}

func testDataVerification(t *testing.T, config app.Config) {
	n := samples(t)
	w := newPeople(t, config, n, nil)
	ask := func(of, named, dated registry.Person) []byte {
		return w.post(t, httpapi.DataVerificationPath, claimOf(of, named, dated))
	}
	measured(t, w, n, w.classes(ask), 3*time.Millisecond)
}

// TestFaceVerification is TestDataVerification for face verifications.
func TestFaceVerification(t *testing.T) {
	if os.Getenv("TIMING_SAMPLES") == "" {
		t.Skip("extracting faces takes minutes: this test needs TIMING_SAMPLES, as in make timing")
	}
	n := samples(t)
	config := configuration(t)
	photo := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(root, "build/demo/photos", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	process.Need(t, root+"/build/demo/photos/ayu-selfie.jpg")
	engine, err := app.OpenEngine(config, app.ManyPhotographs, 1)
	if err != nil {
		t.Fatal(err)
	}
	reference, err := engine.Extract(t.Context(), photo("ayu-reference.jpg"), face.ForProbe)
	engine.Close()
	if err != nil {
		t.Fatal(err)
	}
	w := newPeople(t, config, n, &registry.Portrait{Template: reference.Template, Source: [32]byte{1}})
	selfie := base64.StdEncoding.EncodeToString(photo("ayu-selfie.jpg"))
	ask := func(of, named, dated registry.Person) []byte {
		claim := claimOf(of, named, dated)
		claim["face_image"] = selfie
		return w.post(t, httpapi.FaceVerificationPath, claim)
	}
	measured(t, w, n, w.classes(ask), 20*time.Millisecond) // to extract a face varies by more
}

// people is a service with people on record, and others.
type people struct {
	address        string
	known, unknown []registry.Person
	client         access.Revealed
}

// newPeople starts a service with people on record for so many rounds, who have the
// portrait.
func newPeople(t *testing.T, config app.Config, rounds int, portrait *registry.Portrait) *people {
	t.Helper()
	n := 3 * (warmUp + rounds) // a person in each round for each class of them
	all := activePeople(2 * n)
	w := &people{known: all[:n], unknown: all[n:]}
	fill(t, config, func(s *app.Storage) {
		var batch []registry.Enrolment
		for _, p := range w.known {
			batch = append(batch, registry.Enrolment{Person: p, Portrait: portrait})
		}
		if _, err := s.People.EnrolBatch(t.Context(), batch, false); err != nil {
			t.Fatal(err)
		}
		w.client = addClient(t, s, "timing", func(c *access.Client) { c.Limits.NonMatchesPerDay = limit.Off })
	})
	w.address = serve(t, config)
	return w
}

// post returns a request about a claim.
func (w *people) post(t *testing.T, path string, claim map[string]string) []byte {
	t.Helper()
	body, err := json.Marshal(claim)
	if err != nil {
		t.Fatal(err)
	}
	return post(path, w.client, "application/json", body)
}

// claimOf returns a claim with one person's NIK, the name of another and the date of birth
// of a third.
func claimOf(of, named, dated registry.Person) map[string]string {
	return map[string]string{"nik": of.NIK.Reveal(), "name": named.Name.Reveal(), "date_of_birth": dated.DateOfBirth.Reveal()}
}

// other returns a person with another name and date of birth.
func (w *people) other(p registry.Person, i int) registry.Person {
	for ; ; i++ {
		o := w.unknown[i%len(w.unknown)]
		if o.Name.Reveal() != p.Name.Reveal() && o.DateOfBirth.Reveal() != p.DateOfBirth.Reveal() {
			return o
		}
	}
}

// classes returns the classes of answers about a NIK that is not verified. ask returns a
// request: see claimOf. No two requests are about one person who is on record: after a
// few misses an answer says less.
func (w *people) classes(ask func(of, named, dated registry.Person) []byte) []class {
	person := func(i, class int) registry.Person { return w.known[(3*i+class)%len(w.known)] }
	return []class{
		{name: "unknown NIK", status: http.StatusOK, says: string(sesuai.ReasonNIKNotFound), request: func(i int) []byte {
			p := w.unknown[i%len(w.unknown)]
			return ask(p, w.other(p, 7*i+1), p)
		}},
		{name: "other name", status: http.StatusOK, says: string(sesuai.ReasonNameDiffers), request: func(i int) []byte {
			p := person(i, 0)
			return ask(p, w.other(p, 7*i+1), p)
		}},
		{name: "other date", status: http.StatusOK, says: string(sesuai.ReasonDateDiffers), request: func(i int) []byte {
			p := person(i, 1)
			return ask(p, p, w.other(p, 7*i+1))
		}},
		{name: "both", status: http.StatusOK, says: string(sesuai.ReasonNameDiffers), request: func(i int) []byte {
			p := person(i, 2)
			o := w.other(p, 7*i+1)
			return ask(p, o, o)
		}},
	}
}

// measured measures and judges the classes, with a longest delay.
func measured(t *testing.T, w *people, n int, classes []class, longest time.Duration) {
	t.Helper()
	classes = withControls(classes, longest)
	judge(t, classes, measure(t, n, classes, func(int) *connection { return dial(t, w.address, net.IPv4(127, 0, 0, 1)) }))
}

// activePeople returns n synthetic people who are alive.
func activePeople(n int) (all []registry.Person) {
	country := synthetic.New(1)
	for i := 0; len(all) < n; i++ {
		if p := country.Person(i); p.Status == sesuai.Active {
			all = append(all, p)
		}
	}
	return all
}
