package face

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/admission"
	"github.com/sesuai/sesuai/internal/telemetry"
)

// The defaults of Options.
const (
	// DefaultMaxPixels is the size of the largest photographs that telephones
	// with 50 megapixels write.
	DefaultMaxPixels = 8192 * 6144
	// DefaultDominance requires the largest face to be twice as wide as the
	// next.
	DefaultDominance = 4.0
	// DefaultMemory is enough for a dozen photographs of 12 megapixels at
	// once, decoded at full size.
	DefaultMemory = 512 << 20
)

// Options configures an Engine.
type Options struct {
	// Models is the folder with the manifest's files.
	Models   string
	Manifest Manifest
	// Calibration maps the scores of Manifest's template network to
	// percentages.
	Calibration *Calibration
	// Uncalibrated makes an engine without a Calibration, which must then be
	// nil, in order to calibrate its scores.
	Uncalibrated bool
	// Load loads the networks: see package ort.
	Load Loader
	// DecodeJPEG, if not nil, is a faster decoder than image/jpeg: see package
	// turbo.
	DecodeJPEG JPEGDecoder
	// EncodeJPEG, if not nil, is a faster encoder than image/jpeg for Pictures:
	// see package turbo.
	EncodeJPEG JPEGEncoder
	// Queue, if not nil, is a queue for workers that do more than process
	// photographs. Memory and Workers do not matter then.
	Queue *admission.Queue
	// Memory is how many bytes all photographs that are being decoded may take
	// together; DefaultMemory if 0. A photograph that takes more waits until
	// no other is being decoded.
	Memory int64
	// Workers is how many photographs of one client are processed at once;
	// GOMAXPROCS if 0. Further ones wait. See admission.Queue for how several
	// clients share the workers.
	Workers int
	// MaxPixels is the greatest number of pixels in a photograph;
	// DefaultMaxPixels if 0. A photograph of fewer pixels is refused too if
	// decoding it takes too much work (docs/decisions/images.md).
	MaxPixels int
	// Dominance is the ratio of areas from which the largest face of a
	// photograph dominates every other: see Dominant. DefaultDominance if 0.
	Dominance float64
	// Subject chooses between several faces; Dominant if not set.
	Subject Subject
	// Liveness loads Manifest's liveness network, which ForLiveProbe needs.
	// Manifest must name one.
	Liveness bool
	// Pictures makes Extract set Extraction.Picture for probes, for a registry
	// with its own matcher.
	Pictures bool
	// Limits is the quality that a photograph needs; DefaultLimits if nil.
	Limits *Limits
}

// Engine extracts templates from photographs. It implements Extractor.
type Engine struct {
	manifest    Manifest
	calibration *Calibration
	decodeJPEG  JPEGDecoder
	encodeJPEG  JPEGEncoder
	networks    []Network
	liveness    *LivenessSpec // nil unless Options.Liveness
	queue       *admission.Queue
	workers     chan *worker // those that are free
	maxPixels   int
	dominance   float64
	subject     Subject
	pictures    bool
	limits      Limits
}

// worker holds the memory for processing one photograph at a time. No data of a
// photograph affects the next one: every part is written before it is read.
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
// self-test. It fails if any of the three does. Errors that the operator can fix
// have kind sesuai.KindConfiguration and name the file.
func New(o Options) (*Engine, error) {
	if (o.Calibration == nil) != o.Uncalibrated || o.Load == nil {
		return nil, errors.New("face: New needs a loader, and either a calibration or Uncalibrated")
	}
	if o.Calibration != nil {
		if err := o.Calibration.fits(o.Manifest); err != nil {
			return nil, err
		}
	}
	e := &Engine{
		manifest: o.Manifest, calibration: o.Calibration, decodeJPEG: o.DecodeJPEG,
		maxPixels: DefaultMaxPixels, dominance: DefaultDominance, limits: DefaultLimits,
	}
	if err := e.open(o, func(spec NetworkSpec) ([]byte, error) { return spec.load(o.Models) }); err != nil {
		e.Close()
		return nil, err
	}
	// The self-test uses the default limits. Those of o say which photographs
	// are accepted, not whether the networks work.
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
	e.subject, e.pictures, e.encodeJPEG = o.Subject, o.Pictures, o.EncodeJPEG
	if e.encodeJPEG == nil {
		e.encodeJPEG = encodeJPEG
	}
	if o.Limits != nil {
		e.limits = *o.Limits
	}
	return e, nil
}

