package face_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/face/facetest"
	"github.com/sesuai/sesuai/internal/face/turbo"
)

// unusualSampling are the stored files whose components have sampling factors
// that cameras seldom write.
var unusualSampling = []string{
	"sampling_22_11_12", "sampling_22_11_22", "sampling_14_11_11", "sampling_31_11_11", "sampling_41_11_11",
	"sampling_12_11_11", "sampling_11_22_22", "sampling_21_12_11", "sampling_22_21_11", "sampling_32_11_12",
	"rgb_21_11_22", "progressive_22_11_12", "progressive_31_11_11", "progressive_11_22_22",
}

// wantUnread fails the test unless the error says that a kind of JPEG is not
// read.
func wantUnread(t *testing.T, err error) string {
	t.Helper()
	wantKind(t, err, sesuai.KindInvalidImage)
	e, _ := errors.AsType[*sesuai.Error](err)
	if e == nil || e.Format == "" {
		t.Errorf("the error does not name the kind: %v", err)
		return ""
	}
	return e.Format
}

// meanDifference returns the mean difference of all samples of all pixels.
func meanDifference(p *face.Photo, want image.Image) float64 {
	sum := 0
	for y := range p.Height {
		for x := range p.Width {
			got, c := p.At(x, y), color.NRGBAModel.Convert(want.At(x, y)).(color.NRGBA)
			for i, w := range []byte{c.R, c.G, c.B} {
				sum += max(int(w)-int(got[i]), int(got[i])-int(w))
			}
		}
	}
	return float64(sum) / float64(3*p.Width*p.Height)
}

// A JPEG of any sampling factors that libjpeg reads has the pixels that another
// decoder gives. In a build without libjpeg-turbo it may be refused, with a reason.
func TestDecodeUnusualSampling(t *testing.T) {
	for _, name := range unusualSampling {
		data := storedJPEG(t, name)
		want, err := png.Decode(bytes.NewReader(storedJPEG(t, name+".pixels")))
		if err != nil {
			t.Fatal(err)
		}
		for decoder, fast := range decoders() {
			p, err := face.DecodeAnyway(data, fast, 1)
			if err != nil {
				if fast != nil {
					t.Errorf("%s, %s: %v", name, decoder, err)
				} else {
					wantUnread(t, err)
				}
				continue
			}
			if p.Width != gradientWidth || p.Height != gradientHeight {
				t.Fatalf("%s, %s: %d×%d pixels", name, decoder, p.Width, p.Height)
			}
			if d := meanDifference(p, want); d > 2 {
				t.Errorf("%s, %s: a mean difference of %.2f", name, decoder, d)
			}
		}
	}
}

// At smaller scales each sample of each component is about the mean of those that
// it covers at full size, whatever the sampling factors.
func TestDecodeUnusualSamplingSmaller(t *testing.T) {
	needTurbo(t)
	for _, name := range unusualSampling {
		data := storedJPEG(t, name)
		full, err := turbo.Decode(data, gradientWidth, gradientHeight, 1, maxScans)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []int{2, 4, 8} {
			smaller, err := turbo.Decode(data, gradientWidth, gradientHeight, d, maxScans)
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range smaller.Components {
				sum, n := 0, 0
				whole := full.Components[i]
				for at, got := range c.Pix {
					x, y, mean := at%c.Stride*d, at/c.Stride*d, 0
					for j := range d * d {
						mean += int(whole.Pix[(y+j/d)*whole.Stride+x+j%d])
					}
					mean /= d * d
					sum, n = sum+max(mean-int(got), int(got)-mean), n+1
				}
				if float64(sum)/float64(n) > 2 {
					t.Errorf("%s, 1/%d, component %d: a mean difference of %.2f", name, d, i, float64(sum)/float64(n))
				}
			}
		}
	}
}

// maxScans is enough for every file here.
const maxScans = 100

