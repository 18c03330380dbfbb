//go:build cgo

package ort

import (
	"math"
	"slices"
)

// withoutPRelu returns a network in which nodes that compute the same replace each
// PRelu after a convolution. It returns a file that it cannot read as it is.
//
// ONNX Runtime 1.30 computes PRelu one number at a time, and converts its input from
// the blocked layout of the convolutions, and its output back to that. In
// MobileFaceNet that takes more than half of the time. The other nodes are
// vectorised, and keep the layout (docs/decisions/inference.md).
//
// With the slope a of a channel, and z = (1−a)·x, PRelu(x) is
//
//	a/(1−a) · z + Relu(z)   if a < 1
//	1/(1−a) · z − Relu(z)   if a > 1
//
// The convolution before it computes z, with its constants multiplied by 1−a.
func withoutPRelu(model []byte) []byte {
	fields, err := fieldsOf(model)
	if err != nil {
		return model
	}
	var out []byte
	for _, f := range fields {
		switch f.number {
		case modelVersion:
			if f.value < 4 { // Before, each constant was an input too.
				return model
			}
		case modelGraph:
			g, err := parseGraph(f.content)
			if err != nil || g.nested {
				return model
			}
			out = appendField(out, modelGraph, g.withoutPRelu())
			continue
		}
		out = append(out, f.whole...)
	}
	return out
}

func (g *graph) withoutPRelu() []byte {
	scaled := map[string]*tensor{}
	instead := map[int][]byte{} // the nodes, by the index of the field
	var added []byte
	for i := range g.fields {
		n := g.nodes[i]
		if n == nil || n.operator != "PRelu" || n.domain != "" || len(n.inputs) != 2 || len(n.outputs) != 1 {
			continue
		}
		conv, slopes := g.makers[n.inputs[0]], g.tensors[n.inputs[1]]
		if !g.scalable(conv, slopes) {
			continue
		}
		z, y := n.inputs[0], n.outputs[0]
		linear, positive, signed := y+"/linear", y+"/positive", y+"/signed"
		if slices.ContainsFunc([]string{linear, factorsOf(linear), positive, signed, factorsOf(signed)}, g.names) {
			continue
		}
		scale, share, sign := slopes.split()
		for _, name := range conv.inputs[1:] {
			scaled[name] = g.tensors[name].times(scale)
		}
		nodes, constants := appendProduct(nil, nil, linear, z, share)
		nodes = appendNode(nodes, "Relu", positive, []string{z})
		if slices.Min(sign) < 0 {
			nodes, constants = appendProduct(nodes, constants, signed, positive, sign)
			positive = signed
		}
		instead[i] = appendNode(nodes, "Add", y, []string{positive, linear})
		added = append(added, constants...)
	}
	var out []byte
	for i, f := range g.fields {
		switch {
		case instead[i] != nil:
			out = append(out, instead[i]...)
		case f.number == graphInitializer:
			// It was parsed before.
			if name, _, _ := parseTensor(f.content); scaled[name] != nil {
				out = appendTensor(out, name, scaled[name])
				continue
			}
			fallthrough
		default:
			out = append(out, f.whole...)
		}
	}
	return append(out, added...)
}

// appendProduct appends the node of a value with each channel multiplied by its
// factor, and its constant.
func appendProduct(nodes, constants []byte, output, input string, factors []float32) ([]byte, []byte) {
	channels, name := len(factors), factorsOf(output)
	constants = appendTensor(constants, name, &tensor{[]int{channels, 1, 1, 1}, factors})
	return appendNode(nodes, "Conv", output, []string{input, name}, integer("group", channels), integers("kernel_shape", 1, 1)), constants
}

// factorsOf returns the name of the factors of an appendProduct.
func factorsOf(output string) string { return output + "/factors" }

// scalable reports whether n is a convolution whose output has one slope for each
// channel, is used once, and is scaled by scaling its constants.
func (g *graph) scalable(n *node, slopes *tensor) bool {
	if n == nil || n.operator != "Conv" || n.domain != "" || len(n.inputs) < 2 || g.uses[n.outputs[0]] != 1 ||
		slopes == nil || len(slopes.values) == 0 {
		return false
	}
	channels := len(slopes.values)
	if d := slopes.dims; len(d) != 3 || d[0] != channels || d[1] != 1 || d[2] != 1 {
		return false
	}
	for _, a := range slopes.values {
		if !(math.Abs(float64(a)) <= maxSlope) { // or it is not a number
			return false
		}
	}
	for i, name := range n.inputs[1:] {
		t := g.tensors[name]
		if t == nil || len(t.values) == 0 || len(t.values)%channels != 0 || g.uses[name] != 1 {
			return false
		}
		// Weights have four dimensions, biases one. The first is the channel.
		if want := [...]int{4, 1}; i >= len(want) || len(t.dims) != want[i] || t.dims[0] != channels {
			return false
		}
	}
	return true
}

const (
	// minScale is the least distance of a slope from 1. One that is nearer is
	// taken as this far from it, which changes less than rounding a float32
	// does.
	minScale = 1.0 / (1 << 22)
	// maxSlope is the greatest slope, of either sign, that is replaced. For a
	// slope a < 0 and x > 0 the result is the difference of (1−a)·x and −a·x,
	// so its relative error is about 2·|a|·2⁻²⁴: 1.2e-5 at most.
	maxSlope = 100
)

// split returns, for each channel, the scale of z, its share in PRelu, and the sign
// of Relu.
func (t *tensor) split() (scale, share, sign []float32) {
	for _, v := range t.values {
		a := float64(v)
		if math.Abs(1-a) < minScale {
			a = 1 - minScale
		}
		scale = append(scale, float32(1-a))
		share = append(share, float32(min(a, 1)/(1-a)))
		sign = append(sign, float32(math.Copysign(1, 1-a)))
	}
	return scale, share, sign
}

// times returns the tensor with all of each channel multiplied by its factor.
func (t *tensor) times(factors []float32) *tensor {
	out := &tensor{dims: t.dims, values: make([]float32, len(t.values))}
	each := len(t.values) / len(factors)
	for i, v := range t.values {
		out.values[i] = v * factors[i/each]
	}
	return out
}
