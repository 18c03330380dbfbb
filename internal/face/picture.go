package face

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math"
)

// A picture shows the face box and its surroundings: as wide as two face boxes
// and a third higher than wide, so that the head takes 50 to 75 % of the width. One
// that is wider than maxPictureWidth is made pictureWidth wide, where the eyes are
// about 120 pixels apart (ISO/IEC 19794-5 asks for a head of 4/7 to 1/2 of the width
// and for 90 pixels between the eyes). Up to there it keeps its pixels: shrinking
// them costs more than encoding all of them. It ends where the photograph ends, and
// is not enlarged.
const (
	pictureFaces    = 2.0
	pictureHeight   = 4.0 / 3
	pictureWidth    = 480
	maxPictureWidth = 640
)

// pictureQualities are the qualities that are tried in turn until
// the file is small enough.
var pictureQualities = [...]int{92, 85, 75, 60, 40}

// JPEGEncoder encodes a picture as a JPEG of at most maxBytes bytes, without
// metadata. It returns nil if the file would be larger. quality is 1 to 100, as
// image/jpeg has it. The picture is an *image.YCbCr of 4:2:0 that begins at 0,0, or
// an opaque *image.RGBA. It is package turbo's, or the standard library's.
type JPEGEncoder func(img image.Image, quality, maxBytes int) ([]byte, error)

// Picture shows the face of a photograph and its surroundings, upright, for a
// registry with its own matcher. It is immutable and safe for concurrent use.
type Picture struct {
	photo  Photo
	encode JPEGEncoder
}

// NewPicture returns an image as a Picture.
func NewPicture(img image.Image) (*Picture, error) { return newPicture(img, encodeJPEG) }

func newPicture(img image.Image, encode JPEGEncoder) (*Picture, error) {
	p := &Picture{Photo{Scale: 1}, encode}
	return p, p.photo.hold(img, upright, 1)
}

// pictureOf turns the photograph upright and returns its Picture. face is in
// pixels of the file. The Picture shares no memory with p.
func (w *worker) pictureOf(p *Photo, turn orientation, face Box) (*Picture, error) {
	if turn != upright {
		p = p.turned(turn)
	}
	box := p.pictureBox(face)
	if box.Width() >= 2*pictureWidth {
		return newPicture(cut(&w.resampler, p, box, pictureWidth), w.engine.encodeJPEG)
	}
	return &Picture{p.crop(box), w.engine.encodeJPEG}, nil
}

// pictureBox returns the part of p, in whole pixels, that a Picture of the face
// shows. It begins at an even pixel, so that chromas of 2×2 pixels fit it.
func (p *Photo) pictureBox(face Box) Box {
	box := face.scaled(1 / p.Scale)
	wide := pictureFaces * box.Width()
	box = box.around(wide, pictureHeight*wide)
	return Box{
		2 * math.Floor(max(box.X0, 0)/2), 2 * math.Floor(max(box.Y0, 0)/2),
		math.Ceil(min(box.X1, float64(p.Width))), math.Ceil(min(box.Y1, float64(p.Height))),
	}
}

// crop returns a copy of a part of p.
func (p *Photo) crop(box Box) Photo {
	x0, y0, x1, y1 := int(box.X0), int(box.Y0), int(box.X1), int(box.Y1)
	q := Photo{Width: x1 - x0, Height: y1 - y0, Scale: p.Scale, ycc: p.ycc}
	for i := range p.planes {
		q.planes[i] = p.planes[i].crop(x0, y0, x1, y1)
	}
	return q
}

// crop returns a copy of the samples that cover pixels x0..x1, y0..y1.
func (c *plane) crop(x0, y0, x1, y1 int) plane {
	left, top := (x0+c.left)/c.across, (y0+c.top)/c.down
	right := min((x1+c.left+c.across-1)/c.across, c.width)
	bottom := min((y1+c.top+c.down-1)/c.down, c.height)
	t := plane{
		stride: right - left, width: right - left, height: bottom - top, across: c.across, down: c.down,
		left: x0 + c.left - left*c.across, top: y0 + c.top - top*c.down,
	}
	t.pix = make([]byte, 0, t.width*t.height)
	for y := top; y < bottom; y++ {
		t.pix = append(t.pix, c.pix[y*c.stride+left:y*c.stride+right]...)
	}
	return t
}

