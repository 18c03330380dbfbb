package face_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/face"
)

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

var (
	littleEndian byteOrder = binary.LittleEndian
	bigEndian    byteOrder = binary.BigEndian
)

// entry is a directory entry of a TIFF structure with its value in place.
type entry struct {
	tag, kind uint16
	count     uint32
	value     [4]byte
}

// directory returns a TIFF structure with one directory.
func directory(order byteOrder, entries ...entry) []byte {
	b := []byte("II")
	if order == bigEndian {
		b = []byte("MM")
	}
	b = order.AppendUint16(b, 42)
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, uint16(len(entries)))
	for _, e := range entries {
		b = order.AppendUint16(b, e.tag)
		b = order.AppendUint16(b, e.kind)
		b = order.AppendUint32(b, e.count)
		b = append(b, e.value[:]...)
	}
	return order.AppendUint32(b, 0)
}

func short(order byteOrder, tag, v uint16) entry {
	return entry{tag, 3, 1, shortValue(order, uint32(v))}
}

// tiff returns a directory with an orientation between two other entries.
func tiff(order byteOrder, orientation uint16) []byte {
	return directory(order, short(order, 0x0100, 7), short(order, 0x0112, orientation), short(order, 0x0128, 2))
}

func exifSegment(tiff []byte) []byte { return segment(0xe1, append([]byte("Exif\x00\x00"), tiff...)) }

// stored returns the size and the pixels that a camera stores for an upright
// image of w×h. The orientation says which sides of the scene row 0 and column 0
// are (CIPA DC-008, 4.6.4 A).
func stored(o, w, h int, upright func(x, y int) [3]byte) (int, int, func(x, y int) [3]byte) {
	at := func(x, y int) (int, int) { return x, y }
	switch o {
	case 2: // row 0 is the top, column 0 the right
		at = func(x, y int) (int, int) { return w - 1 - x, y }
	case 3: // the bottom, the right
		at = func(x, y int) (int, int) { return w - 1 - x, h - 1 - y }
	case 4: // the bottom, the left
		at = func(x, y int) (int, int) { return x, h - 1 - y }
	case 5: // the left, the top
		at = func(x, y int) (int, int) { return y, x }
	case 6: // the right, the top
		at = func(x, y int) (int, int) { return w - 1 - y, x }
	case 7: // the right, the bottom
		at = func(x, y int) (int, int) { return w - 1 - y, h - 1 - x }
	case 8: // the left, the bottom
		at = func(x, y int) (int, int) { return y, h - 1 - x }
	}
	pixel := func(x, y int) [3]byte { return upright(at(x, y)) }
	if o >= 5 {
		return h, w, pixel
	}
	return w, h, pixel
}

func TestOrientation(t *testing.T) {
	for o := 1; o <= 8; o++ {
		m := drawPixels(stored(o, gradientWidth, gradientHeight, gradient))
		jpg, png := encodeJPEG(t, m), encodePNG(t, m)
		for _, order := range []byteOrder{littleEndian, bigEndian} {
			t.Run(fmt.Sprint(o, order), func(t *testing.T) {
				exif := tiff(order, uint16(o))
				wantPixels(t, decode(t, afterSOI(jpg, exifSegment(exif))), gradientWidth, gradientHeight, gradient, 16)
				wantPixels(t, decode(t, withChunk(png, chunk("eXIf", exif))), gradientWidth, gradientHeight, gradient, 0)
			})
		}
	}
}

// withChunk inserts a chunk after a PNG's header.
func withChunk(png, c []byte) []byte {
	const afterHeader = 8 + 25
	return append(append(append([]byte{}, png[:afterHeader]...), c...), png[afterHeader:]...)
}

