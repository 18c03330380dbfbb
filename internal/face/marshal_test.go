package face_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sesuai/sesuai/internal/face"
)

// marshalled marshals a template, which must not fail.
func marshalled(t testing.TB, tmpl face.Template) []byte {
	t.Helper()
	b, err := tmpl.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// version1 marshals a vector as version 1.
func version1(v []float32) []byte {
	b := []byte{1}
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// checked appends the check value to a version 2 without one.
func checked(model string, b []byte) []byte {
	sum := crc32.Checksum(append([]byte(model), b...), crc32.MakeTable(crc32.Castagnoli))
	return binary.LittleEndian.AppendUint32(bytes.Clone(b), sum)
}

// The format is as documented, for one template computed by hand: 0.6 and 0.8 are
// 95.25 and 127 steps, which are rounded to 95 and 127, with length 158.6.
func TestTemplateMarshals(t *testing.T) {
	want := make([]byte, 1+face.TemplateSize)
	want[0], want[1+3], want[1+511] = 2, 95, 127
	want = binary.LittleEndian.AppendUint32(want, math.Float32bits(float32(1/math.Sqrt(95*95+127*127))))
	want = checked("m", want)
	b := marshalled(t, axisTemplate(t, "m", 3, 4))
	if diff := cmp.Diff(want, b); diff != "" || len(b) != face.MarshalledTemplateSize {
		t.Fatal(len(b), diff)
	}
	got := face.Template{Model: "m"}
	if err := got.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if length := math.Hypot(95, 127); got.Model != "m" ||
		math.Abs(float64(got.Vector[3])-95/length) > 1e-6 || math.Abs(float64(got.Vector[511])-127/length) > 1e-6 {
		t.Error(got.Model, got.Vector[3], got.Vector[511])
	}
}

// Halves are rounded to even, and the components of -v are those of v negated.
func TestMarshalTemplateRounds(t *testing.T) {
	v := make([]float32, face.TemplateSize)
	opposite := make([]float32, face.TemplateSize)
	for i, x := range []float32{127, 0.5, 1.5, 2.5, -0.5, -1.5, 126.49, -127} {
		v[i], opposite[i] = x/256, -x/256
	}
	want := []int8{127, 0, 2, 2, 0, -2, 126, -127}
	rest := 1.0
	for _, x := range v {
		rest -= float64(x) * float64(x)
	}
	for i := 100; i < 200; i++ { // fill up to length 1 with smaller components
		v[i] = float32(math.Sqrt(rest / 100))
		opposite[i] = -v[i]
	}
	a := marshalled(t, face.Template{Vector: v})
	b := marshalled(t, face.Template{Vector: opposite})
	for i, w := range want {
		if int8(a[1+i]) != w || int8(b[1+i]) != -w {
			t.Errorf("%v steps become %d, and the opposite %d", v[i]*256, int8(a[1+i]), int8(b[1+i]))
		}
	}
}

// anyVector draws vectors that are near normal, that have one component far above
// the others, or that have few values, which are rounded at halves.
var anyVector = rapid.Custom(func(t *rapid.T) []float32 {
	v := make([]float32, face.TemplateSize)
	random := rapid.Float32Range(-1, 1)
	if rapid.Bool().Draw(t, "coarse") {
		random = rapid.Map(rapid.IntRange(-254, 254), func(n int) float32 { return float32(n) / 254 })
	}
	for i := range v {
		v[i] = random.Draw(t, "component")
	}
	if rapid.Bool().Draw(t, "peak") {
		v[rapid.IntRange(0, len(v)-1).Draw(t, "at")] = rapid.Float32Range(1, 1e4).Draw(t, "height")
	}
	return v
})

// TestMarshalTemplateTwice: marshalling again gives the same bytes, so that a
// registry that is moved keeps its digest. No component changes by more than half
// a step and the effect of scaling to length 1.
func TestMarshalTemplateTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyVector.Draw(t, "vector")
		model := rapid.String().Draw(t, "model")
		tmpl, err := face.NewTemplate(model, v)
		if err != nil {
			t.Skip("this property needs a vector that is not zero")
		}
		once, err := tmpl.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		restored := face.Template{Model: model}
		if err := restored.UnmarshalBinary(once); err != nil {
			t.Fatal(err)
		}
		twice, err := restored.MarshalBinary()
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("the second time the bytes differ: %v", err)
		}
		var sum, longest, apart float64
		for i, x := range restored.Vector {
			sum += float64(x) * float64(x)
			longest = max(longest, math.Abs(float64(tmpl.Vector[i])))
			apart += math.Pow(float64(x)-float64(tmpl.Vector[i]), 2)
		}
		if math.Abs(sum-1) > 1e-6 {
			t.Fatalf("the square of its length is %v", sum)
		}
		// Half a step in every component, and the same again for the scale.
		if limit := math.Sqrt(face.TemplateSize) * longest / 127; math.Sqrt(apart) > limit {
			t.Fatalf("moved by %v, over %v", math.Sqrt(apart), limit)
		}
	})
}

func TestUnmarshalTemplateVersion1(t *testing.T) {
	want := axisTemplate(t, "m", 3, 4)
	b := version1(want.Vector)
	got := face.Template{Model: "n"} // version 1 has no check value
	if err := got.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Vector, got.Vector); diff != "" || got.Model != "n" {
		t.Error(got.Model, diff)
	}
	number := func(v float64) []byte {
		b := bytes.Clone(b)
		binary.LittleEndian.PutUint32(b[9:], math.Float32bits(float32(v)))
		return b
	}
	for name, b := range map[string][]byte{
		"one byte less": b[:len(b)-1],
		"one byte more": append(bytes.Clone(b), 0),
		"NaN":           number(math.NaN()),
		"infinite":      number(math.Inf(1)),
		"too long":      number(0.5),
		"zero":          append([]byte{1}, make([]byte, len(b)-1)...),
	} {
		refuses(t, name, "m", b)
	}
}

