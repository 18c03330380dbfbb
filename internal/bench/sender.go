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

// Sender sends verifications as an application does: multipart/form-data on
// connections that it keeps. It is safe for concurrent use.
type Sender struct {
	URL         string // of face verifications
	Credentials access.Revealed
	HTTP        *http.Client
}

// NewHTTPClient returns a client that keeps up to so many connections to a host.
func NewHTTPClient(connections int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConns: connections, MaxIdleConnsPerHost: connections}}
}

// Verify sends a verification and returns the answer.
func (s Sender) Verify(ctx context.Context, c Claim, photo []byte) (Answer, error) {
	var form bytes.Buffer
	form.Grow(len(photo) + 1024)
	w := multipart.NewWriter(&form)
	for _, field := range [][2]string{{"nik", c.NIK}, {"name", c.Name}, {"date_of_birth", c.DateOfBirth}} {
		if err := w.WriteField(field[0], field[1]); err != nil {
			return Answer{}, err
		}
	}
	part, err := w.CreateFormFile("face_image", "selfie.jpg")
	if err != nil {
		return Answer{}, err
	}
	if _, err := part.Write(photo); err != nil {
		return Answer{}, err
	}
	if err := w.Close(); err != nil {
		return Answer{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, &form)
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