func TestOrientationOfPNGBehindItsPixels(t *testing.T) {
	file := encodePNG(t, drawPixels(stored(6, 5, 3, gradient)))
	const end = 12 // IEND
	exif := chunk("eXIf", tiff(littleEndian, 6))
	file = append(append(append([]byte{}, file[:len(file)-end]...), exif...), file[len(file)-end:]...)
	wantPixels(t, decode(t, file), 5, 3, gradient, 0)
}

func TestOrientationAmongOtherSegments(t *testing.T) {
	jpg := encodeJPEG(t, drawPixels(stored(6, gradientWidth, gradientHeight, gradient)))
	xmp := segment(0xe1, []byte("http://ns.adobe.com/xap/1.0/\x00<x/>"))
	comment := segment(0xfe, []byte("Exif\x00\x00"))
	file := afterSOI(jpg, xmp, comment, []byte{0xff}, exifSegment(tiff(bigEndian, 6)), exifSegment(tiff(bigEndian, 3)))
	wantPixels(t, decode(t, file), gradientWidth, gradientHeight, gradient, 16)
}

// The orientation counts in every integer type that programs write, and with a
// second value behind it.
func TestOrientationOfOtherTypes(t *testing.T) {
	types := map[string]struct {
		kind  uint16
		count uint32
		value func(order byteOrder, v uint32) [4]byte
	}{
		"BYTE":       {1, 1, byteValue},
		"four BYTEs": {1, 4, byteValue},
		"SHORT":      {3, 1, shortValue},
		"two SHORTs": {3, 2, shortValue},
		"LONG":       {4, 1, longValue},
		"SSHORT":     {8, 1, shortValue},
		"SLONG":      {9, 1, longValue},
	}
	for o := 1; o <= 8; o++ {
		m := drawPixels(stored(o, gradientWidth, gradientHeight, gradient))
		jpg, png := encodeJPEG(t, m), encodePNG(t, m)
		for _, order := range []byteOrder{littleEndian, bigEndian} {
			for name, kind := range types {
				t.Run(fmt.Sprint(o, order, name), func(t *testing.T) {
					exif := directory(order, entry{0x0112, kind.kind, kind.count, kind.value(order, uint32(o))})
					wantPixels(t, decode(t, afterSOI(jpg, exifSegment(exif))), gradientWidth, gradientHeight, gradient, 16)
					wantPixels(t, decode(t, withChunk(png, chunk("eXIf", exif))), gradientWidth, gradientHeight, gradient, 0)
				})
			}
		}
	}
}

// The value of a directory entry of one byte, two and four.
func byteValue(_ byteOrder, v uint32) [4]byte { return [4]byte{byte(v)} }

func shortValue(order byteOrder, v uint32) (b [4]byte) {
	order.PutUint16(b[:], uint16(v))
	return b
}

func longValue(order byteOrder, v uint32) (b [4]byte) {
	order.PutUint32(b[:], v)
	return b
}

