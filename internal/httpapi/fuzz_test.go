package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/verify"
)

// checkFuzzed sends a request and checks that the response is a JSON object and
// that nothing panicked.
func checkFuzzed(t *testing.T, r *http.Request) (status int) {
	t.Helper()
	s := newService()
	s.options.MaxBody = 1 << 16
	return s.checkFuzzed(t, r)
}

// checkFuzzedData is checkFuzzed for a data verification.
func checkFuzzedData(t *testing.T, r *http.Request) {
	t.Helper()
	w := newDataService(t)
	w.checkFuzzed(t, toData(r))
}

// checkFuzzedFaces is checkFuzzed for a face match and for passive liveness. Whatever
// is accepted has all its photographs.
func checkFuzzedFaces(t *testing.T, contentType, body string) {
	t.Helper()
	s := newMatchService(sesuai.MatchVerdict{}, nil)
	s.options.MaxBody = 1 << 16
	s.options.Verifier = matcherFunc(func(_ context.Context, req verify.MatchRequest) (sesuai.MatchVerdict, error) {
		if len(req.Captured) == 0 || len(req.Stored) == 0 {
			t.Error("a match without two photographs")
		}
		return sesuai.MatchVerdict{Code: sesuai.CodeNoFaceCaptured}, nil
	})
	s.checkFuzzed(t, toMatch(post(contentType, body)))
	s = newLivenessService(sesuai.LivenessVerdict{}, nil)
	s.options.MaxBody = 1 << 16
	s.options.Verifier = livenessFunc(func(_ context.Context, req verify.LivenessRequest) (sesuai.LivenessVerdict, error) {
		if len(req.Photo) == 0 {
			t.Error("liveness without a photograph")
		}
		return sesuai.LivenessVerdict{Status: sesuai.SpoofNoFace}, nil
	})
	s.checkFuzzed(t, toLiveness(post(contentType, body)))
}

func (s *service) checkFuzzed(t *testing.T, r *http.Request) (status int) {
	t.Helper()
	resp := s.do(r)
	body := checkEnvelope(t, resp)
	switch {
	case strings.Contains(s.log.String(), "panic"):
		t.Errorf("a panic: %s", s.log.String())
	case strings.Contains(s.log.String(), "another person"): // a valid form of somebody else
	case resp.StatusCode >= 500:
		t.Errorf("a defect: %d %s", resp.StatusCode, body)
	}
	return resp.StatusCode
}

