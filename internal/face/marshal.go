package face

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
)

// The versions of a marshalled template, which are its first byte. Version 1
// holds the vector as float32. It is read, but no longer written. Version 2 is
// that of a template whose Length is not known, version 3 that of any other.
const (
	float32Version = 1
	int8Version    = 2
	lengthVersion  = 3
)

// MarshalledTemplateSize is the size in bytes of what Template.MarshalBinary
// writes for a template with a Length: version, components, scale, length, check
// value. docs/decisions/templates.md says what the format costs in accuracy.
const MarshalledTemplateSize = int8Size + 2

// float32Size and int8Size are the sizes in bytes of templates of versions 1 and 2.
const (
	float32Size = 1 + 4*TemplateSize
	int8Size    = 1 + TemplateSize + 4 + 4
)

// A stored length is a multiple of 1/lengthSteps, from one to maxLengthSteps of
// them. Those of networks that are known are from 1 to 110 (Meng et al. 2021).
const (
	lengthSteps    = 256
	maxLengthSteps = math.MaxUint16
)

// maxComponent is the greatest absolute value of a stored component. -128 is not
// used, so that v and -v have the same rounding errors.
const maxComponent = 127

// unitTolerance is how far the squared length of a stored vector may be from 1.
const unitTolerance = 1e-3

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errNotTemplate = errors.New("face: not a template of a version that is known")

// TemplateSizeAt returns the size of the marshalled template at the start of b,
// by its version. b may be shorter. It is 0 if the version is unknown.
func TemplateSizeAt(b []byte) int {
	switch {
	case len(b) == 0:
		return 0
	case b[0] == lengthVersion:
		return MarshalledTemplateSize
	case b[0] == int8Version:
		return int8Size
	case b[0] == float32Version:
		return float32Size
	default:
		return 0
	}
}

// MarshalBinary writes version 3: the version byte; TemplateSize components as
// int8; the scale that makes them a unit vector, as float32; Length in steps of
// 1/256, as uint16; and a CRC-32C (RFC 3720) over Model and all preceding bytes.
// Numbers are little-endian. A template without a Length is written as version 2,
// which lacks the length. Model is not written, so it must be stored beside the
// template.
//
// A component is a multiple of 1/127 of the longest one, rounded half to even, and
// so is the length of its step. A length over 255.996 is stored as that, and one
// under 1/256 as that. Rounding happens once: a template that UnmarshalBinary
// returned is marshalled to the same bytes, or from version 1 to version 2.
// MarshalBinary fails if the vector does not have TemplateSize components and
// length 1, and if Length is not finite or negative.
func (t Template) MarshalBinary() ([]byte, error) {
	if !isUnit(t.Vector) {
		return nil, errors.New("face: a template to be marshalled is not a unit vector")
	}
	if !(t.Length >= 0) || math.IsInf(t.Length, 1) {
		return nil, errors.New("face: a template to be marshalled has an impossible length")
	}
	var longest float64
	for _, x := range t.Vector {
		longest = max(longest, math.Abs(float64(x)))
	}
	b := make([]byte, 1, MarshalledTemplateSize)
	b[0] = int8Version
	for _, x := range t.Vector {
		b = append(b, byte(int8(math.RoundToEven(float64(x)/longest*maxComponent))))
	}
	_, scale := scaleOf(b[1:])
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(scale))
	if t.Length != 0 {
		b[0] = lengthVersion
		steps := min(max(math.RoundToEven(t.Length*lengthSteps), 1), maxLengthSteps)
		b = binary.LittleEndian.AppendUint16(b, uint16(steps))
	}
	return binary.LittleEndian.AppendUint32(b, t.check(b)), nil
}

// UnmarshalBinary reads what MarshalBinary wrote, and version 1. Model must be
// set to the model of the stored template, and is not changed. A template of
// version 2 or 3 is refused if it is damaged or of another model. Version 1 has no
// check value, so only the length of its vector is checked. After versions 1 and 2
// Length is 0.
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
		t.Vector, t.Length = v, 0
		return nil
	}
	body, check := b[:len(b)-4], b[len(b)-4:]
	if binary.LittleEndian.Uint32(check) != t.check(body) {
		return errors.New("face: a stored template is damaged, or another model's")
	}
	components, rest := body[1:1+TemplateSize], body[1+TemplateSize:]
	longest, scale := scaleOf(components)
	if longest != maxComponent || binary.LittleEndian.Uint32(rest) != math.Float32bits(scale) {
		return errors.New("face: a stored template has a wrong scale")
	}
	length := 0.0
	if b[0] == lengthVersion {
		if length = float64(binary.LittleEndian.Uint16(rest[4:])) / lengthSteps; length == 0 {
			return errors.New("face: a stored template has a length of 0")
		}
	}
	for i, c := range components {
		v[i] = float32(int8(c)) * scale
	}
	t.Vector, t.Length = v, length
	return nil
}

// check returns the check value of b and t's model. Since the first byte of b fixes
// its length, different pairs of model and b are different bytes.
func (t Template) check(b []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(t.Model), castagnoli), castagnoli, b)
}

// scaleOf returns the greatest absolute value of the components, and the factor
// that makes them a vector of length 1. The sum is exact, and IEEE 754 defines
// the rounding of the rest, so the result is the same on every machine.
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
