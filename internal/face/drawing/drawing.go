// Package drawing draws faces, so that the face pipeline can be tested without a
// photograph of a person. It leaves finding and comparing faces to package face.
package drawing

import (
	"image"
	"math"
)

// Portrait is a face drawn with ellipses, so that the pipeline can be tested
// without a photograph. All lengths are fractions of the drawing's
// width, measured from its centre.
type Portrait struct {
	HeadWidth, HeadHeight float64
	EyeApart, EyeY        float64
	NoseLength            float64
	MouthY, MouthWidth    float64
	BrowLift              float64
	Skin, Hair, Iris, Lip [3]float64
}

// First and Second are the two people of the self-test.
var (
	First = Portrait{
		HeadWidth: 0.235, HeadHeight: 0.32, EyeApart: 0.092, EyeY: -0.035, NoseLength: 0.115,
		MouthY: 0.165, MouthWidth: 0.078, BrowLift: 0.05,
		Skin: [3]float64{214, 170, 140}, Hair: [3]float64{48, 36, 30}, Iris: [3]float64{70, 48, 30}, Lip: [3]float64{176, 92, 88},
	}
	Second = Portrait{
		HeadWidth: 0.205, HeadHeight: 0.33, EyeApart: 0.08, EyeY: -0.055, NoseLength: 0.14,
		MouthY: 0.185, MouthWidth: 0.06, BrowLift: 0.042,
		Skin: [3]float64{150, 104, 78}, Hair: [3]float64{20, 18, 20}, Iris: [3]float64{28, 20, 18}, Lip: [3]float64{128, 66, 64},
	}
)

// ellipse is a filled ellipse with a soft edge.
type ellipse struct {
	x, y, rx, ry float64
	colour       [3]float64
	// soft is the width of the edge as a fraction of the radii, opacity the
	// opacity at the centre.
	soft, opacity float64
}

// reach returns how far the ellipse reaches, as a multiple of its radii.
func (e *ellipse) reach() float64 { return 1 + e.soft/2 }

// cover returns the opacity of the ellipse at (x, y).
func (e *ellipse) cover(x, y float64) float64 {
	if math.Abs(x-e.x) >= e.rx*e.reach() || math.Abs(y-e.y) >= e.ry*e.reach() {
		return 0
	}
	d := math.Hypot((x-e.x)/e.rx, (y-e.y)/e.ry)
	t := min(max((1+e.soft/2-d)/e.soft, 0), 1)
	return e.opacity * t * t * (3 - 2*t)
}

func (f Portrait) shapes() []ellipse {
	shade := func(c [3]float64, k float64) [3]float64 { return [3]float64{c[0] * k, c[1] * k, c[2] * k} }
	white, black := [3]float64{236, 232, 228}, [3]float64{14, 12, 12}
	s := []ellipse{
		{0, -0.06, f.HeadWidth * 1.16, f.HeadHeight * 1.08, f.Hair, 0.06, 1},
		{0, 0.5, 0.42, 0.2, [3]float64{70, 84, 112}, 0.04, 1},
		{0, 0.3, f.HeadWidth * 0.5, 0.16, shade(f.Skin, 0.8), 0.1, 1},
		{0, 0.015, f.HeadWidth, f.HeadHeight, f.Skin, 0.05, 1},
		{0, 0.03, f.HeadWidth * 0.62, f.HeadHeight * 0.75, shade(f.Skin, 1.12), 1.4, 0.6},
		{0, -0.26, f.HeadWidth * 0.95, 0.12, f.Hair, 0.25, 1},
	}
	for _, side := range [2]float64{-1, 1} {
		x := side * f.EyeApart
		s = append(s,
			ellipse{side * f.HeadWidth * 0.62, 0.1, 0.05, 0.11, shade(f.Skin, 0.82), 1.6, 0.5},
			ellipse{x, f.EyeY, 0.062, 0.042, shade(f.Skin, 0.78), 1.2, 0.8},
			ellipse{x, f.EyeY - f.BrowLift, 0.056, 0.0105, f.Hair, 0.6, 0.95},
			ellipse{x, f.EyeY - 0.004, 0.041, 0.02, black, 0.3, 0.9},
			ellipse{x, f.EyeY + 0.001, 0.037, 0.016, white, 0.25, 1},
			ellipse{x, f.EyeY, 0.0165, 0.0165, f.Iris, 0.2, 1},
			ellipse{x, f.EyeY, 0.0075, 0.0075, black, 0.3, 1},
			ellipse{x + 0.006, f.EyeY - 0.006, 0.0035, 0.0035, white, 0.5, 1},
			ellipse{side * 0.021, f.EyeY + f.NoseLength, 0.011, 0.0075, shade(f.Skin, 0.42), 0.7, 0.9},
			ellipse{side * 0.033, f.EyeY + f.NoseLength - 0.008, 0.014, 0.02, shade(f.Skin, 0.76), 1, 0.7},
			ellipse{side * 0.02, f.EyeY + f.NoseLength*0.45, 0.009, f.NoseLength * 0.5, shade(f.Skin, 0.8), 1.4, 0.6},
		)
	}
	return append(s,
		ellipse{0, f.EyeY + f.NoseLength*0.5, 0.012, f.NoseLength * 0.55, shade(f.Skin, 1.2), 1.2, 0.7},
		ellipse{0, f.EyeY + f.NoseLength - 0.012, 0.022, 0.018, shade(f.Skin, 1.16), 1, 0.8},
		ellipse{0, f.EyeY + f.NoseLength + 0.012, 0.03, 0.009, shade(f.Skin, 0.66), 1.2, 0.7},
		ellipse{0, f.MouthY, f.MouthWidth, 0.023, f.Lip, 0.4, 0.95},
		ellipse{0, f.MouthY - 0.001, f.MouthWidth * 0.92, 0.0045, shade(f.Lip, 0.4), 0.8, 0.95},
		ellipse{0, f.MouthY + 0.04, f.MouthWidth * 0.7, 0.011, shade(f.Skin, 0.76), 1.4, 0.7},
	)
}

// Draw paints the portrait, evenly lit, on a square with sides of size pixels.
// Every start of the service draws some, so each row skips the ellipses that do
// not reach it.
func (f Portrait) Draw(size int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	shapes := f.shapes()
	inRow := make([]ellipse, 0, len(shapes))
	for row := range size {
		y := (float64(row)+0.5)/float64(size) - 0.5
		inRow = inRow[:0]
		for _, s := range shapes {
			if math.Abs(y-s.y) < s.ry*s.reach() {
				inRow = append(inRow, s)
			}
		}
		for column := range size {
			x := (float64(column)+0.5)/float64(size) - 0.5
			c := [3]float64{196 - 30*y, 204 - 30*y, 208 - 30*y}
			for i := range inRow {
				s := &inRow[i]
				k := s.cover(x, y)
				if k == 0 {
					continue
				}
				for i := range c {
					c[i] += k * (s.colour[i] - c[i])
				}
			}
			pixel := img.Pix[img.PixOffset(column, row):]
			for i, v := range c {
				pixel[i] = byte(min(max(v, 0), 255))
			}
			pixel[3] = 255
		}
	}
	return img
}
