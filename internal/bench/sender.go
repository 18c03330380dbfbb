package bench

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"time"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/httpapi"
)

// Claim is whom a request is about, in plain text.
type Claim struct{ NIK, Name, DateOfBirth string }

// Answer is the answer to a request.
type Answer struct {
	Status int
	Body   []byte
	// RetryAfter is after how long another try makes sense; 0 if the answer does
	// not say so.
	RetryAfter time.Duration
}

// Sender sends requests as an application does: multipart/form-data on connections
// that it keeps. It is safe for concurrent use.
type Sender struct {
	URL         string // of the service, without a path
	Credentials access.Revealed
	HTTP        *http.Client
}

// NewHTTPClient returns a client that keeps up to so many connections to a host.
func NewHTTPClient(connections int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConns: connections, MaxIdleConnsPerHost: connections}}
}

// Verify sends a face verification and returns the answer.
func (s Sender) Verify(ctx context.Context, c Claim, photo []byte) (Answer, error) {
	return s.send(ctx, httpapi.FaceVerificationPath, c.fields(), map[string][]byte{"face_image": photo})
}

// VerifyData sends a data verification and returns the answer.
func (s Sender) VerifyData(ctx context.Context, c Claim) (Answer, error) {
	return s.send(ctx, httpapi.DataVerificationPath, c.fields(), nil)
}

// Match sends a face match and returns the answer.
func (s Sender) Match(ctx context.Context, captured, stored []byte) (Answer, error) {
	return s.send(ctx, httpapi.FaceMatchPath, nil, map[string][]byte{"captured_image": captured, "stored_image": stored})
}

func (c Claim) fields() map[string]string {
	return map[string]string{"nik": c.NIK, "name": c.Name, "date_of_birth": c.DateOfBirth}
}

// send sends a form with fields and photographs.
func (s Sender) send(ctx context.Context, path string, fields map[string]string, photos map[string][]byte) (Answer, error) {
	var form bytes.Buffer
	size := 1024
	for _, photo := range photos {
		size += len(photo) + 256
	}
	form.Grow(size)
	w := multipart.NewWriter(&form)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			return Answer{}, err
		}
	}
	for name, photo := range photos {
		part, err := w.CreateFormFile(name, "selfie.jpg")
		if err != nil {
			return Answer{}, err
		}
		if _, err := part.Write(photo); err != nil {
			return Answer{}, err
		}
	}
	if err := w.Close(); err != nil {
		return Answer{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+path, &form)
	if err != nil {
		return Answer{}, err
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("x-api-key", s.Credentials.APIKey)
	r.SetBasicAuth(s.Credentials.Username, s.Credentials.Password)
	response, err := s.HTTP.Do(r)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	return Answer{response.StatusCode, bytes.TrimSpace(body), time.Duration(seconds) * time.Second}, err
}
