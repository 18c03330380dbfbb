package httpapi

import (
	"io"
	"mime/multipart"
	"strings"
)

// decodeMultipart reads a multipart/form-data body part by part. It writes no
// temporary files and does not keep unknown parts. A part is identified only by
// its name. Its file name and Content-Type are ignored, since clients get them
// wrong.
func decodeMultipart(body *steps, boundary string) (_ *form, err error) {
	var f form
	size := body.len()
	defer func() {
		if err != nil {
			f.wipe()
		}
	}()
	// If a body is cut off within a part's header, multipart.Reader takes
	// that for a regular end. It does not if the input never returns io.EOF.
	// The line break completes a last line that has none.
	unending := io.MultiReader(body, strings.NewReader("\r\n"), cutOff{})
	parts := multipart.NewReader(unending, boundary)
	for n := 0; ; n++ {
		part, err := parts.NextPart()
		if err == io.EOF {
			return &f, nil
		}
		if err != nil {
			return nil, err
		}
		if n == maxFields {
			return nil, malformed("too many parts")
		}
		name, known := fieldOf(part.FormName())
		if !known {
			continue // NextPart skips the rest of this one
		}
		if err := f.setGiven(name); err != nil {
			return nil, err
		}
		if name == fieldFaceImage {
			sent, err := readAll(part, size) // no part is larger
			if err != nil {
				return nil, err
			}
			f.photo = photograph(sent)
			continue
		}
		if f.texts[name], err = readText(part); err != nil {
			return nil, err
		}
	}
}

// cutOff is a reader after whose start no more input may be needed.
type cutOff struct{}

// Read implements io.Reader.
func (cutOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// readText reads a text of at most maxText bytes. A longer one becomes empty,
// which is never valid.
func readText(r io.Reader) (string, error) {
	b, err := readAll(io.LimitReader(r, maxText+1), 128)
	defer clear(b)
	if err != nil || len(b) > maxText {
		return "", err
	}
	return string(b), nil
}
