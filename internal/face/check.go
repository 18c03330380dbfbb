package face

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face/drawing"
)

const (
	// minMirrored is the least cosine of a drawn face and its mirror image. The
	// drawings are nearly symmetric, and the template of a reference is the
	// mean of both, which is useless if they point in different directions.
	minMirrored = 0.9
	// maxDifferent is the greatest absolute cosine of the two drawn faces.
	// Above it, the self-test could not tell one from the other.
	maxDifferent = minSame - selfTestTolerance
)

// Declared is what an ONNX file declares about its inputs and outputs.
type Declared struct {
	Inputs, Outputs []DeclaredTensor
}

// DeclaredTensor is one declared input or output. A size that the file leaves
// open is negative or 0 in Shape.
type DeclaredTensor struct {
	TensorSpec
	// Float32 is whether it is a tensor of float32.
	Float32 bool
}

// Candidate is a network that may replace the template network.
type Candidate struct {
	// File is the name of the ONNX file, and ONNX its content. Declared is
	// what it declares, as returned by ort.Inspect.
	File     string
	ONNX     []byte
	Declared Declared
	// Channels, Mean and Divisor say how pixels are fed: see NetworkSpec.
	Channels      string
	Mean, Divisor float32
}

// Checked is the result of Check.
type Checked struct {
	// Misfits say why the candidate cannot replace the template network. If
	// there are any, the fields below are set only as far as Check got.
	Misfits []string
	// Template describes the candidate for a manifest.
	Template NetworkSpec
	// SelfTest is the candidate's result for the drawn faces.
	SelfTest SelfTest
	// Larger is the cosine of a drawn face as a reference and a larger drawing
	// of it as a probe. Mirrored is the cosine of a drawn face and its mirror
	// image, both as probes.
	Larger, Mirrored float64
}

// Check finds out whether the pipeline works with a candidate in place of the
// template network of o.Manifest. It checks the shapes of input and output, and
// the results for the drawn faces. If the candidate does not fit,
// Checked.Misfits says why, and the error is nil. Errors of kind
// sesuai.KindConfiguration are about the other networks, about the candidate's
// Mean and Divisor, and about files that the loader refuses. Check ignores the
// calibration, liveness, limits and template length of o.
func Check(ctx context.Context, o Options, c Candidate) (Checked, error) {
	digest := sha256.Sum256(c.ONNX)
	checked := Checked{Template: NetworkSpec{
		File: filepath.Base(c.File), SHA256: hex.EncodeToString(digest[:]),
		Channels: c.Channels, Mean: c.Mean, Divisor: c.Divisor,
	}}
	if !(c.Divisor > 0) || math.IsInf(float64(c.Divisor), 0) || math.IsNaN(float64(c.Mean)) || math.IsInf(float64(c.Mean), 0) {
		return checked, &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "mean must be a number, and divisor a positive one"}
	}
	checked.declare(c.Declared)
	if len(checked.Misfits) > 0 {
		return checked, nil
	}
	o.Manifest.Template, o.Manifest.TemplateLength = checked.Template, nil
	o.Liveness, o.Workers = false, 1
	e := &Engine{
		manifest: o.Manifest, decodeJPEG: o.DecodeJPEG,
		maxPixels: DefaultMaxPixels, dominance: DefaultDominance, limits: DefaultLimits,
	}
	defer e.Close()
	err := e.open(o, func(spec NetworkSpec) ([]byte, error) {
		if spec.SHA256 == checked.Template.SHA256 {
			return c.ONNX, nil
		}
		return spec.load(o.Models)
	})
	if err != nil {
		return checked, err
	}
	if checked.run(e); len(checked.Misfits) > 0 {
		return checked, nil
	}
	return checked, checked.draw(ctx, e)
}

func (c *Checked) misfit(format string, args ...any) {
	c.Misfits = append(c.Misfits, fmt.Sprintf(format, args...))
}

// declare checks what the file declares.
func (c *Checked) declare(d Declared) {
	if in, ok := c.only("input", d.Inputs); ok {
		if c.Template.Input, ok = in.fixed(); !ok || !slices.Equal(c.Template.Input.Shape, []int64{1, 3, alignedSize, alignedSize}) {
			c.misfit("the input %q is %s; the aligned face is 1×3×%d×%[3]d", in.Name, shapeText(in.Shape), alignedSize)
		}
	}
	if out, ok := c.only("output", d.Outputs); ok {
		spec, ok := out.fixed()
		if c.Template.Outputs = []TensorSpec{spec}; !ok || !sidesOK(spec.Shape) || spec.Size() != TemplateSize {
			c.misfit("the output %q is %s; a template has %d numbers", out.Name, shapeText(out.Shape), TemplateSize)
		}
	}
}

// only returns the tensor if there is exactly one and it is of float32. Otherwise
// it adds a misfit.
func (c *Checked) only(what string, tensors []DeclaredTensor) (t DeclaredTensor, ok bool) {
	if len(tensors) != 1 {
		c.misfit("it has %d %ss; it must have one", len(tensors), what)
		return t, false
	}
	if t = tensors[0]; !t.Float32 {
		c.misfit("the %s %q is not a tensor of float32", what, t.Name)
		return t, false
	}
	return t, true
}

