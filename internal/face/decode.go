package face

import (
	"bytes"
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
}

var (
	jpegFormat = format{jpegMagic, jpeg.DecodeConfig, jpeg.Decode, jpegOrientation}
	pngFormat  = format{pngMagic, png.DecodeConfig, png.Decode, pngOrientation}
)

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
// orientation. It checks the number of pixels in the header, and the work that the
// header promises, before it allocates memory for pixels. Errors have kind
// sesuai.KindUnsupportedImage, KindInvalidImage (with a Format if the file is of a
// kind that is not read), or KindTooLarge (over maxPixels or too much work), and
// contain nothing of data.
func Decode(data []byte, maxPixels int) (*Photo, error) {
	f, err := inspect(data, maxPixels, nil)
	if err != nil {
		return nil, err
	}
	p := &Photo{}
	return p, f.decoding().into(p, 1)
}

// file is a PNG or JPEG with the contents of its header.
type file struct {
	format
	data          []byte
	width, height int
	jpeg          *jpegFile // nil for a PNG
	png           *pngFile  // nil for a JPEG
	encoded       []byte    // a JPEG without what follows the image
	// fast decodes a JPEG. If it is nil, format.decode does.
	fast JPEGDecoder
	// sample is the number of bytes per pixel that format.decode returns.
	sample int
}

// long returns the length of the longer side.
func (f *file) long() int { return max(f.width, f.height) }

// inspect parses the header, chooses the decoder, and bounds the work. Its errors
// are those of Decode.
func inspect(data []byte, maxPixels int, fast JPEGDecoder) (*file, error) {
	f, err := parse(data, maxPixels, fast)
	if err == nil && f.work(smallest) > maxWork {
		err = errWork()
	}
	return f, err
}

// parse is inspect without the bound on work.
func parse(data []byte, maxPixels int, fast JPEGDecoder) (*file, error) {
	format, ok := sniff(data)
	if !ok {
		return nil, &sesuai.Error{Kind: sesuai.KindUnsupportedImage}
	}
	f := &file{format: format, data: data}
	var err error
	if f.magic == jpegMagic {
		f.jpeg, err = parseJPEG(data)
		f.width, f.height, f.fast = f.jpeg.width, f.jpeg.height, fast
	} else {
		f.png, err = parsePNG(data)
		f.width, f.height = f.png.width, f.png.height
	}
	// It divides, since the product can overflow.
	if f.height > 0 && f.width > maxPixels/f.height {
		return nil, &sesuai.Error{
			Kind:   sesuai.KindTooLarge,
			Detail: fmt.Sprintf("an image may have %d pixels", maxPixels),
		}
	}
	if err != nil {
		return nil, invalid(err)
	}
	if f.jpeg != nil {
		if f.encoded, err = f.jpeg.closed(data); err != nil {
			return nil, invalid(err)
		}
	}
	if f.fast != nil {
		return f, nil
	}
	cfg, err := format.config(f.reader())
	if err != nil {
		return nil, invalid(err)
	}
	if cfg.Width != f.width || cfg.Height != f.height {
		return nil, invalid(errors.New("an image of another size"))
	}
	f.sample = bytesPerPixel(cfg.ColorModel)
	return f, nil
}

