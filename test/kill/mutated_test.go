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

// mutationSeed returns the seed of the mutations. MUTATION_SEED overrides it, to
// repeat a failure or to try other images.
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

// mutations change an image b. other is another image.
var mutations = []func(random *rand.Rand, b, other []byte) []byte{
	func(random *rand.Rand, b, _ []byte) []byte { // some bits anywhere
		for range 1 + random.IntN(20) {
			b[random.IntN(len(b))] ^= 1 << random.IntN(8)
		}
		return b
	},
	func(random *rand.Rand, b, _ []byte) []byte { // some bits in the header, where they matter most
		for range 1 + random.IntN(5) {
			b[2+random.IntN(600)] ^= 1 << random.IntN(8)
		}
		return b
	},
	func(random *rand.Rand, b, _ []byte) []byte { // cut short
		return b[:1+random.IntN(len(b))]
	},
	func(random *rand.Rand, b, other []byte) []byte { // the header of one image with the body of the other
		at := 2 + random.IntN(600)
		return append(b[:at:at], other[at:]...)
	},
	func(random *rand.Rand, b, _ []byte) []byte { // a piece removed
		from := random.IntN(len(b))
		return slices.Delete(b, from, min(len(b), from+1+random.IntN(2000)))
	},
	func(random *rand.Rand, b, _ []byte) []byte { // bytes overwritten, sometimes the first ones
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

// mutated returns one of the images with a random mutation.
func mutated(random *rand.Rand, images [][]byte) []byte {
	b, other := bytes.Clone(images[random.IntN(len(images))]), images[random.IntN(len(images))]
	return mutations[random.IntN(len(mutations))](random, b, other)
}

// swapped exchanges, duplicates, removes or replaces whole segments of a JPEG or
// chunks of a PNG, one to three times.
func swapped(random *rand.Rand, b, other []byte) []byte {
	parts, others := segments(b), segments(other)
	for range 1 + random.IntN(3) {
		// The first part identifies a JPEG or PNG and is kept.
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

// segments cuts an image into its parts: a JPEG into its start, its marker
// segments and everything from the first scan on (ITU-T T.81, B.1.1), a PNG into
// its signature and its chunks.
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

// resized writes other sizes into the header of a JPEG or PNG: 0, slightly more or
// less, width and height exchanged, the greatest value, or any value. The image
// then has too much or too little content.
func resized(random *rand.Rand, b, _ []byte) []byte {
	size := func(was, instead, limit uint32) uint32 {
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
			return limit
		case 5:
			return random.Uint32N(8000)
		default:
			return random.Uint32() & limit
		}
	}
	if bytes.HasPrefix(b, []byte(pngSignature)) {
		header := b[len(pngSignature)+4:] // IHDR, which comes first
		w, h := binary.BigEndian.Uint32(header[4:]), binary.BigEndian.Uint32(header[8:])
		binary.BigEndian.PutUint32(header[4:], size(w, h, 1<<32-1))
		binary.BigEndian.PutUint32(header[8:], size(h, w, 1<<32-1))
		if random.IntN(4) > 0 { // with a wrong checksum the size is not used
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

// frameHeader returns a JPEG from its frame header on, SOF0 or SOF2 (ITU-T T.81,
// B.2.2), or nil if it has none. The height and width, of 2 bytes each, follow
// after 5 bytes.
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

// Every mutation changes images, and the same seed gives the same change.
func TestMutations(t *testing.T) {
	program(t) // skips the test if nothing is built
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
			// With other equal to b, mutation 3 changes nothing.
			if same := i == 3; (differ == 0) != same {
				t.Errorf("%s, mutation %d: %d of 20 are changed", name, i, differ)
			}
		}
	}
}
