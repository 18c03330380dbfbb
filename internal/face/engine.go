package face

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"

	"github.com/sesuai/sesuai"
)

// The defaults of Options.
const (
	// DefaultMaxPixels is the wire contract's limit of an image.
	DefaultMaxPixels = 40_000_000
	// DefaultDominance: the largest face must be twice as wide as the next.
	DefaultDominance = 4.0
)

// Options say what an Engine is made of.
type Options struct {
	// Models is the folder that holds the manifest's files.
	Models   string
	Manifest Manifest
	// Calibration is what the scores of Manifest's template network mean.
	Calibration *Calibration
	// Load loads the networks; package ort has it.
	Load Loader
	// DecodeJPEG, if not nil, is a decoder faster than image/jpeg; package
	// turbo has it.
	DecodeJPEG JPEGDecoder
	// Workers is how many photographs are worked on at once; more wait. 0 is
	// GOMAXPROCS.
	Workers int
	// MaxPixels is how many pixels a photograph may have; 0 is
	// DefaultMaxPixels.
	MaxPixels int
	// Dominance is how many times the area of the next one the largest face
	// must have for a photograph of several to count as its; 0 is
	// DefaultDominance.
	Dominance float64
	// Subject is whose face is taken; Dominant unless it is set.
	Subject Subject
	// Limits is the quality that a probe needs. A nil Limits is
	// DefaultLimits.
	Limits *Quality
}

// Engine extracts templates from photographs. It implements Extractor.
type Engine struct {
	manifest    Manifest
	calibration *Calibration
	decodeJPEG  JPEGDecoder
	networks    []Network
	workers     chan *worker
	all         []*worker
	maxPixels   int
	dominance   float64
	subject     Subject
	limits      Quality
}

// worker is the memory that one photograph at a time needs. Nothing of a
// photograph is left for the next one to see: every part is written before it
// is read.
type worker struct {
	engine                        *Engine
	detector, landmarks, template Runner
	resampler                     resampler
	photo                         Photo
	chip                          []float32
	aligned                       raster
	grey                          []float32
}

// New checks the digest of every model file, loads the networks and runs the
// self-test; it fails if any of the three does. Errors that the operator can
// mend have kind sesuai.KindConfiguration and name the file.
func New(o Options) (*Engine, error) {
	if o.Calibration == nil || o.Load == nil {
		return nil, errors.New("face: New needs a calibration and a loader")
	}
	if err := o.Calibration.fits(o.Manifest); err != nil {
		return nil, err
	}
	e := &Engine{
		manifest: o.Manifest, calibration: o.Calibration, decodeJPEG: o.DecodeJPEG,
		maxPixels: DefaultMaxPixels, dominance: DefaultDominance, limits: DefaultLimits,
	}
	if err := e.open(o); err != nil {
		e.Close()
		return nil, err
	}
	// By the default limits: those of o say which photographs are wanted, not
	// whether the networks work.
	if err := e.selfTest(context.Background()); err != nil {
		e.Close()
		return nil, err
	}
	if o.MaxPixels > 0 {
		e.maxPixels = o.MaxPixels
	}
	if o.Dominance > 0 {
		e.dominance = o.Dominance
	}
	e.subject = o.Subject
	if o.Limits != nil {
		e.limits = *o.Limits
	}
	return e, nil
}

func (e *Engine) open(o Options) error {
	for _, spec := range []NetworkSpec{o.Manifest.Detector, o.Manifest.Landmarks, o.Manifest.Template} {
		onnx, err := spec.load(o.Models)
		if err != nil {
			return err
		}
		n, err := o.Load(onnx, spec)
		if err != nil {
			return fmt.Errorf("loading %s: %w", spec.File, err)
		}
		e.networks = append(e.networks, n)
	}
	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	e.workers = make(chan *worker, workers)
	for range workers {
		w := &worker{engine: e}
		e.all = append(e.all, w)
		for i, r := range []*Runner{&w.detector, &w.landmarks, &w.template} {
			var err error
			if *r, err = e.networks[i].NewRunner(); err != nil {
				return err
			}
		}
		e.workers <- w
	}
	return nil
}

// Close frees the networks. No Extract may be under way.
func (e *Engine) Close() {
	for _, w := range e.all {
		for _, r := range []Runner{w.detector, w.landmarks, w.template} {
			if r != nil {
				r.Close()
			}
		}
	}
	for _, n := range e.networks {
		_ = n.Close()
	}
	e.all, e.networks = nil, nil
}

