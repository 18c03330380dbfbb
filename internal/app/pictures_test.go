package app_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"

	"github.com/sesuai/sesuai/internal/face/drawing"
)

// pictures draws the pictures of the fixtures, by file name. They show the two
// people of the self-test: a reference each, and three selfies that differ from it
// in expression, size and light, so that none is taken for another photograph sent
// again. internal/app/testdata/schema4/pictures_test.go.txt drew the same.
func pictures(t *testing.T) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	for name, p := range map[string]drawing.Portrait{"first": drawing.First, "second": drawing.Second} {
		smile, wide, calm := p, p, p
		smile.MouthWidth *= 1.35
		smile.MouthY -= 0.012
		smile.BrowLift *= 1.3
		wide.HeadWidth *= 1.1
		wide.NoseLength *= 1.15
		wide.BrowLift *= 0.75
		wide.MouthY += 0.02
		calm.MouthWidth *= 0.75
		calm.EyeY -= 0.02
		calm.NoseLength *= 0.9
		calm.BrowLift *= 1.15
		for _, v := range []struct {
			name string
			p    drawing.Portrait
			size int
			side float64
		}{
			{"reference", p, 360, 0}, {"selfie-1", smile, 420, 0.35}, {"selfie-2", wide, 400, -0.35}, {"selfie-3", calm, 440, 0},
		} {
			files[name+"-"+v.name+".jpg"] = jpegOf(t, sideLit(v.p.Draw(v.size), v.side), 90)
		}
	}
	again, err := jpeg.Decode(bytes.NewReader(files["first-selfie-1.jpg"]))
	if err != nil {
		t.Fatal(err)
	}
	files["first-selfie-1-again.jpg"] = jpegOf(t, again, 60)
	grey := image.NewNRGBA(image.Rect(0, 0, 320, 320))
	for i := range grey.Pix {
		grey.Pix[i] = 160
		if i%4 == 3 {
			grey.Pix[i] = 255
		}
	}
	files["nobody.jpg"] = jpegOf(t, grey, 90)
	return files
}

func jpegOf(t *testing.T, m image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sideLit darkens a drawing towards its left edge by the fraction side, or
// towards its right edge if side is negative.
func sideLit(m *image.NRGBA, side float64) *image.NRGBA {
	w := m.Rect.Dx()
	for i := range m.Pix {
		if i%4 == 3 {
			continue
		}
		x := float64(i/4%w) / float64(w)
		gain := 1 - side*(1-x)
		if side < 0 {
			gain = 1 + side*x
		}
		m.Pix[i] = byte(float64(m.Pix[i]) * gain)
	}
	return m
}
