package httpapi

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// witness is a reader that keeps the buffers it has filled with 0xff.
type witness struct {
	left    int
	err     error
	buffers [][]byte
}

func (w *witness) Read(p []byte) (int, error) {
	if w.left == 0 {
		return 0, w.err
	}
	n := min(len(p), w.left, 10_000)
	for i := range p[:n] {
		p[i] = 0xff
	}
	w.left -= n
	w.buffers = append(w.buffers, p[:n])
	return n, nil
}

// TestReadAllLeavesNothing: only the returned buffer holds what was read; after an
// error none does.
func TestReadAllLeavesNothing(t *testing.T) {
	for _, size := range []int{0, 1, 64 << 10, 64<<10 + 1, 1 << 20} {
		for _, fails := range []error{io.EOF, errors.New("cut off")} {
			w := &witness{left: size, err: fails}
			b, err := readAll(w, 64<<10)
			if fails == io.EOF && (err != nil || !bytes.Equal(b, bytes.Repeat([]byte{0xff}, size))) {
				t.Errorf("%d bytes: got %d, %v", size, len(b), err)
			}
			if fails != io.EOF && (!errors.Is(err, fails) || b != nil) {
				t.Errorf("%d bytes and an error: got %d, %v", size, len(b), err)
			}
			clear(b)
			for _, buffer := range w.buffers {
				if bytes.IndexByte(buffer, 0xff) >= 0 {
					t.Fatalf("%d bytes, then %v: a buffer was left as it was", size, fails)
				}
			}
		}
	}
}
