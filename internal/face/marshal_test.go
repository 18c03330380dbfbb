package face_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
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

// withoutLength is a template whose length is not known.
func withoutLength(t face.Template) face.Template {
	t.Length = 0
	return t
}

// checked appends the check value to a template without one.
func checked(model string, b []byte) []byte {
	sum := crc32.Checksum(append([]byte(model), b...), crc32.MakeTable(crc32.Castagnoli))
	return binary.LittleEndian.AppendUint32(bytes.Clone(b), sum)
}

// The formats are as documented, for one template computed by hand: 0.6 and 0.8 are
// 95.25 and 127 steps, which are rounded to 95 and 127, with length 158.6. The
// length before scaling is 5 = 1280/256.
func TestTemplateMarshals(t *testing.T) {
	vector := make([]byte, 1+face.TemplateSize)
	vector[1+3], vector[1+511] = 95, 127
	vector = binary.LittleEndian.AppendUint32(vector, math.Float32bits(float32(1/math.Sqrt(95*95+127*127))))
	tmpl := axisTemplate(t, "m", 3, 4)
	for _, test := range []struct {
		version byte
		tmpl    face.Template
		length  []byte
		size    int
	}{
		{2, withoutLength(tmpl), nil, 521},
		{3, tmpl, []byte{0, 5}, face.MarshalledTemplateSize},
	} {
		want := append(bytes.Clone(vector), test.length...)
		want[0] = test.version
		b := marshalled(t, test.tmpl)
		if diff := cmp.Diff(checked("m", want), b); diff != "" || len(b) != test.size {
			t.Fatal(test.version, len(b), diff)
		}
		got := face.Template{Model: "m", Length: 9}
		if err := got.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		if length := math.Hypot(95, 127); got.Model != "m" || got.Length != test.tmpl.Length ||
			math.Abs(float64(got.Vector[3])-95/length) > 1e-6 || math.Abs(float64(got.Vector[511])-127/length) > 1e-6 {
			t.Error(test.version, got.Model, got.Length, got.Vector[3], got.Vector[511])
		}
	}
}

