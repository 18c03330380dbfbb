package face_test

import (
	"errors"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// TestUnsupported: formats are recognised by their first bytes, and nothing else is
// taken for one of them.
func TestUnsupported(t *testing.T) {
	const version = "\x00\x00\x00\x00"
	for data, want := range map[string]string{
		"\x00\x00\x00\x18ftypheic" + version + "mif1heic":                    "HEIC", // iPhone
		"\x00\x00\x00\x24ftypheic" + version + "mif1MiHEmiafheic":            "HEIC",
		"\x00\x00\x00\x1cftypmif1" + version + "mif1heicmiaf":                "HEIC", // Android
		"\x00\x00\x00\x1cftypheix" + version + "mif1heixmiaf":                "HEIC", // 10 bits
		"\x00\x00\x00\x18ftyphevc" + version + "msf1hevc":                    "HEIC", // a burst
		"\x00\x00\x00\x1cftypmif1" + version + "mif1avifmiaf":                "AVIF",
		"\x00\x00\x00\x1cftypavif" + version + "avifmif1miaf":                "AVIF",
		"\x00\x00\x00\x10ftypmif1" + version:                                 "HEIF",
		"\x00\x00\x00\x10ftypmif1" + version + "heic":                        "HEIF", // behind the brands
		"\x00\x00\x00\x18ftypheic":                                           "HEIC", // cut off
		"\x00\x00\x00\x14ftypisom" + version + "mp42":                        "",     // a video
		"\x00\x00\x00\x14ftypqt  " + version + "qt  ":                        "",
		"\x00\x00\x00\x18ftyp":                                               "",
		"RIFF\x1a\x00\x00\x00WEBPVP8 ":                                       "WebP",
		"RIFF\x1a\x00\x00\x00WAVEfmt ":                                       "",
		"RIFF":                                                               "",
		"GIF87a":                                                             "GIF",
		"GIF89a\x01\x00\x01\x00\x00\x00\x00;":                                "GIF",
		"GIF":                                                                "",
		"BM\x36\x00\x0c\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00": "BMP",
		"BM\x36\x00\x0c\x00\x00\x00\x00\x00\x36\x00\x00\x00\x7c\x00\x00\x00": "BMP",
		"BMW has sent a long text":                                           "",
		"BM":                                                                 "",
		"II*\x00\x08\x00\x00\x00":                                            "TIFF",
		"MM\x00*\x00\x00\x00\x08":                                            "TIFF",
		"MM\x00+\x00\x08":                                                    "TIFF",
		"II of a kind":                                                       "",
		"%PDF-1.7\n":                                                         "PDF",
		"%PDF":                                                               "",
		"a text":                                                             "",
		"":                                                                   "",
	} {
		err := face.Unsupported([]byte(data))
		e, ok := errors.AsType[*sesuai.Error](err)
		if !ok || e.Kind != sesuai.KindUnsupportedImage || e.Format != want {
			t.Errorf("%q: got %v of format %q, want %q", data, err, e.Format, want)
		}
	}
}
