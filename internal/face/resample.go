package face

import (
	"image"
	"math"
)

// Box is a rectangle in pixels of an upright photograph. Pixel (x, y) covers
// x..x+1, y..y+1. A box may extend beyond the photograph.
type Box struct{ X0, Y0, X1, Y1 float64 }

// Width returns the box's width in pixels.
func (b Box) Width() float64 { return b.X1 - b.X0 }

// Height returns the box's height in pixels.
func (b Box) Height() float64 { return b.Y1 - b.Y0 }

// Area returns the box's area in square pixels. It is 0 if the width or the
// height is negative.
func (b Box) Area() float64 { return max(b.Width(), 0) * max(b.Height(), 0) }

// scaled returns the box in a photograph of s times the size.
func (b Box) scaled(s float64) Box { return Box{s * b.X0, s * b.Y0, s * b.X1, s * b.Y1} }

// around returns the box of width×height with the same centre.
func (b Box) around(width, height float64) Box {
	cx, cy := (b.X0+b.X1)/2, (b.Y0+b.Y1)/2
	return Box{cx - width/2, cy - height/2, cx + width/2, cy + height/2}
}

// raster is a floating-point image with one plane for each channel. It is the
// form of a network's input.
type raster struct {
	width, height int
	planes        [3][]float32 // three times the same plane, if grey
}

// rasterOf returns a network's input as a raster in the same memory.
func rasterOf(in []float32, spec NetworkSpec) raster {
	h, w := int(spec.Input.Shape[2]), int(spec.Input.Shape[3])
	r := raster{width: w, height: h}
	n := w * h
	switch spec.Channels {
	case "GREY":
		r.planes = [3][]float32{in[:n], in[:n], in[:n]}
	case "BGR":
		r.planes = [3][]float32{in[2*n : 3*n], in[n : 2*n], in[:n]}
	default:
		r.planes = [3][]float32{in[:n], in[n : 2*n], in[2*n : 3*n]}
	}
	return r
}

// resampler resamples boxes of photographs. It reuses its memory, and is not safe
// for concurrent use.
type resampler struct {
	axes [3]axes // of the planes
	row  []float32
	rgb  [3][]float32
}

// axes are both axes of a plane. The target pixels need its columns lo..hi.
type axes struct {
	x, y   axis
	lo, hi int
}

// fit maps width×height target pixels to a box of the photograph of plane c.
func (a *axes) fit(width, height int, c *plane, box Box) {
	b := c.box(box)
	a.x.fit(width, b.X0, b.X1, c.width)
	a.y.fit(height, b.Y0, b.Y1, c.height)
	a.lo, a.hi = a.x.span()
}

// covered returns the target pixels that the plane covers at least in part.
func (a *axes) covered() image.Rectangle {
	x0, x1 := a.x.covered()
	y0, y1 := a.y.covered()
	return image.Rect(x0, y0, x1, y1)
}

// axis holds the source pixels of each target pixel along one axis. Target pixel
// i is made of count[i] source pixels from first[i] on, with the weights
// weight[i*width:]. Zeros fill these up to width, which is two or a multiple of
// four. cover[i] is the sum of the weights. It is under 1 if the target pixel
// extends beyond the source.
type axis struct {
	first, count []int
	weight       []float32
	cover        []float32
	width        int
}

// fit maps n target pixels to from..to of a source of size pixels. If that
// shrinks the source, a target pixel is the mean of what it covers, so nothing
// aliases. If it enlarges the source, a target pixel is interpolated linearly.
func (a *axis) fit(n int, from, to float64, size int) {
	step := (to - from) / float64(n)
	a.width = 2 // enough for a target pixel of at most one source pixel
	if step > 1 {
		a.width = (int(math.Ceil(step)) + 1 + 3) / 4 * 4
	}
	a.first, a.count = grow(a.first, n), grow(a.count, n)
	a.cover, a.weight = grow(a.cover, n), grow(a.weight, n*a.width)
	clear(a.weight)
	for i := range n {
		w := a.weight[i*a.width : (i+1)*a.width]
		lo := from + float64(i)*step
		hi := lo + step
		if step < 1 {
			a.first[i], a.count[i], a.cover[i] = interpolate(w, (lo+hi)/2, size)
			continue
		}
		// A rounding error at the edge must not include a source pixel.
		const touch = 1e-9
		first := min(max(int(math.Floor(lo+touch)), 0), size)
		last := min(int(math.Ceil(hi-touch)), size)
		a.first[i], a.count[i], a.cover[i] = first, max(last-first, 0), 0
		for k := range a.count[i] {
			p := float64(first + k)
			w[k] = float32((min(hi, p+1) - max(lo, p)) / step)
			a.cover[i] += w[k]
		}
	}
}

