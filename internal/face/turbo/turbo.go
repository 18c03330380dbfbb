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

// MAX_PLANES is the greatest number of components that is decoded.
#define MAX_PLANES 4

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

// plane_of sets how many pixels, across and down, share a sample of a component,
// and the size of its plane. The library writes whole rows of blocks. A number is
// 0 if it would not be whole.
static void plane_of(decoder *d, int i, int *across, int *down, int *stride, int *rows) {
	jpeg_component_info *c = &d->lib.comp_info[i];
	int size = MIN_SCALED(&d->lib), h = d->lib.max_h_samp_factor, v = d->lib.max_v_samp_factor, mcu = v * DCTSIZE;
	*across = h % c->h_samp_factor ? 0 : h / c->h_samp_factor;
	*down = v % c->v_samp_factor ? 0 : v / c->v_samp_factor;
	*stride = c->width_in_blocks * size;
	*rows = (d->lib.image_height + mcu - 1) / mcu * c->v_samp_factor * size;
}

// decode_planes returns 0, or -1 if the file cannot be decoded. The planes are
// passed one by one, since Go memory that is passed to C must not contain
// pointers to Go memory.
static int decode_planes(decoder *d, unsigned char *p0, unsigned char *p1, unsigned char *p2, unsigned char *p3) {
	struct jpeg_decompress_struct *lib = &d->lib;
	unsigned char *at[MAX_PLANES] = {p0, p1, p2, p3};
	JSAMPROW rows[MAX_PLANES][MAX_SAMP_FACTOR * DCTSIZE];
	JSAMPARRAY planes[MAX_PLANES] = {rows[0], rows[1], rows[2], rows[3]};
	int size = MIN_SCALED(lib), finest = 0;
	if (setjmp(d->failed))
		return -1;
	jpeg_start_decompress(lib);
	// At a smaller scale the library would enlarge subsampled components again,
	// by computing more points of their transform. It does not enlarge one with
	// the greatest factor across, so all get the transform of that one.
	while (lib->comp_info[finest].h_samp_factor < lib->max_h_samp_factor)
		finest++;
	for (int i = 0; i < lib->num_components; i++) {
		SET_SCALED(&lib->comp_info[i], size);
		lib->comp_info[i].MCU_sample_width = lib->comp_info[i].MCU_width * size;
		lib->idct->inverse_DCT[i] = lib->idct->inverse_DCT[finest];
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

var returnLargeBlocks = sync.OnceFunc(func() { C.return_large_blocks() })

func decode(data []byte, width, height, denominator, scans int) (*face.Planes, error) {
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
	p := &face.Planes{
		Width: (width + denominator - 1) / denominator, Height: (height + denominator - 1) / denominator,
		Components: make([]face.Component, int(d.lib.num_components)),
	}
	var at [C.MAX_PLANES]*C.uchar
	if len(p.Components) > len(at) {
		return nil, errors.New("turbo: too many components")
	}
	for i := range p.Components {
		var across, down, stride, rows C.int
		C.plane_of(d, C.int(i), &across, &down, &stride, &rows)
		if across == 0 || down == 0 {
			return nil, errors.New("turbo: the sampling factors do not divide the greatest ones")
		}
		c := face.Component{Pix: make([]byte, int(stride)*int(rows)), Stride: int(stride), Across: int(across), Down: int(down)}
		p.Components[i], at[i] = c, (*C.uchar)(unsafe.Pointer(unsafe.SliceData(c.Pix)))
	}
	if C.decode_planes(d, at[0], at[1], at[2], at[3]) != 0 {
		return nil, errors.New("turbo: the picture cannot be decoded")
	}
	return p, nil
}
