package turbo_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"

	"github.com/sesuai/sesuai/internal/face/turbo"
)

// FuzzDecode: Decode never crashes, and a decoded picture has the size that
// image/jpeg reads from the header.
func FuzzDecode(f *testing.F) {
	for _, size := range []image.Point{{1, 1}, {17, 9}, {64, 48}} {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, gradient(size.X, size.Y), nil); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := jpeg.DecodeConfig(bytes.NewReader(data))
		if err != nil || cfg.Width <= 0 || cfg.Height <= 0 || cfg.Width > 1<<18/cfg.Height {
			return
		}
		img, err := turbo.Decode(data, cfg.Width, cfg.Height, 1, 100)
		if err == nil && (img.Width != cfg.Width || img.Height != cfg.Height) {
			t.Errorf("a picture of %d×%d, where the header says %d×%d", img.Width, img.Height, cfg.Width, cfg.Height)
		}
	})
}
