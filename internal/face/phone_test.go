package face_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/face/facetest"
	"github.com/sesuai/sesuai/internal/face/turbo"
	"github.com/sesuai/sesuai/test/process"
)

// scene is the content of a photograph: a brightness that changes slowly, and
// detail in every fourth block.
func scene(component, column, row int, b *facetest.Block) {
	h := uint32(column*2654435761) ^ uint32(row*40503)
	if h ^= h >> 13; h%4 == 0 {
		*b = details[(h>>2)%uint32(len(details))]
	}
	b[0] = column%64 - row%48
	if component > 0 {
		b[0] /= 4
	}
}

// details are blocks with coefficients that fall with their frequency.
var details = func() (blocks [16]facetest.Block) {
	h := uint32(1)
	for i := range blocks {
		for k := 1; k < 24; k++ {
			h = h*1664525 + 1013904223
			blocks[i][k] = (int(h>>28) - 8) * 8 / (8 + k)
		}
	}
	return blocks
}()

var sampling420 = [][2]int{{2, 2}, {1, 1}, {1, 1}}

// cjpegScans are those of "cjpeg -progressive", and of most programs.
func cjpegScans() []facetest.Scan {
	y, cb, cr := []int{0}, []int{1}, []int{2}
	return []facetest.Scan{
		{Components: []int{0, 1, 2}, Low: 1},
		{Components: y, From: 1, To: 5, Low: 2},
		{Components: cr, From: 1, To: 63, Low: 1},
		{Components: cb, From: 1, To: 63, Low: 1},
		{Components: y, From: 6, To: 63, Low: 2},
		{Components: y, From: 1, To: 63, High: 2, Low: 1},
		{Components: []int{0, 1, 2}, High: 1},
		{Components: cr, From: 1, To: 63, High: 1},
		{Components: cb, From: 1, To: 63, High: 1},
		{Components: y, From: 1, To: 63, High: 1},
	}
}

// refinedScans are 64 scans that refine bit by bit and band by band, as cjpeg
// writes them if its -scans file asks for that: for each component 7 bands, first
// without their last 2 bits, and then each bit on its own.
func refinedScans() (scans []facetest.Scan) {
	scans = []facetest.Scan{{Components: []int{0, 1, 2}}}
	bands := [][2]int{{1, 1}, {2, 2}, {3, 5}, {6, 9}, {10, 20}, {21, 40}, {41, 63}}
	for low := 2; low >= 0; low-- {
		for c := range 3 {
			for _, b := range bands {
				s := facetest.Scan{Components: []int{c}, From: b[0], To: b[1], Low: low}
				if low < 2 {
					s.High = low + 1
				}
				scans = append(scans, s)
			}
		}
	}
	return scans
}

// exif is an EXIF segment with a thumbnail: a JPEG within the JPEG.
func exif(t testing.TB) []byte {
	thumbnail := encodeJPEG(t, drawPixels(160, 120, gradient))
	return exifSegment(append(tiff(littleEndian, 1), thumbnail...))
}

// multiPicture is an APP2 segment that says where a second picture is (CIPA
// DC-007).
func multiPicture() []byte {
	return facetest.Segment(0xe2, append([]byte("MPF\x00II*\x00\x08\x00\x00\x00"), make([]byte, 60)...))
}

// gainMap is a grey JPEG, as Ultra HDR appends one.
func gainMap(w, h int) []byte {
	return facetest.JPEG{Width: w / 4, Height: h / 4, Sampling: [][2]int{{1, 1}}, Content: scene}.Encode()
}

// samsung is a trailer: blocks of data, and a directory of them (SEFH to SEFT).
func samsung() []byte {
	data := append([]byte("\x00\x00\x01\x0a\x0e\x00\x00\x00Image_UTC_Data1764300000000"), "SEFH\x6b\x00\x00\x00\x01\x00\x00\x00"...)
	data = binary.LittleEndian.AppendUint32(append(data, make([]byte, 12)...), 24)
	return append(data, "SEFT"...)
}

