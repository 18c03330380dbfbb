package main

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// tinyModel is a template network as small as one can be, written by hand: the
// means of 8×8 pixels of each colour (3×14×14 = 588 numbers) times a matrix
// drawn by lot, which keeps angles to a few degrees. It knows a face again in
// the same light and at the same place, and that is all.
type tinyModel struct {
	// input and output are the declared shapes; 0 is a size left open.
	input, output []int64
	seed          uint64
	// weight replaces what is drawn by lot, if it is set.
	weight func() float32
	// claimed is how many rows the matrix says it has; 0 is what it has.
	claimed int64
}

const pooled = 3 * 14 * 14

// The field numbers and types below are those of onnx.proto3.
const (
	onnxFloat     = 1 // TensorProto.DataType.FLOAT
	attributeInts = 7 // AttributeProto.AttributeType.INTS
)

// bytes is the model as an ONNX file.
func (m tinyModel) bytes() []byte {
	if m.input == nil {
		m.input = []int64{1, 3, 112, 112}
	}
	if m.output == nil {
		m.output = []int64{1, 512}
	}
	random := rand.New(rand.NewPCG(m.seed, 1))
	weights := make([]byte, 0, 4*pooled*512)
	for range pooled * 512 {
		w := float32(random.NormFloat64()) / pooled
		if m.weight != nil {
			w = m.weight()
		}
		weights = binary.LittleEndian.AppendUint32(weights, math.Float32bits(w))
	}
	rows := m.claimed
	if rows == 0 {
		rows = pooled
	}
	graph := message(
		field(1, node("AveragePool", []string{"face"}, "means", ints("kernel_shape", 8, 8), ints("strides", 8, 8))),
		field(1, node("Flatten", []string{"means"}, "flat")),
		field(1, node("MatMul", []string{"flat", "matrix"}, "template")),
		field(2, []byte("tiny")),
		field(5, message(number(1, rows), number(1, 512), number(2, onnxFloat), field(8, []byte("matrix")), field(9, weights))),
		field(11, declaredAs("face", m.input)),
		field(12, declaredAs("template", m.output)),
	)
	return message(
		number(1, 8), // ir_version
		field(7, graph),
		field(8, message(field(1, nil), number(2, 13))), // the operators' version
	)
}

func node(operator string, inputs []string, output string, attributes ...[]byte) []byte {
	var b []byte
	for _, in := range inputs {
		b = append(b, field(1, []byte(in))...)
	}
	b = append(b, field(2, []byte(output))...)
	b = append(b, field(4, []byte(operator))...)
	for _, a := range attributes {
		b = append(b, field(5, a)...)
	}
	return b
}

func ints(name string, values ...int64) []byte {
	b := field(1, []byte(name))
	for _, v := range values {
		b = append(b, number(8, v)...)
	}
	return append(b, number(20, attributeInts)...)
}

// declaredAs is a tensor of float32 with that shape.
func declaredAs(name string, shape []int64) []byte {
	var dims []byte
	for _, d := range shape {
		dim := field(2, []byte("open"))
		if d != 0 {
			dim = number(1, d)
		}
		dims = append(dims, field(1, dim)...)
	}
	tensor := message(number(1, onnxFloat), field(2, dims))
	return message(field(1, []byte(name)), field(2, field(1, tensor)))
}

// field is a field of bytes in the wire format of protocol buffers, number one
// of a variable-length integer.
func field(id uint64, content []byte) []byte {
	b := binary.AppendUvarint(nil, id<<3|2)
	b = binary.AppendUvarint(b, uint64(len(content)))
	return append(b, content...)
}

func number(id uint64, v int64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, id<<3), uint64(v))
}

// message is its fields one after the other.
func message(fields ...[]byte) []byte {
	var b []byte
	for _, f := range fields {
		b = append(b, f...)
	}
	return b
}
