package face

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/sesuai/sesuai"
)

// The defaults of Options.
const (
	// DefaultMaxPixels is the wire contract's limit of an image.
	DefaultMaxPixels = 40_000_000
	// DefaultDominance: the largest face must be twice as wide as the next.
	DefaultDominance = 4.0
	// DefaultMemory is enough for a dozen photographs of 12 megapixels at
	// once, decoded at full size.
	DefaultMemory = 512 << 20
)

// Options say what an Engine is made of.
type Options struct {
	// Models is the folder that holds the manifest's files.
	Models   string
	Manifest Manifest
	// Calibration is what the scores of Manifest's template network mean.
	Calibration *Calibration
	// Uncalibrated makes an engine without a Calibration, which then must be
	// nil: one whose scores are about to be calibrated.
	Uncalibrated bool
	// Load loads the networks; package ort has it.
	Load Loader
	// DecodeJPEG, if not nil, is a decoder faster than image/jpeg; package
	// turbo has it.
	DecodeJPEG JPEGDecoder
	// Memory is how many bytes all photographs that are being decoded may take
	// together; one that takes more waits until it is alone. 0 is
	// DefaultMemory.
	Memory int64
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
	// Liveness loads Manifest's liveness network, so that ForLiveProbe can be
	// asked for. Manifest must name one.
	Liveness bool
	// Limits is the quality that a photograph needs. A nil Limits is
	// DefaultLimits.
	Limits *Limits
}

// Engine extracts templates from photographs. It implements Extractor.
type Engine struct {
	manifest    Manifest
	calibration *Calibration
	decodeJPEG  JPEGDecoder
	networks    []Network
	liveness    *LivenessSpec // nil unless Options.Liveness
	workers     chan *worker
	all         []*worker
	memory      *budget
	maxPixels   int
	dominance   float64
	subject     Subject
	limits      Limits
}

