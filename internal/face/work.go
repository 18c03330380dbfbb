package face

import "github.com/sesuai/sesuai"

// work is CPU time for decoding, in nanoseconds on one core of the machine of
// docs/decisions/images.md. It is computed from the header of a file before
// anything is decoded, from what a file with that header may cost at most. So a
// small file cannot promise much work.
type work int64

// maxWork bounds all decoding for one request: 0.24 seconds. Searching for a face
// is not part of it.
const maxWork work = 240_000_000

// work returns the work of decoding the file with its sides divided by
// denominator, and of converting the pixels.
func (f *file) work(denominator int) work {
	switch {
	case f.png != nil:
		return f.png.work() + f.conversion()
	case f.fast != nil:
		n := f.jpeg.work(&turboCosts, denominator)
		if f.jpeg.colours.inks() {
			n += work(ceil(f.width, denominator)) * work(ceil(f.height, denominator)) * inksCost
		}
		return n
	default:
		return f.jpeg.work(&standardCosts, 1) + f.conversion()
	}
}

// conversion returns the work of converting the pixels that format.decode has
// returned.
func (f *file) conversion() work {
	n := work(f.width) * work(f.height) * conversionCost
	if f.jpeg != nil && f.jpeg.colours != inGrey && f.jpeg.colours != inYCbCr {
		n *= 4 // image/jpeg converts the colours, and then they are converted again
	}
	return n
}

// finest returns the least denominator for decoding the photograph: a smaller one
// would leave a side over maxSide.
func (f *file) finest() int {
	d := 1
	for d < smallest && ceil(f.long(), d) > maxSide {
		d *= 2
	}
	return d
}

// memory returns how many bytes decoding takes at most: what the decoder works
// with and returns, and the photograph at its largest size, as decoded and as
// turned or converted.
func (f *file) memory() int64 {
	const planes, copies = 3, 2
	d := f.finest()
	held := copies * planes * int64(ceil(f.width, d)) * int64(ceil(f.height, d))
	pixels := int64(f.width) * int64(f.height)
	switch {
	case f.png != nil && f.png.interlaced:
		// The decoder composes it from parts that together are as large.
		return 2*pixels*int64(f.sample) + held
	case f.png != nil:
		return pixels*int64(f.sample) + held
	case f.fast != nil:
		n := int64(f.jpeg.blocks())*int64(64/d/d) + f.jpeg.held(turboCosts.coefficientBytes)
		if f.jpeg.colours.inks() {
			return n + held
		}
		return n + int64(f.jpeg.blocks())*int64(64/d/d)
	default:
		return pixels*int64(f.sample+planes) + f.jpeg.held(standardCosts.coefficientBytes) + held
	}
}

// held returns how many bytes of coefficients a decoder holds until the last
// scan.
func (j *jpegFile) held(coefficientBytes int64) int64 {
	if !j.buffered() {
		return 0
	}
	return int64(j.blocks()) * 64 * coefficientBytes
}

// jpegCosts are the costs of a JPEG decoder in nanoseconds, from
// docs/decisions/images.md. Those of blocks are without the bytes of a scan's
// data.
type jpegCosts struct {
	file, scan, restart, dataByte float64
	// Per block of a scan: sequential; the first bits of the coefficient of
	// frequency 0, or one more; those of others.
	sequential, dcFirst, dcMore, acFirst, acMore float64
	// Per coefficient of a block that a scan refines.
	coefficient float64
	// hold is per block that is held until the last scan. output is per block
	// when the sides are divided by 1, 2, 4 and 8.
	hold   float64
	output [smallest + 1]float64
	// coefficientBytes is the size of a coefficient that is held.
	coefficientBytes int64
}

// The costs of libjpeg-turbo and of image/jpeg.
var (
	turboCosts = jpegCosts{
		file: 20_000, scan: 10_000, restart: 60, dataByte: 15,
		sequential: 20, dcFirst: 25, dcMore: 10, acFirst: 12, acMore: 25, coefficient: 0.7,
		hold: 70, output: [...]float64{1: 60, 2: 35, 4: 30, 8: 20},
		coefficientBytes: 2,
	}
	standardCosts = jpegCosts{
		file: 20_000, scan: 10_000, restart: 100, dataByte: 40,
		sequential: 220, dcFirst: 60, dcMore: 60, acFirst: 80, acMore: 90, coefficient: 1.5,
		hold: 140, output: [...]float64{1: 220, 8: 0},
		coefficientBytes: 4,
	}
)

// work returns the work of decoding the file with its sides divided by
// denominator, for a decoder that can do so.
func (j *jpegFile) work(c *jpegCosts, denominator int) work {
	n := c.file
	for _, s := range j.scans {
		blocks, restarts := j.blocksOf(s)
		n += c.scan + float64(restarts)*c.restart + float64(s.dataBytes)*c.dataByte + float64(blocks)*c.block(j.progressive, s)
	}
	blocks := float64(j.blocks())
	if j.buffered() {
		n += blocks * c.hold
	}
	n += blocks * c.output[denominator]
	return work(n)
}

// block returns the cost of a block in a scan.
func (c *jpegCosts) block(progressive bool, s jpegScan) float64 {
	switch {
	case !progressive:
		return c.sequential
	case s.from == 0 && s.high == 0:
		return c.dcFirst
	case s.from == 0:
		return c.dcMore
	case s.high == 0:
		return c.acFirst
	default:
		return c.acMore + c.coefficient*float64(s.to-s.from+1)
	}
}

// pngCosts are the costs of image/png in nanoseconds, from
// docs/decisions/images.md: those of a raw byte are for decompressing it and
// undoing the filter, those of a pixel for storing it.
var pngCosts = struct {
	chunk, fileByte, rawByte, pixel, interlaced, transparent, palette float64
}{chunk: 200, fileByte: 3, rawByte: 10, pixel: 5, interlaced: 8, transparent: 8, palette: 8}

// conversionCost is the cost of averaging a pixel that image/png has returned,
// inksCost that of converting a pixel of four inks.
const conversionCost, inksCost = 4, 20

// work returns the work of decoding the file.
func (p *pngFile) work() work {
	c := &pngCosts
	pixel := c.pixel
	if p.interlaced {
		pixel += c.interlaced
	}
	if p.transparent {
		pixel += c.transparent
	}
	if p.colour == pngPalette {
		pixel += c.palette
	}
	return work(float64(p.chunks)*c.chunk + float64(p.size)*c.fileByte +
		float64(p.rawBytes())*c.rawByte + float64(p.width)*float64(p.height)*pixel)
}

// errWork refuses a file that promises too much work. It is about the size, like
// too many pixels: most such files are photographs of a size that this
// service cannot afford, and a smaller one is accepted. What no encoder writes,
// such as thousands of scans, is an invalid file.
func errWork() error {
	return &sesuai.Error{Kind: sesuai.KindTooLarge, Detail: "the image takes too long to decode: it has too many pixels for its kind"}
}
