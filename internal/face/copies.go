package face

import (
	"fmt"
	"io"
	"math"
	"math/bits"
	"sync"
)

// Aligned is the aligned face of a photograph in grey, with a margin. It
// recognises the photographs that it is an edited copy of by their signatures.
// It lasts as long as its request: it is not stored, and no formatter prints it.
// It is safe for concurrent use.
type Aligned struct {
	// look is the hash of the face: see lookOf.
	look   [4]uint64
	pixels [marginGrid * marginGrid]float32
	models func() []*lookModel
}

// Format implements fmt.Formatter and hides the face.
func (*Aligned) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[aligned face]") }

const (
	// margin is how many cells of the hash's grid Aligned has on each side
	// beyond the aligned face.
	margin     = 4
	marginGrid = lookGrid + 2*margin
)

// The limits for an edited copy. docs/decisions/replay.md has the measurements
// behind them.
const (
	// copyLook and copySketch are how many bits of the hash and of the sketch
	// may differ before the face is fitted. They save time.
	copyLook   = 90
	copySketch = 40
	// copyRefine is the mismatch from which a fit is not refined. It is refined
	// at most refinements times.
	copyRefine  = 0.1
	refinements = 3
	// copyMismatch is the greatest mismatch of a copy.
	copyMismatch = 0.0018
)

// alignedFace draws the face with these landmarks and its margin. It is nil if the
// landmarks do not form a face.
func (w *worker) alignedFace(p *Photo, l *landmarks, look [4]uint64) *Aligned {
	five := l.five()
	back, ok := similarityBetween(arcFacePoints[:], five[:])
	if !ok {
		return nil
	}
	// A cell is two pixels of the aligned face. The centre of the first one
	// inside the margin is between the pixels 0 and 1.
	const first = 0.5 - 2*margin
	cells := similarity{2 * back.a, 2 * back.b, back.tx, back.ty}
	corner := back.apply(Point{first, first})
	cells.tx, cells.ty = corner.X, corner.Y
	src, box := w.source(p, cells, marginGrid)
	sx, sy := float64(src.width)/box.Width(), float64(src.height)/box.Height()
	a := newAligned(look, math.Atan2(back.b, back.a))
	for y := range marginGrid {
		for x := range marginGrid {
			from := cells.apply(Point{float64(x), float64(y)})
			red, green, blue := src.at((from.X+0.5-box.X0)*sx-0.5, (from.Y+0.5-box.Y0)*sy-0.5)
			a.pixels[y*marginGrid+x] = 0.299*red + 0.587*green + 0.114*blue
		}
	}
	return a
}

// newAligned returns a face without pixels. angle is by how much it is turned in
// the photograph, along whose sides the photograph may have been squeezed.
func newAligned(look [4]uint64, angle float64) *Aligned {
	a := &Aligned{look: look}
	a.models = sync.OnceValue(func() (models []*lookModel) {
		sin, cos := math.Sincos(2 * angle)
		for _, by := range []float64{0, -squeezed, squeezed} {
			models = append(models, a.model(warp{1: by * cos, 2: -by * sin, 4: -by * sin, 5: -by * cos}))
		}
		return models
	})
	return a
}

// squeezed is by how many pixels the edges of the aligned face are moved in the
// models for copies of another aspect ratio.
const squeezed = 3.5

// shows reports whether the face is that of a photograph with this hash, from
// which the photograph may have been cropped, scaled, squeezed, turned, mirrored,
// brightened and compressed.
//
// The landmarks of such a copy are slightly different ones, and align it slightly
// differently. So the face is fitted to the hash: moved, turned, scaled and sheared
// until as few frequencies as possible have the wrong sign. Of a copy, what is left
// are frequencies with nearly no amplitude. Their share of all amplitudes is the
// mismatch.
func (a *Aligned) shows(look [4]uint64) bool {
	for _, hash := range [2][4]uint64{look, mirroredLook(look)} {
		if bitsApart(a.look[:], hash[:]) > copyLook {
			continue
		}
		best := fit{mismatch: math.Inf(1)}
		for _, m := range a.models() {
			if f := m.fit(hash, 100, 256, 256); f.mismatch < best.mismatch {
				best = f
			}
		}
		for n := 0; n < refinements && best.mismatch > copyMismatch && best.mismatch < copyRefine; n++ {
			best = a.model(best.at).fit(hash, 256, 256, 256)
		}
		if best.mismatch <= copyMismatch {
			return true
		}
	}
	return false
}

func bitsApart(a, b []uint64) (n int) {
	for i := range a {
		n += bits.OnesCount64(a[i] ^ b[i])
	}
	return n
}

