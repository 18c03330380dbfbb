package face_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/face"
)

func TestSignatureBinary(t *testing.T) {
	s := face.Signature{File: [32]byte{1, 31: 2}, Look: [4]uint64{3, 4, 5, 6}, Sketch: [2]uint64{7, 8}}
	b, err := s.MarshalBinary()
	if err != nil || len(b) != face.SignatureSize {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	var got face.Signature
	if err := got.UnmarshalBinary(b); err != nil || got != s {
		t.Errorf("it comes back as another one: %v", err)
	}
	for i := range b {
		var changed face.Signature
		b[i] ^= 1
		if err := changed.UnmarshalBinary(b); err == nil && changed == s {
			t.Errorf("byte %d is not read", i)
		}
		b[i] ^= 1
	}
	for _, bad := range [][]byte{nil, b[1:], append(b, 0)} {
		if err := got.UnmarshalBinary(bad); err == nil {
			t.Errorf("%d bytes are read as a signature", len(bad))
		}
	}
	if text := fmt.Sprintf("%v %+v %#v %x %d", s, s, s, s, s); strings.ContainsAny(text, "0123456789") {
		t.Errorf("formatted as %s", text)
	}
}

func TestNear(t *testing.T) {
	a := face.Signature{File: [32]byte{1}}
	low := func(n int) uint64 { return 1<<n - 1 }
	for _, tt := range []struct {
		about string
		b     face.Signature
		want  bool
	}{
		{"the same file, whatever else", face.Signature{File: a.File, Look: [4]uint64{math.MaxUint64}}, true},
		{"alike", face.Signature{File: [32]byte{2}}, true},
		{"at both limits", face.Signature{File: [32]byte{2}, Look: [4]uint64{3: low(18)}, Sketch: [2]uint64{low(9), low(9)}}, true},
		{"over the hash's", face.Signature{File: [32]byte{2}, Look: [4]uint64{low(9), 0, 0, low(10)}}, false},
		{"over the sketch's", face.Signature{File: [32]byte{2}, Sketch: [2]uint64{low(9), low(10)}}, false},
		{"nothing is known", face.Signature{}, false},
	} {
		if a.Near(tt.b, nil) != tt.want || tt.b.Near(a, nil) != tt.want {
			t.Errorf("%s: not %v", tt.about, tt.want)
		}
	}
	if (face.Signature{}).Near(face.Signature{}, nil) || (face.Signature{}).Identical(face.Signature{}) {
		t.Error("what is not known is taken for the same")
	}
}

// TestSketch: the share of differing bits is the angle divided by π.
func TestSketch(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // must be reproducible
	direction := func() []float32 {
		v := make([]float32, face.TemplateSize)
		for i := range v {
			v[i] = float32(random.NormFloat64())
		}
		return v
	}
	for _, angle := range []float64{0.1, 0.3, 0.7, 1.2, math.Pi / 2} {
		const rounds = 200
		total := 0
		for range rounds {
			a, b := direction(), direction()
			var dot, norm float64
			for i := range a {
				dot += float64(a[i]) * float64(b[i])
				norm += float64(a[i]) * float64(a[i])
			}
			for i := range b { // perpendicular to a, and of the same length
				b[i] -= float32(dot/norm) * a[i]
			}
			var other float64
			for i := range b {
				other += float64(b[i]) * float64(b[i])
			}
			turned := make([]float32, len(a))
			for i := range a {
				turned[i] = float32(math.Cos(angle))*a[i] + float32(math.Sin(angle)*math.Sqrt(norm/other))*b[i]
			}
			total += face.SketchBitsApart(t, a, turned)
		}
		got, want := float64(total)/rounds/128, angle/math.Pi
		if math.Abs(got-want) > 0.01 {
			t.Errorf("at an angle of %g %.3f of the bits differ, want %.3f", angle, got, want)
		}
	}
}

// A photograph has the same signature for every use, so that a probe that is the
// enrolled photograph can be recognised.
func TestSignatureOfEveryUse(t *testing.T) {
	e := newEngine(t)
	photo := encodePNG(t, face.DrawFirst(320))
	var signatures []face.Signature
	for _, use := range []face.Use{face.ForProbe, face.ForReference, face.ForLiveProbe} {
		x, err := e.Extract(t.Context(), photo, use)
		if err != nil || x.Finding != face.OneFace {
			t.Fatal(x.Finding, err)
		}
		signatures = append(signatures, x.Signature)
	}
	if signatures[0] != signatures[1] || signatures[0] != signatures[2] || signatures[0].File == [32]byte{} {
		t.Error("the signature depends on the use")
	}
	x, err := e.Extract(t.Context(), encodePNG(t, face.DrawSecond(320)), face.ForProbe)
	if err != nil || x.Signature.Near(signatures[0], x.Aligned) {
		t.Errorf("two drawings are taken for one (%v)", err)
	}
}
