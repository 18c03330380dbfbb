package kill_test

import (
	"bytes"
	"image/jpeg"
	"image/png"
	"testing"
)

// photographAsPNG converts a JPEG to a PNG.
func photographAsPNG(t *testing.T, photo []byte) []byte {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(photo))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
