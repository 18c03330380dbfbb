package face

import (
	"fmt"
	"image"
	"strings"
	"testing"
)

// headerOf returns a colour JPEG of that size with libjpeg-turbo or with image/jpeg.
// refining is how many scans refine its brightness after those of a progressive
// file; 0 means a baseline file.
func headerOf(width, height, refining int, fast bool) *file {
	j := &jpegFile{
		width: width, height: height, colours: inYCbCr, components: []jpegComponent{{1, 2, 2}, {2, 1, 1}, {3, 1, 1}},
		scans: []jpegScan{{components: []int{0, 1, 2}, to: 63, dataBytes: width * height / 10}},
	}
	if refining > 0 {
		j.progressive, j.scans[0].to = true, 0
		for range refining {
			j.scans = append(j.scans, jpegScan{components: []int{0}, from: 1, to: 63, high: 1})
		}
	}
	f := &file{width: width, height: height, jpeg: j}
	if fast {
		f.fast = func([]byte, int, int, int, int) (*Planes, error) { return nil, nil }
	}
	return f
}

// A search without success decodes a file to these sizes, each for the steps up to
// the one after the colon, and all of them within maxWork.
func TestSizesOfSearch(t *testing.T) {
	for _, test := range []struct {
		width, height, refining int
		fast, pictures          bool
		want                    string
	}{
		// libjpeg-turbo, one scan.
		{width: 320, height: 240, fast: true, want: "320:4"},
		{width: 639, height: 480, fast: true, want: "639:4"},
		{width: 640, height: 480, fast: true, want: "320:2 640:4"},
		{width: 720, height: 720, fast: true, want: "360:2 720:4"},
		{width: 720, height: 720, fast: true, pictures: true, want: "360:2 720:4"},
		{width: 960, height: 1279, fast: true, want: "639:4"},
		{width: 960, height: 1280, fast: true, want: "320:2 640:3 1280:4"},
		{width: 1600, height: 1200, fast: true, want: "400:2 800:3 1600:4"},
		{width: 1000, height: 2000, fast: true, want: "500:3 1000:4"},
		{width: 4000, height: 3000, fast: true, want: "500:3 1000:4"},
		{width: 4000, height: 3000, fast: true, pictures: true, want: "500:3 1000:4"},
		{width: 8160, height: 6144, fast: true, want: "1020:4"},
		// Every scan costs the same at every size.
		{width: 1280, height: 960, refining: 2, fast: true, want: "320:2 640:3 1280:4"},
		{width: 1280, height: 960, refining: 30, fast: true, want: "640:3 1280:4"},
		{width: 4000, height: 3000, refining: 3, fast: true, want: "500:3 1000:4"},
		{width: 4000, height: 3000, refining: 12, fast: true, want: "1000:4"},
		{width: 4000, height: 3000, refining: 12, fast: true, pictures: true, want: "2000:4"},
		// image/jpeg decodes once. What it has decoded is averaged.
		{width: 640, height: 480, want: "640:4"},
		{width: 960, height: 720, want: "480:4"},
		{width: 1600, height: 1200, want: "800:3 1600:4"},
		{width: 1600, height: 1200, pictures: true, want: "800:3 1600:4"},
	} {
		f := headerOf(test.width, test.height, test.refining, test.fast)
		e, d := &Engine{pictures: test.pictures}, f.decoding()
		var got []string
		for denominator := e.denominator(f); ; denominator /= 2 {
			d.remaining -= d.cost(denominator)
			if !test.fast {
				d.whole = image.NewGray(image.Rect(0, 0, 1, 1)) // what decoding keeps
			}
			steps := d.steps(denominator)
			got = append(got, fmt.Sprintf("%d:%d", d.long()/denominator, steps))
			if steps == allSteps {
				break
			}
		}
		name := fmt.Sprintf("%d×%d, %d refining scans, fast %v, pictures %v", test.width, test.height, test.refining, test.fast, test.pictures)
		if got := strings.Join(got, " "); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
		if d.remaining < 0 {
			t.Errorf("%s: %d of the work of %d", name, maxWork-d.remaining, maxWork)
		}
	}
}

// A face with few pixels is decoded again to the size at which its eyes are
// minEyeDistance apart, or to the largest that is left of maxWork.
func TestFinerSize(t *testing.T) {
	for _, test := range []struct {
		width, height, refining int
		from                    int // the denominator
		eyes                    float64
		want                    int
	}{
		{width: 4000, height: 3000, from: 8, eyes: minEyeDistance, want: 8},
		{width: 4000, height: 3000, from: 8, eyes: minEyeDistance - 1, want: 4},
		{width: 4000, height: 3000, from: 8, eyes: minEyeDistance / 2, want: 4},
		{width: 4000, height: 3000, from: 8, eyes: minEyeDistance/2 - 1, want: 2},
		{width: 4000, height: 3000, from: 8, eyes: 1, want: 1},
		{width: 4000, height: 3000, from: 1, eyes: 1, want: 1},
		{width: 6000, height: 4000, from: 8, eyes: 1, want: 2}, // maxSide
		{width: 8160, height: 6144, from: 8, eyes: 1, want: 8}, // too expensive
		{width: 4000, height: 3000, refining: 12, from: 4, eyes: 1, want: 4},
	} {
		d := headerOf(test.width, test.height, test.refining, true).decoding()
		d.remaining -= d.cost(test.from)
		if got := d.finer(test.eyes, test.from); got != test.want || d.cost(got) > d.remaining && got != test.from {
			t.Errorf("%d×%d, %d refining scans, eyes %v apart at 1/%d: 1/%d, want 1/%d",
				test.width, test.height, test.refining, test.eyes, test.from, got, test.want)
		}
	}
}