// An invalid orientation leaves the pixels unchanged.
func TestBrokenOrientationIsIgnored(t *testing.T) {
	good := tiff(littleEndian, 6)
	change := func(at int, b ...byte) []byte {
		c := bytes.Clone(good)
		copy(c[at:], b)
		return c
	}
	broken := map[string][]byte{
		"empty":                        {},
		"of no known byte order":       change(0, 'X', 'X'),
		"of another version":           change(2, 43),
		"orientation 0":                tiff(littleEndian, 0),
		"orientation 9":                tiff(littleEndian, 9),
		"orientation 65535":            tiff(littleEndian, 65535),
		"LONG 0":                       directory(littleEndian, entry{0x0112, 4, 1, [4]byte{}}),
		"LONG 6 in its upper half":     directory(littleEndian, entry{0x0112, 4, 1, [4]byte{0, 0, 6, 0}}),
		"LONG 65542":                   directory(littleEndian, entry{0x0112, 4, 1, [4]byte{6, 0, 1, 0}}),
		"BYTE 9":                       directory(bigEndian, entry{0x0112, 1, 1, [4]byte{9}}),
		"BYTE 6 as a SHORT":            directory(bigEndian, entry{0x0112, 1, 1, [4]byte{0, 6}}),
		"SLONG -6":                     directory(littleEndian, entry{0x0112, 9, 1, [4]byte{0xfa, 0xff, 0xff, 0xff}}),
		"no SHORT":                     directory(littleEndian, entry{0x0112, 3, 0, [4]byte{6}}),
		"three SHORTs elsewhere":       directory(littleEndian, entry{0x0112, 3, 3, [4]byte{6}}),
		"two LONGs elsewhere":          directory(bigEndian, entry{0x0112, 4, 2, [4]byte{0, 0, 0, 6}}),
		"2^30+1 LONGs":                 directory(littleEndian, entry{0x0112, 4, 1<<30 + 1, [4]byte{6}}),
		"text":                         directory(littleEndian, entry{0x0112, 2, 2, [4]byte{'6'}}),
		"a fraction":                   directory(littleEndian, entry{0x0112, 5, 1, [4]byte{6}}),
		"of type UNDEFINED":            directory(bigEndian, entry{0x0112, 7, 1, [4]byte{6}}),
		"of type FLOAT":                directory(bigEndian, entry{0x0112, 11, 1, [4]byte{0, 0, 0, 6}}),
		"of type 0":                    directory(littleEndian, entry{0x0112, 0, 1, [4]byte{6}}),
		"without the tag":              directory(littleEndian, short(littleEndian, 0x0100, 6)),
		"directory at itself":          change(4, 0, 0, 0, 0),
		"directory inside the header":  change(4, 7, 0, 0, 0),
		"directory beyond the end":     change(4, 0xff, 0xff, 0, 0),
		"directory far beyond":         change(4, 0xff, 0xff, 0xff, 0xff),
		"directory at the last byte":   change(4, byte(len(good)-1)),
		"65535 entries without a tag":  append(change(8, 0xff, 0xff)[:10], make([]byte, 40)...),
		"no entries":                   change(8, 0, 0),
		"directory that names itself":  append(directory(littleEndian)[:10], 8, 0, 0, 0),
		"the other byte order's bytes": append([]byte("MM\x00*"), good[4:]...),
	}
	m := drawPixels(gradientWidth, gradientHeight, gradient)
	jpg, png := encodeJPEG(t, m), encodePNG(t, m)
	for name, exif := range broken {
		t.Run(name, func(t *testing.T) {
			wantPixels(t, decode(t, afterSOI(jpg, exifSegment(exif))), gradientWidth, gradientHeight, gradient, 16)
			wantPixels(t, decode(t, withChunk(png, chunk("eXIf", exif))), gradientWidth, gradientHeight, gradient, 0)
		})
	}
}

// A truncated directory counts if its entry is complete.
func TestTruncatedOrientation(t *testing.T) {
	exif := tiff(bigEndian, 6)
	const entryEnd = 8 + 2 + 2*12
	png := encodePNG(t, drawPixels(5, 3, gradient))
	for n := range len(exif) + 1 {
		p := decode(t, withChunk(png, chunk("eXIf", exif[:n])))
		want := [2]int{5, 3}
		if n >= entryEnd {
			want = [2]int{3, 5}
		}
		if diff := cmp.Diff(want, [2]int{p.Width, p.Height}); diff != "" {
			t.Errorf("cut after %d bytes: %s", n, diff)
		}
	}
}

// FuzzOrientation looks for panics and for orientations out of range.
func FuzzOrientation(f *testing.F) {
	f.Add(tiff(littleEndian, 6))
	f.Add(tiff(bigEndian, 8))
	f.Add(directory(bigEndian))
	f.Fuzz(func(t *testing.T, exif []byte) {
		for _, o := range face.Orientations(exif) {
			if o < 1 || o > 8 {
				t.Fatalf("orientation %d", o)
			}
		}
	})
}
