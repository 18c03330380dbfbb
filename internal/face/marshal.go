package face

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
)

// The versions of a marshalled template: its first byte. Version 1 is the
// vector as float32; it is read, and no longer written.
const (
	float32Version = 1
	int8Version    = 2
)

// MarshalledTemplateSize is how many bytes Template.MarshalBinary writes:
// version, components, scale, check value. docs/decisions/templates.md has what
// the form costs in accuracy.
const MarshalledTemplateSize = 1 + TemplateSize + 4 + 4

// float32Size is how many bytes a template of version 1 has.
const float32Size = 1 + 4*TemplateSize

// most is the component that the longest one becomes. -128 is not used, so that
// v and -v lose the same.
const most = 127

// unitTolerance is how far the square of a stored vector's length may be from 1.
const unitTolerance = 1e-3

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errNotTemplate = errors.New("face: not a template of a version that is known")

// TemplateSizeAt is how long the marshalled template is that b begins with, by
// its version, whether or not b is as long; 0 if no version is like that.
func TemplateSizeAt(b []byte) int {
	switch {
	case len(b) == 0:
		return 0
	case b[0] == int8Version:
		return MarshalledTemplateSize
	case b[0] == float32Version:
		return float32Size
	default:
		return 0
	}
}

// MarshalBinary writes version 2: the version byte; TemplateSize components,
// an int8 each; the scale, that brings them back to length 1, as float32; and a
// CRC-32C (RFC 3720) over Model and all that stands before it. Numbers of
// several bytes are little-endian. Model is not written: whoever stores a
// template stores the model beside it.
//
// A component is the vector's in steps of 1/127 of its longest one, rounded
// half to even. Once rounded a template keeps: what UnmarshalBinary makes of
// these bytes is marshalled to the same bytes. It fails if the vector is not
// of TemplateSize and length 1.
func (t Template) MarshalBinary() ([]byte, error) {
	if !isUnit(t.Vector) {
		return nil, errors.New("face: marshalling what is not a unit vector")
	}
	var longest float64
	for _, x := range t.Vector {
		longest = max(longest, math.Abs(float64(x)))
	}
	b := make([]byte, 1, MarshalledTemplateSize)
	b[0] = int8Version
	for _, x := range t.Vector {
		b = append(b, byte(int8(math.RoundToEven(float64(x)/longest*most))))
	}
	_, scale := scaleOf(b[1:])
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(scale))
	return binary.LittleEndian.AppendUint32(b, t.check(b)), nil
}

// UnmarshalBinary reads what MarshalBinary wrote, and version 1. It needs Model
// to be set already, to the one that the template was marshalled under, and
// leaves it as it is: a template of version 2 that is damaged, or comes under
// another model's name, is refused. Version 1 has no check value; of it only
// the length of the vector is checked.
func (t *Template) UnmarshalBinary(b []byte) error {
	if len(b) == 0 || len(b) != TemplateSizeAt(b) {
		return errNotTemplate
	}
	v := make([]float32, TemplateSize)
	if b[0] == float32Version {
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[1+4*i:]))
		}
		if !isUnit(v) {
			return errors.New("face: a stored template is not a unit vector")
		}
		t.Vector = v
		return nil
	}
	components, rest := b[1:1+TemplateSize], b[1+TemplateSize:]
	if binary.LittleEndian.Uint32(rest[4:]) != t.check(b[:len(b)-4]) {
		return errors.New("face: a stored template is damaged, or another model's")
	}
	longest, scale := scaleOf(components)
	if longest != most || binary.LittleEndian.Uint32(rest) != math.Float32bits(scale) {
		return errors.New("face: a stored template is not scaled as one")
	}
	for i, c := range components {
		v[i] = float32(int8(c)) * scale
	}
	t.Vector = v
	return nil
}

// check is the check value of b under t's model. What is in b has one length,
// so that no two pairs of model and b are the same bytes.
func (t Template) check(b []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(t.Model), castagnoli), castagnoli, b)
}

// scaleOf is the greatest absolute value of the components, and what to multiply
// them by for a vector of length 1. The sum is of whole numbers, and what
// follows is rounded as IEEE 754 says: it comes to the same bits everywhere.
func scaleOf(components []byte) (longest int, scale float32) {
	sum := 0
	for _, c := range components {
		x := int(int8(c))
		sum += x * x
		longest = max(longest, x, -x)
	}
	return longest, float32(1 / math.Sqrt(float64(sum)))
}

// isUnit reports whether v has TemplateSize components and length 1.
func isUnit(v []float32) bool {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return len(v) == TemplateSize && math.Abs(sum-1) < unitTolerance
}
