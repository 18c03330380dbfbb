package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"

	"golang.org/x/sync/errgroup"

	"github.com/sesuai/sesuai/internal/bench"
)

// largeWidth and largeHeight are the size of a photograph of 12 megapixels.
const largeWidth, largeHeight = 4000, 3000

// enlarged returns a photograph enlarged to 12 megapixels by interpolation, with
// a camera's noise, so that its file is about as large as that of a real one.
// Without noise it would be a third as large.
func enlarged(photo []byte) ([]byte, error) {
	small, err := jpeg.Decode(bytes.NewReader(photo))
	if err != nil {
		return nil, err
	}
	b := small.Bounds()
	random := rand.New(rand.NewPCG(1, 12))
	grain := make([]float64, 1<<16)
	for i := range grain {
		grain[i] = 1.5 * random.NormFloat64()
	}
	// The photograph fills the height. At the sides its edge is repeated.
	step := float64(b.Dy()) / largeHeight
	left := (largeWidth - float64(b.Dx())/step) / 2
	large := image.NewNRGBA(image.Rect(0, 0, largeWidth, largeHeight))
	for y := range largeHeight {
		for x := range largeWidth {
			c := between(small, (float64(x)-left)*step, float64(y)*step)
			g := grain[random.Uint32()&0xffff]
			for i := range c {
				c[i] = min(max(c[i]+g, 0), 255)
			}
			large.SetNRGBA(x, y, color.NRGBA{byte(c[0]), byte(c[1]), byte(c[2]), 255})
		}
	}
	var out bytes.Buffer
	err = jpeg.Encode(&out, large, &jpeg.Options{Quality: 90})
	return out.Bytes(), err
}

// between interpolates linearly. Beyond the edge, the edge is repeated.
func between(m image.Image, x, y float64) (c [3]float64) {
	b := m.Bounds()
	x, y = min(max(x, 0), float64(b.Dx()-1)), min(max(y, 0), float64(b.Dy()-1))
	x0, y0 := int(x), int(y)
	fx, fy := x-float64(x0), y-float64(y0)
	for dy, wy := range [2]float64{1 - fy, fy} {
		for dx, wx := range [2]float64{1 - fx, fx} {
			r, g, bl, _ := m.At(b.Min.X+min(x0+dx, b.Dx()-1), b.Min.Y+min(y0+dy, b.Dy()-1)).RGBA()
			for i, v := range [3]uint32{r, g, bl} {
				c[i] += wx * wy * float64(v>>8)
			}
		}
	}
	return c
}

// largeMemory sends concurrent large photographs and prints how much memory each
// takes: the server's peak minus before, divided by the concurrency. before is
// the server's RSS in MiB before its first request, since the server later keeps
// memory that it uses again.
func (b *benchCommand) largeMemory(pid, before int, request func() error) error {
	var group errgroup.Group
	group.SetLimit(b.Concurrency)
	for range 10 * b.Concurrency {
		group.Go(request)
	}
	if err := group.Wait(); err != nil {
		return err
	}
	peak, err := bench.StatusMiB(pid, "VmHWM")
	if err != nil {
		return err
	}
	fmt.Printf("%d requests of 12 megapixels, %d at once: RSS from %d to a peak of %d MiB, %.0f MiB for each in flight (at most 60)\n",
		10*b.Concurrency, b.Concurrency, before, peak, float64(peak-before)/float64(b.Concurrency))
	return nil
}