// The two decoders give the same pixels of every kind that both read, turned and
// not.
func TestDecodersAgree(t *testing.T) {
	needTurbo(t)
	files := map[string][]byte{
		"RGB":       afterSOI(withoutFirstSegment(storedJPEG(t, "rgb_444")), adobe(0)),
		"CMYK":      afterSOI(withoutFirstSegment(storedJPEG(t, "ycck")), adobe(0)),
		"YCCK, 2x2": facetest.JPEG{Width: 37, Height: 21, Sampling: [][2]int{{2, 2}, {1, 1}, {1, 1}, {2, 2}}, Content: scene, AfterFrame: adobe(2)}.Encode(),
	}
	for _, name := range []string{
		"rgb_444", "rgb_422", "rgb_440", "rgb_420", "rgb_411", "progressive_444", "progressive_420", "progressive_grey",
		"ycck", "progressive_ycck",
	} {
		files[name] = storedJPEG(t, name)
	}
	for name, file := range files {
		for _, data := range [][]byte{file, afterSOI(file, exifSegment(tiff(littleEndian, 6)))} {
			want, err := face.DecodeAnyway(data, nil, 1)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got, err := face.DecodeAnyway(data, turbo.Decode, 1)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			wantPixels(t, got, want.Width, want.Height, want.At, 6)
		}
	}
}

// Four components without an Adobe segment are inks, as libjpeg has it: one byte
// of ink is that much less light.
func TestDecodeCMYKWithoutAdobe(t *testing.T) {
	needTurbo(t)
	j := facetest.JPEG{Width: 40, Height: 24, Sampling: [][2]int{{2, 1}, {1, 2}, {1, 1}, {2, 2}}}
	j.Content = func(component, _, _ int, b *facetest.Block) { b[0] = []int{-100, -50, 50, -150}[component] }
	data := j.Encode() // 78, 103, 153 and 53 in each block
	shown := func(ink int) byte { return byte((255 - ink) * (255 - 53) / 255) }
	for _, denominator := range []int{1, 8} {
		p, err := face.DecodeAnyway(data, turbo.Decode, denominator)
		if err != nil {
			t.Fatal(err)
		}
		wantPixels(t, p, 40/denominator, 24/denominator, func(int, int) [3]byte {
			return [3]byte{shown(78), shown(103), shown(153)}
		}, 1)
	}
}

// Components that all have the same id are told apart by their order.
func TestDecodeComponentsOfOneID(t *testing.T) {
	needTurbo(t)
	j := facetest.JPEG{Width: 64, Height: 48, Sampling: sampling420, Content: scene}
	want, err := face.DecodeAnyway(j.Encode(), turbo.Decode, 1)
	if err != nil {
		t.Fatal(err)
	}
	j.Ids = []byte{1, 1, 1}
	got, err := face.DecodeAnyway(j.Encode(), turbo.Decode, 1)
	if err != nil {
		t.Fatal(err)
	}
	wantPixels(t, got, 64, 48, want.At, 0)
}