// worker is the memory that one photograph at a time needs. Nothing of a
// photograph is left for the next one to see: every part is written before it
// is read.
type worker struct {
	engine                        *Engine
	detector, landmarks, template Runner
	eyes                          Runner
	liveness                      Runner // nil unless Options.Liveness
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
	if (o.Calibration == nil) != o.Uncalibrated || o.Load == nil {
		return nil, errors.New("face: New needs a loader, and a calibration unless it is to be without")
	}
	if o.Calibration != nil {
		if err := o.Calibration.fits(o.Manifest); err != nil {
			return nil, err
		}
	}
	e := &Engine{
		manifest: o.Manifest, calibration: o.Calibration, decodeJPEG: o.DecodeJPEG,
		memory:    newBudget(DefaultMemory),
		maxPixels: DefaultMaxPixels, dominance: DefaultDominance, limits: DefaultLimits,
	}
	if err := e.open(o, func(spec NetworkSpec) ([]byte, error) { return spec.load(o.Models) }); err != nil {
		e.Close()
		return nil, err
	}
	// By the default limits: those of o say which photographs are wanted, not
	// whether the networks work.
	if err := e.selfTest(context.Background()); err != nil {
		e.Close()
		return nil, err
	}
	if o.Memory > 0 {
		e.memory = newBudget(o.Memory)
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

// open loads the networks from the files that read gives.
func (e *Engine) open(o Options, read func(NetworkSpec) ([]byte, error)) error {
	specs, err := e.specs(o)
	if err != nil {
		return err
	}
	for _, spec := range specs {
		onnx, err := read(spec)
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
		runners := []*Runner{&w.detector, &w.landmarks, &w.template, &w.eyes, &w.liveness}
		for i, n := range e.networks {
			var err error
			if *runners[i], err = n.NewRunner(); err != nil {
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
		for _, r := range []Runner{w.detector, w.landmarks, w.template, w.eyes, w.liveness} {
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

// Calibration is what this engine's scores mean; nil if Options.Uncalibrated.
func (e *Engine) Calibration() *Calibration { return e.calibration }

// Extract implements Extractor. Between its steps it looks whether ctx has
// ended.
func (e *Engine) Extract(ctx context.Context, photo []byte, use Use) (x Extraction, err error) {
	// Before waiting for a worker: most of what is not a photograph shows by
	// its first bytes.
	if !Supported(photo) {
		return Extraction{}, &sesuai.Error{Kind: sesuai.KindUnsupportedImage}
	}
	err = e.work(ctx, photo, func(w *worker, f file) error {
		x, err = w.extractFile(ctx, f, use)
		return err
	})
	return x, err
}

// work runs do with a worker of its own and the memory that decoding the
// photograph takes.
func (e *Engine) work(ctx context.Context, photo []byte, do func(w *worker, f file) error) error {
	var w *worker
	select {
	case w = <-e.workers:
	case <-ctx.Done():
		return &sesuai.Error{Kind: sesuai.KindOverloaded, Err: ctx.Err()}
	}
	defer func() {
		w.forget()
		e.workers <- w
	}()
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := inspect(photo, e.maxPixels)
	if err != nil {
		return err
	}
	release, err := e.memory.take(ctx, f.memory())
	if err != nil {
		return &sesuai.Error{Kind: sesuai.KindOverloaded, Err: err}
	}
	defer release()
	return do(w, f)
}

// extractFile decodes the file as large as is needed, and looks for its face.
func (w *worker) extractFile(ctx context.Context, f file, use Use) (Extraction, error) {
	// Beside the decoding: of a photograph of a megabyte it takes half a
	// millisecond. Nobody reads the photograph any more when this returns.
	var digest [sha256.Size]byte
	var digesting sync.WaitGroup
	digesting.Go(func() { digest = sha256.Sum256(f.data) })
	defer digesting.Wait()
	for denominator := w.engine.denominator(f); ; {
		if err := f.decodeInto(&w.photo, denominator, w.engine.decodeJPEG); err != nil {
			return Extraction{}, err
		}
		if err := ctx.Err(); err != nil {
			return Extraction{}, err
		}
		x, turn, err := w.extract(ctx, &w.photo, use)
		if err != nil {
			return Extraction{}, err
		}
		if finer := f.finer(x, denominator); finer != denominator {
			denominator = finer
			continue
		}
		x = x.inFile(w.photo.Scale)
		if x.Finding == OneFace {
			digesting.Wait()
			x.Signature.File = digest
			x.Picture = &picture{w.engine, f.data, turn, x.Box}
		}
		return x, nil
	}
}

const (
	// leastLong is the longest side, in pixels, that a photograph is decoded to
	// at first: the detector sees 320 of them. Where it finds no face there,
	// its tiles see enoughLong.
	leastLong, enoughLong = 480, 960
	// enoughEyes is how far the eyes are apart, in pixels, from where more of
	// them change nothing: in an aligned face it is 35.
	enoughEyes = 36
)

// denominator is what the photograph's sides are divided by while it is
// decoded at first.
func (e *Engine) denominator(f file) int {
	d := 1
	for e.decodeJPEG != nil && d < 8 && f.long()/(2*d) >= leastLong {
		d *= 2
	}
	return d
}

// finer is the denominator by which a photograph is to be decoded again, since
// more of its pixels are needed than one of d gave; d itself if they are not.
func (f file) finer(x Extraction, d int) int {
	eyes := math.Hypot(x.Eyes[1].X-x.Eyes[0].X, x.Eyes[1].Y-x.Eyes[0].Y)
	switch {
	case x.Finding == NoFace && f.long()/d < enoughLong && d > 1:
		return d / 2
	case eyes > 0:
		for ; d > 1 && eyes < enoughEyes; eyes *= 2 {
			d /= 2
		}
	}
	return d
}

// inFile gives the places found in a photograph in pixels of its file.
func (x Extraction) inFile(scale float64) Extraction {
	b, l, r := x.Box, x.Eyes[0], x.Eyes[1]
	x.Box = Box{b.X0 * scale, b.Y0 * scale, b.X1 * scale, b.Y1 * scale}
	x.Eyes = [2]Point{{l.X * scale, l.Y * scale}, {r.X * scale, r.Y * scale}}
	return x
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

// extract looks for the face in a decoded photograph, and says how that had to
// be turned for it.
func (w *worker) extract(ctx context.Context, p *Photo, use Use) (_ Extraction, turn orientation, _ error) {
	e := w.engine
	p, turn, found, err := w.findTurned(ctx, p)
	if err != nil {
		return Extraction{}, 0, err
	}
	x := Extraction{Faces: len(found)}
	if len(found) == 0 {
		x.Finding = NoFace
		return x, turn, nil
	}
	face, ok := e.choose(found, p)
	x.Box = face
	if !ok {
		x.Finding = SeveralFaces
		return x, turn, nil
	}
	v, err := w.view(ctx, p, face)
	if err != nil {
		return Extraction{}, 0, err
	}
	if v == nil {
		x.Finding = NoFace
		return x, turn, nil
	}
	five := v.marks.five()
	x.Box, x.Eyes = v.box, [2]Point{five[0], five[1]}
	if x.Quality, err = w.measure(v); err != nil {
		return Extraction{}, 0, err
	}
	if x.Failed = x.Quality.failed(e.limits.of(use)); len(x.Failed) > 0 {
		x.Finding = LowQuality
		return x, turn, nil
	}
	x.Signature.Look = lookOf(rasterOf(w.template.Input(), e.manifest.Template))
	x.Template, x.Signature.Sketch, err = w.describe(v, use)
	if err == nil && use == ForLiveProbe && e.liveness != nil {
		x.Liveness, err = w.judge(v.photo, v.box)
	}
	return x, turn, err
}

// describe makes the template of a view, whose aligned face is in the template
// network's input, and its sketch, which is that of a probe whatever the use.
// The input is mirrored afterwards if use is ForReference.
func (w *worker) describe(v *view, use Use) (Template, [2]uint64, error) {
	t, err := NewTemplate(w.engine.Model(), v.vector)
	sketch := sketchOf(t)
	if err != nil || use != ForReference {
		return t, sketch, err
	}
	mirror(w.template.Input(), alignedSize)
	if err := w.template.Run(); err != nil {
		return Template{}, sketch, err
	}
	m, err := NewTemplate(t.Model, slices.Clone(w.template.Output(0)))
	if err != nil {
		return Template{}, sketch, err
	}
	for i, v := range m.Vector {
		t.Vector[i] += v
	}
	t, err = NewTemplate(t.Model, t.Vector)
	return t, sketch, err
}

// mirror turns every row of that width left to right.
func mirror(planes []float32, width int) {
	for at := 0; at+width <= len(planes); at += width {
		slices.Reverse(planes[at : at+width])
	}
}