// JPEG encodes the picture, without metadata, as a JPEG of at most maxBytes
// bytes. It lowers the quality and then the size until the file fits. It returns
// an error if no such file fits.
func (p *Picture) JPEG(maxBytes int) ([]byte, error) {
	var r resampler
	whole := Box{0, 0, float64(p.photo.Width), float64(p.photo.Height)}
	for width := pictureWidth; width >= pictureWidth/8; width /= 2 {
		to := width
		if width == pictureWidth && p.photo.Width <= maxPictureWidth {
			to = p.photo.Width
		}
		small, err := p.fit(cut(&r, &p.photo, whole, to), maxBytes)
		if small != nil || err != nil {
			return small, err
		}
	}
	return nil, fmt.Errorf("face: no picture of a face fits into %d bytes", maxBytes)
}

// cut returns the box of a photograph, resampled to width if it is wider.
func cut(r *resampler, p *Photo, box Box, width int) image.Image {
	scale := min(float64(width)/box.Width(), 1)
	size := image.Rect(0, 0, max(int(scale*box.Width()), 1), max(int(scale*box.Height()), 1))
	if p.ycc {
		return cutYCbCr(r, p, box, size)
	}
	img := image.NewRGBA(size)
	to := raster{width: size.Dx(), height: size.Dy()}
	for i := range to.planes {
		to.planes[i] = make([]float32, to.width*to.height)
	}
	r.resample(to, p, box, 0, 0, 1, false)
	for i := range to.planes[0] {
		for c, plane := range to.planes {
			img.Pix[4*i+c] = byte(inByte(plane[i]) + 0.5)
		}
		img.Pix[4*i+3] = 255
	}
	return img
}

// cutYCbCr is cut for a photograph in brightness and chromas, without converting
// its colours to RGB and back. The whole of a photograph may share its memory.
func cutYCbCr(r *resampler, p *Photo, box Box, size image.Rectangle) image.Image {
	if y, cb := &p.planes[0], &p.planes[1]; box.X0 == 0 && box.Y0 == 0 && size.Dx() == p.Width && size.Dy() == p.Height &&
		y.across == 1 && y.down == 1 && cb.across == 2 && cb.down == 2 && cb.left == 0 && cb.top == 0 {
		return &image.YCbCr{
			Y: y.pix, Cb: cb.pix, Cr: p.planes[2].pix, YStride: y.stride, CStride: cb.stride,
			SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: size,
		}
	}
	img := image.NewYCbCr(size, image.YCbCrSubsampleRatio420)
	samples := make([]float32, len(img.Y))
	for i, pix := range [][]byte{img.Y, img.Cb, img.Cr} {
		width, height := img.CStride, len(img.Cb)/img.CStride
		if i == 0 {
			width, height = size.Dx(), size.Dy()
		}
		samples = grow(samples, width*height)
		a := &r.axes[i]
		a.fit(width, height, &p.planes[i], box)
		r.plane(samples, width, image.Rect(0, 0, width, height), &p.planes[i], a, 128)
		for j, v := range samples {
			pix[j] = byte(inByte(v) + 0.5)
		}
	}
	return img
}

// fit returns the image as a JPEG of at most maxBytes, or nil if it is larger at
// every quality.
func (p *Picture) fit(img image.Image, maxBytes int) ([]byte, error) {
	for _, quality := range pictureQualities {
		if b, err := p.encode(img, quality, maxBytes); b != nil || err != nil {
			return b, err
		}
	}
	return nil, nil
}

// encodeJPEG is the JPEGEncoder of the standard library.
func encodeJPEG(img image.Image, quality, maxBytes int) ([]byte, error) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil || b.Len() > maxBytes {
		return nil, err
	}
	return b.Bytes(), nil
}
