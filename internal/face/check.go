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
)

const (
	// checkMirrored is the least cosine of a drawn face and its mirror image:
	// the drawings are all but symmetric, and a reference's template is the
	// mean of the two, which must point where both do.
	checkMirrored = 0.9
	// checkDifferent is the greatest cosine, either way, of the two drawn faces. From there
	// on the self-test could not tell one from the other.
	checkDifferent = selfTestSame - selfTestTolerance
)

// Declared is what an ONNX file says of its inputs and outputs.
type Declared struct {
	Inputs, Outputs []DeclaredTensor
}

// DeclaredTensor is one of them. A size that the file leaves open is negative
// or 0 in Shape.
type DeclaredTensor struct {
	TensorSpec
	// Float32 is whether it is a tensor of float32.
	Float32 bool
}

// Candidate is a network that might take the place of the template network.
type Candidate struct {
	// File is the ONNX file's name, ONNX what is in it, and Declared what that
	// says of itself; package ort can tell.
	File     string
	ONNX     []byte
	Declared Declared
	// Channels, Mean and Divisor are how it is to be fed: see NetworkSpec.
	Channels      string
	Mean, Divisor float32
}

// Checked is what was found out about a Candidate.
type Checked struct {
	// Misfits say why it cannot take the template network's place; none if it
	// can. What follows is set as far as it was reached.
	Misfits []string
	// Template is the candidate as a manifest has it.
	Template NetworkSpec
	// SelfTest is what it makes of the drawn faces.
	SelfTest SelfTest
	// Larger is the cosine of a drawn face as a reference and the same one
	// larger as a probe; Mirrored that of the two probes of a drawn face and
	// its mirror image.
	Larger, Mirrored float64
}

// Check puts a network in the place of the template network of o.Manifest, and
// finds out whether the pipeline can work with it: what it takes and gives, and
// what it makes of the drawn faces. That it does not fit is an answer, in
// Checked.Misfits; errors of kind sesuai.KindConfiguration are about the other
// networks, how c is to be fed, and what the loader does not take. Of o the
// calibration, liveness, limits and template length are not used.
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
		manifest: o.Manifest, decodeJPEG: o.DecodeJPEG, memory: newBudget(DefaultMemory),
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

// declare looks at what the file says of itself.
func (c *Checked) declare(d Declared) {
	if in, ok := c.only("input", d.Inputs); ok {
		if c.Template.Input, ok = in.settled(); !ok || !slices.Equal(c.Template.Input.Shape, []int64{1, 3, alignedSize, alignedSize}) {
			c.misfit("the input %q is %s; the aligned face is 1×3×%d×%[3]d", in.Name, shapeText(in.Shape), alignedSize)
		}
	}
	if out, ok := c.only("output", d.Outputs); ok {
		spec, ok := out.settled()
		if c.Template.Outputs = []TensorSpec{spec}; !ok || !sidesOK(spec.Shape) || spec.Size() != TemplateSize {
			c.misfit("the output %q is %s; a template has %d numbers", out.Name, shapeText(out.Shape), TemplateSize)
		}
	}
}

// only is the one tensor that there must be.
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

// settled is the tensor with a first size, if it was left open, of 1: one
// photograph at a time. It reports whether that settles the shape.
func (t DeclaredTensor) settled() (TensorSpec, bool) {
	spec := TensorSpec{Name: t.Name, Shape: slices.Clone(t.Shape)}
	if len(spec.Shape) > 0 && spec.Shape[0] < 1 {
		spec.Shape[0] = 1
	}
	return spec, len(spec.Shape) > 0 && slices.Min(spec.Shape) > 0
}

// shapeText writes a shape with ? for what is open.
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

// run gives the network a grey ramp: one that fails by itself must not be
// taken for a pipeline that does.
func (c *Checked) run(e *Engine) {
	network := e.all[0].template
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

// direction reports whether v could be a template, and leaves it as it is.
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
	if c.Larger, err = drawn[0].Score(drawn[1]); err != nil {
		return err
	}
	if c.SelfTest.Different, err = drawn[0].Score(drawn[2]); err != nil {
		return err
	}
	if c.Mirrored, err = e.mirroredDrawing(ctx); err != nil {
		return err
	}
	if c.Larger < selfTestSame {
		c.misfit("a drawn face and the same one larger have a cosine of %.3f; it must be at least %g", c.Larger, selfTestSame)
	}
	if c.Mirrored < checkMirrored {
		c.misfit("a drawn face and its mirror image have a cosine of %.3f; it must be at least %g", c.Mirrored, checkMirrored)
	}
	// Near −1 it tells them by one number alone.
	if math.Abs(c.SelfTest.Different) > checkDifferent {
		c.misfit("two drawn faces have a cosine of %.3f; it must be from -%g to %[2]g, or a self-test could not tell one face from another",
			c.SelfTest.Different, checkDifferent)
	}
	if len(c.Misfits) > 0 {
		return nil
	}
	// What a manifest would hold is tried as at a start.
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

// mirroredDrawing is the cosine of the probes of the first drawing and of its
// mirror image.
func (e *Engine) mirroredDrawing(ctx context.Context) (float64, error) {
	img := firstPortrait.draw(selfTestSize)
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
	return probes[0].Score(probes[1])
}

// coarse is a template as SelfTest.Template has it.
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
