//go:build cgo && turbojpeg

package turbo

/*
#cgo LDFLAGS: -l:libjpeg.a -lm
#include <malloc.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <jpeglib.h>
#include <jerror.h>
#include <jpegint.h>

#if JPEG_LIB_VERSION >= 70
#define SCALED(component) ((component)->DCT_h_scaled_size)
#define SET_SCALED(component, size) ((component)->DCT_h_scaled_size = (component)->DCT_v_scaled_size = (size))
#define MIN_SCALED(lib) ((lib)->min_DCT_h_scaled_size)
#else
#define SCALED(component) ((component)->DCT_scaled_size)
#define SET_SCALED(component, size) ((component)->DCT_scaled_size = (size))
#define MIN_SCALED(lib) ((lib)->min_DCT_scaled_size)
#endif

// A progressive JPEG takes tens of megabytes while it is decoded. By default
// glibc starts to keep blocks of that size for reuse, for many threads one each.
// A fixed threshold has it return every block of a megabyte or more at once.
static void return_large_blocks(void) {
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

// decoder must begin with lib: the callbacks cast between the two.
typedef struct {
	struct jpeg_decompress_struct lib;
	struct jpeg_error_mgr errors;
	struct jpeg_progress_mgr progress;
	jmp_buf failed;
	int scans;
} decoder;

static void fail(j_common_ptr lib) { longjmp(((decoder *)lib)->failed, 1); }

static void ignore(j_common_ptr lib) {}

// warn is called for each warning (level -1) and each trace message. These
// warnings leave the pixels as they are. After every other warning the library
// would invent pixels, so it fails.
static void warn(j_common_ptr lib, int level) {
	if (level >= 0)
		return;
	switch (lib->err->msg_code) {
	case JWRN_EXTRANEOUS_DATA:
	case JWRN_ADOBE_XFORM:
	case JWRN_JFIF_MAJOR:
	case JWRN_NOT_SEQUENTIAL:
	case JWRN_BOGUS_PROGRESSION:
		return;
	}
	fail(lib);
}

// count is called for each row of blocks of each scan.
static void count(j_common_ptr lib) {
	decoder *d = (decoder *)lib;
	if (d->lib.input_scan_number > d->scans)
		fail(lib);
}

static void close_decoder(decoder *d) {
	jpeg_destroy_decompress(&d->lib);
	free(d);
}

// open_decoder reads the header of a file, which must stay where it is.
static decoder *open_decoder(const unsigned char *file, unsigned long size, int scans, int denominator) {
	decoder *d = calloc(1, sizeof *d);
	if (!d)
		return NULL;
	d->lib.err = jpeg_std_error(&d->errors);
	d->errors.error_exit = fail;
	d->errors.emit_message = warn;
	d->errors.output_message = ignore;
	d->progress.progress_monitor = count;
	d->scans = scans;
	if (setjmp(d->failed)) {
		close_decoder(d);
		return NULL;
	}
	jpeg_create_decompress(&d->lib);
	d->lib.progress = &d->progress;
	jpeg_mem_src(&d->lib, (unsigned char *)file, size);
	jpeg_read_header(&d->lib, TRUE);
	d->lib.scale_num = 1;
	d->lib.scale_denom = denominator;
	d->lib.raw_data_out = TRUE;
	// Smoothing would invent what a progressive file without its last scans
	// lacks, in ten times the time of decoding it.
	d->lib.do_block_smoothing = FALSE;
	d->lib.dct_method = JDCT_ISLOW;
	d->lib.out_color_space = d->lib.jpeg_color_space;
	jpeg_calc_output_dimensions(&d->lib);
	return d;
}

// plane_of sets the sampling factors of a component, and the size of its plane.
// The library writes whole rows of blocks.
static void plane_of(decoder *d, int i, int *h, int *v, int *stride, int *rows) {
	jpeg_component_info *c = &d->lib.comp_info[i];
	int size = MIN_SCALED(&d->lib), mcu = d->lib.max_v_samp_factor * DCTSIZE;
	*h = c->h_samp_factor;
	*v = c->v_samp_factor;
	*stride = c->width_in_blocks * size;
	*rows = (d->lib.image_height + mcu - 1) / mcu * c->v_samp_factor * size;
}

// decode_planes returns 0, or -1 if the file cannot be decoded. The planes are
// passed one by one, since Go memory that is passed to C must not contain
// pointers to Go memory.
static int decode_planes(decoder *d, unsigned char *y, unsigned char *cb, unsigned char *cr) {
	struct jpeg_decompress_struct *lib = &d->lib;
	unsigned char *at[3] = {y, cb, cr};
	JSAMPROW rows[3][MAX_SAMP_FACTOR * DCTSIZE];
	JSAMPARRAY planes[3] = {rows[0], rows[1], rows[2]};
	int size = MIN_SCALED(lib);
	if (setjmp(d->failed))
		return -1;
	jpeg_start_decompress(lib);
	// At a smaller scale the library would enlarge subsampled chromas again, by
	// computing more points of their transform.
	for (int i = 0; i < lib->num_components; i++) {
		SET_SCALED(&lib->comp_info[i], size);
		lib->comp_info[i].MCU_sample_width = lib->comp_info[i].MCU_width * size;
		lib->idct->inverse_DCT[i] = lib->idct->inverse_DCT[0];
	}
	while (lib->output_scanline < lib->output_height) {
		for (int i = 0; i < lib->num_components; i++) {
			jpeg_component_info *c = &lib->comp_info[i];
			for (int row = 0; row < c->v_samp_factor * size; row++) {
				rows[i][row] = at[i];
				at[i] += c->width_in_blocks * size;
			}
		}
		jpeg_read_raw_data(lib, planes, lib->max_v_samp_factor * size);
	}
	jpeg_finish_decompress(lib);
	return 0;
}
*/
import "C"

