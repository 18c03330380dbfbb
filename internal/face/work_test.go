package face_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/face/facetest"
	"github.com/sesuai/sesuai/internal/face/turbo"
	"github.com/sesuai/sesuai/test/process"
)

// decoders are those of this build.
func decoders() map[string]face.JPEGDecoder {
	all := map[string]face.JPEGDecoder{"image/jpeg": nil}
	all[turbo.Name] = turbo.Decode // nil under the same name, if that is all there is
	return all
}

// A file of 122 KB that took 11 seconds, and one of 5 KB that took 1.1, are refused
// before anything is decoded.
func TestRefusesMuchWork(t *testing.T) {
	for name, file := range map[string][]byte{
		"100 scans and a stray byte": facetest.ScansAndStrayByte(),
		"PNG of 1 bit":               facetest.OneBit(),
	} {
		for decoder, fast := range decoders() {
			var err error
			size := process.Allocated(func() { _, err = face.Promised(file, fast) })
			if sesuai.KindOf(err) != sesuai.KindTooLarge {
				t.Errorf("%s, %s: %v", name, decoder, err)
			}
			if size > 256<<10 {
				t.Errorf("%s, %s: refusing it allocates %d bytes", name, decoder, size)
			}
		}
	}
}

// The twenty worst files that a search over header fields finds and that are
// accepted promise no more than maxWork, for all sizes together at which a request
// decodes them. The worst comes close to it.
func TestWorstAcceptedFiles(t *testing.T) {
	t.Parallel()
	slow(t)
	type accepted struct {
		name     string
		promised int64
		data     []byte
	}
	files := facetest.Hostile(1, several(60, 90))
	made := make([][]byte, len(files))
	for i, file := range files {
		made[i] = file.Make()
	}
	for decoder, fast := range decoders() {
		var all []accepted
		refused := map[sesuai.Kind]int{}
		for i, file := range files {
			data := made[i]
			promised, err := face.Promised(data, fast)
			if err != nil {
				refused[sesuai.KindOf(err)]++
				continue
			}
			all = append(all, accepted{file.Name, promised, data})
		}
		slices.SortFunc(all, func(x, y accepted) int { return cmp.Compare(y.promised, x.promised) })
		t.Logf("%s: %d accepted, refused %v", decoder, len(all), refused)
		if len(all) < 20 || refused[sesuai.KindTooLarge] < 10 {
			t.Fatalf("%s: too few are accepted or refused", decoder)
		}
		for _, a := range all[:20] {
			t.Logf("%s: %.2f of the bound, %d KiB: %s", decoder, float64(a.promised)/float64(face.MaxWork), len(a.data)>>10, a.name)
			if a.promised > face.MaxWork {
				t.Errorf("%s promises %d", a.name, a.promised)
			}
		}
		if all[0].promised < face.MaxWork*8/10 {
			t.Errorf("%s: the worst accepted file promises only %d", decoder, all[0].promised)
		}
	}
}

// An engine spends no more than maxWork on a request, decodes a JPEG again only if
// that is within it, and never with a second decoder.
func TestDecodesWithinTheBound(t *testing.T) {
	needTurbo(t) // image/jpeg always decodes once
	var spent int64
	var calls int
	e := newEngine(t, func(o *face.Options) {
		o.Workers = 1
		o.DecodeJPEG = func(data []byte, width, height, denominator, scans int) (*face.Planes, error) {
			promised, err := face.PromisedAnyway(data, turbo.Decode, denominator)
			if err != nil {
				return nil, err
			}
			spent, calls = spent+promised, calls+1
			return turbo.Decode(data, width, height, denominator, scans)
		}
	})
	cheap := facetest.JPEG{Width: 4000, Height: 3000, Sampling: sampling420}
	expensive := cheap
	expensive.Progressive = true
	for range 5 {
		expensive.Scans = append(expensive.Scans, facetest.Scan{Components: []int{0}, From: 1, To: 63, High: 1})
	}
	expensive.Scans = append(cjpegScans(), expensive.Scans...)
	for _, test := range []struct {
		name  string
		file  []byte
		calls int
	}{
		{"no face, cheap", cheap.Encode(), 2},
		{"no face, expensive", expensive.Encode(), 1},
	} {
		spent, calls = 0, 0
		if x := extractFile(t, e, test.file); x.Finding != face.NoFace {
			t.Errorf("%s: %v", test.name, x.Finding)
		}
		if calls != test.calls || spent > face.MaxWork {
			t.Errorf("%s: decoded %d times, %d of %d", test.name, calls, spent, face.MaxWork)
		}
	}
}