// Model is the id that this engine's templates carry.
func (e *Engine) Model() string { return e.manifest.Model() }

// Calibration is what this engine's scores mean.
func (e *Engine) Calibration() *Calibration { return e.calibration }

// Extract implements Extractor. Between its steps it looks whether ctx has
// ended.
func (e *Engine) Extract(ctx context.Context, photo []byte, use Use) (Extraction, error) {
	// Before waiting for a worker: most of what is not a photograph shows by
	// its first bytes.
	if !Supported(photo) {
		return Extraction{}, &sesuai.Error{Kind: sesuai.KindUnsupportedImage}
	}
	var w *worker
	select {
	case w = <-e.workers:
	case <-ctx.Done():
		return Extraction{}, &sesuai.Error{Kind: sesuai.KindOverloaded, Err: ctx.Err()}
	}
	defer func() {
		w.forget()
		e.workers <- w
	}()
	if err := ctx.Err(); err != nil {
		return Extraction{}, err
	}
	p, err := decodeInto(&w.photo, photo, e.maxPixels, e.decodeJPEG)
	if err != nil {
		return Extraction{}, err
	}
	if err := ctx.Err(); err != nil {
		return Extraction{}, err
	}
	x, err := w.extract(ctx, p, use)
	if err == nil && x.Finding == OneFace {
		x.Signature.File = sha256.Sum256(photo)
	}
	return x, err
}

// forget lets go of the photograph. Its memory is used again, unless it was a
// very large one.
func (w *worker) forget() {
	kept := w.photo.converted
	if cap(kept) > 3*keepPixels {
		kept = nil
	}
	w.photo = Photo{converted: kept}
}

// keepPixels is how large a worker's photograph buffer may stay: 4 megapixels.
const keepPixels = 4 << 20

func (w *worker) extract(ctx context.Context, p *Photo, use Use) (Extraction, error) {
	e := w.engine
	found, err := w.find(ctx, p)
	if err != nil {
		return Extraction{}, err
	}
	x := Extraction{Faces: len(found)}
	if len(found) == 0 {
		x.Finding = NoFace
		return x, nil
	}
	face, ok := e.choose(found, p)
	x.Box = face
	if !ok {
		x.Finding = SeveralFaces
		return x, nil
	}
	if err := ctx.Err(); err != nil {
		return Extraction{}, err
	}
	marks, err := w.locate(p, face)
	if err != nil {
		return Extraction{}, err
	}
	if !w.align(p, marks) {
		x.Finding = NoFace
		return x, nil
	}
	five := marks.five()
	x.Eyes = [2]Point{five[0], five[1]}
	x.Quality = w.measure(five)
	if x.Failed = x.Quality.failed(e.limits); len(x.Failed) > 0 {
		x.Finding = LowQuality
		return x, nil
	}
	if err := ctx.Err(); err != nil {
		return Extraction{}, err
	}
	x.Signature.Look = lookOf(rasterOf(w.template.Input(), w.engine.manifest.Template))
	x.Template, x.Signature.Sketch, err = w.describe(use)
	return x, err
}

// describe makes the template of the aligned face in the network's input, and
// its sketch, which is that of a probe whatever the use. The input is mirrored
// afterwards if use is ForReference.
func (w *worker) describe(use Use) (Template, [2]uint64, error) {
	t, err := w.vector()
	sketch := sketchOf(t)
	if err != nil || use != ForReference {
		return t, sketch, err
	}
	mirror(w.template.Input(), alignedSize)
	m, err := w.vector()
	if err != nil {
		return Template{}, sketch, err
	}
	for i, v := range m.Vector {
		t.Vector[i] += v
	}
	t, err = NewTemplate(t.Model, t.Vector)
	return t, sketch, err
}

func (w *worker) vector() (Template, error) {
	if err := w.template.Run(); err != nil {
		return Template{}, err
	}
	v := make([]float32, TemplateSize)
	copy(v, w.template.Output(0))
	return NewTemplate(w.engine.Model(), v)
}

// mirror turns every row of that width left to right.
func mirror(planes []float32, width int) {
	for at := 0; at+width <= len(planes); at += width {
		row := planes[at : at+width]
		for i, j := 0, width-1; i < j; i, j = i+1, j-1 {
			row[i], row[j] = row[j], row[i]
		}
	}
}
