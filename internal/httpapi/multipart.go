package httpapi

import (
	"io"
	"mime/multipart"
	"strings"
)

// decodeMultipart reads a multipart/form-data body part by part: nothing goes
// to temporary files, and what is not asked for is not kept. A part is known
// by its name alone. Its file name and Content-Type are not looked at, since
// clients get them wrong.
func decodeMultipart(body io.Reader, boundary string) (*form, error) {
	var f form
	// The standard reader takes a body that is cut off within a part's header
	// for one that has ended well. It does not when the input never ends with
	// io.EOF; the line break is for a last line that has none.
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
			continue // NextPart skips what is left of this one
		}
		if err := f.give(name); err != nil {
			return nil, err
		}
		if name == fieldFaceImage {
			sent, err := io.ReadAll(part)
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

// cutOff is what comes where no more should be read.
type cutOff struct{}

// Read implements io.Reader.
func (cutOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// readText reads a text of at most maxText bytes; a longer one is read as
// empty, which is never valid.
func readText(r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err != nil || len(b) > maxText {
		return "", err
	}
	return string(b), nil
}
