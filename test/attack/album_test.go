package attack_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/face"
)

// album are photographs that the engine accepts.
type album struct {
	// references are those of people who are attacked: one each.
	references [][]byte
	// own are those of other people, which the attacker has: one each.
	own [][]byte
	// templates are those of own, which the attacker makes with the public models.
	templates []face.Template
}

// openAlbum reads photographs of the development set until it has so many. Photographs
// that the engine refuses are left out: an attacker tries that at home, too.
func openAlbum(t *testing.T, e *face.Engine, references, own int) album {
	t.Helper()
	folder := needPhotographs(t)
	files, err := filepath.Glob(filepath.Join(folder, "lfw", "*", "*_0001.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	// Not in the order of names: those of one family are not next to each other.
	slices.SortFunc(files, func(a, b string) int { return strings.Compare(reversed(a), reversed(b)) })
	var all album
	for _, file := range files {
		photo, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		x, err := e.Extract(t.Context(), photo, face.ForProbe)
		switch {
		case err != nil:
			t.Fatal(err)
		case x.Finding != face.OneFace:
			continue
		case len(all.references) < references:
			all.references = append(all.references, photo)
		default:
			all.own, all.templates = append(all.own, photo), append(all.templates, x.Template)
		}
		if len(all.own) == own {
			return all
		}
	}
	t.Fatalf("there are only %d photographs", len(all.own))
	return all
}

func reversed(text string) string {
	b := []byte(text)
	slices.Reverse(b)
	return string(b)
}

// picture is the middle of a photograph, with the face, which can be shaded.
type picture struct {
	size image.Point
	// levels are red, green and blue of each pixel.
	levels []float64
}

// side is the greatest side of a picture, in pixels. The faces of the development set are
// in the middle, and half as wide.
const side = 170

func decodePicture(t *testing.T, photo []byte) picture {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(photo))
	if err != nil {
		t.Fatal(err)
	}
	whole := img.Bounds()
	r := image.Rectangle{Max: image.Pt(min(side, whole.Dx()), min(side, whole.Dy()))}
	r = r.Add(whole.Min).Add(whole.Size().Sub(r.Size()).Div(2))
	p := picture{size: r.Size()}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			red, green, blue, _ := img.At(x, y).RGBA()
			p.levels = append(p.levels, float64(red>>8), float64(green>>8), float64(blue>>8))
		}
	}
	return p
}

// grid is the number of cells of a shading along each side of a picture. Low frequencies
// survive compression and the reduction to the size that the network sees.
const grid = 16

// shading brightens or darkens a picture: for each cell of the grid one value for each
// of red, green and blue, in grey levels. Between the centres of cells it is linear.
type shading [grid][grid][3]float64

// photo returns the shaded picture as a JPEG.
func (p picture) photo(s *shading) []byte {
	img := image.NewRGBA(image.Rectangle{Max: p.size})
	for y := range p.size.Y {
		above, below, fy := cells(y, p.size.Y)
		var row [grid][3]float64
		for i := range row {
			for channel := range row[i] {
				row[i][channel] = (1-fy)*s[above][i][channel] + fy*s[below][i][channel]
			}
		}
		for x := range p.size.X {
			before, after, fx := cells(x, p.size.X)
			at := y*p.size.X + x
			for channel := range 3 {
				v := p.levels[3*at+channel] + (1-fx)*row[before][channel] + fx*row[after][channel]
				img.Pix[4*at+channel] = uint8(min(max(v+0.5, 0), 255))
			}
			img.Pix[4*at+3] = 255
		}
	}
	var b bytes.Buffer
	_ = jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}) // never fails: a bytes.Buffer
	return b.Bytes()
}

// cells returns the two cells between whose centres the n-th of so many pixels is, and
// the share of the second.
func cells(n, of int) (first, second int, share float64) {
	at := max((float64(n)+0.5)/float64(of)*grid-0.5, 0)
	first = int(at)
	return first, min(first+1, grid-1), at - float64(first)
}
