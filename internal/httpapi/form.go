package httpapi

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
)

// What a body may hold beside its size limit.
const (
	// maxText is how many bytes a text field may have before it is invalid
	// unseen: more than any valid one, with room for white space to trim.
	maxText = 1 << 10
	// maxFields is how many parts or keys a body may have; four are known,
	// the others are skipped.
	maxFields = 64
)

// field names one of the fields that are known.
type field uint8

// The fields, in the order in which they are validated.
const (
	fieldNIK field = iota
	fieldName
	fieldDateOfBirth
	fieldFaceImage
	numFields
)

// fieldNames spells the fields as on the wire.
var fieldNames = [numFields]string{"nik", "name", "date_of_birth", "face_image"}

// fieldOf finds a field by its name on the wire.
func fieldOf(name string) (field, bool) {
	for f, n := range fieldNames {
		if n == name {
			return field(f), true
		}
	}
	return 0, false
}

// form is a request's body, taken apart but not validated. A field that was
// not given, or that is not a text, is empty: no empty field is valid.
type form struct {
	given [numFields]bool
	texts [fieldFaceImage]string
	photo []byte
}

// give marks the field as given. Giving one twice is refused: two readers of
// one request must not be able to see two different people in it.
func (f *form) give(name field) error {
	if f.given[name] {
		return malformed("a field is given twice")
	}
	f.given[name] = true
	return nil
}

// validate checks the fields in the contract's order. Whether the photograph
// is one is for the face engine to say.
func (f *form) validate(now time.Time) (sesuai.Claim, []byte, error) {
	var (
		c   sesuai.Claim
		err error
	)
	if c.NIK, err = sesuai.ParseNIK(f.texts[fieldNIK]); err != nil {
		return sesuai.Claim{}, nil, err
	}
	if c.Name, err = sesuai.ParseName(f.texts[fieldName]); err != nil {
		return sesuai.Claim{}, nil, err
	}
	if c.DateOfBirth, err = sesuai.ParseDate(f.texts[fieldDateOfBirth], now); err != nil {
		return sesuai.Claim{}, nil, err
	}
	if len(f.photo) == 0 {
		return sesuai.Claim{}, nil, &sesuai.Error{Kind: sesuai.KindNoFile}
	}
	return c, f.photo, nil
}

// readForm reads the body within the limits of size and time. What is said to
// be too large is refused without reading.
func (s *Server) readForm(w *reply, r *http.Request) (*form, error) {
	if r.ContentLength > s.o.MaxBody {
		return nil, &sesuai.Error{Kind: sesuai.KindTooLarge}
	}
	if c := r.Header.Get("Content-Encoding"); c != "" && !strings.EqualFold(c, "identity") {
		w.Header().Set("Accept-Encoding", "identity") // RFC 9110, 12.5.3
		return nil, &sesuai.Error{Kind: sesuai.KindUnsupportedContent}
	}
	decode, err := decoderOf(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}

	// The time limit is on the connection, and lifted once the body is in:
	// net/http would take it for the caller having gone. A ResponseWriter
	// without a connection, as in a test, has no limit.
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(s.o.BodyTimeout))
	body := http.MaxBytesReader(w.ResponseWriter, r.Body, s.o.MaxBody)
	f, err := decode(body)
	if err == nil {
		// What follows is not ours, but it counts: a body is as large as
		// all of it.
		_, err = io.Copy(io.Discard, body)
	}
	if err != nil {
		return nil, unreadable(err)
	}
	_ = connection.SetReadDeadline(time.Time{})
	return f, nil
}

// decoderOf chooses how to read the body by its Content-Type.
func decoderOf(contentType string) (func(io.Reader) (*form, error), error) {
	mediaType, params, err := mime.ParseMediaType(contentType)
	switch {
	case mediaType == "multipart/form-data" && (err != nil || params["boundary"] == ""):
		return nil, malformed("multipart without a boundary")
	case mediaType == "multipart/form-data":
		return func(body io.Reader) (*form, error) { return decodeMultipart(body, params["boundary"]) }, nil
	case mediaType == "application/json" && err == nil:
		return decodeJSON, nil
	default:
		return nil, &sesuai.Error{Kind: sesuai.KindUnsupportedContent}
	}
}

// unreadable says why a body could not be read: too large, too slow, or broken.
// The decoders' own errors go no further: they quote what was sent.
func unreadable(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &sesuai.Error{Kind: sesuai.KindTooLarge}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &sesuai.Error{Kind: sesuai.KindTimeout}
	}
	if ours, ok := errors.AsType[*sesuai.Error](err); ok {
		return ours
	}
	return malformed("the body cannot be decoded")
}

// malformed is an error of kind KindMalformed; why is for the log.
func malformed(why string) error {
	return &sesuai.Error{Kind: sesuai.KindMalformed, Detail: why}
}
