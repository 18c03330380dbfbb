package face

import (
	"bytes"
	"encoding/binary"

	"github.com/sesuai/sesuai"
)

// Unsupported returns the error about a file that is neither a PNG nor a JPEG. It has
// the file's Format, if the first bytes tell: HEIC, HEIF, AVIF, WebP, GIF, BMP, TIFF or
// PDF.
func Unsupported(data []byte) error {
	return &sesuai.Error{Kind: sesuai.KindUnsupportedImage, Format: otherFormat(data)}
}

// otherFormat returns the format of a file that is not supported; "" if it is not
// known.
func otherFormat(data []byte) string {
	starts := func(magic string) bool { return bytes.HasPrefix(data, []byte(magic)) }
	switch {
	case len(data) >= 12 && string(data[4:8]) == "ftyp":
		return isoFormat(data)
	case starts("RIFF") && len(data) >= 12 && string(data[8:12]) == "WEBP":
		return "WebP"
	case starts("GIF87a"), starts("GIF89a"):
		return "GIF"
	case starts("BM") && len(data) >= 18 && bitmapHeader(binary.LittleEndian.Uint32(data[14:])):
		return "BMP"
	case starts("II*\x00"), starts("MM\x00*"), starts("II+\x00"), starts("MM\x00+"): // + is BigTIFF
		return "TIFF"
	case starts("%PDF-"):
		return "PDF"
	default:
		return ""
	}
}

// bitmapHeader reports whether a BMP's second header may have this size, from OS/2 1.x
// to version 5. The first two bytes alone also start many texts.
func bitmapHeader(size uint32) bool {
	switch size {
	case 12, 16, 40, 52, 56, 64, 108, 124:
		return true
	default:
		return false
	}
}

// isoFormat returns the image format of an ISO base media file (ISO/IEC 14496-12),
// which starts with the brands that it complies with: the major one, a version and
// others, each of four bytes. HEIF (ISO/IEC 23008-12) says how images lie in the file,
// so its brands mif1 and msf1 tell less than that of the codec.
func isoFormat(data []byte) string {
	size := min(int64(binary.BigEndian.Uint32(data)), int64(len(data)), 256)
	format := ""
	for i := int64(8); i+4 <= size; i += 4 {
		switch string(data[i : i+4]) { // the version, at 12, is never one of these
		case "heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs":
			return "HEIC"
		case "avif", "avis":
			return "AVIF"
		case "mif1", "msf1":
			format = "HEIF"
		}
	}
	return format
}