// open loads the networks from the files that read returns.
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
	e.queue = o.Queue
	if e.queue == nil {
		workers := o.Workers
		if workers <= 0 {
			workers = runtime.GOMAXPROCS(0)
		}
		e.queue = admission.NewQueue(workers, cmp.Or(o.Memory, DefaultMemory))
	}
	e.workers = make(chan *worker, e.queue.MaxRunning())
	for range e.queue.Workers() {
		w, err := e.newWorker()
		if err != nil {
			return err
		}
		e.workers <- w
	}
	return nil
}

// newWorker makes a worker with the memory for its networks.
func (e *Engine) newWorker() (*worker, error) {
	w := &worker{engine: e}
	runners := []*Runner{&w.detector, &w.landmarks, &w.template, &w.eyes, &w.liveness}
	for i, n := range e.networks {
		var err error
		if *runners[i], err = n.NewRunner(); err != nil {
			w.close()
			return nil, err
		}
	}
	return w, nil
}

func (w *worker) close() {
	for _, r := range []Runner{w.detector, w.landmarks, w.template, w.eyes, w.liveness} {
		if r != nil {
			r.Close()
		}
	}
}

// Close frees the networks. No Extract may be running.
func (e *Engine) Close() {
	for len(e.workers) > 0 {
		(<-e.workers).close()
	}
	for _, n := range e.networks {
		_ = n.Close()
	}
	e.networks = nil
}

// Model returns the model id of this engine's templates.
func (e *Engine) Model() string { return e.manifest.Model() }

// Calibration returns the calibration of this engine's scores; nil if
// Options.Uncalibrated.
func (e *Engine) Calibration() *Calibration { return e.calibration }

// Extract implements Extractor. Between its steps it checks whether ctx has
// ended.
func (e *Engine) Extract(ctx context.Context, photo []byte, use Use) (x Extraction, err error) {
	// The first bytes reveal most files that are not photographs. They need
	// not wait for a worker.
	if !Supported(photo) {
		return Extraction{}, Unsupported(photo)
	}
	err = e.work(ctx, photo, func(w *worker, f *file) error {
		x, err = w.extractFile(ctx, f, use)
		return err
	})
	return x, err
}

// large is the size in bytes from which a photograph's memory is collected as
// soon as it is released. Otherwise the garbage collector lets the heap grow to
// twice that size.
const large = 64 << 20

// work calls do with a free worker when it is the turn of ctx's client and the
// memory for decoding the photograph is free. A file whose header is refused does
// not wait.
func (e *Engine) work(ctx context.Context, photo []byte, do func(w *worker, f *file) error) error {
	f, err := inspect(photo, e.maxPixels, e.decodeJPEG)
	if err != nil {
		return err
	}
	_, timing := telemetry.Start(ctx, telemetry.Queue)
	release, err := e.queue.Acquire(ctx, f.memory())
	timing.End()
	if err != nil {
		return &sesuai.Error{Kind: sesuai.KindOverloaded, Err: err}
	}
	defer release()
	w, err := e.take()
	if err != nil {
		return err
	}
	defer func() {
		w.reset()
		e.workers <- w
		if f.memory() >= large {
			runtime.GC()
		}
	}()
	return do(w, f)
}

// take takes a free worker, or makes one if there is none: the queue admits more
// requests than there are workers at first.
func (e *Engine) take() (*worker, error) {
	select {
	case w := <-e.workers:
		return w, nil
	default:
		return e.newWorker()
	}
}

// extractFile decodes the file at the resolution that is needed, and processes
// its face.
func (w *worker) extractFile(ctx context.Context, f *file, use Use) (Extraction, error) {
	// The digest takes half a millisecond for a photograph of a megabyte, so it
	// is computed concurrently. The goroutine ends before this returns, since
	// the caller may then change the photograph.
	var digest [sha256.Size]byte
	var digesting sync.WaitGroup
	digesting.Go(func() { digest = sha256.Sum256(f.data) })
	defer digesting.Wait()
	d := f.decoding()
	part := scope{lit: use == ForReference}
	for denominator := w.engine.denominator(f); ; {
		_, timing := telemetry.Start(ctx, telemetry.Decode)
		err := d.into(&w.photo, denominator)
		timing.End()
		if err != nil {
			return Extraction{}, err
		}
		if err := ctx.Err(); err != nil {
			return Extraction{}, err
		}
		part.to, part.enough = d.steps(denominator), 0
		if d.canHalve(denominator) {
			part.enough = minEyeDistance
		}
		x, s, err := w.extract(ctx, &w.photo, use, part)
		if err == nil && x.Finding == NoFace && part.known != nil {
			// What the smaller size showed is no face in this one. Another part
			// of the photograph may show one.
			part.known, part.from = nil, 0
			x, s, err = w.extract(ctx, &w.photo, use, part)
		}
		if err != nil {
			return Extraction{}, err
		}
		switch {
		case s.eyes > 0:
			part.known = s.inFile()
			denominator = d.finer(s.eyes, denominator)
			continue
		case x.Finding == NoFace && part.to < allSteps:
			if x.Faces == 0 {
				part.from = part.to
			}
			denominator /= 2
			continue
		}
		x = x.inFile(w.photo.Scale)
		if x.Finding == OneFace {
			digesting.Wait()
			x.Signature.File = digest
			if w.engine.pictures && use != ForReference {
				if x.Picture, err = w.picture(d, denominator, s.turn, x.Box); err != nil {
					return Extraction{}, err
				}
			}
		}
		return x, nil
	}
}

