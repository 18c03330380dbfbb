package httpapi

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/batch"
	"github.com/sesuai/sesuai/internal/rows"
)

// BatchesPath is the path of batches of verifications.
const BatchesPath = "/identity/v1/batches"

// pathBatch is the part of the path with a batch's id.
const pathBatch = "batch_id"

// The parts of an upload.
const (
	partClaims      = "claims"
	partPhotographs = "photographs"
)

// uploadTime is how long an upload may take as a whole.
const uploadTime = time.Hour

// Batches keeps batches; *batch.Service implements it. Its methods are those of that.
type Batches interface {
	Add(ctx context.Context, u batch.Upload) (batch.Batch, error)
	Get(ctx context.Context, client, id string) (batch.Batch, batch.Counts, error)
	List(ctx context.Context, client string) ([]batch.Batch, error)
	Answers(ctx context.Context, b batch.Batch, after, limit int) ([]batch.Answer, error)
	Remove(ctx context.Context, client, id string) error
}

// routeBatches registers the paths of batches.
func (s *Server) routeBatches() {
	one := BatchesPath + "/{" + pathBatch + "}"
	s.route(http.MethodPost, BatchesPath, s.addBatch)
	s.route(http.MethodGet, BatchesPath, s.listBatches)
	s.route(http.MethodGet, one, s.getBatch)
	s.route(http.MethodDelete, one, s.removeBatch)
	s.route(http.MethodGet, one+"/results", s.batchResults)
}

// authorizeBatch returns the calling client, as authorize does.
func (s *Server) authorizeBatch(w *reply, r *http.Request) (access.Client, error) {
	client, err := s.authorize(w, r, access.Batch)
	if err == nil && s.o.Batches == nil {
		err = &sesuai.Error{Kind: sesuai.KindNotFound}
	}
	return client, err
}

// upload is what has been received of a batch. A part that was not sent is nil.
type upload struct{ claims, photographs *batch.Spool }

func (u *upload) close() {
	for _, s := range []*batch.Spool{u.claims, u.photographs} {
		if s != nil {
			_ = s.Close() // it had no name any more
		}
	}
}

// endpoint returns that of the batch's verifications.
func (u *upload) endpoint() batch.Endpoint {
	if u.photographs != nil {
		return batch.FaceVerification
	}
	return batch.DataVerification
}

// digest returns a hash of the upload: the same for the same files.
func (u *upload) digest() [32]byte {
	d := newDigest(access.Batch)
	d.add([]byte(u.endpoint()))
	for _, s := range []*batch.Spool{u.claims, u.photographs} {
		if s != nil {
			sum := s.Sum()
			d.add(sum[:])
		}
	}
	return d.sum()
}

// addBatch handles POST /identity/v1/batches.
func (s *Server) addBatch(w *reply, r *http.Request) error {
	client, err := s.authorizeBatch(w, r)
	if err != nil {
		return err
	}
	key, err := givenKey(r.Header)
	if err != nil {
		return err
	}
	select {
	case s.uploads <- struct{}{}:
	default:
		return &sesuai.Error{Kind: sesuai.KindOverloaded, RetryAfter: 10 * time.Second, Err: errors.New("too many uploads in progress")}
	}
	var u upload
	drop := sync.OnceFunc(func() {
		u.close()
		<-s.uploads
	})
	defer drop()
	if err := s.receiveBatch(w, r, &u); err != nil {
		return err
	}
	if err := client.Authorize(batchEndpoint(u.endpoint()).scope); err != nil {
		return err
	}
	making := func(ctx context.Context, c call) error { return s.storeBatch(ctx, c, u) }
	c := call{w: w, client: client}
	if key == "" {
		return making(r.Context(), c)
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
	defer cancel()
	return s.once(ctx, c, answer.Key{Client: client.ID, Text: key, Request: u.digest()}, uploadTime, making, drop)
}

// batchPath returns the path of a batch.
func batchPath(id string) string { return BatchesPath + "/" + id }

// shownDetail returns an error about an upload with its detail in the answer: that is of
// our own words, and says which column or line is meant.
func shownDetail(err error) error {
	e, ok := errors.AsType[*sesuai.Error](err)
	if !ok || e.Detail == "" || e.Kind != sesuai.KindMalformed && e.Kind != sesuai.KindTooLarge {
		return err
	}
	a := answers[e.Kind]
	return &sesuai.Error{Kind: e.Kind, Err: &advice{guidance: guideBatch, why: e.Detail, reason: a.reason + ": " + e.Detail}}
}

// receiveBatch reads the parts of an upload, of which none is ever in memory as a
// whole.
func (s *Server) receiveBatch(w *reply, r *http.Request, u *upload) error {
	kind, values, ok := parameters(r.Header.Get("Content-Type"))
	boundary := values["boundary"]
	switch {
	case kind != "multipart/form-data" || r.Header.Get("Content-Encoding") != "":
		return &sesuai.Error{Kind: sesuai.KindUnsupportedContent, Err: &advice{guidance: guideBatch, why: "not a multipart form"}}
	case !ok || boundary == "":
		return advised(guideNoBoundary, "multipart without a boundary")
	case r.ContentLength > s.o.MaxUpload:
		return &sesuai.Error{Kind: sesuai.KindTooLarge, Err: &advice{guidance: guideBatch, why: "the upload is too large"}}
	}
	body := &paced{
		r: http.MaxBytesReader(w.ResponseWriter, r.Body, s.o.MaxUpload), connection: http.NewResponseController(w),
		step: s.o.BodyTimeout / 3, end: time.Now().Add(uploadTime),
	}
	// For a body that is cut off in a part's header: see form.decodeMultipart.
	parts := multipart.NewReader(io.MultiReader(body, strings.NewReader("\r\n"), cutOff{}), boundary)
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err == nil && n == maxFields {
			err = malformed("too many parts")
		}
		if err == nil {
			err = s.receivePart(part, u)
		}
		if err != nil {
			return schema{{file: true}}.unreadable(err)
		}
	}
	_ = body.connection.SetReadDeadline(time.Time{})
	w.unread = false
	if u.claims == nil {
		return &sesuai.Error{Kind: sesuai.KindMalformed, Err: &advice{guidance: guideBatch, why: "the part claims is missing"}}
	}
	return nil
}

