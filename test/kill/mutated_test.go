package kill_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
)

// mutationSeed is what the mutations follow from: MUTATION_SEED, if it is
// set, so that a failure can be had again and other images can be tried.
func mutationSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(20261123)
	if v := os.Getenv("MUTATION_SEED"); v != "" {
		var err error
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatalf("MUTATION_SEED: %v", err)
		}
	}
	t.Logf("MUTATION_SEED=%d", seed)
	return seed
}

// mutations are what is done to an image; other is another one.
var mutations = []func(random *rand.Rand, b, other []byte) []byte{
	func(random *rand.Rand, b, _ []byte) []byte { // some bits anywhere
		for range 1 + random.IntN(20) {
			b[random.IntN(len(b))] ^= 1 << random.IntN(8)
		}
		return b
	},
	func(random *rand.Rand, b, _ []byte) []byte { // some bits in the header, where they tell
		for range 1 + random.IntN(5) {
			b[2+random.IntN(600)] ^= 1 << random.IntN(8)
		}
		return b
	},
	func(random *rand.Rand, b, _ []byte) []byte { // cut short
		return b[:1+random.IntN(len(b))]
	},
	func(random *rand.Rand, b, other []byte) []byte { // one's header on another's body
		at := 2 + random.IntN(600)
		return append(b[:at:at], other[at:]...)
	},
	func(random *rand.Rand, b, _ []byte) []byte { // a piece taken out
		from := random.IntN(len(b))
		return slices.Delete(b, from, min(len(b), from+1+random.IntN(2000)))
	},
	func(random *rand.Rand, b, _ []byte) []byte { // bytes overwritten, the first ones too
		from := random.IntN(len(b) / 2)
		if random.IntN(2) == 0 {
			from = 0
		}
		for i := range 1 + random.IntN(64) {
			b[from+i] = byte(random.Uint32())
		}
		return b
	},
	swapped, resized,
}

// mutated is one of the images with something done to it.
func mutated(random *rand.Rand, images [][]byte) []byte {
	b, other := bytes.Clone(images[random.IntN(len(images))]), images[random.IntN(len(images))]
	return mutations[random.IntN(len(mutations))](random, b, other)
}

// swapped exchanges, duplicates or removes segments of a JPEG or chunks of a
// PNG, each of them whole, one to three times; some are another image's.
func swapped(random *rand.Rand, b, other []byte) []byte {
	parts, others := segments(b), segments(other)
	for range 1 + random.IntN(3) {
		// The first is what tells a JPEG or PNG, and stays.
		i, j := 1+random.IntN(len(parts)-1), 1+random.IntN(len(parts)-1)
		switch random.IntN(4) {
		case 0:
			parts[i], parts[j] = parts[j], parts[i]
		case 1:
			parts = slices.Insert(parts, i, parts[j])
		case 2:
			if len(parts) > 2 {
				parts = slices.Delete(parts, i, i+1)
			}
		case 3:
			parts[i] = others[1+random.IntN(len(others)-1)]
		}
	}
	return slices.Concat(parts...)
}

const pngSignature = "\x89PNG\r\n\x1a\n"

// segments cuts an image in its parts: a JPEG in its start, its marker segments
// and, from the first scan on, the rest (ITU-T T.81, B.1.1), a PNG in its
// signature and its chunks.
func segments(b []byte) (parts [][]byte) {
	cut := func(n int) {
		parts = append(parts, b[:n:n])
		b = b[n:]
	}
	if bytes.HasPrefix(b, []byte(pngSignature)) {
		cut(len(pngSignature))
		for len(b) > 0 {
			cut(12 + int(binary.BigEndian.Uint32(b)))
		}
		return parts
	}
	cut(2)
	for b[1] != 0xda {
		cut(2 + int(binary.BigEndian.Uint16(b[2:])))
	}
	cut(len(b))
	return parts
}

// resized writes other sizes in a JPEG's frame header or in a PNG's: nothing,
// a little more or less, the two exchanged, the most, or anything. The image's
// own content is then too much or too little.
func resized(random *rand.Rand, b, _ []byte) []byte {
	size := func(was, instead, most uint32) uint32 {
		switch random.IntN(7) {
		case 0:
			return 0
		case 1:
			return 1
		case 2:
			return was + random.Uint32N(17) - 8
		case 3:
			return instead
		case 4:
			return most
		case 5:
			return random.Uint32N(8000)
		default:
			return random.Uint32() & most
		}
	}
	if bytes.HasPrefix(b, []byte(pngSignature)) {
		header := b[len(pngSignature)+4:] // IHDR, which comes first
		w, h := binary.BigEndian.Uint32(header[4:]), binary.BigEndian.Uint32(header[8:])
		binary.BigEndian.PutUint32(header[4:], size(w, h, 1<<32-1))
		binary.BigEndian.PutUint32(header[8:], size(h, w, 1<<32-1))
		if random.IntN(4) > 0 { // with the wrong sum nothing looks at the size
			binary.BigEndian.PutUint32(header[17:], crc32.ChecksumIEEE(header[:17]))
		}
		return b
	}
	frame := frameHeader(b)
	h, w := uint32(binary.BigEndian.Uint16(frame[5:])), uint32(binary.BigEndian.Uint16(frame[7:]))
	binary.BigEndian.PutUint16(frame[5:], uint16(size(h, w, 1<<16-1)))
	binary.BigEndian.PutUint16(frame[7:], uint16(size(w, h, 1<<16-1)))
	return b
}

// frameHeader is a JPEG from its frame header on, SOF0 or SOF2 (ITU-T T.81,
// B.2.2): after 5 bytes come its height and width, of 2 bytes each. nil if it
// has none.
func frameHeader(b []byte) []byte {
	at := 0
	for _, s := range segments(b) {
		if s[1] == 0xc0 || s[1] == 0xc2 {
			return b[at:]
		}
		at += len(s)
	}
	return nil
}

// Each mutation does what it says, and the same seed the same.
func TestMutations(t *testing.T) {
	program(t) // skips where nothing is built
	photo := readFile(t, photosDir+"/ayu-selfie.jpg")
	for name, image := range map[string][]byte{"JPEG": photo, "PNG": photographAsPNG(t, photo)} {
		if parts := segments(image); len(parts) < 4 || !bytes.Equal(slices.Concat(parts...), image) {
			t.Errorf("%s: %d parts are not the whole", name, len(parts))
		}
		for i := range mutations {
			differ := 0
			for n := range uint64(20) {
				one := mutations[i](rand.New(rand.NewPCG(n, 0)), bytes.Clone(image), image)
				two := mutations[i](rand.New(rand.NewPCG(n, 0)), bytes.Clone(image), image)
				if !bytes.Equal(one, two) {
					t.Errorf("%s, mutation %d: the same seed makes two images", name, i)
				}
				if !bytes.Equal(one, image) {
					differ++
				}
			}
			// Its own header on its own body changes nothing.
			if same := i == 3; (differ == 0) != same {
				t.Errorf("%s, mutation %d: %d of 20 are changed", name, i, differ)
			}
		}
	}
}