// A length is rounded to steps of 1/256, from one step to the most that there are.
func TestMarshalTemplateLength(t *testing.T) {
	tmpl := axisTemplate(t, "m", 3, 4)
	for length, want := range map[float64]float64{
		3.751: 960.0 / 256, 3.7521: 961.0 / 256, 1e-9: 1.0 / 256, 255.996: 65535.0 / 256, 1000: 65535.0 / 256,
	} {
		tmpl.Length = length
		got := face.Template{Model: "m"}
		if err := got.UnmarshalBinary(marshalled(t, tmpl)); err != nil || got.Length != want {
			t.Errorf("%v is stored as %v, want %v: %v", length, got.Length, want, err)
		}
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
		v := anyVector.Filter(func(v []float32) bool {
			_, err := face.NewTemplate("", slices.Clone(v))
			return err == nil // it is not zero
		}).Draw(t, "vector")
		model := rapid.String().Draw(t, "model")
		tmpl, err := face.NewTemplate(model, v)
		if err != nil {
			t.Fatal(err)
		}
		tmpl.Length = rapid.Float64Range(0, 300).Draw(t, "length")
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
		if (restored.Length == 0) != (tmpl.Length == 0) || tmpl.Length >= 1 && tmpl.Length < 255 && math.Abs(restored.Length-tmpl.Length) > 1.0/512 {
			t.Fatalf("the length before scaling was %v, and is %v", tmpl.Length, restored.Length)
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
	got := face.Template{Model: "n", Length: 9} // version 1 has no check value
	if err := got.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Vector, got.Vector); diff != "" || got.Model != "n" || got.Length != 0 {
		t.Error(got.Model, got.Length, diff)
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
	tmpl := axisTemplate(t, "m", 3, 4)
	for _, good := range [][]byte{marshalled(t, withoutLength(tmpl)), marshalled(t, tmpl)} {
		for i := range good {
			for bit := range 8 {
				damaged := bytes.Clone(good)
				damaged[i] ^= 1 << bit
				refuses(t, "a bit changed", "m", damaged)
			}
		}
		refuses(t, "another model's", "n", good)
		refuses(t, "no model's", "", good)
		refuses(t, "one byte less", "m", good[:len(good)-1])
		refuses(t, "one byte more", "m", append(bytes.Clone(good), 0))
	}
	long := marshalled(t, tmpl)
	long = long[:len(long)-4]
	long[len(long)-2], long[len(long)-1] = 0, 0
	refuses(t, "a length of 0", "m", checked("m", long))
	long[0] = 2
	refuses(t, "a length in version 2", "m", checked("m", long))

	good := marshalled(t, withoutLength(tmpl))
	body := good[:len(good)-4]
	change := func(f func(b []byte)) []byte {
		b := bytes.Clone(body)
		f(b)
		return checked("m", b)
	}
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
		"version 0":        change(func(b []byte) { b[0] = 0 }),
		"version 3":        change(func(b []byte) { b[0] = 3 }),
		"version 4":        change(func(b []byte) { b[0] = 4 }),
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
	ofLength := func(length float64) face.Template {
		tmpl := axisTemplate(t, "m", 3, 4)
		tmpl.Length = length
		return tmpl
	}
	for name, tmpl := range map[string]face.Template{
		"no vector": {Model: "m"}, "a short one": {Model: "m", Vector: []float32{1}}, "too long": long, "NaN": nan,
		"zero":            {Model: "m", Vector: make([]float32, face.TemplateSize)},
		"a length of NaN": ofLength(math.NaN()), "a negative length": ofLength(-1), "an infinite length": ofLength(math.Inf(1)),
	} {
		if b, err := tmpl.MarshalBinary(); err == nil || b != nil {
			t.Errorf("%s is marshalled", name)
		}
	}
}

// TemplateSizeAt finds the end of a template.
func TestTemplateSizeAt(t *testing.T) {
	tmpl := axisTemplate(t, "m", 3, 4)
	for _, b := range [][]byte{marshalled(t, tmpl), marshalled(t, withoutLength(tmpl)), version1(tmpl.Vector)} {
		if n := face.TemplateSizeAt(append(bytes.Clone(b), "more"...)); n != len(b) {
			t.Errorf("version %d is %d bytes, not %d", b[0], n, len(b))
		}
	}
	for _, b := range [][]byte{nil, {0}, {4}, {255, 2}} {
		if n := face.TemplateSizeAt(b); n != 0 {
			t.Errorf("%v begins a template of %d bytes", b, n)
		}
	}
}

// FuzzUnmarshalTemplate: every accepted template is a unit vector, and one of
// version 2 or 3 is marshalled to the same bytes. The bytes are also tried with a
// correct check value.
func FuzzUnmarshalTemplate(f *testing.F) {
	tmpl := axisTemplate(f, "m", 3, 4)
	f.Add("m", marshalled(f, tmpl))
	f.Add("m", marshalled(f, withoutLength(tmpl)))
	f.Add("m", version1(tmpl.Vector))
	f.Add("", []byte{2})
	f.Fuzz(func(t *testing.T, model string, b []byte) {
		tries := [][]byte{b}
		if n := face.TemplateSizeAt(b) - 4; n > 0 && len(b) >= n {
			tries = append(tries, checked(model, b[:n]))
		}
		for _, b := range tries {
			tmpl := face.Template{Model: model}
			if err := tmpl.UnmarshalBinary(b); err != nil {
				continue
			}
			if cosine, err := tmpl.Cosine(tmpl); err != nil || math.Abs(cosine-1) > 1e-3 {
				t.Fatalf("compared with itself: %v, %v", cosine, err)
			}
			if (tmpl.Length > 0) != (b[0] == 3) {
				t.Fatalf("version %d has a length of %v", b[0], tmpl.Length)
			}
			again, err := tmpl.MarshalBinary()
			if err != nil || b[0] > 1 && !bytes.Equal(b, again) {
				t.Fatalf("marshalled again: %v", err)
			}
		}
	})
}
