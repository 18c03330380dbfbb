package face

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"math"
)

// A picture of a face for others is the face box and what surrounds it: as wide
// as two of it and a third higher than wide, so that the head takes 50 to 75 %
// of the width, and 480 pixels wide at most, where the eyes are some 120 apart
// (ISO/IEC 19794-5 asks for a head of 4/7 to 1/2 of the width and for 90 pixels
// between the eyes). It is cut where the photograph ends, and not enlarged.
const (
	pictureFaces  = 2.0
	pictureHeight = 4.0 / 3
	pictureWidth  = 480
)

// pictureQualities are those of image/jpeg that are tried in turn, until the
// file is small enough.
var pictureQualities = [...]int{92, 85, 75, 60, 40}

// picture is the photograph that an Engine found a face in.
type picture struct {
	engine *Engine
	file   []byte
	turn   orientation // of the upright photograph, before the face was found
	face   Box         // in pixels of the file, upright and turned
}

// JPEG implements Picture. It decodes the photograph anew, as one of those that
// the engine works on at once.
func (p *picture) JPEG(ctx context.Context, maxBytes int) ([]byte, error) {
	var small []byte
	err := p.engine.work(ctx, p.file, func(w *worker, f file) (err error) {
		if err := f.decodeInto(&w.photo, p.denominator(), p.engine.decodeJPEG); err != nil {
			return err
		}
		photo := &w.photo
		if p.turn != upright {
			photo = photo.turned(p.turn)
		}
		for width := pictureWidth; width >= pictureWidth/8; width /= 2 {
			if small, err = encode(w.cut(photo, p.face, width), maxBytes); small != nil || err != nil {
				return err
			}
		}
		return fmt.Errorf("face: no picture of a face fits into %d bytes", maxBytes)
	})
	return small, err
}

// denominator is what the photograph's sides can be divided by while it is
// decoded without losing any of the picture.
func (p *picture) denominator() int {
	d := 1
	for d < 8 && pictureFaces*p.face.Width()/float64(2*d) >= pictureWidth {
		d *= 2
	}
	return d
}

// cut is the face, in pixels of the file, and what surrounds it.
func (w *worker) cut(p *Photo, face Box, width int) image.Image {
	s := p.Scale
	box := Box{face.X0 / s, face.Y0 / s, face.X1 / s, face.Y1 / s}
	wide := pictureFaces * box.Width()
	box = box.around(wide, pictureHeight*wide)
	box = Box{
		math.Floor(max(box.X0, 0)), math.Floor(max(box.Y0, 0)),
		math.Ceil(min(box.X1, float64(p.Width))), math.Ceil(min(box.Y1, float64(p.Height))),
	}
	scale := min(float64(width)/box.Width(), 1)
	size := image.Rect(0, 0, max(int(scale*box.Width()), 1), max(int(scale*box.Height()), 1))
	if p.ycc {
		return w.cutAsStored(p, box, size)
	}
	img := image.NewRGBA(size)
	r := raster{width: size.Dx(), height: size.Dy()}
	for i := range r.planes {
		r.planes[i] = make([]float32, r.width*r.height)
	}
	w.resampler.resample(r, p, box, 0, 0, 1, false)
	for i := range r.planes[0] {
		for c, plane := range r.planes {
			img.Pix[4*i+c] = byte(inByte(plane[i]) + 0.5)
		}
		img.Pix[4*i+3] = 255
	}
	return img
}

// cutAsStored is the box of a photograph that is held as a JPEG has it, so that
// its colours are not converted there and back.
func (w *worker) cutAsStored(p *Photo, box Box, size image.Rectangle) image.Image {
	img := image.NewYCbCr(size, image.YCbCrSubsampleRatio420)
	for i, pix := range [][]byte{img.Y, img.Cb, img.Cr} {
		width, height := img.CStride, len(img.Cb)/img.CStride
		if i == 0 {
			width, height = size.Dx(), size.Dy()
		}
		w.grey = grow(w.grey, width*height)
		w.resampler.plane(w.grey, width, height, &p.planes[i], box, 128)
		for j, v := range w.grey {
			pix[j] = byte(inByte(v) + 0.5)
		}
	}
	return img
}

// encode is the image as a JPEG of at most maxBytes; nil if it is larger at
// every quality.
func encode(img image.Image, maxBytes int) ([]byte, error) {
	var b bytes.Buffer
	for _, quality := range pictureQualities {
		b.Reset()
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
			return nil, err
		}
		if b.Len() <= maxBytes {
			return b.Bytes(), nil
		}
	}
	return nil, nil
}
