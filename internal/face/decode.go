package face

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"

	"github.com/sesuai/sesuai"
)

// The first bytes of the two file formats (ISO/IEC 10918-1, B.2.1; PNG 3rd
// edition, 5.2).
const (
	jpegMagic = "\xff\xd8\xff"
	pngMagic  = "\x89PNG\r\n\x1a\n"
)

// format is a file format that Decode reads.
type format struct {
	magic  string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
	orient func([]byte) orientation
	// check refuses a file that would take the decoder too long. It returns
	// how many bytes per pixel the decoder needs besides its result.
	check func([]byte) (working int, err error)
}

var (
	jpegFormat = format{jpegMagic, jpeg.DecodeConfig, jpeg.Decode, jpegOrientation, checkScans}
	pngFormat  = format{pngMagic, png.DecodeConfig, png.Decode, pngOrientation, checkPasses}
)

// checkPasses checks a PNG. The decoder composes an interlaced PNG from parts
// that together are as large as the whole image.
func checkPasses(data []byte) (working int, err error) {
	const interlace, widest = 28, 8 // byte 12 of the first chunk (PNG 3rd edition, 11.2.1)
	if len(data) > interlace && data[interlace] != 0 {
		return widest, nil
	}
	return 0, nil
}

// maxScans is the greatest number of scans in a JPEG. Encoders make about ten.
// Each scan costs the decoder a pass over all pixels, but an empty one takes
// only a few bytes, so a small file with many scans could take hours.
const maxScans = 100

// checkScans counts the scans of a JPEG, from marker to marker (ISO/IEC
// 10918-1, B.1.1). It skips the content of segments, and what follows the end of
// the image, where telephones append films.
//
// The decoder holds a progressive JPEG (SOF2) as coefficients of 32 bits, up to
// four for each pixel, until its last scan.
func checkScans(data []byte) (working int, err error) {
	const endOfImage, firstRestart, lastRestart, progressive = 0xd9, 0xd0, 0xd7, 0xc2
	scans := 0
	for at := 2; at+1 < len(data); {
		marker := data[at+1]
		switch {
		case data[at] != 0xff, marker == 0, marker >= firstRestart && marker <= lastRestart:
			// The data of a scan: go to the next byte that may begin a marker.
			next := bytes.IndexByte(data[at+1:], 0xff)
			if next < 0 {
				return working, nil
			}
			at += 1 + next
			continue
		case marker == 0xff: // a fill byte
			at++
			continue
		case marker == endOfImage:
			return working, nil
		case marker == progressive:
			working = 16
		case marker == startOfScan:
			if scans++; scans > maxScans {
				return 0, fmt.Errorf("a JPEG of over %d scans", maxScans)
			}
		}
		if at+4 > len(data) {
			return working, nil
		}
		at += 2 + max(int(binary.BigEndian.Uint16(data[at+2:])), 2)
	}
	return working, nil
}

// sniff detects the format by the first bytes. It ignores file names and content
// types.
func sniff(data []byte) (format, bool) {
	for _, f := range []format{jpegFormat, pngFormat} {
		if bytes.HasPrefix(data, []byte(f.magic)) {
			return f, true
		}
	}
	return format{}, false
}

// Supported reports whether data starts like a PNG or a JPEG.
func Supported(data []byte) bool {
	_, ok := sniff(data)
	return ok
}

// Decode decodes a PNG or JPEG file and turns it upright by its EXIF
// orientation. It checks the number of pixels in the header before it allocates
// memory for them. Errors have kind sesuai.KindUnsupportedImage,
// KindInvalidImage, or KindTooLarge (over maxPixels), and contain nothing of
// data.
func Decode(data []byte, maxPixels int) (*Photo, error) {
	f, err := inspect(data, maxPixels)
	if err != nil {
		return nil, err
	}
	p := &Photo{}
	return p, f.decodeInto(p, 1, nil)
}

// file is a PNG or JPEG with the contents of its header.
type file struct {
	format
	data          []byte
	width, height int
	// sample is the number of bytes per decoded pixel. working is how many
	// more the decoder needs per pixel at most.
	sample, working int
}

