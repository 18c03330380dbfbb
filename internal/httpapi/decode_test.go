package httpapi_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
)

// expectAnswer sends the request and checks the response.
func expectAnswer(t *testing.T, r *http.Request, status int, sign string) {
	t.Helper()
	resp := newService().do(r)
	if body := checkEnvelope(t, resp); resp.StatusCode != status || !strings.Contains(body, sign) {
		t.Errorf("got %d %s, want %d %s", resp.StatusCode, body, status, sign)
	}
}

// imageAs returns a valid form with this image part.
func imageAs(header, body string) []part {
	parts := everyPart()
	parts[3] = part{name: "face_image", header: header, body: body}
	return parts
}

// encoded returns the photograph as base64. The two alphabets of base64 give
// different texts for it.
func encoded(e *base64.Encoding) string { return e.EncodeToString([]byte(testPhoto)) }

// TestImageParts tries every way in which real clients write the image part.
func TestImageParts(t *testing.T) {
	const disposition = `Content-Disposition: form-data; name="face_image"`
	std := encoded(base64.StdEncoding)
	folded := std[:20] + "\r\n" + std[20:]
	for _, tt := range []struct{ about, header, body string }{
		{"the Node SDK: blob", disposition + "; filename=\"blob\"\r\nContent-Type: application/octet-stream", testPhoto},
		{"the Go SDK: a file name and no real type", disposition + "; filename=\"face.jpg\"\r\nContent-Type: application/octet-stream", testPhoto},
		{"Python requests: no type", disposition + `; filename="face.jpg"`, testPhoto},
		{"a browser", disposition + "; filename=\"C:\\\\face.png\"\r\nContent-Type: image/png", testPhoto},
		{"the wrong type", disposition + "; filename=\"face.pdf\"\r\nContent-Type: application/pdf", testPhoto},
		{"text/plain", disposition + "; filename=\"face.png\"\r\nContent-Type: text/plain; charset=utf-8", testPhoto},
		{"no file name", disposition, testPhoto},
		{"a file name in another script", disposition + "; filename*=UTF-8''%E9%A1%94.png\r\nContent-Type: image/png", testPhoto},
		{"header names in small letters", strings.ToLower(disposition) + "; filename=\"face.png\"\r\ncontent-type: image/png", testPhoto},
		{"a declared transfer encoding", disposition + "; filename=\"face.png\"\r\nContent-Transfer-Encoding: binary", testPhoto},
		{"Postman: base64 as text", disposition, std},
		{"Postman: a data URL as text", disposition, "data:image/png;base64," + std},
		{"a data URL of the wrong type", disposition, "data:application/pdf;base64," + std},
		{"a data URL without a type", disposition, "data:;base64," + std},
		{"a data URL in capitals", disposition, "DATA:IMAGE/PNG;BASE64," + std},
		{"a data URL with parameters", disposition, "data:image/png;name=face.png;base64," + std},
		{"base64 with a line break behind", disposition, std + "\r\n"},
		{"base64 in lines, as MIME has it", disposition + "\r\nContent-Transfer-Encoding: base64", folded},
		{"base64 without padding", disposition, encoded(base64.RawStdEncoding)},
		{"base64 for URLs", disposition, encoded(base64.URLEncoding)},
		{"base64 for URLs without padding", disposition, encoded(base64.RawURLEncoding)},
		{"base64 in a file", disposition + "; filename=\"face.txt\"\r\nContent-Type: text/plain", std},
	} {
		t.Run(tt.about, func(t *testing.T) {
			expectAnswer(t, postParts(imageAs(tt.header, tt.body)...), 200, "Verification Success")
		})
	}
	for _, tt := range []struct{ about, body string }{
		{"half a base64", std[:21]},
		{"base64 with a stray sign", std[:20] + "!" + std[20:]},
		{"a data URL that is not base64", "data:image/png," + std},
		{"a data URL without a comma", "data:image/png;base64" + std},
		{"base64 of base64", base64.StdEncoding.EncodeToString([]byte(std))},
		{"a path", "/home/me/face.png"},
		{"an address", "https://example.org/face.png"},
		{"one byte", "x"},
	} {
		t.Run(tt.about, func(t *testing.T) {
			expectAnswer(t, postParts(imageAs(disposition, tt.body)...), 415, "UNSUPPORTED_IMAGE")
		})
	}
}

// TestPartsInAnyOrder: the Go SDK writes the parts in random order.
func TestPartsInAnyOrder(t *testing.T) {
	for range 24 {
		parts := everyPart()
		rand.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		expectAnswer(t, postParts(parts...), 200, "Verification Success")
	}
}

