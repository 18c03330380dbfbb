package attack_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"
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
// that the engine refuses are omitted: an attacker tries that at home, too.
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
		use := face.ForProbe
		if len(all.references) < references {
			use = face.ForReference
		}
		x, err := e.Extract(t.Context(), photo, use)
		switch {
		case err != nil:
			t.Fatal(err)
		case x.Finding != face.OneFace:
			continue
		case use == face.ForReference:
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

// picture is a photograph that can be shaded.
type picture struct {
	size image.Point
	// levels are red, green and blue of each pixel.
	levels []float64
}

func decodePicture(t *testing.T, photo []byte) picture {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(photo))
	if err != nil {
		t.Fatal(err)
	}
	r := img.Bounds()
	p := picture{size: r.Size()}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			red, green, blue, _ := img.At(x, y).RGBA()
			p.levels = append(p.levels, float64(red>>8), float64(green>>8), float64(blue>>8))
		}
	}
	return p
}

// faceSide is the side of the square in the middle of a picture that is shaded, in
// pixels. The faces of the development set fill it.
const faceSide = 112

// waves is the number of frequencies of a shading along each side. Low frequencies
// survive compression and the reduction to the size that the network sees.
const waves = 8

// shading brightens and darkens the middle of a picture: the coefficients of a cosine
// transform. With normally distributed coefficients of standard deviation 1 the shading
// has one of about one grey level.
type shading [waves][waves]float64

// moved returns the shading after a step in a direction.
func (s shading) moved(step float64, direction *shading) *shading {
	for v := range s {
		for u := range s[v] {
			s[v][u] += step * direction[v][u]
		}
	}
	return &s
}

// photo returns the shaded picture as a JPEG.
func (p picture) photo(s *shading) []byte {
	img := image.NewRGBA(image.Rectangle{Max: p.size})
	from := p.size.Sub(image.Pt(faceSide, faceSide)).Div(2)
	for y := range p.size.Y {
		row := s.row(y - from.Y)
		for x := range p.size.X {
			shade := 0.0
			if n := x - from.X; n >= 0 && n < faceSide {
				for u, amplitude := range row {
					shade += amplitude * cosines[n][u]
				}
			}
			at := y*p.size.X + x
			for channel := range 3 {
				img.Pix[4*at+channel] = uint8(min(max(p.levels[3*at+channel]+shade+0.5, 0), 255))
			}
			img.Pix[4*at+3] = 255
		}
	}
	var b bytes.Buffer
	_ = jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}) // never fails: a bytes.Buffer
	return b.Bytes()
}

// row returns the amplitudes of the frequencies along the y-th row of the square.
func (s *shading) row(y int) (row [waves]float64) {
	if y < 0 || y >= faceSide {
		return row
	}
	for v := range s {
		for u := range s[v] {
			row[u] += s[v][u] * cosines[y][v] * 2 / waves
		}
	}
	return row
}

// cosines has the value of each frequency at each pixel along a side of the square.
var cosines = func() (all [faceSide][waves]float64) {
	for n := range all {
		for u := range all[n] {
			all[n][u] = math.Cos(math.Pi * float64(u) * (float64(n) + 0.5) / faceSide)
		}
	}
	return all
}()