// FuzzMultipart sends any multipart body with any boundary. The answer never depends
// on a part that a second, stricter reader could not see: either it is MALFORMED, or it
// is the answer to the parts that the stricter reader sees.
func FuzzMultipart(f *testing.F) {
	whole := multipartBody(everyPart()...)
	f.Add(boundary, whole)
	f.Add(boundary, whole[:200])
	f.Add("", whole)
	f.Add(boundary, strings.ReplaceAll(whole, "\r\n", "\n"))
	f.Add(boundary, multipartBody(part{name: "face_image", header: "Content-Disposition: form-data; name=face_image\r\nContent-Transfer-Encoding: quoted-printable", body: "=89=50="}))
	f.Add(boundary, multipartBody(with("face_image", "data:image/png;base64,iVBORw0KGgo=")...))
	f.Add(boundary, multipartBody(part{name: "captured_image", body: testPhoto}, part{name: "stored_image", body: testStored}))
	f.Add(boundary, multipartBody(part{name: "captured_image", body: testPhoto}, part{name: "stored_image"}))
	f.Add(boundary, multipartBody(part{name: "image", body: testPhoto}, part{name: "gesture-code", body: "HEAD_00"}))
	for _, p := range secondReaders {
		f.Add(boundary, multipartBody(p.parts...)+p.behind)
	}
	f.Fuzz(func(t *testing.T, boundary, body string) {
		contentType := "multipart/form-data; boundary=\"" + boundary + "\""
		checkFuzzed(t, post(contentType, body))
		checkFuzzedData(t, post(contentType, body))
		checkFuzzedFaces(t, contentType, body)
		if !strings.ContainsAny(boundary, `"\`) { // then the header has another one
			checkSeen(t, boundary, body)
		}
	})
}

// FuzzPart sends a complete form of which the photograph's part has any header. The
// property is that of FuzzMultipart.
func FuzzPart(f *testing.F) {
	for _, d := range append(readable, unreadable...) {
		f.Add(d.header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if len(header) > 512 { // checkSeen takes the square of it
			return
		}
		body := multipartBody(imageAs(header, testPhoto)...)
		checkFuzzed(t, post("multipart/form-data; boundary="+boundary, body))
		checkSeen(t, boundary, body)
	})
}

// checkSeen checks the property of FuzzMultipart.
func checkSeen(t *testing.T, boundary, body string) {
	t.Helper()
	answer := func(boundary, body string) string {
		s := newService()
		s.options.MaxBody = 1 << 16
		resp := s.do(post("multipart/form-data; boundary=\""+boundary+"\"", body))
		return resp.Status + checkEnvelope(t, resp)
	}
	got := answer(boundary, body)
	if strings.Contains(got, "MALFORMED") || strings.Contains(got, "TOO_LARGE") {
		return
	}
	seen, err := strictParts(boundary, body)
	if err != nil {
		t.Fatalf("a stricter reader refuses it: %v\nanswered %s", err, got)
	}
	if want := answer("of-the-second-reader", seen); got != want {
		t.Errorf("got %s\nof what a stricter reader sees\n%s", got, want)
	}
}

// strictParts writes the parts of a body anew, with nothing in their headers but the
// name that mime.ParseMediaType reads.
func strictParts(boundary, body string) (string, error) {
	var b strings.Builder
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary("of-the-second-reader"); err != nil {
		return "", err
	}
	n := 0
	for parts := multipart.NewReader(strings.NewReader(body), boundary); ; n++ {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
		names := make(map[string]bool)
		for _, d := range p.Header["Content-Disposition"] {
			strictNames(names, d, 2)
		}
		if len(names) != 1 {
			return "", fmt.Errorf("part %d has the names %v", n, names)
		}
		for name := range names {
			field, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + name + `"`}})
			if err == nil {
				_, err = io.Copy(field, p)
			}
			if err != nil {
				return "", err
			}
		}
	}
	lines := strings.FieldsFunc(body, func(c rune) bool { return c == '\r' || c == '\n' })
	delimiters := len(slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "--"+boundary) }))
	if delimiters != n+1 {
		return "", fmt.Errorf("%d parts, but the boundary starts %d lines", n, delimiters)
	}
	err := w.Close()
	return b.String(), err
}

var fileName = regexp.MustCompile(`(?i);[ \t]*filename[^=]*=`)

// strictNames adds the names that mime.ParseMediaType reads in a disposition, also
// without one or two file names, wherever these may end.
func strictNames(names map[string]bool, disposition string, without int) {
	if kind, params, err := mime.ParseMediaType(disposition); err == nil && kind == "form-data" {
		if name, ok := params["name"]; ok {
			names[name] = true
		}
	}
	if without == 0 {
		return
	}
	for _, at := range fileName.FindAllStringIndex(disposition, -1) {
		for end := at[1]; end <= len(disposition); end++ {
			if end == len(disposition) || disposition[end] == ';' {
				strictNames(names, disposition[:at[0]]+disposition[end:], without-1)
			}
		}
	}
}