// TestOtherParts: unknown parts are skipped, up to a limit.
func TestOtherParts(t *testing.T) {
	many := func(n int) (parts []part) {
		for i := range n {
			parts = append(parts, part{name: fmt.Sprintf("other-%d", i), body: "x"})
		}
		return append(parts, everyPart()...)
	}
	for _, tt := range []struct {
		about  string
		parts  []part
		status int
		sign   string
	}{
		{"some more", many(8), 200, "Verification Success"},
		{"as many as there may be", many(60), 200, "Verification Success"},
		{"one more than that", many(61), 400, "MALFORMED"},
		{"the same twice", append(everyPart(), part{name: "other"}, part{name: "other"}), 200, "Verification Success"},
		{"a large one", append(everyPart(), part{name: "other", body: strings.Repeat("x", 1<<20)}), 200, "Verification Success"},
		{"names are exact", with("nik", "")[1:], 400, "Invalid NIK"},
		{"a name and itself in capitals", append(everyPart(), part{name: "NIK", body: "9999010101900002"}), 400, "MALFORMED"},
		{"a name and itself with white space", append(everyPart(), part{name: " nik\t", body: "9999010101900002"}), 400, "MALFORMED"},
		{"a name and itself as PHP reads it", append(everyPart(), part{name: "date of.birth[]", body: "02-01-1990"}), 400, "MALFORMED"},
		{"a name and itself with an escape", append(everyPart(), part{name: "n%69k", body: "9999010101900002"}), 400, "MALFORMED"},
		{"names in capitals are others", append(everyPart()[1:], part{name: "NIK", body: testNIK}), 400, "Invalid NIK"},
		{"a text with a type", append(everyPart()[1:], part{header: "Content-Disposition: form-data; name=\"nik\"; filename=\"nik.txt\"\r\nContent-Type: text/plain", body: testNIK}), 200, "Verification Success"},
		{"a name without quotes", append(everyPart()[1:], part{header: "Content-Disposition: form-data; name=nik", body: testNIK}), 200, "Verification Success"},
	} {
		t.Run(tt.about, func(t *testing.T) { expectAnswer(t, postParts(tt.parts...), tt.status, tt.sign) })
	}
}

// TestMultipartFraming checks what may stand around the parts.
func TestMultipartFraming(t *testing.T) {
	whole := multipartBody(everyPart()...)
	quoted := `multipart/form-data; boundary="` + boundary + `"`
	for _, tt := range []struct {
		about, contentType, body string
		status                   int
	}{
		{"a quoted boundary", quoted, whole, 200},
		{"capitals", `Multipart/Form-Data; Boundary="` + boundary + `"`, whole, 200},
		{"another parameter", quoted + "; charset=utf-8", whole, 200},
		{"a preamble and an epilogue", quoted, "preamble\r\n" + whole + "epilogue", 200},
		{"no line break behind", quoted, strings.TrimSuffix(whole, "\r\n"), 200},
		{"bare line feeds between the parts", quoted, strings.ReplaceAll(strings.ReplaceAll(whole, "\r\n", "\n"), "PNG\n", "PNG\r\n"), 200},
		{"an empty boundary", "multipart/form-data; boundary=", whole, 400},
		{"multipart of another kind", "multipart/mixed; boundary=" + boundary, whole, 415},
	} {
		t.Run(tt.about, func(t *testing.T) {
			expectAnswer(t, post(tt.contentType, tt.body), tt.status, map[int]string{
				200: "Verification Success", 400: "MALFORMED", 415: "UNSUPPORTED_CONTENT_TYPE",
			}[tt.status])
		})
	}
	// A body that is cut off anywhere is not verified.
	for cut := range len(whole) - len("--\r\n") {
		resp := newService().do(post(quoted, whole[:cut]))
		if body := checkEnvelope(t, resp); resp.StatusCode != 400 || !strings.Contains(body, "MALFORMED") {
			t.Errorf("cut off after %q: %d %s", whole[:cut], resp.StatusCode, body)
		}
	}
}

