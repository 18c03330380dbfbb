package face

import "context"

// A camera in poor light writes a dark photograph that may still have all a
// template needs. The detector misses a face with a mean brightness under 12 or
// so, which is that of dark skin first. So a probe without a face, and one with a
// dark face, are looked at again brightened (docs/decisions/quality.md).
const (
	// darkFace is the mean brightness of a face, of 255, under which it is looked
	// at again, and litFace the one that it then gets. No face of LFW or London
	// is darker than darkFace; a tenth of LFW's are darker than litFace.
	darkFace, litFace = 40, 100
	// maxGain is the greatest gain. The noise of a telephone's sensor in the dark
	// stays dark with it.
	maxGain = 8
	// darkShare is the share of pixels darker than darkFace from which a
	// photograph without a face is searched again.
	darkShare = 0.1
	// litLength is the length of a brightened probe's template. Noise is
	// brightened with the face. It raises the cosines of some people who look
	// alike, by up to 0.04. This lowers a cosine at the threshold by as much. A
	// stored template has length 1, so a reference is never brightened.
	litLength = 0.92
)

// findLit is findTurned. If that finds nothing, it also searches the photograph
// brightened, once for all sizes of a file and without the smaller tiles.
func (w *worker) findLit(ctx context.Context, p *Photo, part scope) (scene, error) {
	s, err := w.findTurned(ctx, p, part)
	if err != nil || len(s.faces) > 0 || !part.endsTiles() || part.lit || !p.dark() {
		return s, err
	}
	return w.findTurned(ctx, p.lit(maxGain), scope{to: inTiles})
}

// gainFor returns by how much a photograph is to be brightened whose face has a
// mean brightness of light.
func gainFor(light float64) float64 {
	if light >= darkFace {
		return 1
	}
	return min(litFace/light, maxGain)
}

// inLight returns the template of a probe that was read with a gain.
func (t Template) inLight(gain float64) Template {
	if gain > 1 {
		for i := range t.Vector {
			t.Vector[i] *= litLength
		}
	}
	return t
}

// light returns the mean brightness in the photograph p, 0 to 255, of the face
// from the eyes to the mouth. The aligned face must be in the template network's
// input. If p is brightened, the result is that before. It takes a quarter of the
// pixels.
func (w *worker) light(p *Photo) float64 {
	spec := w.engine.manifest.Template
	face := rasterOf(w.template.Input(), spec)
	var sum, n float32
	for y := 40; y < 96; y += 2 {
		for i := y*alignedSize + 32; i < y*alignedSize+80; i += 2 {
			sum += luma(face.planes[0][i], face.planes[1][i], face.planes[2][i])
			n++
		}
	}
	return float64(sum/n*spec.Divisor+spec.Mean) / p.gain()
}

// dark reports whether the photograph has dark parts that a face may be in.
func (p *Photo) dark() bool {
	const samples = 64 // along a side
	c := &p.planes[0]  // the brightness, or red
	var dark, all float64
	for y := 0; y < c.height; y += ceil(c.height, samples) {
		for x := 0; x < c.width; x += ceil(c.width, samples) {
			if c.pix[y*c.stride+x] < darkFace {
				dark++
			}
			all++
		}
	}
	return dark >= darkShare*all
}

// lit returns the photograph brightened by a gain. It shares the pixels of p.
func (p *Photo) lit(gain float64) *Photo {
	q := *p
	for i := range q.planes {
		q.planes[i].gain, q.planes[i].chroma = float32(gain), p.ycc && i > 0
	}
	return &q
}

// gain returns by how much the photograph is brightened.
func (p *Photo) gain() float64 { return float64(max(p.planes[0].gain, 1)) }

// brighten multiplies resampled samples by the plane's gain. The light that they
// stand for is then multiplied too, since they are nearly a power of it (IEC
// 61966-2-1).
func (c *plane) brighten(samples []float32) {
	if c.gain == 0 {
		return
	}
	black := c.black()
	for i, v := range samples {
		samples[i] = inByte(black + c.gain*(v-black))
	}
}

// darkened returns the sample from which brighten makes v.
func (c *plane) darkened(v float32) float32 {
	if c.gain == 0 {
		return v
	}
	return c.black() + (v-c.black())/c.gain
}

// black returns the sample that a black pixel has in the plane.
func (c *plane) black() float32 {
	if c.chroma {
		return 128
	}
	return 0
}
