package face_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/admission"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/test/process"
)

// photographs are files of every kind: large and small, with one, two and no
// faces, turned, broken. They show whether one affects the next. With -short the
// largest are left out.
func photographs(t *testing.T) [][]byte {
	t.Helper()
	two := canvas(900, 450)
	put(two, face.DrawFirst(430), 10, 10)
	put(two, face.DrawSecond(430), 460, 10)
	large := canvas(1600, 1200)
	put(large, face.DrawSecond(700), 800, 400)
	first := encodeJPEG(t, face.DrawFirst(300))
	files := [][]byte{
		encodePNG(t, large),
		encodePNG(t, face.DrawSecond(500)),
		encodePNG(t, canvas(700, 500)),
		encodePNG(t, two),
		encodeJPEG(t, face.DrawFirst(160)),
		first,
		afterSOI(first, exifSegment(tiff(bigEndian, 2))),
		first[:len(first)/2],
		encodePNG(t, face.DrawFirst(66)),
		[]byte("no photograph"),
	}
	if testing.Short() {
		return files[3:]
	}
	return files
}

// answer is the result of an Extract.
type answer struct {
	X       face.Extraction
	Picture []byte
	Aligned string
	Kind    sesuai.Kind
}

func ask(e *face.Engine, data []byte, use face.Use) answer {
	x, err := e.Extract(context.Background(), data, use)
	a := answer{X: x, Kind: sesuai.KindOf(err)}
	if x.Picture != nil && !testing.Short() {
		if a.Picture, err = x.Picture.JPEG(50_000); err != nil {
			a.Kind = sesuai.KindOf(err)
		}
	}
	a.Aligned, a.X.Aligned = face.DescribeAligned(x.Aligned), nil
	a.X.Picture = nil
	return a
}

// An engine that has processed other photographs returns exactly what a new one
// returns.
func TestAnswersDoNotDependOnOtherPhotographs(t *testing.T) {
	t.Parallel()
	files := photographs(t)
	uses := []face.Use{face.ForProbe, face.ForReference}
	want := map[string]answer{}
	key := func(i int, use face.Use) string { return fmt.Sprint("photograph ", i, " use ", use) }
	for i, data := range files {
		e := newEngine(t, func(o *face.Options) { o.Workers, o.Pictures = 1, true })
		for _, use := range uses {
			want[key(i, use)] = ask(e, data, use)
		}
	}
	one := newEngine(t, func(o *face.Options) { o.Workers, o.Pictures = 1, true })
	for range 2 {
		for i, data := range files {
			use := uses[i%2]
			if diff := cmp.Diff(want[key(i, use)], ask(one, data, use)); diff != "" {
				t.Errorf("after others, %s: %s", key(i, use), diff)
			}
		}
	}
}

// An engine that processes many photographs at once returns exactly what it
// returns for one at a time.
func TestAnswersDoNotDependOnOtherCallers(t *testing.T) {
	t.Parallel()
	files := photographs(t)
	uses := []face.Use{face.ForProbe, face.ForReference}
	one := openEngine(t, func(o *face.Options) { o.Workers, o.Pictures = 1, true })
	want := make([][2]answer, len(files))
	for i, data := range files {
		for u, use := range uses {
			want[i][u] = ask(one, data, use)
		}
	}
	e := openEngine(t, func(o *face.Options) { o.Workers, o.Pictures = 2, true })
	var tasks sync.WaitGroup
	for g := range 4 {
		tasks.Go(func() {
			for i := range files {
				i = (i + g) % len(files)
				u := (i + g) % 2
				if diff := cmp.Diff(want[i][u], ask(e, files[i], uses[u])); diff != "" {
					t.Errorf("beside others, photograph %d, use %d: %s", i, u, diff)
				}
			}
		})
	}
	tasks.Wait()
}

func TestExtractEndsWithItsContext(t *testing.T) {
	e := openEngine(t, func(o *face.Options) { o.Workers = 1 })
	data := encodePNG(t, face.DrawFirst(200))
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for range 20 { // select may choose the free worker or the ended context
		_, err := e.Extract(ended, data, face.ForProbe)
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("an ended context: %v", err)
		}
	}
	// All workers are busy: the caller waits until its context ends.
	give, err := face.TakeWorker(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err = e.Extract(ctx, data, face.ForProbe)
	wantKind(t, err, sesuai.KindOverloaded)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting in vain: %v", err)
	}
	// A file that is not a photograph does not wait for a worker. Its format is known.
	_, err = e.Extract(context.Background(), []byte("GIF89a"), face.ForProbe)
	wantKind(t, err, sesuai.KindUnsupportedImage)
	if refused, ok := errors.AsType[*sesuai.Error](err); !ok || refused.Format != "GIF" {
		t.Errorf("a GIF: %v", err)
	}
	// Neither does the photograph of another client.
	x, err := e.Extract(admission.WithClient(context.Background(), "another"), data, face.ForProbe)
	if err != nil || x.Finding != face.OneFace {
		t.Errorf("of another client: %v, %v", x.Finding, err)
	}
	give()
	if x := extractFile(t, e, data); x.Finding != face.OneFace {
		t.Errorf("afterwards: %v", x.Finding)
	}
}

