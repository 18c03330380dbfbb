package face

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// orientation says how the stored pixels must be turned, as given by a camera: 1
// to 8, EXIF 2.32 (CIPA DC-008), tag 0x0112. Other values count as 1.
type orientation uint8

const upright, upsideDown orientation = 1, 3

// Parts of a TIFF structure (TIFF 6.0, section 2).
const (
	tagOrientation   = 0x0112
	bytesPerIFDEntry = 12

	typeByte, typeShort, typeLong   = 1, 3, 4
	typeSignedShort, typeSignedLong = 8, 9
)

// swapsSides reports whether width and height are swapped.
func (o orientation) swapsSides() bool { return o >= 5 && o <= 8 }

// mirrorsColumns and mirrorsRows report whether the columns and rows of the
// upright image are in the opposite order of the stored ones.
func (o orientation) mirrorsColumns() bool { return o == 2 || o == 3 || o == 6 || o == 7 }
func (o orientation) mirrorsRows() bool    { return o == 3 || o == 4 || o == 7 || o == 8 }

// walk returns the position of pixel (x, y) of a stored w×h image in the upright
// image: it has the index start + x·dx + y·dy.
func (o orientation) walk(w, h int) (start, dx, dy int) {
	switch o {
	case 2: // mirrored
		return w - 1, -1, w
	case 3: // upside down
		return w*h - 1, -1, -w
	case 4: // mirrored, upside down
		return w * (h - 1), 1, -w
	case 5: // mirrored along the main diagonal
		return 0, h, 1
	case 6: // turn clockwise
		return h - 1, h, -1
	case 7: // mirrored along the other diagonal
		return w*h - 1, -h, -1
	case 8: // turn anticlockwise
		return h * (w - 1), -h, 1
	default:
		return 0, 1, w
	}
}

// box returns where a box of a stored width×height image is in the upright image.
func (o orientation) box(b Box, width, height float64) Box {
	if o.swapsSides() {
		b, width, height = Box{b.Y0, b.X0, b.Y1, b.X1}, height, width
	}
	if o.mirrorsColumns() {
		b.X0, b.X1 = width-b.X1, width-b.X0
	}
	if o.mirrorsRows() {
		b.Y0, b.Y1 = height-b.Y1, height-b.Y0
	}
	return b
}

// then returns the turn that is the same as o and then next. Neither mirrors.
func (o orientation) then(next orientation) orientation {
	quarters := [...]orientation{upright, 6, upsideDown, 8}
	n := slices.Index(quarters[:], o) + slices.Index(quarters[:], next)
	return quarters[n%len(quarters)]
}

// jpegOrientation returns the orientation in the JPEG's first EXIF segment, or
// upright if that cannot be read.
func jpegOrientation(data []byte) orientation {
	for at := 2; at+4 <= len(data) && data[at] == 0xff; {
		marker := data[at+1]
		if marker == 0xff { // a fill byte
			at++
			continue
		}
		size := int(binary.BigEndian.Uint16(data[at+2:]))
		end := at + 2 + size
		if marker == startOfScan || size < 2 || end > len(data) {
			break
		}
		if tiff, ok := bytes.CutPrefix(data[at+4:end], []byte("Exif\x00\x00")); marker == app1 && ok {
			return tiffOrientation(tiff)
		}
		at = end
	}
	return upright
}

// pngOrientation returns the orientation in the eXIf chunk (PNG 3rd edition,
// 11.3.3.5), or upright if that cannot be read.
func pngOrientation(data []byte) orientation {
	for at := len(pngMagic); at+8 <= len(data); {
		size := int64(binary.BigEndian.Uint32(data[at:]))
		kind := string(data[at+4 : at+8])
		end := int64(at) + 8 + size
		if end+4 > int64(len(data)) {
			break
		}
		if kind == "eXIf" {
			return tiffOrientation(data[at+8 : end])
		}
		at = int(end) + 4 // the checksum
	}
	return upright
}

// tiffOrientation returns the orientation in the first directory of a TIFF
// structure (TIFF 6.0, section 2), or upright if that cannot be read.
func tiffOrientation(tiff []byte) orientation {
	if len(tiff) < 8 {
		return upright
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return upright
	}
	at := int64(order.Uint32(tiff[4:]))
	if at < 8 || at+2 > int64(len(tiff)) {
		return upright
	}
	entries := int64(order.Uint16(tiff[at:]))
	for i := range entries {
		e := at + 2 + i*bytesPerIFDEntry
		if e+bytesPerIFDEntry > int64(len(tiff)) {
			break
		}
		entry := tiff[e : e+bytesPerIFDEntry]
		if order.Uint16(entry) != tagOrientation {
			continue
		}
		if v := firstInteger(order, entry); v >= 1 && v <= 8 {
			return orientation(v)
		}
		break
	}
	return upright
}

// firstInteger returns the first value of a directory entry. EXIF writes the
// orientation as one SHORT. Readers should accept a BYTE and a LONG too (TIFF 6.0,
// section 2), and some programs write signed integers or a second value.
// firstInteger returns 0 for another type, without a value, and if the values are
// not in the entry itself. A negative value is too large for an orientation.
func firstInteger(order binary.ByteOrder, entry []byte) uint32 {
	var v, size uint32
	switch order.Uint16(entry[2:]) {
	case typeByte:
		v, size = uint32(entry[8]), 1
	case typeShort, typeSignedShort:
		v, size = uint32(order.Uint16(entry[8:])), 2
	case typeLong, typeSignedLong:
		v, size = order.Uint32(entry[8:]), 4
	default:
		return 0
	}
	if count := order.Uint32(entry[4:]); count < 1 || count > 4/size {
		return 0
	}
	return v
}
