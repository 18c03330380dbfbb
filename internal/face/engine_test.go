package face_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/face/ort"
	"github.com/sesuai/sesuai/internal/face/turbo"
	"github.com/sesuai/sesuai/test/process"
)

const (
	modelsDir = "../../models"
	facesDir  = "../../../shared/faces"
)

func needModels(t testing.TB) {
	t.Helper()
	process.Need(t, library)
}

const library = modelsDir + "/libonnxruntime.so.1"

// realOptions returns the options of an engine with the real models.
func realOptions(t testing.TB) face.Options {
	t.Helper()
	needModels(t)
	load, err := ort.NewLoader(ort.Options{Library: library})
	if err != nil {
		t.Fatal(err)
	}
	m := face.DefaultManifest()
	c, err := face.ShippedCalibration(m.Calibration)
	if err != nil {
		t.Fatal(err)
	}
	return face.Options{Models: modelsDir, Manifest: m, Calibration: c, Load: load, DecodeJPEG: turbo.Decode, EncodeJPEG: turbo.Encode}
}

// slow skips a test with -short: see process.Slow.
func slow(t testing.TB) {
	t.Helper()
	process.Slow(t)
}

// needTurbo skips a test, or fails in CI, if libjpeg-turbo is not linked.
func needTurbo(t *testing.T) {
	t.Helper()
	if turbo.Decode == nil {
		process.Skip(t, "this test needs libjpeg-turbo, so the build tag turbojpeg")
	}
}

// newEngine opens the real engine, its options changed. It skips the test with
// -short. A test of concurrency, which the race detector must see, uses openEngine.
func newEngine(t testing.TB, change ...func(*face.Options)) *face.Engine {
	t.Helper()
	slow(t)
	return openEngine(t, change...)
}

// openEngine opens the real engine, its options changed.
func openEngine(t testing.TB, change ...func(*face.Options)) *face.Engine {
	t.Helper()
	o := realOptions(t)
	for _, f := range change {
		f(&o)
	}
	e, err := face.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// everyPhotograph reports whether to use all development photographs, for the
// figures of docs/decisions: make photographs sets the variable. make test takes a
// sample.
func everyPhotograph() bool { return os.Getenv("PHOTOGRAPHS") == "all" }

// several returns some, or all if everyPhotograph.
func several(some, all int) int {
	if everyPhotograph() {
		return all
	}
	return some
}

// pair is a line of a list of the development photographs.
type pair struct {
	same             bool
	reference, probe string
	cosine           float64
}

func readPairs(t testing.TB, name string) []pair {
	t.Helper()
	f, err := os.Open(filepath.Join(process.Faces(t, "../.."), name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	pairs := make([]pair, 0, len(rows))
	for _, row := range rows[1:] {
		p := pair{same: row[0] == "1", reference: row[1], probe: row[2]}
		if len(row) > 3 {
			p.cosine, _ = strconv.ParseFloat(row[3], 64)
		}
		pairs = append(pairs, p)
	}
	return pairs
}
