// Package facetest makes JPEG and PNG files of every kind that is read, for tests
// and benchmarks: those that encoders write, and those whose header promises far
// more work than their size suggests. It knows nothing of the decoders.
package facetest

import (
	"compress/zlib"
	"fmt"
	"math/rand/v2"
	"slices"
)

// File is a made file and what it is.
type File struct {
	Name string
	// Make returns the content. It takes up to a second.
	Make func() []byte
}

// MaxBytes is the greatest size of the files of Hostile: that of a request.
const MaxBytes = 10 << 20

// ScansAndStrayByte is a progressive JPEG of 40 megapixels and 100 scans, with one
// byte before its end that belongs to nothing.
func ScansAndStrayByte() []byte {
	j := JPEG{Width: 8000, Height: 5000, Progressive: true, Sampling: grey, AC: 0xe0, Stray: []byte{0x55}}
	j.Scans = []Scan{{Components: []int{0}}}
	for len(j.Scans) < 100 {
		j.Scans = append(j.Scans, Scan{Components: []int{0}, From: 1, To: 63, High: 1})
	}
	return j.Encode()
}

// OneBit is a PNG of 40 megapixels with one bit per pixel.
func OneBit() []byte {
	return PNG{Width: 8000, Height: 5000, Depth: 1, Level: zlib.BestCompression}.Encode()
}

var (
	grey      = [][2]int{{1, 1}}
	samplings = [][][2]int{
		grey,
		{{1, 1}, {1, 1}, {1, 1}},
		{{2, 1}, {1, 1}, {1, 1}},
		{{2, 2}, {1, 1}, {1, 1}},
		{{1, 2}, {1, 1}, {1, 1}},
		{{4, 1}, {1, 1}, {1, 1}},
		{{4, 2}, {1, 1}, {1, 1}},
		{{1, 1}, {1, 1}, {1, 1}, {1, 1}},
		{{2, 2}, {1, 1}, {1, 1}, {2, 2}},
	}
)

// Hostile returns n descriptions from a search over the fields of headers, the
// same for the same seed: sizes, sampling, scans, restart intervals, depths,
// interlace, segments, chunks, content and what follows the end.
func Hostile(seed uint64, n int) []File {
	files := make([]File, 0, n)
	for i := range n {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		if i%3 == 2 {
			files = append(files, hostilePNG(rng))
		} else {
			files = append(files, hostileJPEG(rng))
		}
	}
	return files
}

// pick returns one of the choices.
func pick[T any](rng *rand.Rand, choices ...T) T { return choices[rng.IntN(len(choices))] }

// sized returns a width and a height with about that many megapixels.
func sized(rng *rand.Rand, megapixels float64) (w, h int) {
	ratio := pick(rng, 1.0, 4.0/3, 0.75, 0.5, 3, 30)
	for h = 1; float64(h)*float64(h)*ratio < megapixels*1e6; h++ {
	}
	return min(int(float64(h)*ratio), 65_500), h
}

func hostileJPEG(rng *rand.Rand) File {
	j := JPEG{Sampling: pick(rng, samplings...), Progressive: rng.IntN(3) > 0, MaxBytes: MaxBytes}
	megapixels := pick(rng, 1.0, 4, 8, 12, 16, 20, 24, 32, 40, 48, 50)
	j.Restart = pick(rng, 0, 0, 0, 1, 7, 1000)
	about := ""
	if rng.IntN(2) == 0 {
		about, megapixels = ", noise", min(megapixels, 4) // more would not fit
		j.Content = noise(1<<rng.IntN(6), 1+rng.IntN(63))
		j.AC = 0x01
	}
	j.Width, j.Height = sized(rng, megapixels)
	switch {
	case j.Progressive:
		j.Scans = progressiveScans(rng, len(j.Sampling))
		if about == "" {
			j.AC = 0xe0
		}
	case rng.IntN(2) == 0: // each component on its own, several times
		for range 1 + rng.IntN(12) {
			j.Scans = append(j.Scans, Scan{Components: []int{rng.IntN(len(j.Sampling))}})
		}
	}
	if rng.IntN(4) == 0 {
		j.Stray, about = []byte{0x55}, about+", stray byte"
	}
	if rng.IntN(6) == 0 {
		n := pick(rng, 100, 9_000, 500_000)
		j.Before, about = slices.Repeat(Segment(0xe5, nil), n), fmt.Sprintf("%s, %d segments", about, n)
	}
	if len(j.Sampling) == 4 || rng.IntN(8) == 0 {
		j.AfterFrame, about = Segment(0xee, append([]byte("Adobe\x00\x64\x00\x00\x00\x00"), 0)), about+", Adobe"
	}
	if rng.IntN(8) == 0 {
		j.Trailer, about = make([]byte, 4<<20), about+", trailer"
	}
	kind := "baseline"
	if j.Progressive {
		kind = "progressive"
	}
	name := fmt.Sprintf("%s JPEG, %d×%d, sampling %v, %d scans, restart %d%s", kind, j.Width, j.Height, j.Sampling, max(len(j.Scans), 1), j.Restart, about)
	return File{name, func() []byte { return capped(j.Encode()) }}
}