// interpolate returns the weights of the two source pixels around a position. The
// centres of pixels are at 0.5, 1.5 and so on. Between the centre of the
// outermost pixel and the source's edge it uses only that pixel, and none beyond
// the edge.
func interpolate(w []float32, at float64, size int) (first, count int, cover float32) {
	if at < 0 || at > float64(size) {
		return 0, 0, 0
	}
	left := int(math.Floor(at - 0.5))
	part := float32(at - 0.5 - float64(left))
	first, last := max(left, 0), min(left+1, size-1)
	w[0] += 1 - part
	w[last-first] += part
	return first, last - first + 1, 1
}

// covered returns the range of target pixels that have source pixels.
func (a *axis) covered() (from, to int) {
	to = len(a.count)
	for from < to && a.count[from] == 0 {
		from++
	}
	for to > from && a.count[to-1] == 0 {
		to--
	}
	return from, to
}

// span returns the range of source pixels that the target pixels need, and makes
// first relative to its start. Target pixels that need none get a first within
// the range.
func (a *axis) span() (lo, hi int) {
	lo = math.MaxInt
	for i, n := range a.count {
		if n > 0 {
			lo, hi = min(lo, a.first[i]), max(hi, a.first[i]+n)
		}
	}
	lo = min(lo, hi)
	for i := range a.first {
		a.first[i] = min(max(a.first[i], lo), hi) - lo
	}
	return lo, hi
}

// resample fills dst with the box of p, each pixel v as (v − mean) / divisor.
// Beyond p, v is pad.
func (s *resampler) resample(dst raster, p *Photo, box Box, pad, mean, divisor float32, grey bool) {
	out, planes := dst.planes[:], p.planes[:]
	brightness := p.ycc && grey // the first plane is the brightness
	switch {
	case brightness:
		out, planes = out[:1], planes[:1]
	case grey:
		for i := range s.rgb {
			s.rgb[i] = grow(s.rgb[i], dst.width*dst.height)
		}
		out = s.rgb[:]
	}
	var inner image.Rectangle
	axes := [3]*axes{}
	for i := range planes {
		for k := range i {
			if planes[k].sameGrid(&planes[i]) {
				axes[i] = axes[k]
				break
			}
		}
		if axes[i] == nil {
			axes[i] = &s.axes[i]
			axes[i].fit(dst.width, dst.height, &planes[i], box)
			inner = inner.Union(axes[i].covered())
		}
	}
	for i := range planes {
		padded := pad
		if p.ycc && i > 0 {
			padded = 128
		}
		s.plane(out[i], dst.width, inner, &planes[i], axes[i], padded)
	}
	scale := 1 / divisor
	for y := inner.Min.Y; y < inner.Max.Y; y++ {
		from, to := y*dst.width+inner.Min.X, y*dst.width+inner.Max.X
		switch {
		case brightness:
			normalise(out[0][from:to], mean, scale)
		case grey:
			line := dst.planes[0][from:to]
			r, g, b := out[0][from:to], out[1][from:to], out[2][from:to]
			for i := range line {
				line[i] = (luma(r[i], g[i], b[i]) - mean) * scale
			}
		case p.ycc:
			toRGB(out[0][from:to], out[1][from:to], out[2][from:to], mean, scale)
		default:
			for _, c := range out {
				normalise(c[from:to], mean, scale)
			}
		}
	}
	padded := (pad - mean) * scale
	for i, c := range dst.planes {
		if grey && i > 0 {
			break
		}
		fillOutside(c, dst.width, inner, padded)
	}
}

// normalise sets each v of line to (v − mean) · scale.
func normalise(line []float32, mean, scale float32) {
	for i, v := range line {
		line[i] = (v - mean) * scale
	}
}

// fillOutside sets the pixels outside of inner.
func fillOutside(pixels []float32, width int, inner image.Rectangle, v float32) {
	fill := func(part []float32) {
		for i := range part {
			part[i] = v
		}
	}
	if inner.Empty() {
		fill(pixels)
		return
	}
	fill(pixels[:inner.Min.Y*width])
	fill(pixels[inner.Max.Y*width:])
	if inner.Dx() == width {
		return
	}
	for y := inner.Min.Y; y < inner.Max.Y; y++ {
		fill(pixels[y*width : y*width+inner.Min.X])
		fill(pixels[y*width+inner.Max.X : (y+1)*width])
	}
}