// fixed returns the tensor with its first size, the number of photographs, set
// to 1 if the file leaves it open. It reports whether all sizes are then known.
func (t DeclaredTensor) fixed() (TensorSpec, bool) {
	spec := TensorSpec{Name: t.Name, Shape: slices.Clone(t.Shape)}
	if len(spec.Shape) > 0 && spec.Shape[0] < 1 {
		spec.Shape[0] = 1
	}
	return spec, len(spec.Shape) > 0 && slices.Min(spec.Shape) > 0
}

// shapeText writes a shape with ? for open sizes.
func shapeText(shape []int64) string {
	if len(shape) == 0 {
		return "without a shape"
	}
	text := ""
	for i, d := range shape {
		if i > 0 {
			text += "×"
		}
		if d > 0 {
			text += fmt.Sprint(d)
		} else {
			text += "?"
		}
	}
	return text
}

// run runs the network on a grey ramp, so that a network that fails on any input
// is not reported as a failure of the pipeline.
func (c *Checked) run(e *Engine) {
	w := <-e.workers
	defer func() { e.workers <- w }()
	network := w.template
	in := network.Input()
	for i := range in {
		in[i] = (float32(i%256) - c.Template.Mean) / c.Template.Divisor
	}
	if err := network.Run(); err != nil {
		c.misfit("it loads, but does not run: %v", err)
		return
	}
	if err := direction(network.Output(0)); err != nil {
		c.misfit("what it puts out is not finite, or 0")
	}
}

// direction returns an error if v cannot be a template. It does not change v.
func direction(v []float32) error {
	_, err := NewTemplate("", slices.Clone(v))
	return err
}

// draw takes the drawn faces through the whole pipeline.
func (c *Checked) draw(ctx context.Context, e *Engine) error {
	drawn, err := e.extractDrawings(ctx)
	if errors.Is(err, errNoDirection) {
		c.misfit("what it makes of a drawn face is not finite, or 0")
		return nil
	}
	if err != nil {
		return err
	}
	c.SelfTest.Template = coarse(drawn[0])
	if c.Larger, err = drawn[0].Cosine(drawn[1]); err != nil {
		return err
	}
	if c.SelfTest.Different, err = drawn[0].Cosine(drawn[2]); err != nil {
		return err
	}
	if c.Mirrored, err = e.mirroredDrawing(ctx); err != nil {
		return err
	}
	if c.Larger < minSame {
		c.misfit("a drawn face and the same one larger have a cosine of %.3f; it must be at least %g", c.Larger, minSame)
	}
	if c.Mirrored < minMirrored {
		c.misfit("a drawn face and its mirror image have a cosine of %.3f; it must be at least %g", c.Mirrored, minMirrored)
	}
	// A cosine near −1 means that the template has only one degree of freedom.
	if math.Abs(c.SelfTest.Different) > maxDifferent {
		c.misfit("two drawn faces have a cosine of %.3f; it must be from -%g to %[2]g, or a self-test could not tell one face from another",
			c.SelfTest.Different, maxDifferent)
	}
	if len(c.Misfits) > 0 {
		return nil
	}
	// Run the self-test with the values that a manifest would hold.
	c.SelfTest.Different = math.Round(1000*c.SelfTest.Different) / 1000
	e.manifest.SelfTest = c.SelfTest
	if err := e.selfTest(ctx); err != nil {
		if failed, ok := errors.AsType[*sesuai.Error](err); ok {
			c.misfit("with what it has just answered, a start fails: %s", failed.Detail)
			return nil
		}
		return err
	}
	return nil
}

// mirroredDrawing returns the cosine of the first drawing and its mirror image,
// both as probes.
func (e *Engine) mirroredDrawing(ctx context.Context) (float64, error) {
	img := drawing.First.Draw(selfTestSize)
	var probes [2]Template
	for i := range probes {
		file, err := encodePNG(img)
		if err != nil {
			return 0, err
		}
		x, err := e.Extract(ctx, file, ForProbe)
		if err != nil {
			return 0, err
		}
		if x.Finding != OneFace {
			return 0, selfTestFailed("a drawn face gives " + x.Finding.String())
		}
		probes[i] = x.Template
		for y := range selfTestSize {
			for l, r := 0, selfTestSize-1; l < r; l, r = l+1, r-1 {
				left, right := img.NRGBAAt(l, y), img.NRGBAAt(r, y)
				img.SetNRGBA(l, y, right)
				img.SetNRGBA(r, y, left)
			}
		}
	}
	return probes[0].Cosine(probes[1])
}

// coarse returns a template in the form of SelfTest.Template.
func coarse(t Template) []byte {
	var largest float64
	for _, v := range t.Vector {
		largest = max(largest, math.Abs(float64(v)))
	}
	out := make([]byte, len(t.Vector))
	for i, v := range t.Vector {
		out[i] = byte(int8(math.Round(127 * float64(v) / largest)))
	}
	return out
}