// Work ends after decoding if its caller has gone.
func TestExtractEndsAfterDecoding(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	opened := false // it decodes for the self-test before
	e := openEngine(t, func(o *face.Options) {
		o.DecodeJPEG = func(_ []byte, width, height, _, _ int) (*face.Planes, error) {
			if opened {
				cancel()
			}
			grey := face.Component{Pix: make([]byte, width*height), Stride: width, Across: 1, Down: 1}
			return &face.Planes{Width: width, Height: height, Components: []face.Component{grey, grey, grey}}, nil
		}
	})
	opened = true
	_, err := e.Extract(ctx, encodeJPEG(t, face.DrawFirst(300)), face.ForProbe)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A worker is released however an Extract ends.
func TestWorkersComeBack(t *testing.T) {
	e := openEngine(t, func(o *face.Options) { o.Workers, o.MaxPixels = 1, 300*300 })
	for _, data := range [][]byte{
		[]byte("\xff\xd8\xff"), encodePNG(t, canvas(301, 300)), encodePNG(t, canvas(300, 300)), encodePNG(t, face.DrawFirst(66)),
	} {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		_, err := e.Extract(ctx, data, face.ForProbe)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			t.Fatal("no worker is free")
		}
	}
	if x := extractFile(t, e, encodePNG(t, face.DrawFirst(300))); x.Finding != face.OneFace {
		t.Error(x.Finding)
	}
}

func TestNewRefusesWithoutItsParts(t *testing.T) {
	o := realOptions(t)
	o.Load = nil
	if _, err := face.New(o); err == nil {
		t.Error("an engine without a loader")
	}
	o = realOptions(t)
	o.Calibration = nil
	if _, err := face.New(o); err == nil {
		t.Error("an engine without a calibration")
	}
}

// A face that EXIF says is turned gives the same template. Without EXIF, a turned
// face is found or refused.
func TestTurnedFace(t *testing.T) {
	e := newEngine(t)
	drawing := face.DrawFirst(480)
	at := func(x, y int) [3]byte { c := drawing.NRGBAAt(x, y); return [3]byte{c.R, c.G, c.B} }
	plain := extractFile(t, e, encodeJPEG(t, drawing))
	for o := 1; o <= 8; o++ {
		data := encodeJPEG(t, drawPixels(stored(o, 480, 480, at)))
		x := extractFile(t, e, afterSOI(data, exifSegment(tiff(littleEndian, uint16(o)))))
		if x.Finding != face.OneFace {
			t.Errorf("orientation %d: %v", o, x.Finding)
			continue
		}
		if s := score(t, plain, x); s < 0.99 {
			t.Errorf("orientation %d: cosine %.4f with the upright one", o, s)
		}
		if o == 3 || o == 6 || o == 8 {
			x := extractFile(t, e, data)
			t.Logf("turned as %d without EXIF: %v %v", o, x.Finding, x.Failed)
			if x.Finding == face.OneFace && len(x.Template.Vector) != face.TemplateSize {
				t.Errorf("orientation %d without EXIF: a face without a template", o)
			}
		}
	}
}

// A reference's template is the mean of those of the photograph and its mirror
// image, so it is the same for both.
func TestReferenceIsMirrored(t *testing.T) {
	e := newEngine(t)
	drawing := face.DrawFirst(400)
	for y := 150; y < 220; y++ { // a spot on one cheek makes the face asymmetric
		for x := 120; x < 160; x++ {
			copy(drawing.Pix[drawing.PixOffset(x, y):], []byte{60, 40, 30})
		}
	}
	mirrored := image.NewNRGBA(drawing.Rect)
	for y := range 400 {
		for x := range 400 {
			mirrored.SetNRGBA(399-x, y, drawing.NRGBAAt(x, y))
		}
	}
	of := func(m image.Image, use face.Use) face.Extraction { return ask(e, encodePNG(t, m), use).X }
	probe, reference := of(drawing, face.ForProbe), of(drawing, face.ForReference)
	otherProbe, otherReference := of(mirrored, face.ForProbe), of(mirrored, face.ForReference)
	probes, references := score(t, probe, otherProbe), score(t, reference, otherReference)
	t.Logf("cosine with the mirror image: probes %.3f, references %.3f", probes, references)
	if references < 0.98 || references <= probes {
		t.Errorf("a reference and its mirror image have a cosine of %.3f, probes %.3f", references, probes)
	}
	if s := score(t, probe, reference); s > 0.9999 || s < 0.8 {
		t.Errorf("a probe and a reference of one photograph have a cosine of %.4f", s)
	}
	// The mean of two unit vectors has the same angle to both.
	if a, b := score(t, probe, reference), score(t, otherProbe, reference); a-b > 0.05 || b-a > 0.05 {
		t.Errorf("the reference has cosines of %.3f and %.3f with the two", a, b)
	}
}

// The memory for a photograph is bounded, and that of a large one is not kept.
func TestExtractAllocatesLittle(t *testing.T) {
	e := newEngine(t, func(o *face.Options) { o.Workers = 1 })
	data := encodeJPEG(t, face.DrawFirst(720))
	extractFile(t, e, data)
	const rounds = 10
	each := process.Allocated(func() {
		for range rounds {
			extractFile(t, e, data)
		}
	}) / rounds
	t.Logf("%d bytes for 720×720 pixels", each)
	if limit := uint64(720 * 720 * 5 / 2); each > limit { // the decoder has 3/2
		t.Errorf("an Extract allocates %d bytes, at most %d are reasonable", each, limit)
	}
	extractFile(t, e, encodePNG(t, canvas(2600, 2000)))
	runtime.GC()
	if kept := face.KeptBytes(e); kept > 3*face.KeepPixels {
		t.Errorf("%d bytes of a large photograph are kept", kept)
	}
}