func (s *Server) receivePart(part *multipart.Part, u *upload) error {
	name, err := partName(part.Header)
	if err != nil {
		return err
	}
	var into **batch.Spool
	switch name {
	case partClaims:
		into = &u.claims
	case partPhotographs:
		into = &u.photographs
	default:
		return nil
	}
	if err := checkEncoding(part.Header, false); err != nil {
		return err
	}
	if *into != nil {
		return malformed("a part is given twice")
	}
	*into, err = batch.NewSpool(s.o.SpoolFolder, part)
	return err
}

// paced reads a body, of which each 64 KiB may take as long as a step, and the whole
// until the end.
type paced struct {
	r          io.Reader
	connection *http.ResponseController
	step       time.Duration
	end        time.Time
	remaining  int
}

// Read implements io.Reader.
func (p *paced) Read(b []byte) (int, error) {
	if p.remaining <= 0 {
		p.remaining = bodyStep
		deadline := time.Now().Add(p.step)
		if p.end.Before(deadline) {
			deadline = p.end
		}
		_ = p.connection.SetReadDeadline(deadline)
	}
	n, err := p.r.Read(b[:min(len(b), p.remaining)])
	p.remaining -= n
	return n, err
}

// storeBatch reads the rows of an upload and stores them, and writes the answer.
func (s *Server) storeBatch(ctx context.Context, c call, u upload) error {
	b := BatchUpload(c.client, u.endpoint())
	content, size, err := u.claims.Open()
	if err != nil {
		return err
	}
	b.Claims, b.Format = rows.FormatOf(io.NewSectionReader(content, 0, size))
	if u.photographs != nil {
		archive, size, err := u.photographs.Open()
		if err != nil {
			return err
		}
		if b.Photos, err = rows.ReadZip(archive, size, s.o.MaxRows); err != nil {
			return shownDetail(err)
		}
	}
	b.Key, b.Answer = c.key, func(added batch.Batch) answer.Answer {
		return answer.Answer{Request: c.w.id, Status: http.StatusAccepted, Body: BatchJSON(added, batch.Counts{})}
	}
	added, err := s.o.Batches.Add(ctx, b)
	if errors.Is(err, answer.ErrLost) {
		return unanswered(err)
	}
	if err != nil {
		return shownDetail(err)
	}
	c.w.Header().Set("Location", batchPath(added.ID))
	c.w.writeJSON(http.StatusAccepted, BatchJSON(added, batch.Counts{}))
	return nil
}

// listBatches handles GET /identity/v1/batches.
func (s *Server) listBatches(w *reply, r *http.Request) error {
	client, err := s.authorizeBatch(w, r)
	if err != nil {
		return err
	}
	all, err := s.o.Batches.List(r.Context(), client.ID)
	if err != nil {
		return err
	}
	w.writeJSON(http.StatusOK, batchListJSON(all))
	return nil
}

// batchOf authorizes the client and returns the batch that the path names.
func (s *Server) batchOf(w *reply, r *http.Request) (batch.Batch, batch.Counts, error) {
	client, err := s.authorizeBatch(w, r)
	if err != nil {
		return batch.Batch{}, batch.Counts{}, err
	}
	return s.o.Batches.Get(r.Context(), client.ID, r.PathValue(pathBatch))
}

// getBatch handles GET /identity/v1/batches/{batch_id}.
func (s *Server) getBatch(w *reply, r *http.Request) error {
	b, counts, err := s.batchOf(w, r)
	if err != nil {
		return err
	}
	w.writeJSON(http.StatusOK, BatchJSON(b, counts))
	return nil
}

// removeBatch handles DELETE /identity/v1/batches/{batch_id}.
func (s *Server) removeBatch(w *reply, r *http.Request) error {
	b, counts, err := s.batchOf(w, r)
	if err != nil {
		return err
	}
	if err := s.o.Batches.Remove(r.Context(), b.Client, b.ID); err != nil {
		return err
	}
	b.State = batch.Removed
	w.writeJSON(http.StatusOK, BatchJSON(b, counts))
	return nil
}
