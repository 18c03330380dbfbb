package evaluation

import "github.com/sesuai/sesuai/internal/face"

// vector is a template's vector, of a fixed size so that loops need no bounds
// checks.
type vector = [face.TemplateSize]float32

// dot returns the cosine of two unit vectors. dot and dots add in the same order,
// so that both give the same score. The conversions keep the compiler from fusing
// multiplication and addition on processors that can.
func dot(a, b *vector) float32 {
	var sum float32
	for k := range a {
		sum += float32(a[k] * b[k])
	}
	return bounded(sum)
}

// dots is dot of four vectors with two. It is faster: each component that is
// loaded is used more than once, and the eight sums do not depend on each other.
func dots(a *[4]*vector, b *[2]*vector, out *[4][2]float32) {
	a0, a1, a2, a3, b0, b1 := a[0], a[1], a[2], a[3], b[0], b[1]
	var s00, s01, s10, s11, s20, s21, s30, s31 float32
	for k := range a0 {
		x, y := b0[k], b1[k]
		v := a0[k]
		s00 += float32(v * x)
		s01 += float32(v * y)
		v = a1[k]
		s10 += float32(v * x)
		s11 += float32(v * y)
		v = a2[k]
		s20 += float32(v * x)
		s21 += float32(v * y)
		v = a3[k]
		s30 += float32(v * x)
		s31 += float32(v * y)
	}
	*out = [4][2]float32{
		{bounded(s00), bounded(s01)},
		{bounded(s10), bounded(s11)},
		{bounded(s20), bounded(s21)},
		{bounded(s30), bounded(s31)},
	}
}

func bounded(cosine float32) float32 { return min(max(cosine, -1), 1) }
