package registrytest

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// Foreign is a registry of which only the answers are tested: they come from
// elsewhere, where people are enrolled in another way, and photographs are
// compared by a matcher of its own. It says less than a registry of ours: nothing
// about the attributes of a person who is not active, and not whether a
// photograph is the reference's own. It may compare attributes and face one after
// the other, and so with two states of a record that is replaced meanwhile.
type Foreign interface {
	registry.Enroller
	// Compared is its comparison of photographs whose templates have that
	// cosine.
	Compared(cosine float64) registry.Comparison
}

// told is the answer of the registry where one of ours answers want.
func told(r registry.Enroller, want registry.Answer) registry.Answer {
	if _, ok := r.(Foreign); ok && want.Found && want.Status != sesuai.Active {
		want.NameScore, want.DateOfBirth = registry.NotScored, sesuai.NotCompared
	}
	return want
}

// comparedAt checks the comparison of templates with that cosine.
func comparedAt(t *testing.T, r registry.Enroller, cosine float64, got registry.Comparison) {
	t.Helper()
	want := registry.Comparison{
		Portrait: true, Score: cosine, Percentage: Scale{}.Percentage(cosine), Model: Model, Calibration: Calibration,
	}
	// A registry may keep a template, or send a photograph, in less than full
	// precision.
	tolerance := 0.005
	if f, ok := r.(Foreign); ok {
		want, tolerance = f.Compared(cosine), 0.1
	} else {
		want.Percentage = Scale{}.Percentage(got.Score)
		want.Similarity = face.Similarity{Cosine: got.Score, Reference: ReferenceLength, Probe: ProbeLength}
	}
	if math.Abs(got.Score-want.Score) > tolerance || math.Abs(got.Percentage.Value()-want.Percentage.Value()) > 100*tolerance/10 {
		t.Errorf("at cosine %v: score %v and %v %%, want %v and %v %%", cosine, got.Score, got.Percentage, want.Score, want.Percentage)
	}
	got.Score, got.Percentage = want.Score, want.Percentage
	equal(t, "Ask", got, nil, want)
}

// ownMatcher skips a test of what a Foreign does not say.
func ownMatcher(t *testing.T, r registry.Enroller) {
	t.Helper()
	if _, ok := r.(Foreign); ok {
		t.Skip("this test needs a registry that answers more than a Foreign does")
	}
}

const (
	// pictureBlock is the side of a block of a JPEG, in pixels; pictureRow is
	// how many of them a picture of a template has in a row.
	pictureBlock = 8
	pictureRow   = 32
	// pictureRange is the largest value that can be shown; unit vectors of 512
	// have a standard deviation of 0.044.
	pictureRange = 0.25
)

// picture shows a template, so that it can be sent as a photograph: the
// brightness of each block is one value.
func picture(t testing.TB, template face.Template) *face.Picture {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, pictureRow*pictureBlock, len(template.Vector)/pictureRow*pictureBlock))
	for i, v := range template.Vector {
		level := color.Gray{Y: byte(math.Round(min(max(0.5+float64(v)/(2*pictureRange), 0), 1) * 255))}
		x, y := i%pictureRow*pictureBlock, i/pictureRow*pictureBlock
		for dy := range pictureBlock {
			for dx := range pictureBlock {
				img.SetGray(x+dx, y+dy, level)
			}
		}
	}
	p, err := face.NewPicture(img)
	return must(t, p, err)
}

// PictureReader is a face.Extractor that reads the template back from a picture
// of ProbeAt, for the matcher of a Foreign.
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
