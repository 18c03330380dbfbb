package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/admission"
	"github.com/sesuai/sesuai/internal/batch"
	"github.com/sesuai/sesuai/internal/rows"
)

var _ batch.Verifier = (*Server)(nil)

// batchEndpoint returns the endpoint of a batch.
func batchEndpoint(e batch.Endpoint) endpoint {
	if e == batch.FaceVerification {
		return faceVerification
	}
	return dataVerification
}

// BatchUpload returns an upload without its files: what an endpoint's rows have, and how
// those are answered that cannot be read.
func BatchUpload(client access.Client, e batch.Endpoint) batch.Upload {
	return batch.Upload{
		Client: client, Endpoint: e, Columns: batchColumns(e), PhotoColumn: photoColumn(e),
		Reject: func(why error) batch.Reply { return rejectRow(e, why) },
	}
}

// batchColumns returns the columns of the file of a batch: the fields of the endpoint.
// That of the photograph has its path in the archive.
func batchColumns(e batch.Endpoint) rows.Columns {
	var c rows.Columns
	for _, kind := range batchEndpoint(e).fields {
		c.Known = append(c.Known, kind.name)
	}
	return c
}

// rejectRow returns the answer to a row that cannot be read.
func rejectRow(e batch.Endpoint, why error) batch.Reply {
	status, body := errorJSON(why, batchEndpoint(e).noAnswer)
	return batch.Reply{Status: status, Body: body}
}

// maxRowWait is for how long a row waits that exceeds a limit. So long a request has waited
// in vain for others about the same person.
const maxRowWait = time.Second

// VerifyRow implements batch.Verifier: it does what the endpoint does with a request
// whose form has been read.
func (s *Server) VerifyRow(ctx context.Context, c batch.Call) (batch.Reply, error) {
	e := batchEndpoint(c.Endpoint)
	written := new(writtenReply)
	w := &reply{ResponseWriter: written, id: c.Request, recordedID: c.Request, client: c.Client.ID, noAnswer: e.noAnswer}
	f := formOf(e.fields, c.Row)
	defer f.wipe()
	ctx, report := s.measureRow(ctx, w)
	err := s.verifyForm(ctx, e, w, f, c)
	if err == nil {
		report(written.status)
		return batch.Reply{Status: written.status, Body: written.body}, nil
	}
	status, body := errorJSON(err, w.noAnswer)
	report(status)
	r := batch.Reply{Status: status, Body: body}
	switch sesuai.KindOf(err) {
	case sesuai.KindUnavailable, sesuai.KindOverloaded, sesuai.KindInternal:
		return r, err
	case sesuai.KindRateLimited:
		if own, ok := errors.AsType[*sesuai.Error](err); ok && own.RetryAfter <= maxRowWait {
			return r, err
		}
		return r, nil // to wait for the limit could take a day
	default:
		return r, nil
	}
}

// verifyForm verifies a form and writes the answer, or returns the error that is
// answered.
func (s *Server) verifyForm(ctx context.Context, e endpoint, w *reply, f *form, c batch.Call) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	if err := c.Client.Authorize(e.scope); err != nil {
		return err
	}
	verifying, err := e.parse(s, w, c.Client, f)
	if err != nil {
		return err
	}
	of := call{w: w, client: c.Client, keep: c.Keep, images: f.images()}
	if err := f.stated(&of, c.Client, s.o.Now()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	if !e.fields.hasFile() && s.o.LocalRegistry {
		// The face engine does so for a photograph.
		release, err := s.o.Queue.Acquire(admission.WithClient(ctx, c.Client.ID), 0)
		if err != nil {
			return &sesuai.Error{Kind: sesuai.KindOverloaded, Err: err}
		}
		defer release()
	}
	return verifying(ctx, of)
}

// formOf returns the form of a request with what stands in a row.
func formOf(fields schema, row batch.Row) *form {
	f := newForm(fields)
	for i, kind := range fields {
		if kind.file {
			f.fields[i] = field{given: true, found: row.Photo != nil, file: row.Photo}
			continue
		}
		text, given := row.Fields[kind.name]
		f.fields[i] = field{given: given, found: given, text: text}
		if len(text) > maxText {
			f.fields[i].text, f.fields[i].unreadable = "", true
		}
	}
	return f
}

// photoColumn is the column with the path of the photograph; "" if the endpoint has none.
func photoColumn(e batch.Endpoint) string {
	fields := batchEndpoint(e).fields
	if i := slices.IndexFunc(fields, func(k fieldKind) bool { return k.file }); i >= 0 {
		return fields[i].name
	}
	return ""
}

// writtenReply is an http.ResponseWriter that keeps what is written.
type writtenReply struct {
	header http.Header
	status int
	body   []byte
}

// Header implements http.ResponseWriter.
func (w *writtenReply) Header() http.Header {
	if w.header == nil {
		w.header = make(http.Header)
	}
	return w.header
}

// WriteHeader implements http.ResponseWriter.
func (w *writtenReply) WriteHeader(status int) { w.status = status }

// Write implements http.ResponseWriter.
func (w *writtenReply) Write(b []byte) (int, error) {
	w.body = append(w.body, b...)
	return len(b), nil
}