// TestJSON tries JSON bodies, which extend the vendor's contract.
func TestJSON(t *testing.T) {
	std := encoded(base64.StdEncoding)
	object := func(nik, name, date, image string) string {
		return fmt.Sprintf(`{"nik":%s,"name":%s,"date_of_birth":%s,"face_image":%s}`, nik, name, date, image)
	}
	q := func(s string) string { return `"` + s + `"` }
	nik, name, date, image := q(testNIK), q(testName), q(testDate), q(std)
	whole := object(nik, name, date, image)
	for _, tt := range []struct {
		about, body string
		status      int
		sign        string
	}{
		{"bare base64", whole, 200, "Verification Success"},
		{"a data URL", object(nik, name, date, q("data:image/png;base64,"+std)), 200, "Verification Success"},
		{"slashes escaped, as PHP does", object(nik, name, date, strings.ReplaceAll(q("data:image/png;base64,"+std), "/", `\/`)), 200, "Verification Success"},
		{"letters escaped", object(nik, `"\u0053ari\u0020Contoh"`, date, image), 200, "Verification Success"},
		{"in another order, with white space", "\n{ \"face_image\" : " + image + ", \"date_of_birth\" : " + date + ", \"nik\" : " + nik + ", \"name\" : " + name + " }\n", 200, "Verification Success"},
		{"unknown keys", strings.Replace(whole, "{", `{"a":null,"b":[1,{"nik":"x"}],"c":{"nik":"y"},"d":"z","":0,`, 1), 200, "Verification Success"},
		{"an unknown key twice", strings.Replace(whole, "{", `{"a":1,"a":2,`, 1), 200, "Verification Success"},
		{"keys in capitals are others", strings.Replace(whole, "nik", "NIK", 1), 400, "Invalid NIK"},
		{"nik missing", strings.Replace(whole, "nik", "nik2", 1), 400, "Invalid NIK"},
		{"nik null", object("null", name, date, image), 400, "Invalid NIK"},
		{"nik a number", object(testNIK, name, date, image), 400, "Invalid NIK"},
		{"nik an array", object(`["`+testNIK+`"]`, name, date, image), 400, "Invalid NIK"},
		{"name null", object(nik, "null", date, image), 400, "INVALID_NAME"},
		{"name a number", object(nik, "7", date, image), 400, "INVALID_NAME"},
		{"name of bytes that are not UTF-8", object(nik, "\"Sari\xff\"", date, image), 400, "INVALID_NAME"},
		{"name of half a surrogate pair", object(nik, `"Sari\ud800"`, date, image), 400, "INVALID_NAME"},
		{"name very long", object(nik, q("S"+strings.Repeat(" ", 4096)+"C"), date, image), 400, "INVALID_NAME"},
		{"date null", object(nik, name, "null", image), 400, "Invalid date_of_birth"},
		{"date an object", object(nik, name, "{}", image), 400, "Invalid date_of_birth"},
		{"image null", object(nik, name, date, "null"), 400, "NO_FILE"},
		{"image empty", object(nik, name, date, `""`), 400, "NO_FILE"},
		{"image of white space", object(nik, name, date, `" \n"`), 400, "NO_FILE"},
		{"image an empty data URL", object(nik, name, date, `"data:image/png;base64,"`), 400, "NO_FILE"},
		{"image a number", object(nik, name, date, "7"), 400, "NO_FILE"},
		{"image an array of bytes", object(nik, name, date, "[137,80]"), 400, "NO_FILE"},
		{"image not base64", object(nik, name, date, `"face.png"`), 415, "UNSUPPORTED_IMAGE"},
		{"image with a broken escape", object(nik, name, date, `"\x"`), 400, "MALFORMED"},
		{"nothing in it", "{}", 400, "Invalid NIK"},
		{"empty", "", 400, "MALFORMED"},
		{"white space", " \n", 400, "MALFORMED"},
		{"null", "null", 400, "MALFORMED"},
		{"an array", "[" + whole + "]", 400, "MALFORMED"},
		{"a string", image, 400, "MALFORMED"},
		{"a second object", whole + whole, 400, "MALFORMED"},
		{"something behind", whole + "x", 400, "MALFORMED"},
		{"a brace behind", whole + "}", 400, "MALFORMED"},
		{"a comma too many", strings.Replace(whole, "}", ",}", 1), 400, "MALFORMED"},
		{"a comma too few", strings.Replace(whole, `,"name`, ` "name`, 1), 400, "MALFORMED"},
		{"no colon", strings.Replace(whole, `:`, ` `, 1), 400, "MALFORMED"},
		{"single quotes", strings.ReplaceAll(whole, `"`, `'`), 400, "MALFORMED"},
		{"a byte order mark", "\ufeff" + whole, 200, "Verification Success"},
		{"two byte order marks", "\ufeff\ufeff" + whole, 400, "MALFORMED"},
		{"only a byte order mark", "\ufeff", 400, "MALFORMED"},
		{"half a byte order mark", "\ufeff"[:2], 400, "MALFORMED"},
		{"a field and its name in capitals", strings.Replace(whole, "{", `{"NIK":"9999010101900002",`, 1), 400, "MALFORMED"},
		{"a field and an index of it", strings.Replace(whole, "{", `{"nik[0]":"9999010101900002",`, 1), 400, "MALFORMED"},
		{"nested too deep", `{"a":` + strings.Repeat("[", 1<<20), 400, "MALFORMED"},
		{"too many keys", "{" + strings.Repeat(`"a":1,`, 65) + whole[1:], 400, "MALFORMED"},
	} {
		t.Run(tt.about, func(t *testing.T) {
			expectAnswer(t, post("application/json", tt.body), tt.status, tt.sign)
		})
	}
	for cut := range len(whole) {
		expectAnswer(t, post("application/json", whole[:cut]), 400, "MALFORMED")
	}
	for _, contentType := range []string{"application/json; charset=utf-8", "Application/JSON"} {
		expectAnswer(t, post(contentType, whole), 200, "Verification Success")
	}
	for _, contentType := range []string{"text/json", "application/problem+json", "application/json; charset"} {
		expectAnswer(t, post(contentType, whole), 415, "UNSUPPORTED_CONTENT_TYPE")
	}
}