// capped cuts off what a request cannot hold.
func capped(file []byte) []byte { return file[:min(len(file), MaxBytes)] }

// progressiveScans returns the first bits of frequency 0, and then any scans.
func progressiveScans(rng *rand.Rand, components int) []Scan {
	all := make([]int, components)
	for i := range all {
		all[i] = i
	}
	low := rng.IntN(3)
	scans := []Scan{{Components: all, Low: low}}
	sent := make([]bool, components)
	for range pick(rng, 0, 1, 3, 9, 20, 63, 99) {
		s := Scan{Components: []int{rng.IntN(components)}, From: 1 + rng.IntN(10)}
		s.To = pick(rng, s.From, s.From+rng.IntN(64-s.From), 63)
		switch c := s.Components[0]; {
		case rng.IntN(8) == 0:
			s = Scan{Components: all, High: low + 1, Low: low}
		case sent[c] && rng.IntN(4) > 0:
			s.High = 1
		default:
			s.Low, sent[c] = 1, true
		}
		scans = append(scans, s)
	}
	return scans
}

// noise sets the first coefficients of every nth block.
func noise(every, coefficients int) func(component, column, row int, b *Block) {
	return func(_, column, row int, b *Block) {
		if column%every != 0 {
			return
		}
		for k := 1; k <= coefficients; k++ {
			b[k] = 1 + (column*7+row*13+k*5)&3
		}
	}
}

func hostilePNG(rng *rand.Rand) File {
	kind := pick(rng, [][2]int{
		{1, 0}, {2, 0}, {4, 0}, {8, 0}, {16, 0}, {8, 2}, {16, 2}, {1, 3}, {2, 3}, {4, 3}, {8, 3}, {8, 4}, {16, 4}, {8, 6}, {16, 6},
	}...)
	p := PNG{Depth: kind[0], Colour: kind[1], Interlaced: rng.IntN(3) == 0, Filter: byte(rng.IntN(5))}
	// Over 64 MB of raw bytes a file only takes longer to make.
	largest := 64 / (float64(kind[0]*map[int]int{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind[1]]) / 8)
	p.Width, p.Height = sized(rng, min(pick(rng, 1.0, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 40), largest))
	p.Transparent = p.Colour < 4 && rng.IntN(3) == 0
	p.Level = pick(rng, zlib.HuffmanOnly, zlib.BestSpeed, zlib.BestCompression)
	p.Alphabet = pick(rng, 0, 2, 3, 16)
	p.Chunks = pick(rng, 0, 0, 0, 5_000, 500_000)
	p.Piece = pick(rng, 0, 0, 8192, 512, 64)
	if rng.IntN(8) == 0 {
		p.Trailer = make([]byte, 1<<20)
	}
	name := fmt.Sprintf("PNG, %d×%d, colour type %d of %d bits, interlaced %t, transparent %t, filter %d, level %d, alphabet %d, %d chunks, pieces of %d",
		p.Width, p.Height, p.Colour, p.Depth, p.Interlaced, p.Transparent, p.Filter, p.Level, p.Alphabet, p.Chunks, p.Piece)
	return File{name, func() []byte { return capped(p.Encode()) }}
}