// plane resamples a plane to the pixels in inner, for each row first vertically
// into s.row and then horizontally, and brightens it.
func (s *resampler) plane(out []float32, width int, inner image.Rectangle, c *plane, a *axes, pad float32) {
	dark := c.darkened(pad)
	n := a.hi - a.lo
	s.row = grow(s.row, n+a.x.width)
	clear(s.row[n:]) // for zero weights
	for y := inner.Min.Y; y < inner.Max.Y; y++ {
		line := out[y*width+inner.Min.X : y*width+inner.Max.X]
		s.sumRows(c, a, y)
		s.sumColumns(line, &a.x, inner.Min.X, dark, dark*a.y.cover[y])
		c.brighten(line)
	}
}

// sumRows sets s.row to the weighted sum of the source rows of target row y. It
// adds up to four rows at a time, so that the sum is read and written less often.
func (s *resampler) sumRows(c *plane, a *axes, y int) {
	row := s.row[:a.hi-a.lo]
	weights := a.y.weight[y*a.y.width:][:a.y.count[y]]
	at := a.y.first[y]*c.stride + a.lo
	next := func() []byte {
		from := c.pix[at:][:len(row)]
		at += c.stride
		return from
	}
	switch len(weights) {
	case 0:
		clear(row)
		return
	case 1:
		u, p := weights[0], next()
		for i := range row {
			row[i] = u * float32(p[i])
		}
		return
	case 2:
		u, v := weights[0], weights[1]
		p, q := next(), next()
		for i := range row {
			row[i] = u*float32(p[i]) + v*float32(q[i])
		}
		return
	case 3:
		u, v, w := weights[0], weights[1], weights[2]
		p, q, r := next(), next(), next()
		for i := range row {
			row[i] = u*float32(p[i]) + v*float32(q[i]) + w*float32(r[i])
		}
		return
	}
	clear(row)
	for ; len(weights) >= 2; weights = weights[2:] {
		u, v := weights[0], weights[1]
		p, q := next(), next()
		for i := range row {
			row[i] += u*float32(p[i]) + v*float32(q[i])
		}
	}
	if len(weights) == 1 {
		u, p := weights[0], next()
		for i := range row {
			row[i] += u * float32(p[i])
		}
	}
}

// sumColumns sets each pixel of line, from target column x0 on, to the weighted
// sum of its pixels in s.row. The rest of its weight is that of pad.
func (s *resampler) sumColumns(line []float32, a *axis, x0 int, pad, covered float32) {
	first, cover, weight, row := a.first[x0:][:len(line)], a.cover[x0:][:len(line)], a.weight[x0*a.width:], s.row
	// Two widths are the most frequent. Without an inner loop they take a third
	// less time.
	switch a.width {
	case 2:
		for i := range line {
			w, v := (*[2]float32)(weight[2*i:]), (*[2]float32)(row[first[i]:])
			line[i] = pad - covered*cover[i] + (w[0]*v[0] + w[1]*v[1])
		}
		return
	case 4:
		for i := range line {
			w, v := (*[4]float32)(weight[4*i:]), (*[4]float32)(row[first[i]:])
			line[i] = pad - covered*cover[i] + ((w[0]*v[0] + w[1]*v[1]) + (w[2]*v[2] + w[3]*v[3]))
		}
		return
	}
	for i := range line {
		sum := pad - covered*cover[i]
		from := row[first[i]:]
		for k := 0; k < a.width; k += 4 {
			w, v := (*[4]float32)(weight[k:]), (*[4]float32)(from[k:])
			sum += (w[0]*v[0] + w[1]*v[1]) + (w[2]*v[2] + w[3]*v[3])
		}
		weight = weight[a.width:]
		line[i] = sum
	}
}

// toRGB converts Y, Cb and Cr to red, green and blue in place (ITU-T T.871,
// section 7), each v as (v − mean) · scale.
func toRGB(ys, cbs, crs []float32, mean, scale float32) {
	cbs, crs = cbs[:len(ys)], crs[:len(ys)]
	for i, y := range ys {
		cb, cr := cbs[i]-128, crs[i]-128
		ys[i] = (inByte(y+1.402*cr) - mean) * scale
		cbs[i] = (inByte(y-0.344136*cb-0.714136*cr) - mean) * scale
		crs[i] = (inByte(y+1.772*cb) - mean) * scale
	}
}

// inByte clamps v to 0..255. It does not use min and max, which also check for
// NaN.
func inByte(v float32) float32 {
	if v < 0 {
		return 0
	}
	if v > 255 {
		return 255
	}
	return v
}

// luma returns the brightness of a colour (ITU-R BT.601).
func luma(r, g, b float32) float32 { return 0.299*r + 0.587*g + 0.114*b }

// grow returns a slice of n elements, in the memory of s if that is large enough.
// Its content is undefined.
func grow[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]T, n)
}
