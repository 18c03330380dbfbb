package httpapi

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/admission"
	"github.com/sesuai/sesuai/internal/telemetry"
)

// The limits of a body, besides its size.
const (
	// maxText is the size in bytes above which a text field is invalid
	// without being parsed. It is larger than any valid text, with room for
	// white space to trim.
	maxText = 1 << 10
	// maxFields is the greatest number of parts or keys. Those that a schema
	// does not have are skipped.
	maxFields = 64
)

// schema lists the fields of an endpoint's requests, in the order in which they are
// validated.
type schema []fieldKind

// fieldKind is a field by its name on the wire, and whether it is a file.
type fieldKind struct {
	name string
	file bool
}

// hasFile reports whether one of the fields is a file.
func (s schema) hasFile() bool {
	return slices.ContainsFunc(s, func(k fieldKind) bool { return k.file })
}

// The names of the fields of a face verification.
const (
	fieldNIK         = "nik"
	fieldName        = "name"
	fieldDateOfBirth = "date_of_birth"
	fieldFaceImage   = "face_image"
)

// faceVerificationFields is the schema of face verifications.
var faceVerificationFields = schema{
	{fieldNIK, false}, {fieldName, false}, {fieldDateOfBirth, false}, {fieldFaceImage, true},
}.with(everyEndpoint)

// form is a request's body, decoded but not validated.
type form struct {
	schema schema
	fields []field // by their index in schema
}

// field is a field of a form. One that was not given, or that is not a text, is
// empty, and no empty field is valid.
type field struct {
	given bool // by a name that some reader takes for the field's
	found bool // by its name, and not null
	text  string
	// unreadable is whether a text was found that is empty because it is too long,
	// or not a JSON string of valid Unicode.
	unreadable bool
	file       []byte
}

func newForm(s schema) *form { return &form{schema: s, fields: make([]field, len(s))} }

// field returns the field with this name. It must be in the schema.
func (f *form) field(name string) *field {
	return &f.fields[slices.IndexFunc(f.schema, func(k fieldKind) bool { return k.name == name })]
}

// take returns the index of the field with this name, and records that it was given.
// It reports false for every other name. Giving a field twice is refused, also by a
// name that only some reader takes for the field's: two readers of one request must
// not be able to see two different people in it.
func (f *form) take(name string) (int, bool, error) {
	plain := plainName(name)
	for i, kind := range f.schema {
		if !strings.EqualFold(plain, kind.name) {
			continue
		}
		if f.fields[i].given {
			return 0, false, malformed("a field is given twice")
		}
		f.fields[i].given = true
		return i, name == kind.name, nil
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

// faceVerification checks the fields of a face verification in the contract's order.
// It does not check that the photograph is one; the face engine does.
func (f *form) faceVerification(now time.Time) (sesuai.Claim, []byte, error) {
	var (
		c   sesuai.Claim
		err error
	)
	if c.NIK, err = sesuai.ParseNIK(f.field(fieldNIK).text); err != nil {
		return sesuai.Claim{}, nil, f.invalid(fieldNIK, err)
	}
	if c.Name, err = sesuai.ParseName(f.field(fieldName).text); err != nil {
		return sesuai.Claim{}, nil, f.invalid(fieldName, err)
	}
	if c.DateOfBirth, err = sesuai.ParseDate(f.field(fieldDateOfBirth).text, now); err != nil {
		return sesuai.Claim{}, nil, f.invalid(fieldDateOfBirth, err)
	}
	photo, err := f.photograph(fieldFaceImage)
	return c, photo, err
}

// photograph returns the file of a field.
func (f *form) photograph(name string) ([]byte, error) {
	if photo := f.field(name).file; len(photo) > 0 {
		return photo, nil
	}
	return nil, f.invalid(name, &sesuai.Error{Kind: sesuai.KindNoFile})
}

// missingGuidance says that a field is missing. The answers about nik and
// date_of_birth have no guidance.
var missingGuidance = map[string]*Guidance{fieldName: guideMissingName, fieldFaceImage: guideMissingImage}

// invalid returns the error about a field that is not valid. Of a field that is not
// in the request, the cause and the guidance say so.
func (f *form) invalid(name string, err error) error {
	if f.field(name).found {
		return err
	}
	return &sesuai.Error{Kind: sesuai.KindOf(err), Err: &advice{guidance: missingGuidance[name], why: name + " is missing"}}
}

// readForm reads the body within the limits of size, time and memory. It refuses
// a body that declares a greater size, or for which there is no memory now, without
// reading it. Clients take turns at decoding photographs, since 10 MB of JSON take as
// long as one. A body without a photograph takes a fraction of a millisecond, and
// waits for no photograph. Of the memory readForm keeps that of the photographs.
func (s *Server) readForm(w *reply, r *http.Request, body *body, fields schema) (*form, error) {
	if r.ContentLength > body.limit {
		return nil, fields.tooLarge()
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
	_, receiving := telemetry.Start(r.Context(), telemetry.Receive)
	err = body.readAll(r.ContentLength)
	receiving.End()
	if err != nil {
		return nil, fields.unreadable(err)
	}
	// The deadline is cleared once the body has been read; otherwise net/http
	// would take its expiry for a closed connection and cancel the request.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	w.unread = false

	if fields.hasFile() {
		// Others may have come while the body arrived.
		if err := s.inTime(body.client); err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(admission.WithClient(r.Context(), body.client), s.o.Timeout)
		defer cancel()
		_, waiting := telemetry.Start(ctx, telemetry.Queue)
		release, err := s.o.Queue.Acquire(ctx, 0)
		waiting.End()
		if err != nil {
			return nil, &sesuai.Error{Kind: sesuai.KindOverloaded, Err: err}
		}
		defer release()
	}
	_, parsing := telemetry.Start(r.Context(), telemetry.Parse)
	defer parsing.End()
	// What follows the form is ignored.
	f := newForm(fields)
	if err := decode(f, &body.read); err != nil {
		f.wipe()
		return nil, fields.unreadable(err)
	}
	body.keep(f.size())
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
func decoderOf(contentType string) (decode func(*form, *steps) error, copies int64, err error) {
	if kind, values, ok := parameters(contentType); kind == "multipart/form-data" {
		boundary := values["boundary"]
		if !ok || boundary == "" || strings.ContainsAny(boundary, `"\`) {
			return nil, 0, advised(guideNoBoundary, "multipart without a boundary")
		}
		return func(f *form, body *steps) error { return f.decodeMultipart(body, boundary) }, multipartCopies, nil
	}
	if kind, _, err := mime.ParseMediaType(contentType); kind == "application/json" && err == nil {
		return (*form).decodeJSON, jsonCopies, nil
	}
	return nil, 0, &sesuai.Error{Kind: sesuai.KindUnsupportedContent}
}

// unreadable returns why a body could not be read: too large, too slow, or
// malformed. It drops the decoders' own errors, since they quote the input.
func (s schema) unreadable(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return s.tooLarge()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &sesuai.Error{Kind: sesuai.KindTimeout}
	}
	if ours, ok := errors.AsType[*sesuai.Error](err); ok {
		return ours
	}
	return malformed("the body cannot be decoded")
}

// tooLarge returns the error about a body that is too large.
func (s schema) tooLarge() error {
	e := &sesuai.Error{Kind: sesuai.KindTooLarge}
	if !s.hasFile() {
		e.Err = &advice{guidance: guideLargeForm, why: "the body is too large for one without a photograph"}
	}
	return e
}

// malformed returns an error of kind KindMalformed; why is for the log.
func malformed(why string) error {
	return &sesuai.Error{Kind: sesuai.KindMalformed, Detail: why}
}
