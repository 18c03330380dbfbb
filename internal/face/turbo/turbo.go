//go:build cgo && turbojpeg

package turbo

/*
#cgo LDFLAGS: -l:libturbojpeg.a -lm
#include <malloc.h>
#include <turbojpeg.h>

// A progressive JPEG takes tens of megabytes while it is decoded. By default
// glibc starts to keep blocks of that size for reuse, for many threads one each.
// A fixed threshold has it return every block of a megabyte or more at once.
static void return_large_blocks(void) {
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

// The planes are passed one by one, since Go memory that is passed to C must not
// contain pointers to Go memory.
static int planes(tjhandle h, const unsigned char *file, unsigned long size,
                  unsigned char *y, unsigned char *cb, unsigned char *cr,
                  int width, int stride, int chroma_stride, int height, int flags) {
	unsigned char *dst[3] = {y, cb, cr};
	int strides[3] = {stride, chroma_stride, chroma_stride};
	return tjDecompressToYUVPlanes(h, file, size, dst, width, strides, height, flags);
}
*/
import "C"

import (
	"errors"
	"image"
	"sync"
	"unsafe"

	"github.com/sesuai/sesuai/internal/face"
)

// Name is the name of the JPEG decoder in this build.
const Name = "libjpeg-turbo"

// Decode decodes a JPEG with libjpeg-turbo: see face.JPEGDecoder. The library is
// linked statically, so the program runs without it.
var Decode face.JPEGDecoder = decode

// flags makes the library refuse a broken picture instead of repairing it, and
// limits the number of scans, since thousands of them could take minutes.
const flags = C.TJFLAG_STOPONWARNING | C.TJFLAG_LIMITSCANS | C.TJFLAG_ACCURATEDCT

// ratios are the subsampling ratios that both libraries know. Other kinds of JPEG
// (grey, 4:1:0, four colours) are decoded by image/jpeg.
var ratios = map[C.int]image.YCbCrSubsampleRatio{
	C.TJSAMP_444: image.YCbCrSubsampleRatio444,
	C.TJSAMP_422: image.YCbCrSubsampleRatio422,
	C.TJSAMP_420: image.YCbCrSubsampleRatio420,
	C.TJSAMP_440: image.YCbCrSubsampleRatio440,
	C.TJSAMP_411: image.YCbCrSubsampleRatio411,
}

var returnLargeBlocks = sync.OnceFunc(func() { C.return_large_blocks() })

func decode(data []byte, width, height, denominator int) (*image.YCbCr, error) {
	if len(data) == 0 {
		return nil, errors.New("turbo: an empty file")
	}
	returnLargeBlocks()
	handle := C.tjInitDecompress()
	if handle == nil {
		return nil, errors.New("turbo: no memory for a decoder")
	}
	defer C.tjDestroy(handle)
	file, size := (*C.uchar)(unsafe.Pointer(&data[0])), C.ulong(len(data))
	var w, h, subsampling, colours C.int
	if C.tjDecompressHeader3(handle, file, size, &w, &h, &subsampling, &colours) != 0 {
		return nil, errors.New("turbo: the header cannot be read")
	}
	ratio, known := ratios[subsampling]
	if !known || colours != C.TJCS_YCbCr {
		return nil, errors.New("turbo: another kind of JPEG")
	}
	// Both libraries must agree on the size before memory is allocated.
	if int(w) != width || int(h) != height {
		return nil, errors.New("turbo: the size differs from that of image/jpeg")
	}
	// The library decodes to a smaller size by computing fewer points of each
	// block's transform.
	width, height = (width+denominator-1)/denominator, (height+denominator-1)/denominator
	w, h = C.int(width), C.int(height)
	// The library writes whole groups of pixels that share a chroma sample.
	img := image.NewYCbCr(image.Rect(0, 0,
		int(C.tjPlaneWidth(0, w, subsampling)), int(C.tjPlaneHeight(0, h, subsampling))), ratio)
	if C.planes(handle, file, size,
		(*C.uchar)(unsafe.Pointer(&img.Y[0])), (*C.uchar)(unsafe.Pointer(&img.Cb[0])), (*C.uchar)(unsafe.Pointer(&img.Cr[0])),
		w, C.int(img.YStride), C.int(img.CStride), h, flags) != 0 {
		return nil, errors.New("turbo: the picture cannot be decoded")
	}
	img.Rect = image.Rect(0, 0, width, height)
	return img, nil
}
