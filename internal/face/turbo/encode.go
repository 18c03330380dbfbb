//go:build cgo && turbojpeg

package turbo

/*
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>

// encoder must begin with lib: the callbacks cast between the two.
typedef struct {
	struct jpeg_compress_struct lib;
	struct jpeg_error_mgr errors;
	struct jpeg_destination_mgr to;
	jmp_buf failed;
	unsigned char *rows; // a row of MCUs, or NULL
	int full;
} encoder;

// plane is the samples of one component.
typedef struct {
	const unsigned char *samples;
	int stride, width, height;
} plane;

static void stop(j_common_ptr lib) { longjmp(((encoder *)lib)->failed, 1); }

static void no_message(j_common_ptr lib) {}

static void begin_file(j_compress_ptr lib) {}

static void end_file(j_compress_ptr lib) {}

// file_full is called when the file does not fit into its memory.
static boolean file_full(j_compress_ptr lib) {
	encoder *e = (encoder *)lib;
	e->full = 1;
	longjmp(e->failed, 1);
}

// copy_row copies a row of a plane and repeats its last sample up to width.
static void copy_row(unsigned char *to, int width, plane *p, int row) {
	if (row >= p->height)
		row = p->height - 1;
	const unsigned char *from = p->samples + (size_t)row * p->stride;
	memcpy(to, from, p->width);
	memset(to + p->width, from[p->width - 1], width - p->width);
}

// write_planes writes Y, Cb and Cr, one row of MCUs at a time. The library reads
// whole rows of MCUs, so the planes are continued by their last samples.
static void write_planes(encoder *e, plane *planes) {
	struct jpeg_compress_struct *lib = &e->lib;
	JSAMPROW rows[3][2 * DCTSIZE];
	JSAMPARRAY at[3] = {rows[0], rows[1], rows[2]};
	int width = (lib->image_width + 2 * DCTSIZE - 1) / (2 * DCTSIZE) * 2 * DCTSIZE;
	e->rows = malloc((size_t)width * 3 * DCTSIZE);
	if (!e->rows)
		stop((j_common_ptr)lib);
	while (lib->next_scanline < lib->image_height) {
		unsigned char *next = e->rows;
		for (int i = 0; i < 3; i++) {
			int factor = i == 0 ? 2 : 1, first = lib->next_scanline * factor / 2, w = width * factor / 2;
			for (int row = 0; row < factor * DCTSIZE; row++) {
				copy_row(next, w, &planes[i], first + row);
				rows[i][row] = next;
				next += w;
			}
		}
		jpeg_write_raw_data(lib, at, 2 * DCTSIZE);
	}
}

// encode_jpeg writes a file of Y, Cb and Cr, the last two with half as many samples
// across and down, or of RGBX pixels if cb is NULL. It returns the size of the file,
// 0 if that would be max or more, and -1 if it cannot be written.
static long encode_jpeg(int width, int height, int quality,
                        const unsigned char *y, int y_stride,
                        const unsigned char *cb, const unsigned char *cr, int c_stride,
                        unsigned char *file, size_t max) {
	encoder *e = calloc(1, sizeof *e);
	long size = -1;
	if (!e)
		return size;
	e->lib.err = jpeg_std_error(&e->errors);
	e->errors.error_exit = stop;
	e->errors.output_message = no_message;
	e->to.init_destination = begin_file;
	e->to.empty_output_buffer = file_full;
	e->to.term_destination = end_file;
	e->to.next_output_byte = file;
	e->to.free_in_buffer = max;
	if (setjmp(e->failed) == 0) {
		struct jpeg_compress_struct *lib = &e->lib;
		jpeg_create_compress(lib);
		lib->dest = &e->to;
		lib->image_width = width;
		lib->image_height = height;
		lib->input_components = cb ? 3 : 4;
		lib->in_color_space = cb ? JCS_YCbCr : JCS_EXT_RGBX;
		jpeg_set_defaults(lib); // which shares a chroma between 2×2 pixels
		jpeg_set_quality(lib, quality, TRUE);
		lib->dct_method = JDCT_ISLOW;
		lib->raw_data_in = cb != NULL;
		jpeg_start_compress(lib, TRUE);
		if (cb) {
			int w = (width + 1) / 2, h = (height + 1) / 2;
			plane planes[3] = {{y, y_stride, width, height}, {cb, c_stride, w, h}, {cr, c_stride, w, h}};
			write_planes(e, planes);
		}
		while (lib->next_scanline < lib->image_height) {
			JSAMPROW row = (JSAMPROW)y + (size_t)lib->next_scanline * y_stride;
			jpeg_write_scanlines(lib, &row, 1);
		}
		jpeg_finish_compress(lib);
		size = max - e->to.free_in_buffer;
	} else if (e->full) {
		size = 0;
	}
	jpeg_destroy_compress(&e->lib);
	free(e->rows);
	free(e);
	return size;
}
*/
import "C"

import (
	"errors"
	"image"
	"unsafe"

	"github.com/sesuai/sesuai/internal/face"
)

// Encode encodes a JPEG with libjpeg-turbo: see face.JPEGEncoder.
var Encode face.JPEGEncoder = encode

func encode(img image.Image, quality, maxBytes int) ([]byte, error) {
	size := img.Bounds().Size()
	if size.X <= 0 || size.Y <= 0 || maxBytes <= 0 {
		return nil, errors.New("turbo: there is nothing to encode, or no room for it")
	}
	pointer := func(b []byte) *C.uchar { return (*C.uchar)(unsafe.Pointer(unsafe.SliceData(b))) }
	// The library asks for more room when there is none left, so one byte stays.
	file := make([]byte, maxBytes+1)
	var n C.long
	switch m := img.(type) {
	case *image.YCbCr:
		if m.SubsampleRatio != image.YCbCrSubsampleRatio420 || m.Rect.Min != (image.Point{}) {
			return nil, errors.New("turbo: not a picture of 4:2:0 with its origin at 0,0")
		}
		n = C.encode_jpeg(C.int(size.X), C.int(size.Y), C.int(quality), pointer(m.Y), C.int(m.YStride),
			pointer(m.Cb), pointer(m.Cr), C.int(m.CStride), pointer(file), C.size_t(len(file)))
	case *image.RGBA:
		n = C.encode_jpeg(C.int(size.X), C.int(size.Y), C.int(quality), pointer(m.Pix), C.int(m.Stride),
			nil, nil, 0, pointer(file), C.size_t(len(file)))
	default:
		return nil, errors.New("turbo: a picture of another kind")
	}
	if n < 0 {
		return nil, errors.New("turbo: the picture cannot be encoded")
	}
	if n == 0 {
		return nil, nil
	}
	return file[:n:n], nil
}
