package face_test

import (
	"bytes"
	"context"
	"image/jpeg"
	"math/rand/v2"
	"testing"

	"github.com/sesuai/sesuai/internal/face"
)

// selfie720 is a 720×720 JPEG of the drawn face with a camera's noise, so that
// its entropy (about 60 kB) is that of a photograph.
func selfie720(tb testing.TB) []byte {
	tb.Helper()
	p := face.DrawFirst(720)
	noise := rand.New(rand.NewPCG(1, 2))
	for i := range p.Pix {
		if i%4 == 3 { // opaque
			continue
		}
		p.Pix[i] = byte(min(max(float64(p.Pix[i])+4*noise.NormFloat64(), 0), 255))
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, p, &jpeg.Options{Quality: 85}); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func BenchmarkDecode720(b *testing.B) {
	data := selfie720(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := face.Decode(data, face.DefaultMaxPixels); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStandardDecode720 measures image/jpeg alone, the lower bound of
// BenchmarkDecode720.
func BenchmarkStandardDecode720(b *testing.B) {
	data := selfie720(b)
	for b.Loop() {
		if _, err := jpeg.Decode(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkExtract720(b *testing.B) { benchmarkExtract(b, selfie720(b)) }

// BenchmarkExtractDark720 measures a photograph in which the face is found only
// after it has been brightened.
func BenchmarkExtractDark720(b *testing.B) {
	benchmarkExtract(b, encodeJPEG(b, dimmed(face.DrawFirst(720), 0.07, 1)))
}

func benchmarkExtract(b *testing.B, data []byte) {
	b.Helper()
	e := newEngine(b, func(o *face.Options) { o.Workers = 1 })
	b.ReportAllocs()
	for b.Loop() {
		x, err := e.Extract(context.Background(), data, face.ForProbe)
		if err != nil || x.Finding != face.OneFace {
			b.Fatal(x.Finding, err)
		}
	}
}

// BenchmarkInference measures the runs of the networks alone, as a baseline for
// the other benchmarks.
func BenchmarkInference(b *testing.B) {
	steps := newSteps(b)
	for b.Loop() {
		if err := steps.Infer(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAligned measures what recognising edited copies adds to an extraction.
func BenchmarkAligned(b *testing.B) {
	steps := newSteps(b)
	for b.Loop() {
		if steps.Aligned() == nil {
			b.Fatal("the face is not aligned")
		}
	}
}

func BenchmarkLetterbox(b *testing.B) {
	steps := newSteps(b)
	for b.Loop() {
		steps.Letterbox()
	}
}

func BenchmarkAlign(b *testing.B) {
	steps := newSteps(b)
	for b.Loop() {
		if !steps.Align() {
			b.Fatal("no face")
		}
	}
}

func BenchmarkQuality(b *testing.B) {
	steps := newSteps(b)
	if !steps.Align() {
		b.Fatal("no face")
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := steps.Measure(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLiveness measures what ForLiveProbe costs in addition to ForProbe.
func BenchmarkLiveness(b *testing.B) {
	steps := newSteps(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := steps.Judge(); err != nil {
			b.Fatal(err)
		}
	}
}

func newSteps(b *testing.B) *face.Bench {
	b.Helper()
	e := newEngine(b, func(o *face.Options) { o.Workers, o.Liveness = 1, true })
	steps, err := face.NewBench(e, selfie720(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(steps.Close)
	return steps
}
