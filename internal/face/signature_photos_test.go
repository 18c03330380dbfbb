package face_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sesuai/sesuai/internal/face"
)

// again are the ways in which a photograph is changed before it is sent again.
var again = []struct {
	name string
	make func(t *testing.T, m image.Image) []byte
}{
	{"the pixels as PNG, as of a screen", func(t *testing.T, m image.Image) []byte { return encodePNG(t, m) }},
	{"JPEG at 95", jpegAt(95, same)},
	{"JPEG at 75", jpegAt(75, same)},
	{"JPEG at 50", jpegAt(50, same)},
	{"JPEG at 30", jpegAt(30, same)},
	{"half the size", jpegAt(85, scaled(0.5))},
	{"three quarters of the size", jpegAt(85, scaled(0.75))},
	{"half as large again", jpegAt(85, scaled(1.5))},
	{"twice the size", jpegAt(85, scaled(2))},
	{"cropped by a twentieth at the left and top", jpegAt(85, cropped(0.05, 0.05, 0, 0))},
	{"cropped by a tenth at the right", jpegAt(85, cropped(0, 0, 0.1, 0))},
	{"cropped by a twentieth all around", jpegAt(85, cropped(0.05, 0.05, 0.05, 0.05))},
	{"a tenth brighter", jpegAt(85, lit(1.1))},
	{"a tenth darker", jpegAt(85, lit(0.9))},
}

func same(m image.Image) image.Image { return m }

