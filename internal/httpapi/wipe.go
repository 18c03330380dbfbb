package httpapi

import "io"

// wipe overwrites the photograph, which must not be used afterwards. The form may
// be nil.
func (f *form) wipe() {
	if f != nil {
		clear(f.photo)
	}
}

// readAll is io.ReadAll, but overwrites the buffers that it leaves behind, each of
// which holds a part of what was read. The first has size bytes.
func readAll(r io.Reader, size int) ([]byte, error) {
	b := make([]byte, 0, size)
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			clear(b)
			return nil, err
		}
		if len(b) == cap(b) {
			outgrown := b
			b = append(b, 0)[:len(b)]
			clear(outgrown)
		}
	}
}
