//go:build cgo

package ort

/*
#if defined(__SSE__)
#include <xmmintrin.h>

// Bits 15 (flush to zero) and 6 (denormals are zero) of MXCSR: Intel 64 and IA-32
// Architectures Software Developer's Manual, volume 1, 10.2.3.
static unsigned int flushDenormals(void) {
	unsigned int old = _mm_getcsr();
	_mm_setcsr(old | 0x8040);
	return old;
}

static void restoreDenormals(unsigned int old) { _mm_setcsr(old); }
#else
static unsigned int flushDenormals(void) { return 0; }
static void restoreDenormals(unsigned int old) { (void)old; }
#endif
*/
import "C"

import "runtime"

// withoutDenormals calls f on a thread that takes numbers below 1.2e-38 as zero. A
// network has weights of 1e-34, so that its convolutions are full of such numbers, and
// some processors take over a hundred cycles for each instruction with one of them.
// ONNX Runtime's own option for this is for the threads that it makes, not for those
// that call it.
func withoutDenormals(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	old := C.flushDenormals()
	defer C.restoreDenormals(old)
	return f()
}