// reads counts the bytes that are read from it.
type reads struct {
	io.Reader
	n int64
}

func (r *reads) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += int64(n)
	return n, err
}

// forever is an endless body.
type forever struct{ pattern string }

func (f forever) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], f.pattern)
	}
	return n, nil
}

// TestBodyLimit: a body that declares too great a size is not read. A body
// without a declared size is read up to the limit.
func TestBodyLimit(t *testing.T) {
	const limit = 1 << 20
	small := newService()
	small.options.MaxBody = limit
	endless := map[string]func() (contentType, start string, then forever){
		"an endless image": func() (string, string, forever) {
			return "multipart/form-data; boundary=" + boundary, "--" + boundary + "\r\nContent-Disposition: form-data; name=\"face_image\"\r\n\r\n\x89PNG", forever{"x"}
		},
		"an endless text": func() (string, string, forever) {
			return "multipart/form-data; boundary=" + boundary, "--" + boundary + "\r\nContent-Disposition: form-data; name=\"nik\"\r\n\r\n", forever{"3"}
		},
		"an endless other part": func() (string, string, forever) {
			return "multipart/form-data; boundary=" + boundary, "--" + boundary + "\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n", forever{"x"}
		},
		"an endless preamble": func() (string, string, forever) {
			return "multipart/form-data; boundary=" + boundary, "", forever{"x\r\n"}
		},
		"an endless epilogue": func() (string, string, forever) {
			return "multipart/form-data; boundary=" + boundary, multipartBody(everyPart()...), forever{"x"}
		},
		"an endless JSON image": func() (string, string, forever) { return "application/json", `{"face_image":"`, forever{"A"} },
		"an endless JSON value": func() (string, string, forever) { return "application/json", `{"other":[`, forever{"1,"} },
		"an endless JSON key":   func() (string, string, forever) { return "application/json", `{"`, forever{"A"} },
		"endless white space":   func() (string, string, forever) { return "application/json", `{}`, forever{" "} },
	}
	for about, make := range endless {
		t.Run(about, func(t *testing.T) {
			contentType, start, then := make()
			body := &reads{Reader: io.MultiReader(strings.NewReader(start), then)}
			r := postReader(contentType, body)
			r.ContentLength = -1 // chunked
			resp := small.do(r)
			if text := checkEnvelope(t, resp); resp.StatusCode != 413 || !strings.Contains(text, "TOO_LARGE") {
				t.Errorf("got %d %s", resp.StatusCode, text)
			}
			if body.n > limit+1 { // one more byte shows that it is longer
				t.Errorf("%d bytes were read of it, the limit is %d", body.n, limit)
			}
		})
	}
	t.Run("said to be too large", func(t *testing.T) {
		body := &reads{Reader: forever{"x"}}
		r := postReader("application/json", body)
		r.ContentLength = 1 << 30
		expectAnswer(t, r, 413, "TOO_LARGE")
		if body.n != 0 {
			t.Errorf("%d bytes were read of it", body.n)
		}
	})
	t.Run("exactly the limit", func(t *testing.T) {
		s := newService()
		s.options.MaxBody = int64(len(multipartBody(everyPart()...)))
		for _, length := range []int64{s.options.MaxBody, -1} {
			r := postParts(everyPart()...)
			r.ContentLength = length
			resp := s.do(r)
			if checkEnvelope(t, resp); resp.StatusCode != 200 {
				t.Errorf("got %d", resp.StatusCode)
			}
		}
	})
}

// failing is a body whose Read fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestBodyBreaksOff: an error of the network does not reach the caller.
func TestBodyBreaksOff(t *testing.T) {
	for _, contentType := range []string{"application/json", "multipart/form-data; boundary=" + boundary} {
		expectAnswer(t, postReader(contentType, failing{errors.New("connection reset")}), 400, "MALFORMED")
		expectAnswer(t, postReader(contentType, failing{&sesuai.Error{Kind: sesuai.KindTimeout}}), 408, "Request timeout")
	}
}