// reader reads the part of the file that format.decode is to see.
func (f *file) reader() io.Reader {
	if f.png != nil {
		return f.png.reader()
	}
	return bytes.NewReader(f.encoded)
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

// JPEGDecoder decodes a JPEG file of width×height and of that number of scans, as
// its header says, with both sides divided by denominator (1, 2, 4 or 8) and
// rounded up. It decodes files of 1, 3 and 4 components whose sampling factors
// divide the greatest ones. A broken file is an error, as is one of more scans.
// Package turbo has one. Like image/jpeg it skips bytes before a marker. It reads
// files that image/jpeg does not: those of unusual sampling factors.
type JPEGDecoder func(data []byte, width, height, denominator, scans int) (*Planes, error)

// smallest is the greatest number by which the sides of a photograph are divided.
const smallest = 8

// decoding decodes one file to one or several sizes, within maxWork.
type decoding struct {
	*file
	remaining work
	// whole is what format.decode has returned. It is kept, so that nothing is
	// decoded twice that cannot be decoded to a smaller size.
	whole image.Image
}

func (f *file) decoding() *decoding { return &decoding{file: f, remaining: maxWork} }

// affords reports whether the file can be decoded with its sides divided by
// denominator, with what is left of maxWork.
func (d *decoding) affords(denominator int) bool { return d.cost(denominator) <= d.remaining }

func (d *decoding) cost(denominator int) work {
	if d.whole != nil {
		return d.conversion()
	}
	return d.work(denominator)
}

// into decodes the file into p with its sides divided by denominator, and by more
// if they are still over maxSide. It uses p's buffer again if that is large
// enough.
func (d *decoding) into(p *Photo, denominator int) (err error) {
	d.remaining -= d.cost(denominator)
	p.Scale = 1
	if d.fast != nil {
		m, err := d.fast(d.encoded, d.width, d.height, denominator, len(d.jpeg.scans))
		if err != nil {
			return invalid(err)
		}
		p.Scale = float64(denominator)
		p.holdPlanes(m, d.jpeg.colours, d.orient(d.data), 1)
		return nil
	}
	if d.whole == nil {
		if d.whole, err = d.decode(d.reader()); err != nil {
			return invalid(err)
		}
	}
	return p.hold(d.whole, d.orient(d.data), denominator)
}

// unread is a kind of file that may be valid, but is not read. It is not damaged.
type unread string

func (u unread) Error() string { return "not read: " + string(u) }

// otherJPEG is what image/jpeg does not read and libjpeg-turbo does: it is
// refused in a build without that.
const otherJPEG unread = "JPEG of unusual sampling or colours"

// invalid returns the error that refuses a file.
func invalid(err error) error {
	if _, ok := errors.AsType[jpeg.UnsupportedError](err); ok {
		err = fmt.Errorf("%w: %w", otherJPEG, err)
	}
	e := &sesuai.Error{Kind: sesuai.KindInvalidImage, Err: err}
	if kind, ok := errors.AsType[unread](err); ok {
		e.Format = string(kind)
	}
	return e
}

// rowsOf returns a function that writes row y of img as RGB. It knows every type
// that the two decoders return, but for those that Photo holds as they are.
// Transparent pixels are composed onto white, as
// viewers do.
func rowsOf(img image.Image) (func(y int, rgb []byte), error) {
	switch m := img.(type) {
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

// rowsOfInks returns a function that writes row y of a picture in CMYK or YCCK as
// RGB. Files with an Adobe segment store how little ink there is.
func (m *Planes) rowsOfInks(colours jpegColours) func(y int, rgb []byte) {
	return func(y int, rgb []byte) {
		var rows [4][]byte
		for i, c := range m.Components {
			rows[i] = c.Pix[y/c.Down*c.Stride:]
		}
		at := func(i, x int) byte { return rows[i][x/m.Components[i].Across] }
		for x := range m.Width {
			r, g, b, k := at(0, x), at(1, x), at(2, x), at(3, x)
			switch colours {
			case inYCCK:
				r, g, b = color.YCbCrToRGB(r, g, b)
				r, g, b = 255-r, 255-g, 255-b
			case inCMYK:
				r, g, b, k = 255-r, 255-g, 255-b, 255-k
			}
			rgb[3*x], rgb[3*x+1], rgb[3*x+2] = times(r, k), times(g, k), times(b, k)
		}
	}
}

// times multiplies two fractions of 255.
func times(a, b byte) byte { return byte((uint32(a)*uint32(b) + 127) / 255) }

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
			c := &table[i]
			rgb[3*x], rgb[3*x+1], rgb[3*x+2] = c[0], c[1], c[2]
		}
	}
}