// mirroredLook returns the hash of the mirrored face: every wave with an odd
// number of half periods across has the opposite sign.
func mirroredLook(look [4]uint64) [4]uint64 {
	for i, f := range lookFrequencies() {
		if f.across%2 == 1 {
			look[i/64] ^= 1 << (i % 64)
		}
	}
	return look
}

// warp says where a pixel (u, v) of the warped face is found in the face: it is
// moved right by w[0]+w[1]·u+w[2]·v pixels of the aligned face, and down by
// w[3]+w[4]·u+w[5]·v. u and v are −1 at the left and top edges of the face, and 1
// at the opposite ones.
type warp [6]float64

// maxWarp bounds each component of a warp, in pixels of the aligned face.
const maxWarp = 8

// spectrum holds an amplitude for each frequency of the hash, lowest first.
type spectrum [256]float32

// lookModel is the spectrum of a warped face, and how it changes with the warp.
// The amplitudes are multiplied by their frequencies, since those of photographs
// fall with the frequency. Their mean square is 1.
type lookModel struct {
	at        warp
	amplitude spectrum
	change    [6]spectrum // by a pixel of each component of the warp
}

// facePlane is a face on the hash's grid.
type facePlane [lookGrid][lookGrid]float32

// warped returns the warped face.
func (a *Aligned) warped(at warp) *facePlane {
	var p facePlane
	edge := faceEdges()
	for y := range p {
		for x := range p[y] {
			u, v := float64(edge[x]), float64(edge[y])
			fx := float64(x+margin) + (at[0]+at[1]*u+at[2]*v)/2
			fy := float64(y+margin) + (at[3]+at[4]*u+at[5]*v)/2
			x0 := min(max(int(fx), 0), marginGrid-2)
			y0 := min(max(int(fy), 0), marginGrid-2)
			wx := float32(min(max(fx-float64(x0), 0), 1))
			wy := float32(min(max(fy-float64(y0), 0), 1))
			i := y0*marginGrid + x0
			p[y][x] = (1-wy)*((1-wx)*a.pixels[i]+wx*a.pixels[i+1]) +
				wy*((1-wx)*a.pixels[i+marginGrid]+wx*a.pixels[i+marginGrid+1])
		}
	}
	return &p
}

// faceEdges holds u of each column of the grid, which is v of each row.
var faceEdges = sync.OnceValue(func() (edge [lookGrid]float32) {
	for i := range edge {
		edge[i] = (float32(i)+0.5)/lookGrid*2 - 1
	}
	return edge
})

// model returns the model of the face at a warp.
func (a *Aligned) model(at warp) *lookModel {
	p := a.warped(at)
	// The slopes across and down, by a pixel of the aligned face, which is half
	// a cell; and both multiplied by u.
	var slope, slopeU [2]facePlane
	edge := faceEdges()
	for y := range p {
		up, down := max(y-1, 0), min(y+1, lookGrid-1)
		for x := range p[y] {
			left, right := max(x-1, 0), min(x+1, lookGrid-1)
			slope[0][y][x] = (p[y][right] - p[y][left]) / float32(2*(right-left))
			slope[1][y][x] = (p[down][x] - p[up][x]) / float32(2*(down-up))
			for i := range slope {
				slopeU[i][y][x] = slope[i][y][x] * edge[x]
			}
		}
	}
	m := &lookModel{at: at, amplitude: p.rows().spectrum()}
	for i := range slope {
		rows := slope[i].rows()
		m.change[3*i] = rows.spectrum()
		m.change[3*i+1] = slopeU[i].rows().spectrum()
		for k := range rows {
			for y := range rows[k] {
				rows[k][y] *= edge[y]
			}
		}
		m.change[3*i+2] = rows.spectrum()
	}
	var square float64
	for _, c := range m.amplitude {
		square += float64(c) * float64(c)
	}
	unit := float32(1 / math.Sqrt(max(square, 1e-12)/float64(len(m.amplitude))))
	for i := range m.amplitude {
		m.amplitude[i] *= unit
		for k := range m.change {
			m.change[k][i] *= unit
		}
	}
	return m
}

// faceRows is a face whose rows are transformed: by the horizontal frequency,
// then y.
type faceRows [lookReach][lookGrid]float32

// halfWaves holds the first halves of lookWaves. The second half of a wave is the
// first one backwards, with the opposite sign if the frequency is odd.
var halfWaves = sync.OnceValue(func() *[lookReach][lookGrid / 2]float32 {
	var half [lookReach][lookGrid / 2]float32
	for k, wave := range lookWaves() {
		for i := range half[k] {
			half[k][i] = float32(wave[i])
		}
	}
	return &half
})

