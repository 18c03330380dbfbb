//go:build cgo

package ort

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// The fields of an ONNX file that are read or written (onnx.proto3).
const (
	modelVersion = 1
	modelGraph   = 7

	graphNode        = 1
	graphInitializer = 5
	graphOutput      = 12

	nodeInput     = 1
	nodeOutput    = 2
	nodeOperator  = 4
	nodeAttribute = 5
	nodeDomain    = 7

	attributeName     = 1
	attributeInteger  = 3
	attributeGraph    = 6
	attributeIntegers = 8
	attributeGraphs   = 11
	attributeType     = 20

	tensorDims = 1
	tensorType = 2
	tensorName = 8
	tensorRaw  = 9

	valueName = 1

	typeInteger, typeIntegers = 2, 7 // of an attribute
	typeFloat                 = 1    // of a tensor
)

// field is a field of a message: the whole with its tag, and its content or, if
// it has no length, its value.
type field struct {
	number         protowire.Number
	whole, content []byte
	value          uint64
}

var errONNX = errors.New("ort: not an ONNX file")

func fieldsOf(message []byte) (all []field, err error) {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil, errONNX
		}
		size := protowire.ConsumeFieldValue(number, kind, message[n:])
		if size < 0 {
			return nil, errONNX
		}
		f := field{number: number, whole: message[:n+size]}
		switch kind {
		case protowire.BytesType:
			f.content, _ = protowire.ConsumeBytes(message[n:])
		case protowire.VarintType:
			f.value, _ = protowire.ConsumeVarint(message[n:])
		}
		all, message = append(all, f), message[n+size:]
	}
	return all, nil
}

// graph is a network as it is stored.
type graph struct {
	fields  []field
	nodes   map[int]*node      // by the index of the field
	tensors map[string]*tensor // the constants
	makers  map[string]*node   // by the value that the node makes
	uses    map[string]int     // of a value or a constant
	nested  bool               // A node has a graph of its own.
}

type node struct {
	operator, domain string
	inputs, outputs  []string
}

// tensor is a constant of float32. values is nil if it is stored in another form.
type tensor struct {
	dims   []int
	values []float32
}

func parseGraph(message []byte) (*graph, error) {
	fields, err := fieldsOf(message)
	if err != nil {
		return nil, err
	}
	g := &graph{
		fields: fields, nodes: map[int]*node{}, tensors: map[string]*tensor{}, makers: map[string]*node{}, uses: map[string]int{},
	}
	for i, f := range fields {
		switch f.number {
		case graphNode:
			err = g.addNode(i, f.content)
		case graphInitializer:
			var name string
			var t *tensor
			name, t, err = parseTensor(f.content)
			g.tensors[name] = t
		case graphOutput:
			var parts []field
			parts, err = fieldsOf(f.content)
			for _, p := range parts {
				if p.number == valueName {
					g.uses[string(p.content)]++
				}
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return g, nil
}

// names reports whether a node makes or uses a value or a constant of that name.
// A constant counts if nothing uses it, too.
func (g *graph) names(name string) bool {
	return g.makers[name] != nil || g.tensors[name] != nil || g.uses[name] > 0
}

func (g *graph) addNode(i int, message []byte) error {
	fields, err := fieldsOf(message)
	n := &node{}
	for _, f := range fields {
		switch text := string(f.content); f.number {
		case nodeInput:
			n.inputs = append(n.inputs, text)
			g.uses[text]++
		case nodeOutput:
			n.outputs = append(n.outputs, text)
			g.makers[text] = n
		case nodeOperator:
			n.operator = text
		case nodeDomain:
			n.domain = text
		case nodeAttribute:
			parts, err := fieldsOf(f.content)
			if err != nil {
				return err
			}
			g.nested = g.nested || slices.ContainsFunc(parts, func(p field) bool {
				return p.number == attributeGraph || p.number == attributeGraphs
			})
		}
	}
	g.nodes[i] = n
	return err
}

func parseTensor(message []byte) (name string, t *tensor, err error) {
	fields, err := fieldsOf(message)
	t = &tensor{}
	var kind uint64
	var raw []byte
	for _, f := range fields {
		switch f.number {
		case tensorDims:
			if f.content == nil {
				t.dims = append(t.dims, int(f.value))
			}
			for packed := f.content; len(packed) > 0; {
				v, n := protowire.ConsumeVarint(packed)
				if n < 0 {
					return "", nil, errONNX
				}
				t.dims, packed = append(t.dims, int(v)), packed[n:]
			}
		case tensorType:
			kind = f.value
		case tensorName:
			name = string(f.content)
		case tensorRaw:
			raw = f.content
		}
	}
	if kind == typeFloat && len(raw) > 0 && len(raw)%4 == 0 {
		t.values = make([]float32, len(raw)/4)
		for i := range t.values {
			t.values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
	}
	return name, t, err
}

func appendField(out []byte, number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(out, number, protowire.BytesType), content)
}

func appendNumber(out []byte, number protowire.Number, value int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(out, number, protowire.VarintType), uint64(value))
}

// appendNode appends a node to a graph.
func appendNode(out []byte, operator, output string, inputs []string, attributes ...[]byte) []byte {
	var n []byte
	for _, name := range inputs {
		n = appendField(n, nodeInput, []byte(name))
	}
	n = appendField(n, nodeOutput, []byte(output))
	n = appendField(n, nodeOperator, []byte(operator))
	for _, a := range attributes {
		n = appendField(n, nodeAttribute, a)
	}
	return appendField(out, graphNode, n)
}

func integer(name string, v int) []byte {
	a := appendField(nil, attributeName, []byte(name))
	return appendNumber(appendNumber(a, attributeInteger, v), attributeType, typeInteger)
}

func integers(name string, values ...int) []byte {
	a := appendField(nil, attributeName, []byte(name))
	for _, v := range values {
		a = appendNumber(a, attributeIntegers, v)
	}
	return appendNumber(a, attributeType, typeIntegers)
}

// appendTensor appends a constant to a graph.
func appendTensor(out []byte, name string, t *tensor) []byte {
	var b []byte
	for _, d := range t.dims {
		b = appendNumber(b, tensorDims, d)
	}
	b = appendNumber(b, tensorType, typeFloat)
	b = appendField(b, tensorName, []byte(name))
	raw := make([]byte, 0, 4*len(t.values))
	for _, v := range t.values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return appendField(out, graphInitializer, appendField(b, tensorRaw, raw))
}