// long returns the length of the longer side.
func (f file) long() int { return max(f.width, f.height) }

// inspect parses the header. Its errors are those of Decode.
func inspect(data []byte, maxPixels int) (file, error) {
	format, ok := sniff(data)
	if !ok {
		return file{}, &sesuai.Error{Kind: sesuai.KindUnsupportedImage}
	}
	cfg, err := format.config(bytes.NewReader(data))
	if err != nil {
		return file{}, invalid(err)
	}
	if cfg.Width <= 0 || cfg.Height <= 0 {
		return file{}, invalid(errors.New("an empty image"))
	}
	// It divides, since the product can overflow.
	if cfg.Width > maxPixels/cfg.Height {
		return file{}, &sesuai.Error{
			Kind:   sesuai.KindTooLarge,
			Detail: fmt.Sprintf("an image may have %d pixels", maxPixels),
		}
	}
	f := file{format: format, data: data, width: cfg.Width, height: cfg.Height}
	f.sample = bytesPerPixel(cfg.ColorModel)
	if f.working, err = format.check(data); err != nil {
		return file{}, invalid(err)
	}
	return f, nil
}

// bytesPerPixel returns the size of a pixel that image/png or image/jpeg has
// decoded.
func bytesPerPixel(m color.Model) int {
	switch m {
	case color.GrayModel:
		return 1
	case color.Gray16Model:
		return 2
	case color.YCbCrModel:
		return 3 // without subsampling
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	case color.RGBAModel, color.NRGBAModel, color.CMYKModel:
		return 4
	default:
		return 1 // a palette
	}
}

// memory returns how many bytes decoding takes at most: those of the decoder,
// and three planes for the converted pixels.
func (f file) memory() int64 {
	return int64(f.width) * int64(f.height) * int64(f.sample+f.working+3)
}

// JPEGDecoder decodes a JPEG file of width×height, as its header says, with both
// sides divided by denominator (1, 2, 4 or 8) and rounded up. Package turbo has
// one. image/jpeg decodes every file that it fails to decode, so a faster
// decoder does not change which files are valid.
type JPEGDecoder func(data []byte, width, height, denominator int) (*image.YCbCr, error)

// decodeInto decodes the file into p, and uses p's buffer again if it is large
// enough. If fast is not nil, it decodes a JPEG with its sides divided by
// denominator.
func (f file) decodeInto(p *Photo, denominator int, fast JPEGDecoder) error {
	p.Scale = 1
	var img image.Image
	if fast != nil && f.magic == jpegMagic {
		if m, err := fast(f.data, f.width, f.height, denominator); err == nil {
			img, p.Scale = m, float64(denominator)
		}
	}
	if img == nil {
		var err error
		if img, err = f.decode(bytes.NewReader(f.data)); err != nil {
			return invalid(err)
		}
	}
	if err := p.hold(img, f.orient(f.data)); err != nil {
		return invalid(err)
	}
	return nil
}

func invalid(err error) error { return &sesuai.Error{Kind: sesuai.KindInvalidImage, Err: err} }

// rowsOf returns a function that writes row y of img as RGB. It knows every type
// that the two decoders return. Transparent pixels are composed onto white, as
// viewers do.
func rowsOf(img image.Image) (func(y int, rgb []byte), error) {
	switch m := img.(type) {
	case *image.YCbCr:
		return func(y int, rgb []byte) { rowYCbCr(m, y, rgb) }, nil
	case *image.Gray:
		return func(y int, rgb []byte) {
			for x, v := range m.Pix[y*m.Stride : y*m.Stride+m.Rect.Dx()] {
				rgb[3*x], rgb[3*x+1], rgb[3*x+2] = v, v, v
			}
		}, nil
	case *image.Gray16:
		return func(y int, rgb []byte) {
			for x := range m.Rect.Dx() {
				v := m.Pix[y*m.Stride+2*x]
				rgb[3*x], rgb[3*x+1], rgb[3*x+2] = v, v, v
			}
		}, nil
	case *image.RGBA: // always opaque from image/png
		return rows8(m.Pix, m.Stride, m.Rect.Dx(), false), nil
	case *image.NRGBA:
		return rows8(m.Pix, m.Stride, m.Rect.Dx(), true), nil
	case *image.RGBA64: // always opaque from image/png
		return rows16(m.Pix, m.Stride, m.Rect.Dx(), false), nil
	case *image.NRGBA64:
		return rows16(m.Pix, m.Stride, m.Rect.Dx(), true), nil
	case *image.CMYK:
		return func(y int, rgb []byte) {
			for x := range m.Rect.Dx() {
				c := m.Pix[y*m.Stride+4*x:]
				rgb[3*x], rgb[3*x+1], rgb[3*x+2] = color.CMYKToRGB(c[0], c[1], c[2], c[3])
			}
		}, nil
	case *image.Paletted:
		return rowsPaletted(m), nil
	default:
		return nil, fmt.Errorf("pixels of type %T", img)
	}
}

