package face_test

import (
	"compress/zlib"
	"fmt"
	"math"
	"syscall"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/face/facetest"
)

// expensive are files of which each spends its time on one of the costs in
// work.go.
func expensive() []facetest.File {
	const side = 3000 // 9 megapixels
	full, half := [][2]int{{1, 1}, {1, 1}, {1, 1}}, [][2]int{{2, 2}, {1, 1}, {1, 1}}
	one := [][2]int{{1, 1}}
	first := func(_, _, _ int, b *facetest.Block) { b[0] = 3 }
	everything := func(_, column, _ int, b *facetest.Block) {
		for k := range b {
			b[k] = 1 - (column+k)%2*2
		}
	}
	large := func(_, column, row int, b *facetest.Block) {
		for k := range b {
			b[k] = 2 + (column*5+row*3+k*7)%14
		}
	}
	twice := func(_, column, _ int, b *facetest.Block) {
		for k := range b {
			b[k] = 2 + (column+k)%2
		}
	}
	sparse := func(_, column, row int, b *facetest.Block) { b[1+(column+row)%63] = 2 }
	scans := func(n int, s ...facetest.Scan) (all []facetest.Scan) {
		for range n {
			all = append(all, s...)
		}
		return all
	}
	c := []int{0}
	dc := facetest.Scan{Components: c}
	jpegs := []struct {
		name string
		facetest.JPEG
	}{
		{"sequential, empty, 4:4:4", facetest.JPEG{Sampling: full}},
		{"sequential, empty, 4:2:0", facetest.JPEG{Sampling: half}},
		{"sequential, first coefficients", facetest.JPEG{Sampling: full, Content: first}},
		{"sequential, ones", facetest.JPEG{Width: 1600, Height: 1600, Sampling: full, Content: everything, AC: 1}},
		{"sequential, large", facetest.JPEG{Width: 1200, Height: 1200, Sampling: full, Content: large, AC: 4}},
		{"sequential, sparse", facetest.JPEG{Sampling: half, Content: sparse}},
		{"sequential, restarts", facetest.JPEG{Sampling: half, Restart: 1}},
		{"sequential, 3 scans", facetest.JPEG{Sampling: full, Scans: []facetest.Scan{{Components: c}, {Components: []int{1}}, {Components: []int{2}}}}},
		{"progressive, DC alone", facetest.JPEG{Sampling: full, Progressive: true, Scans: []facetest.Scan{{Components: []int{0, 1, 2}}}}},
		{"progressive, 20 DC", facetest.JPEG{Sampling: one, Progressive: true, Scans: scans(20, dc)}},
		{"progressive, 20 DC refined", facetest.JPEG{Sampling: one, Progressive: true, Scans: append(scans(1, dc), scans(20, facetest.Scan{Components: c, High: 1})...)}},
		{"progressive, 20 empty AC", facetest.JPEG{Sampling: one, Progressive: true, AC: 0xe0, Scans: append(scans(1, dc), scans(20, facetest.Scan{Components: c, From: 1, To: 63})...)}},
		{"progressive, 20 AC of one block each", facetest.JPEG{Sampling: one, Progressive: true, Restart: 1, Scans: append(scans(1, dc), scans(20, facetest.Scan{Components: c, From: 1, To: 63})...)}},
		{"progressive, 5 AC sparse", facetest.JPEG{Sampling: one, Progressive: true, Content: sparse, Scans: append(scans(1, dc), scans(5, facetest.Scan{Components: c, From: 1, To: 63})...)}},
		{"progressive, AC ones", facetest.JPEG{Width: 2000, Height: 2000, Sampling: one, Progressive: true, Content: everything, AC: 1, Scans: scans(1, dc, facetest.Scan{Components: c, From: 1, To: 63})}},
		{"progressive, 20 AC refined, empty", facetest.JPEG{Sampling: one, Progressive: true, AC: 0xe0, Scans: append(scans(1, dc), scans(20, facetest.Scan{Components: c, From: 1, To: 63, High: 1})...)}},
		{"progressive, 20 AC refined, one coefficient", facetest.JPEG{Sampling: one, Progressive: true, AC: 0xe0, Scans: append(scans(1, dc), scans(20, facetest.Scan{Components: c, From: 63, To: 63, High: 1})...)}},
		{"progressive, 5 AC refined, all twice", facetest.JPEG{Width: 2000, Height: 2000, Sampling: one, Progressive: true, Content: twice, AC: 2, Scans: append(scans(1, dc, facetest.Scan{Components: c, From: 1, To: 63, Low: 1}), scans(5, facetest.Scan{Components: c, From: 1, To: 63, High: 1})...)}},
		{"small, 100 scans", facetest.JPEG{Width: 8, Height: 8, Sampling: one, Progressive: true, Scans: append(scans(1, dc), scans(99, facetest.Scan{Components: c, From: 1, To: 63, High: 1})...)}},
		{"CMYK", facetest.JPEG{Sampling: [][2]int{{1, 1}, {1, 1}, {1, 1}, {1, 1}}, AfterFrame: adobe(0)}},
		{"YCCK", facetest.JPEG{Sampling: [][2]int{{2, 2}, {1, 1}, {1, 1}, {2, 2}}, AfterFrame: adobe(2)}},
		{"RGB", facetest.JPEG{Sampling: full, AfterFrame: adobe(0)}},
	}
	var files []facetest.File
	for _, j := range jpegs {
		if j.Width == 0 {
			j.Width, j.Height = side, side
		}
		files = append(files, facetest.File{Name: j.name, Make: j.Encode})
	}
	for _, kind := range [][2]int{{1, 0}, {8, 0}, {16, 0}, {8, 2}, {16, 2}, {1, 3}, {8, 3}, {8, 4}, {16, 4}, {8, 6}, {16, 6}} {
		for _, interlaced := range []bool{false, true} {
			for _, alphabet := range []int{0, 2, 16, 256} {
				for _, transparent := range []bool{false, true} {
					if transparent && (kind[1] >= 4 || alphabet != 0) {
						continue
					}
					p := facetest.PNG{
						Width: 2000, Height: 2000, Depth: kind[0], Colour: kind[1], Interlaced: interlaced, Filter: 4,
						Level: zlib.HuffmanOnly, Alphabet: alphabet, Transparent: transparent,
					}
					if alphabet == 0 {
						p.Level = zlib.BestCompression
					}
					files = append(files, facetest.File{
						Name: fmt.Sprintf("PNG of type %d, %d bits, interlaced %t, alphabet %d, transparent %t", kind[1], kind[0], interlaced, alphabet, transparent),
						Make: p.Encode,
					})
				}
			}
		}
	}
	return files
}

// BenchmarkWork decodes files that spend their time on one cost each. The metric
// "promised" is the CPU time over the work that the header promises: about 1 at
// most.
func BenchmarkWork(b *testing.B) {
	for _, file := range expensive() {
		data := file.Make()
		for decoder, fast := range decoders() {
			for _, denominator := range []int{1, 2, 4, 8} {
				if fast == nil && denominator > 1 || fast != nil && data[0] != 0xff {
					continue
				}
				b.Run(fmt.Sprintf("%s/%s/%d", file.Name, decoder, denominator), func(b *testing.B) {
					promised, err := face.PromisedAnyway(data, fast, denominator)
					if err != nil {
						b.Fatal(err)
					}
					least := time.Duration(math.MaxInt64)
					for b.Loop() {
						before := cpuTime(b)
						if _, err := face.DecodeAnyway(data, fast, denominator); err != nil {
							b.Fatal(err)
						}
						least = min(least, cpuTime(b)-before)
					}
					b.ReportMetric(float64(least.Nanoseconds())/float64(promised), "promised")
				})
			}
		}
	}
}

// cpuTime returns the CPU time of this process.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
