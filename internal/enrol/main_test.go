package enrol_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/rows"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }

// extractor stands for the face engine: every photograph has one face, of a
// template that is the same for the same bytes.
type extractor struct {
	calls atomic.Int64
	// hook, if not nil, sees each call before it is answered, with its
	// number from 1, and may answer it with an error.
	hook func(ctx context.Context, call int) error
	// finding is what is found.
	finding face.Extraction
}

func (e *extractor) Extract(ctx context.Context, photo []byte, use face.Use) (face.Extraction, error) {
	call := int(e.calls.Add(1))
	if use != face.ForReference {
		return face.Extraction{}, errors.New("a portrait must be extracted as a reference")
	}
	if e.hook != nil {
		if err := e.hook(ctx, call); err != nil {
			return face.Extraction{}, err
		}
	}
	x := e.finding
	if x.Finding == face.OneFace {
		digest := sha256.Sum256(photo)
		v := make([]float32, face.TemplateSize)
		for i := range v {
			v[i] = float32(digest[i%len(digest)]) + 1
		}
		var err error
		if x.Template, err = face.NewTemplate(registrytest.Model, v); err != nil {
			return face.Extraction{}, err
		}
	}
	return x, nil
}

// newEnroller joins a registry with a face engine.
func newEnroller(r registry.Enroller, x face.Extractor) *enrol.Enroller {
	return enrol.New(enrol.Options{Registry: r, Extractor: x, Model: registrytest.Model})
}

// header is the header line of the files below.
const header = "nik,name,date_of_birth,photo\n"

// rows is a file of n invented people, each with a photograph of their own.
func peopleRows(n int) string {
	var b strings.Builder
	b.WriteString(header)
	for i := range n {
		fmt.Fprintf(&b, "9999%012d,Wirasaba Ke-%d,%02d-01-1990,%s\n", i, i, 1+i%28, photoName(i))
	}
	return b.String()
}

func photoName(i int) string { return fmt.Sprintf("%d.jpg", i) }

// photos is a folder of n photographs that differ.
func photos(t testing.TB, n int) *os.Root {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, photoName(i)), binary.BigEndian.AppendUint32(nil, uint32(i)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return openRoot(t, dir)
}

func openRoot(t testing.TB, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

// reject is a row that was refused, and why.
type reject struct {
	Line int
	Why  string
}

// run imports a file and returns what was refused, too.
func run(ctx context.Context, e *enrol.Enroller, people string, photos *os.Root) (enrol.Summary, []reject, error) {
	var rejects []reject
	job := enrol.Import{
		Enroller: e, People: strings.NewReader(people), Photos: rows.Folder(photos),
		Rejected: func(line int, why error) error { rejects = append(rejects, reject{line, why.Error()}); return nil },
	}
	summary, err := job.Run(ctx)
	return summary, rejects, err
}

// count is how many people are on record.
func count(t *testing.T, r registry.Enroller) int {
	t.Helper()
	n, err := r.Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}
