package face

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"math"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face/drawing"
)

const (
	// selfTestSize is the side of the drawings, in pixels.
	selfTestSize = 360
	// minSame is the least cosine of a drawn face's template and the
	// manifest's. Rounding of other processors, and the larger drawing, lower
	// it by less than 0.01. An error in channel order, scaling or alignment
	// lowers it more.
	minSame = 0.98
	// selfTestTolerance is how far the cosine of the two drawn faces may be
	// from the manifest's.
	selfTestTolerance = 0.03
	// eyeTolerance is how far the eyes may be found from where they were
	// drawn, as a fraction of the drawing's width.
	eyeTolerance = 0.02
)

// SelfTest is the expected result of the self-test on the two drawn faces.
type SelfTest struct {
	// Template is the template of the first face as a reference. Each component
	// is stored as round(127·component/m) in one byte, where m is the greatest
	// absolute value of all.
	Template []byte `json:"template"`
	// Different is the cosine of the two faces.
	Different float64 `json:"different"`
}

// selfTest runs the whole pipeline, from PNG files to scores, on the two drawn
// faces, since a network that loads does not always work. A result other than the
// manifest's is an error of kind sesuai.KindConfiguration.
func (e *Engine) selfTest(ctx context.Context) error {
	drawn, err := e.extractDrawings(ctx)
	if err != nil {
		return err
	}
	expected := make([]float32, len(e.manifest.SelfTest.Template))
	for i, b := range e.manifest.SelfTest.Template {
		expected[i] = float32(int8(b))
	}
	want, err := NewTemplate(e.Model(), expected)
	if err != nil {
		return selfTestFailed("the manifest's self_test.template is not a template")
	}
	different, err := drawn[0].Cosine(drawn[2])
	if err != nil {
		return err
	}
	for _, t := range drawn[:2] {
		same, err := t.Cosine(want)
		if err != nil {
			return err
		}
		if same < minSame {
			return selfTestFailed(fmt.Sprintf("a drawn face has a cosine of %.3f with its expected template", same))
		}
	}
	if want := e.manifest.SelfTest.Different; math.Abs(different-want) > selfTestTolerance {
		return selfTestFailed(fmt.Sprintf("two drawn faces have a cosine of %.3f, not %.3f", different, want))
	}
	return e.selfTestLiveness(ctx)
}

// extractDrawings returns the templates of the first drawing as a reference, of a
// larger one of the same face as a probe, and of the second as a probe. It also
// checks that the eyes are found where they were drawn.
func (e *Engine) extractDrawings(ctx context.Context) (drawn [3]Template, err error) {
	for i, sample := range []struct {
		person drawing.Portrait
		size   int
		use    Use
	}{
		{drawing.First, selfTestSize, ForReference},
		{drawing.First, selfTestSize * 3 / 2, ForProbe},
		{drawing.Second, selfTestSize, ForProbe},
	} {
		file, err := encodePNG(sample.person.Draw(sample.size))
		if err != nil {
			return drawn, err
		}
		x, err := e.Extract(ctx, file, sample.use)
		if err != nil {
			return drawn, fmt.Errorf("self-test: %w", err)
		}
		if x.Finding != OneFace {
			return drawn, selfTestFailed("a drawn face gives " + x.Finding.String())
		}
		for side, eye := range x.Eyes {
			at := Point{0.5 + float64(2*side-1)*sample.person.EyeApart, 0.5 + sample.person.EyeY}
			size := float64(sample.size)
			if math.Hypot(eye.X/size-at.X, eye.Y/size-at.Y) > eyeTolerance {
				return drawn, selfTestFailed("the eyes of a drawn face are found in the wrong place")
			}
		}
		drawn[i] = x.Template
	}
	return drawn, nil
}

func selfTestFailed(what string) error {
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "face engine self-test: " + what}
}

// encodePNG returns a drawing as a PNG file.
func encodePNG(img image.Image) ([]byte, error) {
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, img); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
