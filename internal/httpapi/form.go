package httpapi

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/admission"
)

// The limits of a body, besides its size.
const (
	// maxText is the size in bytes above which a text field is invalid
	// without being parsed. It is larger than any valid text, with room for
	// white space to trim.
	maxText = 1 << 10
	// maxFields is the greatest number of parts or keys. Four are known, the
	// others are skipped.
	maxFields = 64
)

// field is one of the known fields.
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

// form is a request's body, decoded but not validated. A field that was not
// given, or that is not a text, is empty, and no empty field is valid.
type form struct {
	given [numFields]bool // by a name that some reader takes for the field's
	found [numFields]bool // by its name, and not null
	texts [fieldFaceImage]string
	photo []byte
}

// take returns the field with this name, and records that it was given. It reports
// false for every other name. Giving a field twice is refused, also by a name that only
// some reader takes for the field's: two readers of one request must not be able to see
// two different people in it.
func (f *form) take(name string) (field, bool, error) {
	plain := plainName(name)
	for i, n := range fieldNames {
		if !strings.EqualFold(plain, n) {
			continue
		}
		if f.given[i] {
			return 0, false, malformed("a field is given twice")
		}
		f.given[i] = true
		return field(i), name == n, nil
	}
	return 0, false, nil
}

// plainName returns the name that the most lenient readers make of a name. Some undo
// the escapes of browsers. PHP takes a space and a dot for an underscore, and what
// follows a bracket for an index. C ends a text at a zero.
func plainName(name string) string {
	if len(name) > maxText {
		return name // no copies of it are made
	}
	if unescaped, err := url.PathUnescape(name); err == nil {
		name = unescaped
	}
	if end := strings.IndexAny(name, "[\x00"); end >= 0 {
		name = name[:end]
	}
	return strings.NewReplacer(" ", "_", ".", "_").Replace(strings.TrimSpace(name))
}

// validate checks the fields in the contract's order. It does not check that
// the photograph is one; the face engine does.
func (f *form) validate(now time.Time) (sesuai.Claim, []byte, error) {
	var (
		c   sesuai.Claim
		err error
	)
	if c.NIK, err = sesuai.ParseNIK(f.texts[fieldNIK]); err != nil {
		return sesuai.Claim{}, nil, f.invalid(fieldNIK, err)
	}
	if c.Name, err = sesuai.ParseName(f.texts[fieldName]); err != nil {
		return sesuai.Claim{}, nil, f.invalid(fieldName, err)
	}
	if c.DateOfBirth, err = sesuai.ParseDate(f.texts[fieldDateOfBirth], now); err != nil {
		return sesuai.Claim{}, nil, f.invalid(fieldDateOfBirth, err)
	}
	if len(f.photo) == 0 {
		return sesuai.Claim{}, nil, f.invalid(fieldFaceImage, &sesuai.Error{Kind: sesuai.KindNoFile})
	}
	return c, f.photo, nil
}

// missingGuidance says that a field is missing. The answers about nik and
// date_of_birth have no guidance.
var missingGuidance = [numFields]*Guidance{fieldName: guideMissingName, fieldFaceImage: guideMissingImage}

// invalid returns the error about a field that is not valid. Of a field that is not
// in the request, the cause and the guidance say so.
func (f *form) invalid(name field, err error) error {
	if f.found[name] {
		return err
	}
	return &sesuai.Error{Kind: sesuai.KindOf(err), Err: &advice{missingGuidance[name], fieldNames[name] + " is missing"}}
}

// readForm reads the body within the limits of size, time and memory. It refuses
// a body that declares a greater size, or for which there is no memory now, without
// reading it. Clients take turns at decoding, since 10 MB of JSON take as long as a
// photograph. Of the memory readForm keeps that of the photograph.
func (s *Server) readForm(w *reply, r *http.Request, body *body) (*form, error) {
	if r.ContentLength > s.o.MaxBody {
		return nil, &sesuai.Error{Kind: sesuai.KindTooLarge}
	}
	if c := r.Header.Get("Content-Encoding"); c != "" && !strings.EqualFold(c, "identity") {
		w.Header().Set("Accept-Encoding", "identity") // RFC 9110, 12.5.3
		return nil, &sesuai.Error{Kind: sesuai.KindUnsupportedContent}
	}
	decode, copies, err := decoderOf(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	body.copies = copies
	if !body.fits(r.ContentLength) {
		return nil, noMemory()
	}
	if err := body.readAll(r.ContentLength); err != nil {
		return nil, unreadable(err)
	}
	// The deadline is cleared once the body has been read; otherwise net/http
	// would take its expiry for a closed connection and cancel the request.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	w.unread = false

	ctx, cancel := context.WithTimeout(admission.WithClient(r.Context(), body.client), s.o.Timeout)
	defer cancel()
	release, err := s.o.Queue.Acquire(ctx, 0)
	if err != nil {
		return nil, &sesuai.Error{Kind: sesuai.KindOverloaded, Err: err}
	}
	defer release()
	// What follows the form is ignored.
	f, err := decode(&body.read)
	if err != nil {
		f.wipe()
		return nil, unreadable(err)
	}
	body.keep(int64(cap(f.photo)))
	return f, nil
}

// How many bytes are held at most for each byte of a body. The photograph of a form
// is held beside the body. A JSON object is held in one slice, beside the photograph
// and, if that has escapes, its text without them.
const (
	multipartCopies = 2
	jsonCopies      = 3
)

// decoderOf returns the decoder for a Content-Type and how many copies of the body
// it makes.
func decoderOf(contentType string) (decode func(*steps) (*form, error), copies int64, err error) {
	if kind, values, ok := parameters(contentType); kind == "multipart/form-data" {
		boundary := values["boundary"]
		if !ok || boundary == "" || strings.ContainsAny(boundary, `"\`) {
			return nil, 0, advised(guideNoBoundary, "multipart without a boundary")
		}
		return func(body *steps) (*form, error) { return decodeMultipart(body, boundary) }, multipartCopies, nil
	}
	if kind, _, err := mime.ParseMediaType(contentType); kind == "application/json" && err == nil {
		return decodeJSON, jsonCopies, nil
	}
	return nil, 0, &sesuai.Error{Kind: sesuai.KindUnsupportedContent}
}

// unreadable returns why a body could not be read: too large, too slow, or
// malformed. It drops the decoders' own errors, since they quote the input.
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

// malformed returns an error of kind KindMalformed; why is for the log.
func malformed(why string) error {
	return &sesuai.Error{Kind: sesuai.KindMalformed, Detail: why}
}
