package httpapi_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/verify"
)

// jsonImage returns a request with this text as the photograph in JSON, in which every
// character that JSON lets be escaped shortly is.
func jsonImage(text string) *http.Request {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // a text always encodes
	}
	return post("application/json", `{"nik":"`+testNIK+`","name":"`+testName+`","date_of_birth":"`+testDate+`","face_image":`+string(quoted)+`}`)
}

// textImages returns requests with this text as the photograph: in multipart and JSON,
// bare and in a data URL.
func textImages(text string) map[string]*http.Request {
	part := func(text string) *http.Request { return postParts(imageAs(ofImage(""), text)...) }
	const url = "data:image/png;base64,"
	return map[string]*http.Request{
		"part": part(text), "part, data URL": part(url + text),
		"JSON": jsonImage(text), "JSON, data URL": jsonImage(url + text),
	}
}

// received returns the photograph that the verifier gets by the request.
func received(t *testing.T, r *http.Request) string {
	t.Helper()
	s := newService()
	var photo string
	s.options.Verifier = verifierFunc(func(_ context.Context, req verify.Request) (sesuai.Verdict, error) {
		photo = string(req.Photo)
		return verified, nil
	})
	checkEnvelope(t, s.do(r))
	return photo
}

// randomPhoto returns n bytes.
func randomPhoto(seed byte, n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // it never fails
	return string(b)
}

// interrupted puts the text between every n characters of s.
func interrupted(s string, n int, between string) string {
	var b strings.Builder
	for ; len(s) > n; s = s[n:] {
		b.WriteString(s[:n] + between)
	}
	return b.String() + s
}

// TestWhiteSpaceInBase64: white space is ignored, as in browsers.
func TestWhiteSpaceInBase64(t *testing.T) {
	for _, photo := range []string{testPhoto, testPhoto + randomPhoto(1, 3), randomPhoto(2, 10_001), randomPhoto(3, 30_000)} {
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			text := encoding.EncodeToString([]byte(photo))
			for about, spaced := range map[string]string{
				"spaces":                     interrupted(text, 76, " "),
				"a space":                    text[:20] + " " + text[20:],
				"spaces between quanta":      interrupted(text, 4, " "),
				"spaces between all":         interrupted(text, 1, " "),
				"tabs":                       interrupted(text, 64, "\t"),
				"line feeds":                 interrupted(text, 76, "\n"),
				"carriage returns":           interrupted(text, 19, "\r"),
				"form feeds":                 interrupted(text, 50, "\f"),
				"lines of MIME":              interrupted(text, 76, "\r\n") + "\r\n",
				"indented lines":             "\n    " + interrupted(text, 76, "\n    ") + "\n  ",
				"white space in the padding": " " + strings.ReplaceAll(text, "=", " = "),
			} {
				for how, r := range textImages(spaced) {
					if got := received(t, r); got != photo {
						t.Errorf("%d bytes, %s, %s: got %d bytes", len(photo), about, how, len(got))
					}
				}
			}
		}
	}
	std := encoded(base64.StdEncoding)
	for _, url := range []string{"data:image/png;base64, ", "data:image/png; base64,", "data:image/png;base64 ,\n", " data:;base64,"} {
		expectAnswer(t, postParts(imageAs(ofImage(""), url+std)...), 200, "Verification Success")
		expectAnswer(t, jsonImage(url+std), 200, "Verification Success")
	}
	for _, text := range []string{std[:20] + "\v" + std[20:], std[:20] + "\u00a0" + std[20:], std[:20] + " ! " + std[20:], " ", "data:image/pngbase64," + std} {
		expectAnswer(t, postParts(imageAs(ofImage(""), "x"+text)...), 415, "UNSUPPORTED_IMAGE")
	}
}

