package httpapi_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/httpapi"
)

// checkFuzzed sends a request and checks that the response is a JSON object and
// that nothing panicked.
func checkFuzzed(t *testing.T, r *http.Request) {
	t.Helper()
	s := newService()
	s.options.MaxBody = 1 << 16
	resp := s.do(r)
	body := checkEnvelope(t, resp)
	switch {
	case strings.Contains(s.log.String(), "panic"):
		t.Errorf("a panic: %s", s.log.String())
	case strings.Contains(s.log.String(), "another person"): // a valid form of somebody else
	case resp.StatusCode >= 500:
		t.Errorf("a defect: %d %s", resp.StatusCode, body)
	}
}

// FuzzMultipart sends any multipart body with any boundary.
func FuzzMultipart(f *testing.F) {
	whole := multipartBody(everyPart()...)
	f.Add(boundary, whole)
	f.Add(boundary, whole[:200])
	f.Add("", whole)
	f.Add(boundary, strings.ReplaceAll(whole, "\r\n", "\n"))
	f.Add(boundary, multipartBody(part{name: "face_image", header: "Content-Disposition: form-data; name=face_image\r\nContent-Transfer-Encoding: quoted-printable", body: "=89=50="}))
	f.Add(boundary, multipartBody(with("face_image", "data:image/png;base64,iVBORw0KGgo=")...))
	f.Fuzz(func(t *testing.T, boundary, body string) {
		r := post("", body)
		r.Header.Set("Content-Type", "multipart/form-data; boundary=\""+boundary+"\"")
		checkFuzzed(t, r)
	})
}

// FuzzJSON sends any JSON body.
func FuzzJSON(f *testing.F) {
	f.Add(`{"nik":"` + testNIK + `","name":"` + testName + `","date_of_birth":"` + testDate + `","face_image":"iVBORw0KGgo="}`)
	f.Add(`{"nik":null,"name":1,"date_of_birth":[],"face_image":{}}`)
	f.Add(`{"face_image":"data:image\/png;base64,iVBORw0KGgo="}`)
	f.Add(`{"name":"\ud800","nik":"\u0033"}`)
	f.Add(`[[[[`)
	f.Fuzz(func(t *testing.T, body string) { checkFuzzed(t, post("application/json", body)) })
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
			checkFuzzed(t, r)
		}
	})
}