// frequencyLengths holds the lengths of lookFrequencies.
var frequencyLengths = sync.OnceValue(func() *spectrum {
	var length spectrum
	for i, f := range lookFrequencies() {
		length[i] = float32(math.Hypot(float64(f.across), float64(f.down)))
	}
	return &length
})

// folded returns the sums and the differences of the values at the same distance
// from the ends.
func folded(v *[lookGrid]float32) (f [2][lookGrid / 2]float32) {
	for i := range f[0] {
		a, b := v[i], v[lookGrid-1-i]
		f[0][i], f[1][i] = a+b, a-b
	}
	return f
}

func dot(a, b *[lookGrid / 2]float32) (sum float32) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

func (p *facePlane) rows() *faceRows {
	var rows faceRows
	wave := halfWaves()
	for y := range p {
		f := folded(&p[y])
		for k := range rows {
			rows[k][y] = dot(&f[k%2], &wave[k])
		}
	}
	return &rows
}

// spectrum returns the amplitudes, each multiplied by its frequency.
func (r *faceRows) spectrum() (s spectrum) {
	wave, length := halfWaves(), frequencyLengths()
	var f [lookReach][2][lookGrid / 2]float32
	for k := range r {
		f[k] = folded(&r[k])
	}
	for i, at := range lookFrequencies() {
		s[i] = dot(&f[at.across][at.down%2], &wave[at.down]) * length[i]
	}
	return s
}

// fit is a warp and its mismatch, 0 to 1.
type fit struct {
	at       warp
	mismatch float64
}

// The parameters of lookModel.fit.
const (
	// fitMargin is how far an amplitude should be on the right side.
	fitMargin = 0.3
	// fitStep bounds by how much one amplitude counts.
	fitStep = 1.0
	// fitPull keeps the warp near that of the model.
	fitPull = 0.002
	// fitReach bounds the distance from the model, in pixels of the aligned
	// face. The amplitudes do not change linearly beyond.
	fitReach = 4
)

// fit fits the model to a hash. Each round is a step of the Gauss-Newton method
// on so many of the lowest frequencies. Its errors are the distances by which
// amplitudes miss fitMargin on the side that the hash says.
func (m *lookModel) fit(look [4]uint64, rounds ...int) fit {
	var sign spectrum
	for i := range sign {
		sign[i] = -1
		if look[i/64]>>(i%64)&1 == 1 {
			sign[i] = 1
		}
	}
	var by warp
	z := m.amplitude
	for _, n := range rounds {
		var normal [6][6]float64
		var right [6]float64
		for k := range normal {
			normal[k][k] = fitPull * float64(n)
			right[k] = -fitPull * float64(n) * by[k]
		}
		for i := range n {
			missing := float64(min(fitMargin-sign[i]*z[i], fitStep))
			if missing <= 0 {
				continue
			}
			var change [6]float64
			for k := range change {
				change[k] = float64(sign[i] * m.change[k][i])
			}
			for k := range change {
				for l := k; l < len(change); l++ {
					normal[k][l] += change[k] * change[l]
				}
				right[k] += change[k] * missing
			}
		}
		step := solved(normal, right)
		for k := range by {
			by[k] = min(max(by[k]+step[k], -fitReach), fitReach)
		}
		z = m.amplitude
		for k, b := range by {
			for i := range z {
				z[i] += float32(b) * m.change[k][i]
			}
		}
	}
	var wrong, all float64
	for i := range z {
		size := math.Abs(float64(z[i]))
		all += size
		if sign[i]*z[i] < 0 {
			wrong += size
		}
	}
	f := fit{mismatch: 1}
	if all > 0 {
		f.mismatch = wrong / all
	}
	for k := range by {
		f.at[k] = min(max(m.at[k]+by[k], -maxWarp), maxWarp)
	}
	return f
}

// solved solves a system of linear equations whose matrix is symmetric and
// positive definite, by elimination. Of the matrix only the upper triangle is
// read.
func solved(a [6][6]float64, b [6]float64) (x [6]float64) {
	for i := range a {
		for j := i + 1; j < len(a); j++ {
			f := a[i][j] / a[i][i]
			for k := j; k < len(a); k++ {
				a[j][k] -= f * a[i][k]
			}
			b[j] -= f * b[i]
		}
	}
	for i := len(a) - 1; i >= 0; i-- {
		x[i] = b[i]
		for k := i + 1; k < len(a); k++ {
			x[i] -= a[i][k] * x[k]
		}
		x[i] /= a[i][i]
	}
	return x
}