func rowYCbCr(m *image.YCbCr, y int, rgb []byte) {
	w := m.Rect.Dx()
	c := m.COffset(m.Rect.Min.X, m.Rect.Min.Y+y)
	share, _ := sharing(m.SubsampleRatio)
	for x, l := range m.Y[y*m.YStride : y*m.YStride+w] {
		r, g, b := color.YCbCrToRGB(l, m.Cb[c+x/share], m.Cr[c+x/share])
		rgb[3*x], rgb[3*x+1], rgb[3*x+2] = r, g, b
	}
}

// sharing returns how many pixels, across and down, share one chroma sample.
func sharing(r image.YCbCrSubsampleRatio) (across, down int) {
	switch r {
	case image.YCbCrSubsampleRatio444:
		return 1, 1
	case image.YCbCrSubsampleRatio422:
		return 2, 1
	case image.YCbCrSubsampleRatio440:
		return 1, 2
	case image.YCbCrSubsampleRatio411:
		return 4, 1
	case image.YCbCrSubsampleRatio410:
		return 4, 2
	default:
		return 2, 2
	}
}

// onWhite composes a value of 0..255 with an opacity of 0..255 onto white.
func onWhite(v, alpha byte) byte {
	return byte((uint32(v)*uint32(alpha) + 255*(255-uint32(alpha)) + 127) / 255)
}

func rows8(pix []byte, stride, w int, alpha bool) func(int, []byte) {
	return func(y int, rgb []byte) {
		for x := range w {
			c := pix[y*stride+4*x : y*stride+4*x+4]
			rgb[3*x], rgb[3*x+1], rgb[3*x+2] = c[0], c[1], c[2]
			if alpha && c[3] != 255 {
				rgb[3*x], rgb[3*x+1], rgb[3*x+2] = onWhite(c[0], c[3]), onWhite(c[1], c[3]), onWhite(c[2], c[3])
			}
		}
	}
}

// rows16 keeps the upper byte of each 16-bit value. The values are big-endian.
func rows16(pix []byte, stride, w int, alpha bool) func(int, []byte) {
	return func(y int, rgb []byte) {
		for x := range w {
			c := pix[y*stride+8*x : y*stride+8*x+8]
			rgb[3*x], rgb[3*x+1], rgb[3*x+2] = c[0], c[2], c[4]
			if alpha && c[6] != 255 {
				rgb[3*x], rgb[3*x+1], rgb[3*x+2] = onWhite(c[0], c[6]), onWhite(c[2], c[6]), onWhite(c[4], c[6])
			}
		}
	}
}

func rowsPaletted(m *image.Paletted) func(int, []byte) {
	// The table has 256 entries, so that no index is out of range. An index
	// beyond the file's palette is black.
	var table [256][3]byte
	for i, entry := range m.Palette {
		c := color.NRGBAModel.Convert(entry).(color.NRGBA)
		table[i] = [3]byte{onWhite(c.R, c.A), onWhite(c.G, c.A), onWhite(c.B, c.A)}
	}
	return func(y int, rgb []byte) {
		for x, i := range m.Pix[y*m.Stride : y*m.Stride+m.Rect.Dx()] {
			copy(rgb[3*x:3*x+3], table[i][:])
		}
	}
}
