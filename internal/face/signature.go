package face

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
)

// Signature identifies a photograph, also after it has been re-encoded, resized
// or cropped. It reveals little about the face and nothing else about the
// photograph. Since it derives from biometric data, no formatter prints it.
type Signature struct {
	// File is the SHA-256 of the photograph's bytes.
	File [32]byte
	// Look is a perceptual hash of the aligned face, of 256 bits. Re-encoding
	// the photograph changes few of them. See lookOf.
	Look [4]uint64
	// Sketch is a hash of the template, of 128 bits: see sketchOf. Sketches of
	// different models cannot be compared.
	Sketch [2]uint64
}

// The limits of Near: how many bits of the hash and of the sketch may differ.
// docs/decisions/replay.md has the measurements behind them.
const (
	nearLook   = 18
	nearSketch = 18
)

// Identical reports whether both are signatures of the same file.
func (s Signature) Identical(t Signature) bool { return s.File == t.File && s.File != [32]byte{} }

// Near reports whether both are signatures of one photograph: the files are
// identical, or both the hash and the sketch are near each other, or the aligned
// face of s shows the photograph of t in an edited form. Two photographs taken
// one after the other are farther apart. a is nil if the aligned face is not
// known.
func (s Signature) Near(t Signature, a *Aligned) bool {
	if s.File == [32]byte{} || t.File == [32]byte{} {
		return false // the zero Signature
	}
	look, sketch := s.apart(t)
	return s.Identical(t) || look <= nearLook && sketch <= nearSketch ||
		a != nil && sketch <= copySketch && a.shows(t.Look)
}

// apart returns how many bits of the hash and of the sketch differ.
func (s Signature) apart(t Signature) (look, sketch int) {
	return bitsApart(s.Look[:], t.Look[:]), bitsApart(s.Sketch[:], t.Sketch[:])
}

// Format implements fmt.Formatter and hides the signature.
func (Signature) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[signature]") }

// SignatureSize is the size of a marshalled signature, in bytes.
const SignatureSize = 1 + 32 + 8*(4+2)

// signatureVersion is the first byte of a marshalled signature. It stands for the
// definitions of the hash and of the sketch.
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
	// lookGrid is the side of the aligned face before the transform, in which
	// 2×2 pixels are averaged into one.
	lookGrid = alignedSize / 2
	// lookReach is the number of frequencies along a side. They include the
	// 256 lowest of the plane.
	lookReach = 20
)

// lookOf returns the perceptual hash of an aligned face in red, green and blue:
// the signs of the 256 lowest spatial frequencies, without the mean, of the
// discrete cosine transform of the grey face. The highest of these frequencies
// has a period of an eighth of the face. Changes of brightness and contrast do
// not affect the bits. Compression removes only higher frequencies.
func lookOf(face raster) (look [4]uint64) {
	var small [lookGrid][lookGrid]float64
	for y := range alignedSize {
		for x := range alignedSize {
			i := y*alignedSize + x
			// Luma of ITU-R BT.601.
			small[y/2][x/2] += 0.299*float64(face.planes[0][i]) +
				0.587*float64(face.planes[1][i]) + 0.114*float64(face.planes[2][i])
		}
	}
	wave := lookWaves()
	var rows [lookReach][lookGrid]float64 // by the horizontal frequency, then y
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

// lookWaves holds the cosines of the transform (DCT-II), by frequency.
var lookWaves = sync.OnceValue(func() (wave [lookReach][lookGrid]float64) {
	for k := range wave {
		for i := range wave[k] {
			wave[k][i] = math.Cos(math.Pi * float64(k) * (float64(i) + 0.5) / lookGrid)
		}
	}
	return wave
})

// frequency is a frequency of the plane, in half periods across and down.
type frequency struct{ across, down int }

// lookFrequencies holds the frequencies of the hash, lowest first.
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

// sketchOf returns on which side of 128 fixed random planes a template lies. The
// expected share of bits in which two sketches differ is the angle between the
// templates divided by π (Charikar 2002): about 13 bits for a score of 0.95,
// about 43 for 0.5. The planes' normals have components of +1 or −1, which in 512
// dimensions is as good as arbitrary directions.
func sketchOf(t Template) (sketch [2]uint64) {
	planes := sketchPlanes()
	for i := range planes {
		var dot float32
		for j, x := range t.Vector {
			// It flips the sign bit, since a branch would be unpredictable.
			minus := uint32(planes[i][j/64]>>(j%64)&1^1) << 31
			dot += math.Float32frombits(math.Float32bits(x) ^ minus)
		}
		if dot > 0 {
			sketch[i/64] |= 1 << (i % 64)
		}
	}
	return sketch
}

// sketchPlanes holds the signs of the normals, one bit each. Stored sketches
// depend on them: other planes need another signatureVersion.
var sketchPlanes = sync.OnceValue(func() (planes [128][TemplateSize / 64]uint64) {
	random := rand.NewPCG(0x5e5a, 0x0a1) // must be reproducible
	for i := range planes {
		for j := range planes[i] {
			planes[i][j] = random.Uint64()
		}
	}
	return planes
})