func refuses(t *testing.T, name, model string, b []byte) {
	t.Helper()
	tmpl := face.Template{Model: model}
	if err := tmpl.UnmarshalBinary(b); err == nil {
		t.Errorf("%s is a template", name)
	}
	if tmpl.Vector != nil {
		t.Errorf("%s leaves a vector", name)
	}
}

func TestUnmarshalTemplateRefuses(t *testing.T) {
	good := marshalled(t, axisTemplate(t, "m", 3, 4))
	for i := range good {
		for bit := range 8 {
			damaged := bytes.Clone(good)
			damaged[i] ^= 1 << bit
			refuses(t, "a bit changed", "m", damaged)
		}
	}
	body := good[:len(good)-4]
	change := func(f func(b []byte)) []byte {
		b := bytes.Clone(body)
		f(b)
		return checked("m", b)
	}
	refuses(t, "another model's", "n", good)
	refuses(t, "no model's", "", good)
	// scaled has two components and the correct scale for them.
	scaled := func(x, y int8) []byte {
		return change(func(b []byte) {
			b[1+3], b[1+511] = byte(x), byte(y)
			scale := float32(1 / math.Hypot(float64(x), float64(y)))
			binary.LittleEndian.PutUint32(b[1+face.TemplateSize:], math.Float32bits(scale))
		})
	}
	for name, b := range map[string][]byte{
		"nothing":          {},
		"nothing at all":   nil,
		"one byte less":    good[:len(good)-1],
		"one byte more":    append(bytes.Clone(good), 0),
		"version 0":        change(func(b []byte) { b[0] = 0 }),
		"version 3":        change(func(b []byte) { b[0] = 3 }),
		"version 1":        change(func(b []byte) { b[0] = 1 }),
		"-128":             scaled(-128, 127),
		"another scale":    change(func(b []byte) { b[1+face.TemplateSize]++ }),
		"nothing of 127":   scaled(95, 126),
		"zero, scale zero": change(func(b []byte) { clear(b[1:]) }),
		"zero, scale infinite": change(func(b []byte) {
			clear(b[1:])
			binary.LittleEndian.PutUint32(b[1+face.TemplateSize:], math.Float32bits(float32(math.Inf(1))))
		}),
	} {
		refuses(t, name, "m", b)
	}
	// The refusals above are not due to how the bytes were made.
	if err := (&face.Template{Model: "m"}).UnmarshalBinary(scaled(-94, 127)); err != nil {
		t.Error(err)
	}
}

func TestMarshalTemplateRefuses(t *testing.T) {
	long := axisTemplate(t, "m", 3, 4)
	long.Vector[9] = 0.1
	nan := axisTemplate(t, "m", 3, 4)
	nan.Vector[9] = float32(math.NaN())
	for name, tmpl := range map[string]face.Template{
		"no vector": {Model: "m"}, "a short one": {Model: "m", Vector: []float32{1}}, "too long": long, "NaN": nan,
		"zero": {Model: "m", Vector: make([]float32, face.TemplateSize)},
	} {
		if b, err := tmpl.MarshalBinary(); err == nil || b != nil {
			t.Errorf("%s is marshalled", name)
		}
	}
}

// TemplateSizeAt finds the end of a template.
func TestTemplateSizeAt(t *testing.T) {
	tmpl := axisTemplate(t, "m", 3, 4)
	for _, b := range [][]byte{marshalled(t, tmpl), version1(tmpl.Vector)} {
		if n := face.TemplateSizeAt(append(bytes.Clone(b), "more"...)); n != len(b) {
			t.Errorf("version %d is %d bytes, not %d", b[0], n, len(b))
		}
	}
	for _, b := range [][]byte{nil, {0}, {3}, {255, 2}} {
		if n := face.TemplateSizeAt(b); n != 0 {
			t.Errorf("%v begins a template of %d bytes", b, n)
		}
	}
}

// FuzzUnmarshalTemplate: every accepted template is a unit vector, and one of
// version 2 is marshalled to the same bytes. The bytes are also tried with a
// correct check value.
func FuzzUnmarshalTemplate(f *testing.F) {
	tmpl := axisTemplate(f, "m", 3, 4)
	f.Add("m", marshalled(f, tmpl))
	f.Add("m", version1(tmpl.Vector))
	f.Add("", []byte{2})
	f.Fuzz(func(t *testing.T, model string, b []byte) {
		tries := [][]byte{b}
		if n := face.MarshalledTemplateSize - 4; len(b) >= n {
			tries = append(tries, checked(model, b[:n]))
		}
		for _, b := range tries {
			tmpl := face.Template{Model: model}
			if err := tmpl.UnmarshalBinary(b); err != nil {
				continue
			}
			if score, err := tmpl.Cosine(tmpl); err != nil || math.Abs(score-1) > 1e-3 {
				t.Fatalf("compared with itself: %v, %v", score, err)
			}
			again, err := tmpl.MarshalBinary()
			if err != nil || b[0] == 2 && !bytes.Equal(b, again) {
				t.Fatalf("marshalled again: %v", err)
			}
		}
	})
}