// motion is a film, with bytes that look like markers.
func motion() []byte {
	film := append([]byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42"), "\x00\x00\x40\x00mdat"...)
	return append(film, bytes.Repeat([]byte{0xff, 0xda, 0x00, 0x0c, 0xff, 0xc2}, 3000)...)
}

// phonePhotographs are 200 descriptions of what telephones and editors write.
func phonePhotographs(t testing.TB) (files []facetest.File) {
	sizes := [][2]int{
		{8160, 6144},
		{8192, 6144},
		{4080, 3060},
		{3024, 4032},
		{2592, 1944},
		{1280, 960},
		{960, 1280},
		{720, 1280},
		{1600, 1200},
		{640, 480},
	}
	kinds := []struct {
		name       string
		megapixels int
		make       func(w, h int) facetest.JPEG
	}{
		{"baseline", 51, func(w, h int) facetest.JPEG {
			return facetest.JPEG{Before: exif(t)}
		}},
		{"baseline 4:2:2 with restarts", 26, func(w, h int) facetest.JPEG {
			return facetest.JPEG{Sampling: [][2]int{{2, 1}, {1, 1}, {1, 1}}, Restart: (w + 15) / 16, Before: exif(t)}
		}},
		{"4:4:4, Adobe", 13, func(w, h int) facetest.JPEG {
			return facetest.JPEG{Sampling: [][2]int{{1, 1}, {1, 1}, {1, 1}}, Before: adobe(1)}
		}},
		{"Ultra HDR", 51, func(w, h int) facetest.JPEG {
			return facetest.JPEG{Before: append(exif(t), multiPicture()...), Trailer: gainMap(w, h)}
		}},
		{"Samsung trailer", 51, func(w, h int) facetest.JPEG {
			return facetest.JPEG{Before: exif(t), Trailer: samsung()}
		}},
		{"motion photo", 51, func(w, h int) facetest.JPEG {
			return facetest.JPEG{Before: exif(t), Trailer: append(motion(), samsung()...)}
		}},
		{"grey", 51, func(w, h int) facetest.JPEG { return facetest.JPEG{Sampling: [][2]int{{1, 1}}} }},
		{"progressive, cjpeg", 13, func(w, h int) facetest.JPEG {
			return facetest.JPEG{Progressive: true, Scans: cjpegScans(), Before: exif(t)}
		}},
		{"progressive, 64 scans of refinement", 6, func(w, h int) facetest.JPEG {
			return facetest.JPEG{Progressive: true, Scans: refinedScans()}
		}},
		{"progressive with a profile in 12 segments", 13, func(w, h int) facetest.JPEG {
			profile := facetest.Segment(0xe2, append([]byte("ICC_PROFILE\x00\x01\x0c"), make([]byte, 60_000)...))
			return facetest.JPEG{Progressive: true, Scans: cjpegScans(), Before: bytes.Repeat(profile, 12), Ids: []byte{0, 1, 2}}
		}},
	}
	for i := range 200 {
		round, kind := i/len(kinds), kinds[i%len(kinds)]
		size := sizes[round%len(sizes)]
		if round >= len(sizes) {
			size = sizes[5+round%5]
		}
		w, h := size[0]-round/len(sizes)*4, size[1] // no two are alike
		for w*h > kind.megapixels*1_000_000 {
			w, h = w/2, h/2
		}
		j := kind.make(w, h)
		j.Width, j.Height, j.Content = w, h, scene
		if j.Sampling == nil {
			j.Sampling = sampling420
		}
		files = append(files, facetest.File{Name: fmt.Sprintf("%s, %d×%d", kind.name, w, h), Make: j.Encode})
	}
	return files
}

// Photographs as telephones and editors write them are accepted, with what they
// append. Without libjpeg-turbo those over 12 megapixels are not.
func TestPhotographsAreAccepted(t *testing.T) {
	t.Parallel()
	slow(t)
	files := spread(phonePhotographs(t), several(30, 200))
	worst := int64(0)
	for _, file := range files {
		data := file.Make()
		promised, err := face.Promised(data, turbo.Decode)
		if err != nil {
			if turbo.Decode == nil {
				continue
			}
			t.Errorf("%s, %d bytes: %v", file.Name, len(data), err)
			continue
		}
		worst = max(worst, promised)
		if _, err := face.DecodeAnyway(data, turbo.Decode, 8); err != nil {
			t.Errorf("%s: %v", file.Name, err)
		}
	}
	t.Logf("%d files promise at most %d of %d", len(files), worst, face.MaxWork)
}

// A progressive file has the pixels of the baseline file with the same
// coefficients, whatever its scans, in both decoders.
func TestScansGiveTheSamePixels(t *testing.T) {
	for name, scans := range map[string][]facetest.Scan{"cjpeg": cjpegScans(), "64 of refinement": refinedScans()} {
		for _, size := range [][2]int{{64, 48}, {101, 77}} {
			for decoder, fast := range decoders() {
				j := facetest.JPEG{Width: size[0], Height: size[1], Sampling: sampling420, Content: scene}
				want, err := face.DecodeAnyway(j.Encode(), fast, 1)
				if err != nil {
					t.Fatal(err)
				}
				j.Progressive, j.Scans = true, scans
				got, err := face.DecodeAnyway(j.Encode(), fast, 1)
				if err != nil {
					t.Fatalf("%s, %v, %s: %v", name, size, decoder, err)
				}
				wantPixels(t, got, size[0], size[1], want.At, 0)
			}
		}
	}
	if n := len(refinedScans()); n != 64 {
		t.Errorf("%d scans of refinement", n)
	}
}

// Every photograph for development is decoded.
func TestDevelopmentPhotographsAreAccepted(t *testing.T) {
	t.Parallel()
	slow(t)
	n, worst := 0, int64(0)
	err := filepath.WalkDir(process.Faces(t, "../.."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".jpg") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		promised, err := face.Promised(data, turbo.Decode)
		if err == nil {
			_, err = face.DecodeAnyway(data, turbo.Decode, 1)
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		worst = max(worst, promised)
		n++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d photographs promise at most %d of %d", n, worst, face.MaxWork)
	if n < 5000 {
		t.Errorf("%d photographs", n)
	}
}
