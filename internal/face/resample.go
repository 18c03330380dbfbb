package face

import "math"

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
	x, y axis
	row  []float32
	rgb  [3][]float32
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

// span returns the range of source pixels that the target pixels need. It moves
// the first of target pixels that need none into the range.
func (a *axis) span() (lo, hi int) {
	lo = math.MaxInt
	for i, n := range a.count {
		if n > 0 {
			lo, hi = min(lo, a.first[i]), max(hi, a.first[i]+n)
		}
	}
	lo = min(lo, hi)
	for i := range a.first {
		a.first[i] = min(max(a.first[i], lo), hi)
	}
	return lo, hi
}

// resample fills dst with the box of p, each pixel v as (v − mean) / divisor.
// Beyond p, v is pad.
func (s *resampler) resample(dst raster, p *Photo, box Box, pad, mean, divisor float32, grey bool) {
	out := dst.planes
	pads := [3]float32{pad, pad, pad}
	switch {
	case p.ycc && grey: // the first plane is the brightness
		s.plane(out[0], dst.width, dst.height, &p.planes[0], box, pad)
	case grey:
		for i := range s.rgb {
			s.rgb[i] = grow(s.rgb[i], dst.width*dst.height)
		}
		s.planes(s.rgb, dst, p, box, pads)
		for i := range out[0] {
			out[0][i] = luma(s.rgb[0][i], s.rgb[1][i], s.rgb[2][i])
		}
	case p.ycc:
		s.planes(out, dst, p, box, [3]float32{pad, 128, 128})
		toRGB(out)
	default:
		s.planes(out, dst, p, box, pads)
	}
	if mean == 0 && divisor == 1 {
		return
	}
	scale := 1 / divisor
	for i, c := range out {
		if grey && i > 0 {
			break
		}
		for j, v := range c {
			c[j] = (v - mean) * scale
		}
	}
}

func (s *resampler) planes(out [3][]float32, dst raster, p *Photo, box Box, pads [3]float32) {
	for i := range out {
		s.plane(out[i], dst.width, dst.height, &p.planes[i], box, pads[i])
	}
}

// plane resamples one plane, for each target row first vertically into s.row and
// then horizontally, and brightens it.
func (s *resampler) plane(out []float32, width, height int, c *plane, box Box, pad float32) {
	b := c.box(box)
	pad = c.darkened(pad)
	s.x.fit(width, b.X0, b.X1, c.width)
	s.y.fit(height, b.Y0, b.Y1, c.height)
	lo, hi := s.x.span()
	s.row = grow(s.row, hi-lo+s.x.width) // zeros after hi, for zero weights
	for y := range height {
		s.sumRows(c, lo, hi, y)
		s.sumColumns(out[y*width:(y+1)*width], lo, pad, pad*s.y.cover[y])
	}
	c.brighten(out)
}

// sumRows sets s.row to the weighted sum of the source rows of target row y, in
// columns lo to hi. It adds two rows at a time, so that the sum is read and
// written half as often.
func (s *resampler) sumRows(c *plane, lo, hi, y int) {
	clear(s.row)
	row := s.row[:hi-lo]
	weights := s.y.weight[y*s.y.width:][:s.y.count[y]]
	at := s.y.first[y]*c.stride + lo
	for ; len(weights) >= 2; weights = weights[2:] {
		v, w := weights[0], weights[1]
		a, b := c.pix[at:][:len(row)], c.pix[at+c.stride:][:len(row)]
		for i := range row {
			row[i] += v*float32(a[i]) + w*float32(b[i])
		}
		at += 2 * c.stride
	}
	if len(weights) == 1 {
		w, a := weights[0], c.pix[at:][:len(row)]
		for i := range row {
			row[i] += w * float32(a[i])
		}
	}
}

// sumColumns sets each pixel of line to the weighted sum of its pixels in s.row,
// which begins at source column lo. The rest of its weight is that of pad.
func (s *resampler) sumColumns(line []float32, lo int, pad, covered float32) {
	first, cover, weight, row := s.x.first[:len(line)], s.x.cover[:len(line)], s.x.weight, s.row
	// Two widths are the most frequent. Without an inner loop they take a third
	// less time.
	switch s.x.width {
	case 2:
		for i := range line {
			w, v := (*[2]float32)(weight[2*i:]), (*[2]float32)(row[first[i]-lo:])
			line[i] = pad - covered*cover[i] + (w[0]*v[0] + w[1]*v[1])
		}
		return
	case 4:
		for i := range line {
			w, v := (*[4]float32)(weight[4*i:]), (*[4]float32)(row[first[i]-lo:])
			line[i] = pad - covered*cover[i] + ((w[0]*v[0] + w[1]*v[1]) + (w[2]*v[2] + w[3]*v[3]))
		}
		return
	}
	for i := range line {
		sum := pad - covered*cover[i]
		from := row[first[i]-lo:]
		for k := 0; k < s.x.width; k += 4 {
			w, v := (*[4]float32)(weight[k:]), (*[4]float32)(from[k:])
			sum += (w[0]*v[0] + w[1]*v[1]) + (w[2]*v[2] + w[3]*v[3])
		}
		weight = weight[s.x.width:]
		line[i] = sum
	}
}

// toRGB converts Y, Cb and Cr to red, green and blue in place (ITU-T T.871,
// section 7).
func toRGB(planes [3][]float32) {
	ys, cbs, crs := planes[0], planes[1], planes[2]
	cbs, crs = cbs[:len(ys)], crs[:len(ys)]
	for i, y := range ys {
		cb, cr := cbs[i]-128, crs[i]-128
		ys[i] = inByte(y + 1.402*cr)
		cbs[i] = inByte(y - 0.344136*cb - 0.714136*cr)
		crs[i] = inByte(y + 1.772*cb)
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