// TestSpacesForPlus: where a form's decoder has turned every + into a space, it is read
// as one. Where a + has remained, or the alphabet has none, a space is white space.
func TestSpacesForPlus(t *testing.T) {
	tried := 0
	for seed := range byte(60) {
		photo := randomPhoto(seed, 600+int(seed))
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding} {
			text := encoding.EncodeToString([]byte(photo))
			if strings.HasPrefix(text, "+") || strings.HasSuffix(text, "+") || !strings.Contains(text, "+") {
				continue // no photograph starts or ends so
			}
			tried++
			decoded := strings.ReplaceAll(text, "+", " ")
			for how, r := range textImages(decoded) {
				if received(t, r) != photo {
					t.Errorf("photograph %d, %s: other bytes", seed, how)
				}
			}
			for how, r := range textImages(interrupted(decoded, 76, "\r\n")) {
				if received(t, r) != photo {
					t.Errorf("photograph %d in lines, %s: other bytes", seed, how)
				}
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d photographs had a +", tried)
	}
	for _, tt := range []struct{ about, text, want string }{
		{"only with its spaces", "AAA AA==", "\x00\x00\x3e\x00"},
		{"only without its spaces", "AAAA AA==", "\x00\x00\x00\x00"},
		{"both, but too short to tell", "AAAA AAA AAA AA AAAA", strings.Repeat("\x00", 12)},
		{"without padding, only with its spaces", "AA A AA", "\x00\x0f\x80\xf8\x00"},
		{"a + remained", "AAA AA+=", "\x00\x00\x00\x03"},
		{"the other alphabet", "AA A-", "\x00\x00\x3e"},
	} {
		if got := received(t, postParts(imageAs(ofImage(""), tt.text)...)); got != tt.want {
			t.Errorf("%s: %q is %q, want %q", tt.about, tt.text, got, tt.want)
		}
	}
}

// TestJSONInUTF16: JSON in another encoding than UTF-8 is refused with guidance.
func TestJSONInUTF16(t *testing.T) {
	object := `{"nik":"` + testNIK + `"}`
	units := utf16.Encode([]rune(object))
	var little, big, wide strings.Builder
	for _, u := range units {
		little.Write([]byte{byte(u), byte(u >> 8)})
		big.Write([]byte{byte(u >> 8), byte(u)})
		wide.Write([]byte{0, 0, byte(u >> 8), byte(u)})
	}
	for _, body := range []string{
		little.String(), big.String(), wide.String(),
		"\xff\xfe" + little.String(), "\xfe\xff" + big.String(), "\x00\x00\xfe\xff" + wide.String(), "\xff\xfe",
	} {
		expectAnswer(t, post("application/json", body), 400, "Send the JSON in UTF-8")
		expectAnswer(t, post("application/json; charset=utf-16", body), 400, "Send the JSON in UTF-8")
	}
}

// TestOtherFormats: the answer about a photograph in another format names the format,
// however the photograph was sent.
func TestOtherFormats(t *testing.T) {
	s := newService()
	s.options.Verifier = verifierFunc(func(_ context.Context, req verify.Request) (sesuai.Verdict, error) {
		return sesuai.Verdict{}, face.Unsupported(req.Photo)
	})
	const heic = "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"
	body := `{"verification_status":false,"reason":"Unsupported face_image format","code":"UNSUPPORTED_IMAGE","guidance":{` +
		`"id":"Berkas ini berformat HEIC. Gunakan foto berformat JPEG atau PNG. Di iPhone, pilih Pengaturan > Kamera > Format > Paling Kompatibel, lalu ambil ulang foto.",` +
		`"en":"The file is in HEIC format. Use a photograph in JPEG or PNG format. On an iPhone, choose Settings > Camera > Formats > Most Compatible, and take the photograph again."}}`
	text := base64.StdEncoding.EncodeToString([]byte(heic))
	requests := textImages(text)
	requests["file"] = postParts(imageAs(ofImage("; filename=\"IMG_0001.HEIC\"\r\nContent-Type: image/heic"), heic)...)
	requests["file with a name of a JPEG"] = postParts(imageAs(ofImage("; filename=\"IMG_0001.JPG\"\r\nContent-Type: image/jpeg"), heic)...)
	requests["data URL of its type"] = postParts(imageAs(ofImage(""), "data:image/heic;base64,"+text)...)
	requests["JSON, data URL of its type"] = jsonImage("data:image/heic;base64," + text)
	requests["data URL of its type in lines"] = postParts(imageAs(ofImage(""), "data:image/heic;base64,"+interrupted(text, 8, "\n"))...)
	for how, r := range requests {
		resp := s.do(r)
		if got := checkEnvelope(t, resp); resp.StatusCode != 415 || got != body {
			t.Errorf("%s: got %d %s", how, resp.StatusCode, got)
		}
	}
	for format, data := range map[string]string{
		"HEIF": "\x00\x00\x00\x14ftypmif1\x00\x00\x00\x00mif1", "AVIF": "\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf", "WebP": "RIFF\x1a\x00\x00\x00WEBPVP8L",
		"GIF": "GIF89a\x01\x00\x01\x00", "BMP": "BM\x1a\x00\x00\x00\x00\x00\x00\x00\x1a\x00\x00\x00\x28\x00\x00\x00", "TIFF": "II*\x00\x08\x00\x00\x00", "PDF": "%PDF-1.7\n",
	} {
		for how, r := range textImages(base64.StdEncoding.EncodeToString([]byte(data))) {
			resp := s.do(r)
			got := checkEnvelope(t, resp)
			if resp.StatusCode != 415 || !strings.Contains(got, "berformat "+format+". Gunakan foto") || !strings.Contains(got, "in "+format+" format. Use") {
				t.Errorf("%s, %s: got %d %s", format, how, resp.StatusCode, got)
			}
			if strings.Contains(got, "iPhone") != (format == "HEIF") {
				t.Errorf("%s: got %s", format, got)
			}
		}
	}
}
