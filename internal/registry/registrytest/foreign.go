package registrytest

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// Foreign is a registry of which only the answers are under examination: they
// come from elsewhere, where people are enrolled by another way and photographs
// are compared by a matcher of its own. It tells less than a registry of ours:
// nothing about the attributes of who is not active, nothing of portraits
// before Compare, and neither revisions nor whether a photograph is the
// reference's own.
type Foreign interface {
	registry.Enroller
	// Compared is what it says about photographs whose templates have that
	// cosine.
	Compared(cosine float64) registry.Comparison
}

// told is what the registry says where one of ours says r.
func told(r registry.Enroller, want registry.Record) registry.Record {
	if _, ok := r.(Foreign); !ok || !want.Found {
		return want
	}
	want.Portrait = true
	if want.Status != sesuai.Active {
		want.NameScore, want.DateOfBirth = -1, sesuai.NotCompared
	}
	return want
}

// comparedAt holds a comparison to what is due of templates with that cosine.
func comparedAt(t *testing.T, r registry.Enroller, cosine float64, got registry.Comparison, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("at cosine %v: %v", cosine, err)
		return
	}
	want := registry.Comparison{
		Portrait: true, Score: cosine, Percentage: Scale{}.Percentage(cosine), Model: Model, Calibration: Calibration,
	}
	// A registry may keep a template, or send a photograph, in less than full
	// precision.
	tolerance := 0.005
	if f, ok := r.(Foreign); ok {
		want, tolerance = f.Compared(cosine), 0.1
		if got.Revision != "" {
			t.Errorf("it has a revision, %q", got.Revision)
		}
	} else {
		want.Percentage = Scale{}.Percentage(got.Score)
	}
	if math.Abs(got.Score-want.Score) > tolerance || math.Abs(got.Percentage.Value()-want.Percentage.Value()) > 100*tolerance/10 {
		t.Errorf("at cosine %v: score %v and %v %%, want %v and %v %%", cosine, got.Score, got.Percentage, want.Score, want.Percentage)
	}
	got.Score, got.Percentage = want.Score, want.Percentage
	equal(t, "Compare", got, nil, want)
}

// ownMatcher ends a part of the exam that asks what a Foreign does not tell.
func ownMatcher(t *testing.T, r registry.Enroller) {
	t.Helper()
	if _, ok := r.(Foreign); ok {
		t.Skip("somebody else's registry does not tell")
	}
}

// A picture shows a template, so that it can be sent as a photograph: each
// value is the brightness of a block as JPEG has them, 32 in a row.
type picture face.Template

const (
	pictureBlock = 8
	pictureRow   = 32
	// pictureRange is the largest value that can be shown; unit vectors of 512
	// have a standard deviation of 0.044.
	pictureRange = 0.25
)

// JPEG implements face.Picture.
func (p picture) JPEG(ctx context.Context, maxBytes int) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	img := image.NewGray(image.Rect(0, 0, pictureRow*pictureBlock, len(p.Vector)/pictureRow*pictureBlock))
	for i, v := range p.Vector {
		level := color.Gray{Y: byte(math.Round(min(max(0.5+float64(v)/(2*pictureRange), 0), 1) * 255))}
		x, y := i%pictureRow*pictureBlock, i/pictureRow*pictureBlock
		for dy := range pictureBlock {
			for dx := range pictureBlock {
				img.SetGray(x+dx, y+dy, level)
			}
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 100}); err != nil {
		return nil, err
	}
	if b.Len() > maxBytes {
		return nil, fmt.Errorf("registrytest: a picture of %d bytes is larger than %d", b.Len(), maxBytes)
	}
	return b.Bytes(), nil
}

// PictureReader is a face.Extractor that reads the pictures of ProbeAt: what
// somebody else's matcher sees is then the probe's template.
type PictureReader struct{}

// Extract implements face.Extractor.
func (PictureReader) Extract(ctx context.Context, photo []byte, _ face.Use) (face.Extraction, error) {
	if err := ctx.Err(); err != nil {
		return face.Extraction{}, err
	}
	img, err := jpeg.Decode(bytes.NewReader(photo))
	if err != nil {
		return face.Extraction{}, &sesuai.Error{Kind: sesuai.KindInvalidImage, Err: err}
	}
	size := img.Bounds().Size()
	if size.X != pictureRow*pictureBlock || size.X*size.Y != face.TemplateSize*pictureBlock*pictureBlock {
		return face.Extraction{Finding: face.NoFace}, nil
	}
	v := make([]float32, face.TemplateSize)
	for i := range v {
		x, y := i%pictureRow*pictureBlock, i/pictureRow*pictureBlock
		level := color.GrayModel.Convert(img.At(x+pictureBlock/2, y+pictureBlock/2)).(color.Gray).Y
		v[i] = (float32(level)/255 - 0.5) * 2 * pictureRange
	}
	template, err := face.NewTemplate(Model, v)
	return face.Extraction{Template: template}, err
}
