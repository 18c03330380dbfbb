package face

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"math"
	"reflect"

	"github.com/sesuai/sesuai/internal/face/drawing"
)

// What only the tests of package face_test may use.

const (
	MaxSide    = maxSide
	KeepPixels = keepPixels
)

// DrawFirst and DrawSecond draw the self-test's two people on a square.
func DrawFirst(size int) *image.NRGBA  { return drawing.First.Draw(size) }
func DrawSecond(size int) *image.NRGBA { return drawing.Second.Draw(size) }

// At returns the red, green and blue of a pixel, as a viewer shows it.
func (p *Photo) At(x, y int) [3]byte {
	var v [3]byte
	for i, c := range p.planes {
		v[i] = c.pix[(y+c.top)/c.down*c.stride+(x+c.left)/c.across]
	}
	if p.ycc {
		v[0], v[1], v[2] = color.YCbCrToRGB(v[0], v[1], v[2])
	}
	return v
}

// Bench runs single steps on one photograph, for benchmarks.
type Bench struct {
	w      *worker
	p      *Photo
	face   Box
	points *landmarks
}

// NewBench takes a worker from the engine until Close.
func NewBench(e *Engine, photo []byte) (*Bench, error) {
	b := &Bench{w: <-e.workers}
	var err error
	if b.p, err = Decode(photo, e.maxPixels); err != nil {
		return nil, err
	}
	found, err := b.w.search(context.Background(), b.p, 0, allSteps)
	if err != nil {
		return nil, err
	}
	b.face = found[0].box
	b.points, err = b.w.locate(context.Background(), b.p, b.face)
	return b, err
}

func (b *Bench) Close() { b.w.engine.workers <- b.w }

// Infer runs the networks for one photograph on the present content of their
// inputs.
func (b *Bench) Infer() error {
	for _, r := range []Runner{b.w.detector, b.w.landmarks, b.w.template, b.w.eyes, b.w.eyes} {
		if err := r.Run(); err != nil {
			return err
		}
	}
	return nil
}

// Letterbox draws the photograph into the detector's input.
func (b *Bench) Letterbox() {
	spec := b.w.engine.manifest.Detector
	in := rasterOf(b.w.detector.Input(), spec)
	seen := letterbox(Box{0, 0, float64(b.p.Width), float64(b.p.Height)}, in.width, in.height)
	b.w.resampler.resample(in, b.p, seen, detectorPad, spec.Mean, spec.Divisor, false)
}

// Align draws the face into the template network's input.
func (b *Bench) Align() bool { return b.w.align(b.p, b.points) }

// Aligned draws the face with its margin.
func (b *Bench) Aligned() *Aligned { return b.w.alignedFace(b.p, b.points, [4]uint64{}) }

// Measure measures the face's quality.
func (b *Bench) Measure() (Quality, error) { return b.w.measure(&view{photo: b.p, points: b.points}) }

// FieldNames returns the JSON names of the fields of Quality.
func FieldNames() (names []string) {
	q := reflect.TypeFor[Quality]()
	for i := range q.NumField() {
		names = append(names, q.Field(i).Tag.Get("json"))
	}
	return names
}

// DefaultLimit returns the limit of QualityMeasures[i] for a use.
func DefaultLimit(use Use, i int) float64 { return *DefaultLimits.of(use).at(i) }

// FailedByDefault are the measures that are under their default limit.
func FailedByDefault(q Quality, use Use) []Measure { return q.failed(DefaultLimits.of(use)) }

// Judge measures the face's liveness.
func (b *Bench) Judge() (Liveness, error) { return b.w.judge(b.p, b.face) }

// Orientations returns the orientation in data as a TIFF structure, a JPEG and a
// PNG.
func Orientations(data []byte) [3]int {
	return [3]int{int(tiffOrientation(data)), int(jpegOrientation(data)), int(pngOrientation(data))}
}

// TakeWorker takes the place of a worker until the returned function is called.
func TakeWorker(ctx context.Context, e *Engine) (func(), error) {
	return e.queue.Acquire(ctx, 0)
}

// KeptBytes returns how many bytes the free workers hold for photographs.
func KeptBytes(e *Engine) (n int) {
	for range len(e.workers) {
		w := <-e.workers
		e.workers <- w
		n += cap(w.photo.converted)
		for _, c := range w.photo.planes {
			n += cap(c.pix)
		}
	}
	return n
}

// Apart returns how many bits of the hashes and the sketches of two signatures
// differ.
func Apart(s, t Signature) (look, sketch int) { return s.apart(t) }

// SketchBitsApart returns how many bits of the sketches of two templates differ.
func SketchBitsApart(t interface{ Fatal(...any) }, a, b []float32) int {
	var sketches [2]Signature
	for i, v := range [][]float32{a, b} {
		template, err := NewTemplate("", append([]float32(nil), v...))
		if err != nil {
			t.Fatal(err)
		}
		sketches[i].Sketch = sketchOf(template)
	}
	_, apart := sketches[0].apart(sketches[1])
	return apart
}

// MaxWork is the bound on the work of decoding, in nanoseconds.
const MaxWork = int64(maxWork)

// Promised returns the work that a file promises at the smallest size, or the
// error that refuses it.
func Promised(data []byte, fast JPEGDecoder) (int64, error) {
	f, err := inspect(data, DefaultMaxPixels, fast)
	if err != nil {
		return 0, err
	}
	return int64(f.work(smallest)), nil
}

// PromisedAnyway is Promised without the bound.
func PromisedAnyway(data []byte, fast JPEGDecoder, denominator int) (int64, error) {
	f, err := parse(data, math.MaxInt32, fast)
	if err != nil {
		return 0, err
	}
	return int64(f.work(denominator)), nil
}

// DecodeAnyway decodes a file whatever its work.
func DecodeAnyway(data []byte, fast JPEGDecoder, denominator int) (*Photo, error) {
	f, err := parse(data, math.MaxInt32, fast)
	if err != nil {
		return nil, err
	}
	var p Photo
	return &p, f.decoding().into(&p, denominator)
}

// Memory returns how many bytes are reserved for decoding a file.
func Memory(data []byte, fast JPEGDecoder) (int64, error) {
	f, err := parse(data, math.MaxInt32, fast)
	if err != nil {
		return 0, err
	}
	return f.memory(), nil
}

// DescribeAligned returns an aligned face as text.
func DescribeAligned(a *Aligned) string {
	if a == nil {
		return ""
	}
	return fmt.Sprint(a.look, a.pixels)
}
