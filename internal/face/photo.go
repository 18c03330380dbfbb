package face

import "image"

// maxSide is the greatest length, in pixels, of a side of a converted
// photograph. A larger one is shrunk by a whole factor while it is converted,
// which bounds the cost of a photograph. No face needs more pixels to be
// compared.
const maxSide = 4096

// Photo is an upright photograph as three planes: red, green and blue, or the
// brightness and two chromas of a JPEG. Those are not converted, since the
// networks need only a small part of the pixels.
type Photo struct {
	Width, Height int
	// Scale is how many pixels of the file one pixel covers along a side. It
	// is over 1 if the photograph was decoded smaller.
	Scale float64

	planes [3]plane
	// ycc means that the planes are Y, Cb and Cr of ITU-T T.871.
	ycc bool
	// converted is the memory of converted planes, which is used again.
	converted []byte
}

// Planes are the components of a JPEG as they are stored: not converted to other
// colours, and not enlarged to the picture's Width×Height pixels.
type Planes struct {
	Width, Height int
	Components    []Component
}

// Component is one of them, of bytes, row after row. One sample covers Across×Down
// pixels.
type Component struct {
	Pix                  []byte
	Stride, Across, Down int
}

// plane is one channel of a photograph, of bytes, row after row. One sample
// covers across×down pixels. The first column and row may cover pixels outside
// of the photograph: left and top are the numbers of these.
type plane struct {
	pix                   []byte
	stride, width, height int
	across, down          int
	left, top             int
	// gain brightens the samples when they are resampled: each is multiplied
	// by it, in a chroma its distance from 128. 0 means 1.
	gain   float32
	chroma bool
}

// box converts a box of the photograph to samples of the plane.
func (c *plane) box(b Box) Box {
	x, y := float64(c.across), float64(c.down)
	left, top := float64(c.left), float64(c.top)
	return Box{(b.X0 + left) / x, (b.Y0 + top) / y, (b.X1 + left) / x, (b.Y1 + top) / y}
}

// sameGrid reports whether the samples of both planes are in the same places.
func (c *plane) sameGrid(d *plane) bool {
	return c.width == d.width && c.height == d.height && c.across == d.across && c.down == d.down && c.left == d.left && c.top == d.top
}

// hold sets p to the image, turned upright, with both sides divided by
// denominator, and by more if they are still over maxSide. It averages pixels, so
// nothing aliases. p may keep the memory of img.
func (p *Photo) hold(img image.Image, o orientation, denominator int) error {
	switch m := img.(type) {
	case *image.YCbCr:
		across, down := sharing(m.SubsampleRatio)
		p.holdPlanes(&Planes{m.Rect.Dx(), m.Rect.Dy(), []Component{
			{m.Y, m.YStride, 1, 1}, {m.Cb, m.CStride, across, down}, {m.Cr, m.CStride, across, down},
		}}, inYCbCr, o, denominator)
		return nil
	case *image.Gray:
		p.holdPlanes(&Planes{m.Rect.Dx(), m.Rect.Dy(), []Component{{m.Pix, m.Stride, 1, 1}}}, inGrey, o, denominator)
		return nil
	}
	row, err := rowsOf(img)
	if err != nil {
		return invalid(err)
	}
	p.holdRows(img.Bounds().Dx(), img.Bounds().Dy(), row, o, denominator)
	return nil
}

// holdPlanes is hold for the components of a JPEG.
func (p *Photo) holdPlanes(m *Planes, colours jpegColours, o orientation, denominator int) {
	if colours.inks() {
		p.holdRows(m.Width, m.Height, m.rowsOfInks(colours), o, denominator)
		return
	}
	factor := p.shrinkBy(m.Width, m.Height, denominator)
	for i, c := range m.Components {
		all := plane{
			pix: c.Pix, stride: c.Stride, width: ceil(m.Width, c.Across), height: ceil(m.Height, c.Down),
			across: c.Across, down: c.Down,
		}
		p.planes[i] = all.shrunk(factor)
	}
	if colours == inGrey {
		p.planes[1], p.planes[2] = p.planes[0], p.planes[0]
	}
	p.ycc = colours == inYCbCr
	p.Width, p.Height = ceil(m.Width, factor), ceil(m.Height, factor)
	if o != upright {
		p.turn(o)
	}
}

// holdRows is hold for w×h pixels that row writes as RGB.
func (p *Photo) holdRows(w, h int, row func(y int, rgb []byte), o orientation, denominator int) {
	p.convert(w, h, row, o, p.shrinkBy(w, h, denominator))
}

// shrinkBy returns by how much hold divides the sides of w×h pixels, and notes it
// in p.Scale.
func (p *Photo) shrinkBy(w, h, denominator int) int {
	factor := max(denominator, ceil(max(w, h), maxSide))
	p.Scale *= float64(factor)
	return factor
}