// What the decoder of the header's kind refuses goes to no other decoder, also not
// after a warning at the end.
func TestNoSecondDecoder(t *testing.T) {
	calls := 0
	e := newEngine(t, func(o *face.Options) {
		o.Workers = 1
		o.DecodeJPEG = func([]byte, int, int, int, int) (*face.Planes, error) {
			calls++
			return nil, errors.New("a warning")
		}
	})
	for name, file := range map[string][]byte{
		"colour": encodeJPEG(t, face.DrawFirst(400)),
		"grey":   facetest.JPEG{Width: 400, Height: 400, Sampling: [][2]int{{1, 1}}}.Encode(),
	} {
		calls = 0
		_, err := e.Extract(context.Background(), file, face.ForProbe)
		if sesuai.KindOf(err) != sesuai.KindInvalidImage || calls != 1 {
			t.Errorf("%s: %v after %d calls", name, err, calls)
		}
	}
}

// Bytes that belong to nothing before a marker change no pixel, and are not a
// reason to refuse a file or to decode it again. Both decoders agree on that, and on
// what is broken.
func TestStrayBytes(t *testing.T) {
	plain := facetest.JPEG{Width: 64, Height: 48, Sampling: sampling420, Content: scene}
	progressive := plain
	progressive.Progressive, progressive.Scans = true, cjpegScans()
	for name, j := range map[string]facetest.JPEG{"baseline": plain, "progressive": progressive} {
		file := j.Encode()
		for decoder, fast := range decoders() {
			want, err := face.DecodeAnyway(file, fast, 1)
			if err != nil {
				t.Fatal(err)
			}
			for about, data := range map[string][]byte{
				"before the end":           append(bytes.Clone(file[:len(file)-2]), 0x55, 0xff, 0xd9),
				"many before the end":      append(append(bytes.Clone(file[:len(file)-2]), make([]byte, 999)...), 0xff, 0xd9),
				"a restart before the end": append(bytes.Clone(file[:len(file)-2]), 0xff, 0xd0, 0xff, 0xd9),
				"before the tables":        bytes.Replace(file, []byte{0xff, 0xc4}, []byte{1, 2, 3, 0xff, 0xc4}, 1),
				"no end":                   file[:len(file)-2],
				"half an end":              file[:len(file)-1],
			} {
				got, err := face.DecodeAnyway(data, fast, 1)
				if err != nil {
					t.Errorf("%s, %s, %s: %v", name, about, decoder, err)
					continue
				}
				wantPixels(t, got, 64, 48, want.At, 0)
			}
			for about, data := range map[string][]byte{
				"cut off within the last scan": append(bytes.Clone(file[:len(file)-4]), 0xff, 0xd9),
				"cut off, no end":              file[:len(file)-4],
				"another start":                append(bytes.Clone(file[:len(file)-2]), 0xff, 0xd8, 0xff, 0xd9),
				"a marker of another process":  afterSOI(file, []byte{0xff, 0x01}),
			} {
				if _, err := face.DecodeAnyway(data, fast, 1); sesuai.KindOf(err) != sesuai.KindInvalidImage {
					t.Errorf("%s, %s, %s: %v", name, about, decoder, err)
				}
			}
		}
	}
}

// What no encoder writes is an invalid file, whatever its size: thousands of
// segments or chunks, and a progressive file without its last scans and its end.
func TestRefusesNonsense(t *testing.T) {
	small := facetest.JPEG{Width: 64, Height: 48, Sampling: sampling420}
	segments := small
	segments.Before = bytes.Repeat(facetest.Segment(0xe5, nil), 10_001)
	cut := small
	cut.Progressive, cut.Scans = true, cjpegScans()[:5]
	unfinished := cut.Encode()
	for name, file := range map[string][]byte{
		"10,001 segments":        segments.Encode(),
		"10,001 chunks":          facetest.PNG{Width: 8, Height: 8, Depth: 8, Chunks: 10_001}.Encode(),
		"without its last scans": unfinished[:len(unfinished)-2],
	} {
		for decoder, fast := range decoders() {
			if _, err := face.Promised(file, fast); sesuai.KindOf(err) != sesuai.KindInvalidImage {
				t.Errorf("%s, %s: %v", name, decoder, err)
			}
		}
	}
	if _, err := face.DecodeAnyway(unfinished, turbo.Decode, 1); err != nil {
		t.Errorf("a progressive file that ends early: %v", err)
	}
}

// The memory that is reserved covers a progressive file's coefficients, and grows
// with the pixels that are really decoded.
func TestMemoryOfFiles(t *testing.T) {
	needTurbo(t)
	j := facetest.JPEG{Width: 8160, Height: 6144, Sampling: sampling420}
	baseline, err := face.Memory(j.Encode(), turbo.Decode)
	if err != nil {
		t.Fatal(err)
	}
	j.Progressive, j.Scans = true, []facetest.Scan{{Components: []int{0, 1, 2}}}
	progressive, err := face.Memory(j.Encode(), turbo.Decode)
	if err != nil {
		t.Fatal(err)
	}
	const samples = 8160 * 6144 * 3 / 2
	if baseline < samples/4 || baseline > samples {
		t.Errorf("%d bytes for a baseline file of 50 megapixels", baseline)
	}
	if progressive-baseline != 2*samples {
		t.Errorf("%d bytes for its coefficients, want 2 for each of %d samples", progressive-baseline, samples)
	}
}