// A JPEG of a kind that is not read is not called damaged.
func TestUnreadKinds(t *testing.T) {
	jpg := storedJPEG(t, "rgb_444")
	frame := frameAt(t, jpg)
	for _, test := range []struct {
		name, format string
		data         []byte
	}{
		{"lossless", "lossless JPEG", patched(jpg, frame+1, 0xc3)},
		{"hierarchical", "hierarchical JPEG", patched(jpg, frame+1, 0xc5)},
		{"hierarchical, by its first header", "hierarchical JPEG", patched(jpg, frame+1, 0xde)},
		{"arithmetic", "arithmetic-coded JPEG", patched(jpg, frame+1, 0xc9)},
		{"arithmetic, progressive", "arithmetic-coded JPEG", patched(jpg, frame+1, 0xca)},
		{"arithmetic, with conditioning", "arithmetic-coded JPEG", afterSOI(patched(jpg, frame+1, 0xc9), segment(0xcc, []byte{0, 0x10}))},
		{"JPEG-LS", "JPEG-LS", patched(jpg, frame+1, 0xf7)},
		{"12 bits", "JPEG of 12 bits per sample", patched(jpg, frame+1, 0xc1, 0, 17, 12)},
		{"no height", "JPEG whose height follows its pixels", patched(jpg, frame+5, 0, 0)},
		{"two components", "JPEG of 2 or over 4 components", facetest.JPEG{Width: 9, Height: 9, Sampling: [][2]int{{1, 1}, {1, 1}}}.Encode()},
		{"five components", "JPEG of 2 or over 4 components", facetest.JPEG{Width: 9, Height: 9, Sampling: make([][2]int, 5), Scans: []facetest.Scan{}}.Encode()},
		{"3:2 sampling", "JPEG of fractional sampling", facetest.JPEG{Width: 9, Height: 9, Sampling: [][2]int{{3, 1}, {2, 1}, {1, 1}}}.Encode()},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, fast := range decoders() {
				_, err := face.DecodeAnyway(test.data, fast, 1)
				if got := wantUnread(t, err); got != test.format {
					t.Errorf("%q, want %q", got, test.format)
				}
			}
		})
	}
	for name, data := range map[string][]byte{
		"cut off":  jpg[:len(jpg)-40],
		"no width": patched(jpg, frame+7, 0, 0),
		"9 bits":   patched(jpg, frame+4, 9),
	} {
		for _, fast := range decoders() {
			_, err := face.DecodeAnyway(data, fast, 1)
			wantKind(t, err, sesuai.KindInvalidImage)
			if e, ok := errors.AsType[*sesuai.Error](err); ok && e.Format != "" {
				t.Errorf("%s counts as %s", name, e.Format)
			}
		}
	}
}

// withoutEnd are JPEG files of every structure, without their end marker.
func withoutEnd(t *testing.T) map[string][]byte {
	plain := facetest.JPEG{Width: 61, Height: 45, Sampling: sampling420, Content: scene}
	restarts, scans, progressive := plain, plain, plain
	restarts.Restart = 3
	scans.Scans = []facetest.Scan{{Components: []int{0}}, {Components: []int{1}}, {Components: []int{2}}}
	progressive.Progressive, progressive.Scans = true, cjpegScans()
	both := progressive
	both.Restart = 2
	everyUnit := restarts
	everyUnit.Restart = 1
	files := map[string][]byte{
		"one scan": plain.Encode(), "restarts": restarts.Encode(), "a restart after each unit": everyUnit.Encode(),
		"3 scans": scans.Encode(), "progressive": progressive.Encode(), "progressive with restarts": both.Encode(),
	}
	for _, name := range []string{"rgb_420", "progressive_420", "progressive_grey", "ycck", "progressive_ycck", "sampling_31_11_11"} {
		files[name] = storedJPEG(t, name)
	}
	for name, file := range files {
		files[name] = file[:len(file)-2]
	}
	return files
}

// A JPEG of which only the end marker is missing is complete. One that lacks any
// byte more is damaged.
func TestMissingEndOfJPEG(t *testing.T) {
	for name, file := range withoutEnd(t) {
		for decoder, fast := range decoders() {
			want, err := face.DecodeAnyway(append(bytes.Clone(file), 0xff, 0xd9), fast, 1)
			if err != nil {
				if fast != nil {
					t.Errorf("%s, %s, whole: %v", name, decoder, err)
				}
				continue
			}
			for _, data := range [][]byte{file, append(bytes.Clone(file), 0xff)} {
				got, err := face.DecodeAnyway(data, fast, 1)
				if err != nil {
					t.Errorf("%s, %s: %v", name, decoder, err)
					continue
				}
				wantPixels(t, got, want.Width, want.Height, want.At, 0)
			}
			for n := range file {
				if _, err := face.DecodeAnyway(file[:n], fast, 1); err == nil {
					t.Errorf("%s, %s: %d of %d bytes are read", name, decoder, n, len(file))
				}
			}
		}
	}
}
