package face_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

func measuringLiveness(o *face.Options) { o.Liveness = true }

// The liveness is measured only if it is asked for. The rest of the Extraction is
// the same to the bit, whether or not it is, and also for an engine without a
// liveness network.
func TestLivenessIsApart(t *testing.T) {
	t.Parallel()
	with, without := newEngine(t, measuringLiveness), newEngine(t)
	for i, data := range photographs(t) {
		t.Run(fmt.Sprint("photograph ", i), func(t *testing.T) {
			plain := ask(without, data, face.ForProbe)
			if got := ask(with, data, face.ForProbe); !cmp.Equal(plain, got) {
				t.Errorf("not asked for, yet another answer: %s", cmp.Diff(plain, got))
			}
			if got, want := ask(with, data, face.ForReference), ask(without, data, face.ForReference); !cmp.Equal(want, got) {
				t.Errorf("for a reference, yet another answer: %s", cmp.Diff(want, got))
			}
			live := ask(with, data, face.ForLiveProbe)
			if again := ask(with, data, face.ForLiveProbe); !cmp.Equal(live, again) {
				t.Errorf("the second time it differs: %s", cmp.Diff(live, again))
			}
			l := live.X.Liveness
			if l.Known != (plain.X.Template.Vector != nil) {
				t.Errorf("with a template: %v, with a liveness: %v", !l.Known, l.Known)
			}
			if !(l.Score >= 0 && l.Score <= 1) || (!l.Known && l.Score != 0) {
				t.Errorf("liveness %+v", l)
			}
			live.X.Liveness = face.Liveness{}
			if diff := cmp.Diff(plain, live); diff != "" {
				t.Errorf("asked for the liveness, the rest differs: %s", diff)
			}
		})
	}
}

// Concurrent workers measure the same as one worker.
func TestLivenessDoesNotDependOnOtherPhotographs(t *testing.T) {
	t.Parallel()
	files := photographs(t)
	uses := []face.Use{face.ForLiveProbe, face.ForProbe, face.ForReference}
	one := openEngine(t, measuringLiveness, func(o *face.Options) { o.Workers = 1 })
	want := make([][]answer, len(files))
	for i, data := range files {
		for _, use := range uses {
			want[i] = append(want[i], ask(one, data, use))
		}
	}
	several := openEngine(t, measuringLiveness, func(o *face.Options) { o.Workers = 3 })
	var tasks sync.WaitGroup
	for g := range 4 {
		tasks.Go(func() {
			for i := range files {
				i = (i + g) % len(files)
				u := (i + g) % len(uses)
				if diff := cmp.Diff(want[i][u], ask(several, files[i], uses[u])); diff != "" {
					t.Errorf("photograph %d, use %d: %s", i, u, diff)
				}
			}
		})
	}
	tasks.Wait()
}

// The self-test finds wrong channels and a wrong range of pixels in the manifest
// of the liveness network.
func TestLivenessSelfTest(t *testing.T) {
	slow(t)
	needModels(t)
	for name, change := range map[string]func(l *face.LivenessSpec){
		"of 0 to 1":      func(l *face.LivenessSpec) { l.Divisor = 255 },
		"of -1 to 1":     func(l *face.LivenessSpec) { l.Mean, l.Divisor = 127.5, 127.5 },
		"another class":  func(l *face.LivenessSpec) { l.Live = 1 },
		"the third":      func(l *face.LivenessSpec) { l.Live = 2 },
		"another answer": func(l *face.LivenessSpec) { l.Drawing = 0.5 },
		"fed RGB":        func(l *face.LivenessSpec) { l.Channels = "RGB" },
	} {
		t.Run(name, func(t *testing.T) {
			o := realOptions(t)
			o.Liveness = true
			l := *o.Manifest.Liveness
			change(&l)
			o.Manifest.Liveness = &l
			e, err := face.New(o)
			if err == nil {
				e.Close()
			}
			wantKind(t, err, sesuai.KindConfiguration)
			if !strings.Contains(detailOf(err), "liveness of a drawn face") {
				t.Errorf("the error does not name the liveness: %v", err)
			}
		})
	}
}

// If liveness is configured but cannot be measured, New fails. Without its
// network the liveness is unknown, which never counts as live.
func TestLivenessNeedsItsNetwork(t *testing.T) {
	o := face.Options{
		Models: modelsDir, Manifest: face.DefaultManifest(), Calibration: shipped(t), Load: noLoad(t), Liveness: true,
	}
	o.Manifest.Liveness = nil
	_, err := face.New(o)
	wantKind(t, err, sesuai.KindConfiguration)
	if detail := detailOf(err); !strings.Contains(detail, "names no liveness network") || !strings.Contains(detail, o.Manifest.ID) {
		t.Errorf("the error does not say what is missing from which manifest: %v", err)
	}

	e := newEngine(t)
	drawing := encodePNG(t, face.DrawFirst(200))
	x, err := e.Extract(context.Background(), drawing, face.ForLiveProbe)
	if err != nil || x.Finding != face.OneFace || x.Liveness.Known {
		t.Errorf("without the network: %v, %v, %+v", err, x.Finding, x.Liveness)
	}
	if x := extractFile(t, e, drawing); x.Finding != face.OneFace || x.Liveness.Known {
		t.Errorf("without being asked: %v, %+v", x.Finding, x.Liveness)
	}
}

// The liveness network is optional in a manifest, and its file is needed only if
// liveness is configured.
func TestLivenessIsOptional(t *testing.T) {
	slow(t)
	without, err := face.ParseManifest(manifestFile(t, func(m *face.Manifest) { m.Liveness = nil }))
	if err != nil || without.Liveness != nil {
		t.Fatal(without.Liveness, err)
	}
	if without.Model() != face.DefaultManifest().Model() {
		t.Error("templates of an engine with and without liveness could not be compared")
	}
	o := realOptions(t)
	o.Models = copyModels(t, o.Manifest)
	if err := os.Remove(filepath.Join(o.Models, o.Manifest.Liveness.File)); err != nil {
		t.Fatal(err)
	}
	for _, m := range []face.Manifest{o.Manifest, without} {
		o.Manifest = m
		e, err := face.New(o)
		if err != nil {
			t.Fatal(err)
		}
		e.Close()
	}
}