import (
	"errors"
	"image"
	"runtime"
	"sync"
	"unsafe"

	"github.com/sesuai/sesuai/internal/face"
)

// Name is the name of the JPEG decoder in this build.
const Name = "libjpeg-turbo"

// Decode decodes a JPEG with libjpeg-turbo: see face.JPEGDecoder. The library is
// linked statically, so the program runs without it.
var Decode face.JPEGDecoder = decode

// ratios are the numbers of pixels, across and down, that share a chroma sample.
var ratios = map[[2]C.int]image.YCbCrSubsampleRatio{
	{1, 1}: image.YCbCrSubsampleRatio444,
	{2, 1}: image.YCbCrSubsampleRatio422,
	{2, 2}: image.YCbCrSubsampleRatio420,
	{1, 2}: image.YCbCrSubsampleRatio440,
	{4, 1}: image.YCbCrSubsampleRatio411,
	{4, 2}: image.YCbCrSubsampleRatio410,
}

var returnLargeBlocks = sync.OnceFunc(func() { C.return_large_blocks() })

var errKind = errors.New("turbo: another kind of JPEG")

func decode(data []byte, width, height, denominator, scans int) (image.Image, error) {
	if len(data) == 0 {
		return nil, errors.New("turbo: an empty file")
	}
	returnLargeBlocks()
	// The library keeps a pointer to the file between the calls.
	var pinned runtime.Pinner
	defer pinned.Unpin()
	pinned.Pin(&data[0])
	d := C.open_decoder((*C.uchar)(unsafe.Pointer(&data[0])), C.ulong(len(data)), C.int(scans), C.int(denominator))
	if d == nil {
		return nil, errors.New("turbo: the header cannot be read")
	}
	defer C.close_decoder(d)
	// The caller has reserved memory for this size.
	if int(d.lib.image_width) != width || int(d.lib.image_height) != height {
		return nil, errors.New("turbo: the header has another size")
	}
	whole := image.Rect(0, 0, (width+denominator-1)/denominator, (height+denominator-1)/denominator)
	var planes [3][]byte
	var strides [3]int
	var h, v [3]C.int
	components := int(d.lib.num_components)
	if components > len(planes) {
		return nil, errKind
	}
	for i := range components {
		var stride, rows C.int
		C.plane_of(d, C.int(i), &h[i], &v[i], &stride, &rows)
		planes[i], strides[i] = make([]byte, int(stride)*int(rows)), int(stride)
	}
	pointer := func(i int) *C.uchar { return (*C.uchar)(unsafe.Pointer(unsafe.SliceData(planes[i]))) }
	switch {
	case components == 1 && d.lib.jpeg_color_space == C.JCS_GRAYSCALE:
		if C.decode_planes(d, pointer(0), nil, nil) != 0 {
			return nil, errBroken
		}
		return &image.Gray{Pix: planes[0], Stride: strides[0], Rect: whole}, nil
	case components == 3 && d.lib.jpeg_color_space == C.JCS_YCbCr:
		ratio, known := ratios[[2]C.int{h[0] / h[1], v[0] / v[1]}]
		if !known || h[0]%h[1] != 0 || v[0]%v[1] != 0 || h[1] != h[2] || v[1] != v[2] {
			return nil, errKind
		}
		if C.decode_planes(d, pointer(0), pointer(1), pointer(2)) != 0 {
			return nil, errBroken
		}
		return &image.YCbCr{
			Y: planes[0], Cb: planes[1], Cr: planes[2],
			YStride: strides[0], CStride: strides[1], SubsampleRatio: ratio, Rect: whole,
		}, nil
	default:
		return nil, errKind
	}
}

var errBroken = errors.New("turbo: the picture cannot be decoded")