// picture returns the Picture of a face in the decoded photograph. If the
// photograph has too few pixels for it, the file is decoded again.
func (w *worker) picture(d *decoding, denominator int, turn orientation, face Box) (*Picture, error) {
	finer := denominator
	for pictureFaces*face.Width()/float64(finer) < pictureWidth && d.canHalve(finer) {
		finer /= 2
	}
	if finer != denominator {
		if err := d.into(&w.photo, finer); err != nil {
			return nil, err
		}
	}
	return w.pictureOf(&w.photo, turn, face)
}

// inFile converts the positions in a photograph to pixels of its file.
func (x Extraction) inFile(scale float64) Extraction {
	l, r := x.Eyes[0], x.Eyes[1]
	x.Box = x.Box.scaled(scale)
	x.Eyes = [2]Point{{l.X * scale, l.Y * scale}, {r.X * scale, r.Y * scale}}
	return x
}

// reset drops the photograph. Its memory is kept for the next one, unless it is
// very large.
func (w *worker) reset() {
	kept := w.photo.converted
	if cap(kept) > 3*keepPixels {
		kept = nil
	}
	w.photo = Photo{converted: kept}
}

// keepPixels is the greatest size of a photograph buffer that a worker keeps: 4
// megapixels.
const keepPixels = 4 << 20

// extract processes the face in a decoded photograph. It also returns the scene,
// and nothing else if the face has too few pixels for part.enough. If the face is
// dark, it does all that again with the photograph brightened, in which the
// detector may find others.
func (w *worker) extract(ctx context.Context, p *Photo, use Use, part scope) (Extraction, scene, error) {
	e := w.engine
	s, v, err := w.findUpright(ctx, p, part)
	if err != nil {
		return Extraction{}, s, err
	}
	x := Extraction{Faces: len(s.faces), Box: s.subject}
	switch {
	case s.eyes > 0:
		return x, s, nil
	case len(s.faces) > 0 && !s.chosen:
		x.Finding = SeveralFaces
		return x, s, nil
	case v == nil:
		x.Finding = NoFace
		return x, s, nil
	}
	x.Brightness = w.light(v.photo)
	if gain := gainFor(x.Brightness); gain != v.photo.gain() && !part.lit {
		// The smaller sizes were searched as they are, not with this gain.
		part.lit, part.known, part.from = true, nil, 0
		return w.extract(ctx, p.lit(gain), use, part)
	}
	five := v.points.five()
	x.Box, x.Eyes = v.box, [2]Point{five[0], five[1]}
	if x.Quality, err = w.quality(ctx, v); err != nil {
		return Extraction{}, s, err
	}
	if x.Failed = x.Quality.failed(e.limits.of(use)); len(x.Failed) > 0 {
		x.Finding = LowQuality
		return x, s, nil
	}
	x.Signature.Look = lookOf(rasterOf(w.template.Input(), e.manifest.Template))
	if use != ForReference {
		x.Aligned = w.alignedFace(v.photo, v.points, x.Signature.Look)
	}
	x.Template, x.Signature.Sketch, err = w.describe(v, use)
	if err == nil && use == ForLiveProbe && e.liveness != nil {
		_, timing := telemetry.Start(ctx, telemetry.Liveness)
		x.Liveness, err = w.judge(v.photo, v.box)
		timing.End()
	}
	return x, s, err
}

// describe returns the template of a view and its sketch. The view's aligned
// face must be in the template network's input. The sketch is that of a probe
// for every use. If use is ForReference, describe leaves the input mirrored.
func (w *worker) describe(v *view, use Use) (Template, [2]uint64, error) {
	t, err := NewTemplate(w.engine.Model(), v.vector)
	sketch := sketchOf(t)
	if err != nil || use != ForReference {
		return t.inLight(v.photo.gain()), sketch, err
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
	mean, err := NewTemplate(t.Model, t.Vector)
	mean.Length = (t.Length + m.Length) / 2
	return mean, sketch, err
}

// mirror reverses every row of the given width.
func mirror(planes []float32, width int) {
	for at := 0; at+width <= len(planes); at += width {
		slices.Reverse(planes[at : at+width])
	}
}