// FuzzJSON sends any JSON body.
func FuzzJSON(f *testing.F) {
	f.Add(`{"nik":"` + testNIK + `","name":"` + testName + `","date_of_birth":"` + testDate + `","face_image":"iVBORw0KGgo="}`)
	f.Add(`{"nik":null,"name":1,"date_of_birth":[],"face_image":{}}`)
	f.Add(`{"face_image":"data:image\/png;base64,iVBORw0KGgo="}`)
	f.Add(`{"name":"\ud800","nik":"\u0033"}`)
	f.Add(`[[[[`)
	f.Add("\ufeff{}")
	f.Add("{\x00}\x00")
	f.Add(`{"face_image":"data:image/png; base64 , iVBO\nRw0K Ggo="}`)
	f.Add(`{"nik":"` + testNIK + `","name":null,"address":"undefined","rt":3,"rw":"\ud800"}`)
	f.Add(`{"nik":"` + testNIK + `","no_kk":"-","gender":"","city":"` + strings.Repeat("x", 501) + `"}`)
	f.Add(`{"captured_image":"iVBORw0KGgo=","stored_image":"data:image/png;base64,iVBORw0KGgo="}`)
	f.Add(`{"captured_image":"iVBORw0KGgo=","stored_image":null}`)
	f.Add(`{"image":"iVBORw0KGgo=","gesture-code":null}`)
	f.Fuzz(func(t *testing.T, body string) {
		checkFuzzed(t, post("application/json", body))
		checkFuzzedData(t, post("application/json", body))
		checkFuzzedFaces(t, "application/json", body)
	})
}

// FuzzRequest sends any request that net/http can parse, with and without
// credentials.
func FuzzRequest(f *testing.F) {
	f.Add("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	f.Add("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
	f.Add("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n")
	f.Add("POST /..//./%2e%2e/%2F HTTP/1.1\r\nHost: x\r\nX-Request-Id: \x80\r\n\r\n")
	f.Add(authorized("application/json") + "Content-Length: 2\r\n\r\n{}")
	f.Add("POST " + httpapi.FaceVerificationPath + "/ HTTP/1.0\r\nContent-Encoding: identity\r\n\r\n")
	f.Add("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Api-Key: a\r\nx-api-key: b\r\n\r\n")
	f.Add("GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\nX-Request-Id: a\r\n\r\n")
	f.Fuzz(func(t *testing.T, raw string) {
		for _, signed := range []bool{false, true} {
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
			if err != nil {
				return
			}
			if signed {
				r.SetBasicAuth(testUser, testPassword)
				r.Header.Set("X-Api-Key", testKey)
			}
			if r.Method == http.MethodHead {
				return // the recorder keeps a body that net/http would not send
			}
			twice := len(r.Header["X-Api-Key"]) > 1 || len(r.Header["Authorization"]) > 1 || len(r.Header["X-Request-Id"]) > 1
			if status := checkFuzzed(t, r); twice && status != http.StatusBadRequest {
				t.Errorf("two of a header: %d", status)
			}
		}
	})
}

// FuzzRequestID sends any request id. An id that is recorded as it is has no 12
// digits in a row, whatever stands between them that is no letter.
func FuzzRequestID(f *testing.F) {
	f.Add("9999-0101-0190-0001")
	f.Add("99990101-0190-0001-0000-000000000000")
	f.Add("7d8f0a1c-3b5e-4c6d-9e2f-1a2b3c4d5e6f.999901010190")
	f.Add("x7d8f0a1c3b5e4c6d9e2f1a2b3c4d5e6f1234567890123456")
	separators := regexp.MustCompile(`[^0-9A-Za-z]`)
	digits := regexp.MustCompile(`[0-9]{12}`)
	f.Fuzz(func(t *testing.T, id string) {
		s := newService()
		var asked string
		s.options.Verifier = verifierFunc(func(_ context.Context, req verify.Request) (sesuai.Verdict, error) {
			asked = req.ID
			return verified, nil
		})
		resp := s.doWith(httpapi.New(s.options), id)
		given := resp.Header.Get("Request-Id") == id
		if given && asked == id && digits.MatchString(separators.ReplaceAllString(id, "")) {
			t.Errorf("%q is recorded as it is", id)
		}
		if !given && asked != resp.Header.Get("Request-Id") {
			t.Errorf("the service's own id %q is recorded as %q", resp.Header.Get("Request-Id"), asked)
		}
	})
}