func jpegAt(quality int, change func(image.Image) image.Image) func(*testing.T, image.Image) []byte {
	return func(t *testing.T, m image.Image) []byte {
		t.Helper()
		var b bytes.Buffer
		if err := jpeg.Encode(&b, change(m), &jpeg.Options{Quality: quality}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
}

// scaled resizes the image by interpolation.
func scaled(factor float64) func(image.Image) image.Image {
	return func(m image.Image) image.Image {
		b := m.Bounds()
		w, h := int(float64(b.Dx())*factor), int(float64(b.Dy())*factor)
		return drawPixels(w, h, func(x, y int) (c [3]byte) {
			fx := min(max((float64(x)+0.5)/factor-0.5, 0), float64(b.Dx()-1))
			fy := min(max((float64(y)+0.5)/factor-0.5, 0), float64(b.Dy()-1))
			x0, y0 := int(fx), int(fy)
			x1, y1 := min(x0+1, b.Dx()-1), min(y0+1, b.Dy()-1)
			fx, fy = fx-float64(x0), fy-float64(y0)
			a, bb, cc, d := pixel(m, x0, y0), pixel(m, x1, y0), pixel(m, x0, y1), pixel(m, x1, y1)
			for i := range c {
				c[i] = byte((1-fy)*((1-fx)*float64(a[i])+fx*float64(bb[i])) + fy*((1-fx)*float64(cc[i])+fx*float64(d[i])) + 0.5)
			}
			return c
		})
	}
}

// cropped removes these shares at the sides.
func cropped(left, top, right, bottom float64) func(image.Image) image.Image {
	return func(m image.Image) image.Image {
		b := m.Bounds()
		dx, dy := int(left*float64(b.Dx())), int(top*float64(b.Dy()))
		w, h := b.Dx()-dx-int(right*float64(b.Dx())), b.Dy()-dy-int(bottom*float64(b.Dy()))
		return drawPixels(w, h, func(x, y int) [3]byte { return pixel(m, x+dx, y+dy) })
	}
}

func lit(factor float64) func(image.Image) image.Image {
	return func(m image.Image) image.Image {
		return drawPixels(m.Bounds().Dx(), m.Bounds().Dy(), func(x, y int) [3]byte {
			c := pixel(m, x, y)
			for i := range c {
				c[i] = byte(min(float64(c[i])*factor, 255))
			}
			return c
		})
	}
}

func pixel(m image.Image, x, y int) [3]byte {
	b := m.Bounds()
	c := color.NRGBAModel.Convert(m.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA)
	return [3]byte{c.R, c.G, c.B}
}

// apart collects the distances of signatures.
type apart struct{ look, sketch, near []int }

func (a *apart) add(s, t face.Signature) {
	look, sketch := face.Apart(s, t)
	a.look, a.sketch = append(a.look, look), append(a.sketch, sketch)
	near := 0
	if s.Near(t) {
		near = 1
	}
	a.near = append(a.near, near)
}

func (a apart) String() string {
	n := 0
	for _, v := range a.near {
		n += v
	}
	slices.Sort(a.look)
	slices.Sort(a.sketch)
	at := func(v []int, q float64) int { return v[int(q*float64(len(v)-1))] }
	line := fmt.Sprintf("%5d, near %5d; ", len(a.look), n)
	for _, v := range []struct {
		name string
		v    []int
	}{{"hash", a.look}, {"sketch", a.sketch}} {
		line += fmt.Sprintf(" %s: min %2d, 1%% %2d, half %2d, 99%% %2d, max %2d;", v.name,
			v.v[0], at(v.v, 0.01), at(v.v, 0.5), at(v.v, 0.99), v.v[len(v.v)-1])
	}
	return line
}

// TestSentAgain: a photograph that was changed and sent again is recognised.
func TestSentAgain(t *testing.T) {
	t.Parallel()
	pairs := slices.Concat(
		spread(genuine(readPairs(t, "lfw_pairs.csv")), several(25, 120)),
		spread(genuine(readPairs(t, "london_pairs.csv")), several(10, 30)))
	e := newEngine(t, func(o *face.Options) { o.Subject, o.Limits = face.Central, &face.Limits{} })
	lines := make([]apart, len(again))
	var missed, of int
	for _, p := range pairs {
		data, err := os.ReadFile(filepath.Join(facesDir, p.reference))
		if err != nil {
			t.Fatal(err)
		}
		m, _, err := image.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		first, err := e.Extract(t.Context(), data, face.ForReference)
		if err != nil || first.Finding != face.OneFace {
			continue
		}
		for i, a := range again {
			x, err := e.Extract(t.Context(), a.make(t, m), face.ForProbe)
			if err != nil {
				t.Fatal(err)
			}
			of++
			if x.Finding != face.OneFace {
				missed++
				continue
			}
			if !x.Signature.Near(first.Signature) {
				missed++
			}
			lines[i].add(first.Signature, x.Signature)
		}
	}
	for i, a := range again {
		t.Logf("%-45s %s", a.name, lines[i])
	}
	t.Logf("%d of %d are not recognised (at most 8 %%)", missed, of)
	if of == 0 || missed*100 > 8*of {
		t.Errorf("%d of %d photographs that were sent again are not recognised", missed, of)
	}
}

// twice is the number of the genuine pair in LFW's list whose two files are one
// photograph with different contrast.
const twice = 2152

// otherPhotographs: another photograph of the same person is not near.
func otherPhotographs(t *testing.T, album *album) {
	for _, list := range []string{"london_pairs.csv", "lfw_pairs.csv"} {
		all := genuine(readPairs(t, list))
		pairs := spread(all, several(300, len(all)))
		if list == "lfw_pairs.csv" {
			pairs = append(slices.Clone(pairs), all[twice])
		}
		faces := album.of(t, pairs)
		var line apart
		for i, p := range pairs {
			a, b := faces[p.reference], faces[p.probe]
			if a.Finding != face.OneFace || b.Finding != face.OneFace {
				continue
			}
			look, sketch := face.Apart(a.Signature, b.Signature)
			one := list == "lfw_pairs.csv" && p == all[twice]
			if a.Signature.Near(b.Signature) != one {
				t.Errorf("%s, pair %d of %d: taken for one photograph is %v, it is %v; %d bits of the hash and %d of the sketch differ",
					list, i, len(pairs), !one, one, look, sketch)
			}
			if one {
				continue
			}
			line.add(a.Signature, b.Signature)
		}
		t.Logf("%s: %s", list, line)
	}
}
