package bench

import (
	"bytes"
	"image"
	"image/jpeg"
	"math/rand/v2"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/face/drawing"

	_ "image/png" // DecodeConfig reads both formats that the service does
)

// Photo describes the photograph that was sent.
type Photo struct {
	// Drawn is whether it is the drawn face, and not the caller's photograph.
	Drawn  bool   `json:"drawn"`
	Format string `json:"format"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Bytes  int    `json:"bytes"`

	file []byte
}

// photoOf describes a photograph, or the drawn one if file is nil. What is none is an
// error, as the service's answer would be.
func photoOf(file []byte) (Photo, error) {
	p := Photo{Drawn: file == nil, file: file}
	if p.Drawn {
		var err error
		if p.file, err = drawn(); err != nil {
			return p, err
		}
	}
	if !face.Supported(p.file) {
		return p, face.Unsupported(p.file)
	}
	header, format, err := image.DecodeConfig(bytes.NewReader(p.file))
	if err != nil {
		return p, &sesuai.Error{Kind: sesuai.KindInvalidImage, Err: err}
	}
	p.Format, p.Width, p.Height, p.Bytes = format, header.Width, header.Height, len(p.file)
	return p, nil
}

const (
	drawnSize    = 720
	drawnQuality = 90
	// grain is the standard deviation of the noise, in 255ths, of a drawn
	// photograph. It makes the file as large as one of a telephone's camera,
	// and decoding it as expensive.
	grain = 3
)

// drawn returns a JPEG of 720×720 pixels that shows the drawn face of the
// self-test, with the grain of a camera. It takes the whole pipeline, as a
// photograph of a person does that shows one upright face of a third of the width.
func drawn() ([]byte, error) {
	img := drawing.First.Draw(drawnSize)
	rng := rand.New(rand.NewPCG(1, 2)) // the same every time
	for i := range img.Pix {
		if i%4 == 3 { // opaque
			continue
		}
		v := float64(img.Pix[i]) + grain*rng.NormFloat64()
		img.Pix[i] = byte(min(max(v+0.5, 0), 255))
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: drawnQuality}); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
