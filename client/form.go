package client

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net/textproto"
	"os"
)

// Content opens a file to send: a photograph in PNG or JPEG, or a part of a batch. It is
// called for each attempt, perhaps from another goroutine. size is the number of bytes,
// or -1 if it is not known. Its errors, and those of reading, must hold nothing
// personal; the path of an *fs.PathError is taken out.
type Content func() (content io.ReadCloser, size int64, err error)

// FromBytes is a file in memory. It is not copied.
func FromBytes(b []byte) Content {
	return func() (io.ReadCloser, int64, error) { return io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil }
}

// FromFile is a file that is read while it is sent.
func FromFile(path string) Content {
	return func() (io.ReadCloser, int64, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, 0, err
		}
		info, err := f.Stat()
		if err != nil || !info.Mode().IsRegular() {
			return f, -1, err
		}
		return f, info.Size(), nil
	}
}

// contentError says that a file could not be read. Another attempt is of no use.
type contentError struct{ cause error }

// Error implements error.
func (e *contentError) Error() string { return "client: a file cannot be read: " + e.cause.Error() }

// Unwrap returns the cause.
func (e *contentError) Unwrap() error { return e.cause }

// unreadable returns the error about a file, without the path, which may be a
// person's name.
func unreadable(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	return &contentError{err}
}

// form is a body of multipart/form-data. It holds no file in memory.
type form struct {
	boundary string
	pieces   []piece
}

// piece is a text of the body, or a file if that is not nil.
type piece struct {
	text []byte
	file Content
	name string // of the file's field
}

// field is a field of a form: a text, or a file if that is not nil.
type field struct {
	name, text string
	file       Content
}

// newForm returns a form with the fields that have a value.
func newForm(fields ...field) *form {
	var written bytes.Buffer
	w := multipart.NewWriter(&written)
	f := &form{boundary: w.Boundary()}
	for _, field := range fields {
		if field.text == "" && field.file == nil {
			continue
		}
		header := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf("form-data; name=%q", field.name)}}
		if field.file != nil {
			header.Set("Content-Disposition", header.Get("Content-Disposition")+`; filename="file"`)
			header.Set("Content-Type", "application/octet-stream")
		}
		part, err := w.CreatePart(header)
		if err == nil {
			_, err = io.WriteString(part, field.text)
		}
		if err != nil {
			panic(err) // a buffer can always be written to
		}
		if field.file != nil {
			f.pieces = append(f.pieces, piece{text: bytes.Clone(written.Bytes())}, piece{file: field.file, name: field.name})
			written.Reset()
		}
	}
	_ = w.Close()
	f.pieces = append(f.pieces, piece{text: written.Bytes()})
	return f
}

// open opens the files, and returns the body and its length, or -1 if that is
// not known.
func (f *form) open() (body io.ReadCloser, length int64, err error) {
	b := &formBody{}
	var readers []io.Reader
	for _, p := range f.pieces {
		if p.file == nil {
			readers = append(readers, bytes.NewReader(p.text))
			length = added(length, int64(len(p.text)))
			continue
		}
		content, size, err := p.file()
		if content != nil {
			b.open = append(b.open, content)
		}
		if err != nil {
			_ = b.Close()
			return nil, 0, unreadable(err)
		}
		readers = append(readers, content)
		length = added(length, size)
	}
	b.Reader = io.MultiReader(readers...)
	return b, length, nil
}

// digests reads the files, and returns the SHA-256 of each in hexadecimal by the name of
// its field; nil if there is none.
func (f *form) digests() (all map[string]string, err error) {
	for _, p := range f.pieces {
		if p.file == nil {
			continue
		}
		content, _, err := p.file()
		sum := sha256.New()
		if err == nil {
			_, err = io.Copy(sum, content)
		}
		if content != nil {
			err = errors.Join(err, content.Close())
		}
		if err != nil {
			return nil, unreadable(err)
		}
		if all == nil {
			all = make(map[string]string)
		}
		all[p.name] = hex.EncodeToString(sum.Sum(nil))
	}
	return all, nil
}

// added returns the sum of two lengths, or -1 if one is not known.
func added(a, b int64) int64 {
	if a < 0 || b < 0 {
		return -1
	}
	return a + b
}

// formBody is an opened form.
type formBody struct {
	io.Reader
	open []io.Closer
}

// Read implements io.Reader.
func (b *formBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = unreadable(err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *formBody) Close() (err error) {
	for _, c := range b.open {
		err = errors.Join(err, c.Close())
	}
	return err
}
