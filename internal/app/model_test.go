package app_test

import (
	"path/filepath"
	"testing"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/test/process"
)

// TestTemplateOfAnotherModel: somebody whose template was made by a model that
// is no longer the one in use cannot be verified until there is one of this
// model. That is no answer, and least of all that the faces differ.
func TestTemplateOfAnotherModel(t *testing.T) {
	process.Slow(t)
	s := start(t, config(t))
	storage, err := app.OpenStorage(t.Context(), s.config)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStorage(t, storage)
	record := ayu.record(t)
	portrait := registry.Portrait{Template: registrytest.Template(t, "earlier@111111111111", 1), Source: [32]byte{1}}
	if _, err := storage.People.Enrol(t.Context(), record, &portrait); err != nil {
		t.Fatal(err)
	}
	const unanswered = `{"verification_status":false,"reason":"Something wrong in Dukcapil server","result":{"nik":null,"name":null,"date_of_birth":null,"face_image_percentage":null}}`
	if status, body := s.verify(t, ayu.asks()); status != 503 || !contains(body, unanswered) {
		t.Errorf("got %d %s, want 503", status, body)
	}
	if entry, found, err := storage.People.Lookup(t.Context(), record.NIK); err != nil || !found || entry.Model != "earlier@111111111111" {
		t.Errorf("Lookup = %+v, %v, %v", entry, found, err)
	}

	engine, err := app.OpenEngine(s.config, app.OnePhotograph, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	change, err := app.NewEnroller(storage, engine).Enrol(t.Context(), record, readPhoto(t, ayu.photo))
	if err != nil || change != registry.Replaced {
		t.Fatalf("enrolling again: %v, %v", change, err)
	}
	if status, body := s.verify(t, ayu.asks()); status != 200 || !contains(body, "Verification Success") {
		t.Errorf("got %d %s, want 200", status, body)
	}
}

// TestUncalibratedEngine: it needs no calibration, whatever is named, and has
// none.
func TestUncalibratedEngine(t *testing.T) {
	process.Slow(t)
	process.Need(t, realModels)
	c := config(t)
	c.Face.Calibration = filepath.Join(t.TempDir(), "none.json")
	e, err := app.OpenUncalibratedEngine(c, face.Dominant)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.Calibration() != nil {
		t.Error("it has a calibration")
	}
	_, err = app.OpenEvaluationEngine(c, face.Dominant, false)
	assertConfiguration(t, err, "face.calibration")
	_, err = app.OpenEngine(c, app.OnePhotograph, 1)
	assertConfiguration(t, err, "face.calibration")
}