// shrunk returns the plane with both sides divided by factor: each sample is the
// mean of those that it covers.
func (c *plane) shrunk(factor int) plane {
	if factor == 1 {
		return *c
	}
	t := *c
	t.width, t.height = ceil(c.width, factor), ceil(c.height, factor)
	t.stride = t.width
	t.pix = make([]byte, t.width*t.height)
	sums := make([]uint32, t.width)
	for y := range t.height {
		clear(sums)
		rows := min(factor, c.height-y*factor)
		for i := range rows {
			row := c.pix[(y*factor+i)*c.stride:][:c.width]
			for x := range sums {
				n := min(factor, len(row))
				for _, v := range row[:n] {
					sums[x] += uint32(v)
				}
				row = row[n:]
			}
		}
		for x, s := range sums {
			area := uint32(rows * min(factor, c.width-x*factor))
			t.pix[y*t.width+x] = byte((s + area/2) / area)
		}
	}
	return t
}

// convert reads w×h pixels from row, turns them upright, and divides both sides
// by factor.
func (p *Photo) convert(w, h int, row func(y int, rgb []byte), o orientation, factor int) {
	sw, sh := ceil(w, factor), ceil(h, factor)
	p.makePlanes(sw, sh, o.swapsSides())
	start, dx, dy := o.walk(sw, sh)
	rgb := make([]byte, 3*w)
	if factor == 1 {
		for y := range h {
			row(y, rgb)
			p.scatter(rgb, start+y*dy, dx)
		}
		return
	}
	sums := make([]uint32, 3*sw)
	for y := range sh {
		clear(sums)
		rows := min(factor, h-y*factor)
		for fy := range rows {
			row(y*factor+fy, rgb)
			addPixels(sums, rgb, factor)
		}
		for i, s := range sums {
			area := uint32(rows * min(factor, w-i/3*factor))
			rgb[i] = byte((s + area/2) / area)
		}
		p.scatter(rgb[:3*sw], start+y*dy, dx)
	}
}

// addPixels adds each group of factor pixels of a row to one sum of red, green
// and blue.
func addPixels(sums []uint32, rgb []byte, factor int) {
	for ; len(sums) >= 3; sums = sums[3:] {
		n := min(3*factor, len(rgb))
		var r, g, b uint32
		for c := rgb[:n]; len(c) >= 3; c = c[3:] {
			r, g, b = r+uint32(c[0]), g+uint32(c[1]), b+uint32(c[2])
		}
		sums[0], sums[1], sums[2] = sums[0]+r, sums[1]+g, sums[2]+b
		rgb = rgb[n:]
	}
}

// makePlanes makes the planes of p of w×h pixels, or h×w if swapped.
func (p *Photo) makePlanes(w, h int, swapped bool) {
	if swapped {
		w, h = h, w
	}
	n := w * h
	p.Width, p.Height, p.ycc = w, h, false
	p.converted = grow(p.converted, 3*n)
	for i := range p.planes {
		p.planes[i] = plane{pix: p.converted[i*n : (i+1)*n], stride: w, width: w, height: h, across: 1, down: 1}
	}
}

// scatter writes a row of RGB pixels into the planes, from index at in steps of
// dx.
func (p *Photo) scatter(rgb []byte, at, dx int) {
	r, g, b := p.planes[0].pix, p.planes[1].pix, p.planes[2].pix
	for i := 0; i+3 <= len(rgb); i += 3 {
		r[at], g[at], b[at] = rgb[i], rgb[i+1], rgb[i+2]
		at += dx
	}
}

// turned returns a copy of the photograph turned by o.
func (p *Photo) turned(o orientation) *Photo {
	q := &Photo{Width: p.Width, Height: p.Height, Scale: p.Scale, ycc: p.ycc, planes: p.planes}
	q.turn(o)
	return q
}

// turn turns the photograph by o.
func (p *Photo) turn(o orientation) {
	for i, c := range p.planes {
		p.planes[i] = c.turned(o, p.Width, p.Height)
	}
	if o.swapsSides() {
		p.Width, p.Height = p.Height, p.Width
	}
}

// turned returns the plane, of a photograph of width×height, turned by o.
func (c *plane) turned(o orientation, width, height int) plane {
	t := *c
	t.pix, t.stride = make([]byte, c.width*c.height), c.width
	right, bottom := c.width*c.across-c.left-width, c.height*c.down-c.top-height
	if o.swapsSides() {
		t.stride, t.width, t.height = c.height, c.height, c.width
		t.across, t.down = c.down, c.across
		t.left, t.top, right, bottom = c.top, c.left, bottom, right
	}
	if o.mirrorsColumns() {
		t.left = right
	}
	if o.mirrorsRows() {
		t.top = bottom
	}
	start, dx, dy := o.walk(c.width, c.height)
	for y := range c.height {
		at := start + y*dy
		for _, v := range c.pix[y*c.stride : y*c.stride+c.width] {
			t.pix[at] = v
			at += dx
		}
	}
	return t
}
