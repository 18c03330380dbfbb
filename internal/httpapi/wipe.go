package httpapi

import "io"

// wipe overwrites the photographs, which must not be used afterwards.
func (f *form) wipe() {
	for _, field := range f.fields {
		clear(field.file)
	}
}

// size returns how many bytes the photographs hold.
func (f *form) size() (n int64) {
	for _, field := range f.fields {
		n += int64(cap(field.file))
	}
	return n
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
