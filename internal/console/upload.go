package console

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"

	"github.com/sesuai/sesuai"
)

const (
	// maxUploads is how many forms with a file are read and answered at a time.
	maxUploads = 2
	// maxFields is the largest number of fields of such a form.
	maxFields = 16
	// maxField is the largest size of a field but the file, in bytes.
	maxField = 1 << 10
)

// uploads are the patterns of the routes whose form has a file.
var uploads = []string{"POST /try", "POST /people/add"}

// readUpload reads a form with a file into the memory: nothing of it is written to a disk, and
// what the browser says of the file, such as its name, is ignored. done overwrites the file. If too many others
// are being read, the error has kind sesuai.KindOverloaded.
func (c *call) readUpload() (done func(), err error) {
	select {
	case c.uploading <- struct{}{}:
	default:
		return nil, &sesuai.Error{Kind: sesuai.KindOverloaded, Err: errors.New("other forms with a file are being read")}
	}
	done = func() {
		clear(c.file)
		<-c.uploading
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, c.o.MaxPhoto)
	if err := c.readParts(); err != nil {
		done()
		return nil, err
	}
	return done, nil
}

// readParts reads the fields, and the file. The errors do not say what was sent.
func (c *call) readParts() error {
	parts, err := c.r.MultipartReader()
	if err != nil {
		return &sesuai.Error{Kind: sesuai.KindUnsupportedContent}
	}
	c.r.PostForm = make(url.Values)
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = c.readPart(part)
		}
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return &sesuai.Error{Kind: sesuai.KindTooLarge}
		}
		if err != nil || n == maxFields {
			return &sesuai.Error{Kind: sesuai.KindMalformed, Err: errors.New("a form with a file cannot be read")}
		}
	}
}

func (c *call) readPart(part *multipart.Part) error {
	if part.FormName() == "photo" {
		if c.file != nil {
			return errors.New("two files")
		}
		file, err := io.ReadAll(part)
		c.file = file
		return err
	}
	text, err := io.ReadAll(io.LimitReader(part, maxField+1))
	if err == nil && len(text) > maxField {
		err = errors.New("a field is too long")
	}
	c.r.PostForm.Add(part.FormName(), string(text))
	return err
}
