package face

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
)

// Signature is what a photograph is known again by, when it is sent a second
// time or has been re-encoded, resized or cropped in between. It says little
// about the face and nothing else about the photograph, but it is made of
// biometric data: formatting it shows nothing.
type Signature struct {
	// File is the SHA-256 of the photograph's bytes.
	File [32]byte
	// Look is a perceptual hash of the aligned face: 256 bits, of which few
	// change when the photograph is re-encoded. See lookOf.
	Look [4]uint64
	// Sketch is 128 bits of the template: see sketchOf. The templates of two
	// models have nothing to do with each other, and neither have sketches.
	Sketch [2]uint64
}

// The limits of Near: how many bits of the hash and of the sketch may differ.
// docs/decisions/replay.md has the measurements that they are from.
const (
	nearLook   = 18
	nearSketch = 18
)

// Identical reports whether both are of the same file.
func (s Signature) Identical(t Signature) bool { return s.File == t.File && s.File != [32]byte{} }

// Near reports whether both are of one photograph: of the same file, or of
// faces that neither the hash nor the sketch tells apart. Two photographs that
// were taken one after the other differ in more.
func (s Signature) Near(t Signature) bool {
	if s.File == [32]byte{} || t.File == [32]byte{} {
		return false // nothing was measured
	}
	look, sketch := s.apart(t)
	return s.Identical(t) || look <= nearLook && sketch <= nearSketch
}

// apart is how many bits of the hash and of the sketch differ.
func (s Signature) apart(t Signature) (look, sketch int) {
	for i := range s.Look {
		look += bits.OnesCount64(s.Look[i] ^ t.Look[i])
	}
	for i := range s.Sketch {
		sketch += bits.OnesCount64(s.Sketch[i] ^ t.Sketch[i])
	}
	return look, sketch
}

// Format implements fmt.Formatter and hides everything.
func (Signature) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[signature]") }

// SignatureSize is the size of a marshalled signature, in bytes.
const SignatureSize = 1 + 32 + 8*(4+2)

// signatureVersion is the first byte of a marshalled signature: which hash and
// which sketch it is of.
const signatureVersion = 1

// MarshalBinary writes a version byte, the digest, the hash and the sketch.
func (s Signature) MarshalBinary() ([]byte, error) {
	b := append(make([]byte, 0, SignatureSize), signatureVersion)
	b = append(b, s.File[:]...)
	for _, word := range slices.Concat(s.Look[:], s.Sketch[:]) {
		b = binary.BigEndian.AppendUint64(b, word)
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary wrote.
func (s *Signature) UnmarshalBinary(b []byte) error {
	if len(b) != SignatureSize || b[0] != signatureVersion {
		return errors.New("face: not a signature of this version")
	}
	b = b[1+copy(s.File[:], b[1:]):]
	for _, words := range [][]uint64{s.Look[:], s.Sketch[:]} {
		for i := range words {
			words[i] = binary.BigEndian.Uint64(b)
			b = b[8:]
		}
	}
	return nil
}

const (
	// lookGrid is the side that the aligned face is averaged down to before
	// the transform: 2 by 2 pixels fall on one.
	lookGrid = alignedSize / 2
	// lookReach is how many frequencies along a side the hash looks at: the
	// 256 lowest of the plane lie within.
	lookReach = 20
)

// lookOf is the perceptual hash of an aligned face of alignedSize, given by
// its red, green and blue: the signs of its 256 lowest spatial frequencies
// without the mean, by a discrete cosine transform of the grey face. The finest
// of them has a period of an eighth of the face. Brightness and contrast change
// none of these bits, and what compression takes away is finer.
func lookOf(face raster) (look [4]uint64) {
	var small [lookGrid][lookGrid]float64
	for y := range alignedSize {
		for x := range alignedSize {
			i := y*alignedSize + x
			// Luma as of ITU-R BT.601.
			small[y/2][x/2] += 0.299*float64(face.planes[0][i]) +
				0.587*float64(face.planes[1][i]) + 0.114*float64(face.planes[2][i])
		}
	}
	wave := lookWaves()
	var rows [lookReach][lookGrid]float64 // by the frequency across, then y
	for y := range small {
		for k := range rows {
			var sum float64
			for x, v := range small[y] {
				sum += v * wave[k][x]
			}
			rows[k][y] = sum
		}
	}
	for i, f := range lookFrequencies() {
		var sum float64
		for y, v := range rows[f.across] {
			sum += v * wave[f.down][y]
		}
		if sum > 0 {
			look[i/64] |= 1 << (i % 64)
		}
	}
	return look
}

// lookWaves are the cosines of the transform (DCT-II), by frequency.
var lookWaves = sync.OnceValue(func() (wave [lookReach][lookGrid]float64) {
	for k := range wave {
		for i := range wave[k] {
			wave[k][i] = math.Cos(math.Pi * float64(k) * (float64(i) + 0.5) / lookGrid)
		}
	}
	return wave
})

// frequency is one of the plane: how many half periods across and down.
type frequency struct{ across, down int }

// lookFrequencies are those of the hash, lowest first.
var lookFrequencies = sync.OnceValue(func() []frequency {
	var all []frequency
	for down := range lookReach {
		for across := range lookReach {
			if across+down > 0 {
				all = append(all, frequency{across, down})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b frequency) int {
		return cmp.Compare(a.across*a.across+a.down*a.down, b.across*b.across+b.down*b.down)
	})
	return all[:256]
})

// sketchOf is on which side of 128 fixed random planes a template lies. The
// share of bits in which two sketches differ is expected to be the angle
// between the templates divided by π (Charikar 2002), so a score of 0.95 is
// about 13 bits, one of 0.5 about 43. The planes' normals have components of
// +1 or −1, which in 512 dimensions is as good as any direction.
func sketchOf(t Template) (sketch [2]uint64) {
	planes := sketchPlanes()
	for i := range planes {
		var dot float32
		for j, x := range t.Vector {
			// The sign by its bit, since no branch could be foretold.
			minus := uint32(planes[i][j/64]>>(j%64)&1^1) << 31
			dot += math.Float32frombits(math.Float32bits(x) ^ minus)
		}
		if dot > 0 {
			sketch[i/64] |= 1 << (i % 64)
		}
	}
	return sketch
}

// sketchPlanes are the signs of the normals, a bit each. They are part of what
// is stored: other planes are another signatureVersion.
var sketchPlanes = sync.OnceValue(func() (planes [128][TemplateSize / 64]uint64) {
	random := rand.NewPCG(0x5e5a, 0x0a1) // the same every time is the point
	for i := range planes {
		for j := range planes[i] {
			planes[i][j] = random.Uint64()
		}
	}
	return planes
})
