package httpapi_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/httpapi"
)

// namedHeader is a part's header with what is said about it.
type namedHeader struct{ about, header string }

// ofImage returns the Content-Disposition of the photograph with more parameters.
func ofImage(parameters string) string {
	return `Content-Disposition: form-data; name="face_image"` + parameters
}

// readable are headers of the photograph as real clients write them.
var readable = []namedHeader{
	{"curl", ofImage("; filename=\"foto.jpg\"\r\nContent-Type: image/jpeg")},
	{"curl before 7.81: quotes and backslashes escaped", ofImage(`; filename="foto \"saya\" C:\\x.jpg"`)},
	{"browsers, OkHttp, requests: quotes as %22", ofImage(`; filename="foto %22saya%22.jpg"`)},
	{"older clients: quotes as they are", ofImage(`; filename="foto "saya".jpg"`)},
	{"a quote at the start", ofImage(`; filename=""saya" foto.jpg"`)},
	{"a quote at the end", ofImage(`; filename="foto "saya""`)},
	{"only quotes", ofImage(`; filename=""""`)},
	{"a quote and a semicolon", ofImage(`; filename="foto "saya"; baru.jpg"`)},
	{"an odd quote", ofImage(`; filename="layar 5".jpg"`)},
	{"quotes and a type behind", ofImage(`; filename="foto "saya".jpg"; size=12`)},
	{"semicolons", ofImage(`; filename="a;b; c.jpg"`)},
	{"an equals sign behind a semicolon", ofImage(`; filename="a; b=c.jpg"`)},
	{"no quotes and a space", ofImage(`; filename=foto saya.jpg`)},
	{"no quotes and parentheses", ofImage(`; filename=IMG(1).jpg`)},
	{"no quotes and a comma", ofImage(`; filename=a,b.jpg; size=1`)},
	{"no quotes but one within", ofImage(`; filename=layar 5".jpg`)},
	{"no quotes and an equals sign", ofImage(`; filename=a=b.jpg`)},
	{"parentheses and brackets", ofImage(`; filename="IMG (1) [2] {3}.jpg"`)},
	{"another script", ofImage(`; filename="фото 顔.jpg"`)},
	{"another script without quotes", ofImage(`; filename=фото.jpg`)},
	{"bytes that are not UTF-8", ofImage("; filename=\"fot\xf3.jpg\"")},
	{"a path of Windows", ofImage(`; filename="C:\Users\sari\foto.jpg"`)},
	{"a path of Windows with quotes", ofImage(`; filename="C:\foto\"saya".jpg"`)},
	{"a folder of Windows", ofImage(`; filename="C:\foto\"`)},
	{"a share of Windows", ofImage(`; filename="\\server\foto\a.jpg"`)},
	{"a path", ofImage(`; filename="/tmp/a b.jpg"`)},
	{"older requests: filename*", ofImage(`; filename*=utf-8''foto%20saya.jpg`)},
	{"React Native: both", ofImage(`; filename="foto (1).jpg"; filename*=utf-8''foto%20(1).jpg`)},
	{".NET: both", ofImage(`; filename="=?utf-8?B?Zm90by5qcGc=?="; filename*=utf-8''foto.jpg`)},
	{"filename* with spaces", ofImage(`; filename*=UTF-8''foto saya.jpg`)},
	{"filename* in pieces", ofImage(`; filename*0="foto "; filename*1="saya.jpg"`)},
	{"no file name in quotes", ofImage(`; filename=""`)},
	{"no file name", ofImage(`; filename=`)},
	{"another script's escape of a quote", ofImage("; filename=\"\xe8\x8d\x89\x5c\x22.jpg\"")},
	{"an entity for a quote", ofImage(`; filename="foto &quot;saya&quot;.jpg"`)},
	{"a long name, escaped", ofImage(`; filename="` + strings.Repeat("%E9%A1%94", 255) + `"`)},
	{"a tab", ofImage("; filename=\"a\tb.jpg\"")},
	{"a semicolon at the end", ofImage(`; filename="foto "saya".jpg";`)},
	{"the file name first", `Content-Disposition: form-data; filename="foto "saya".jpg"; name="face_image"`},
	{"the file name first, without quotes", `Content-Disposition: form-data; filename=foto saya.jpg; name=face_image`},
	{"no spaces", `content-disposition:form-data;name=face_image;filename=IMG(1).jpg`},
	{"capitals", `CONTENT-DISPOSITION: FORM-DATA; NAME="face_image"; FileName="foto "saya".jpg"`},
	{"white space", "Content-Disposition: \t form-data ;\t name = \"face_image\" ; filename = \"foto \"saya\".jpg\" "},
	{"folded", "Content-Disposition: form-data;\r\n name=\"face_image\";\r\n\tfilename=\"foto \"saya\".jpg\""},
	{"another parameter", ofImage(`; filename="a.jpg"; creation-date="Mon, 02 Mar 2026 10:00:00 +0700"`)},
	{"names within names", ofImage(`; filename="filename=surname.jpg"; x-name=y`)},
	{"Content-Transfer-Encoding: binary", ofImage("\r\nContent-Transfer-Encoding: binary")},
	{"Content-Transfer-Encoding: 8bit", ofImage("\r\nContent-Transfer-Encoding: 8bit")},
	{"a name in the type", ofImage("; filename=\"a.jpg\"\r\nContent-Type: image/jpeg; name=\"a.jpg\"")},
}

// unreadable are headers that two readers may read in different ways, or that neither
// can read.
var unreadable = []namedHeader{
	{"no header", "Content-Type: image/jpeg"},
	{"no parameters", `Content-Disposition: form-data`},
	{"no name", `Content-Disposition: form-data; filename="foto.jpg"`},
	{"no name but in the file name", `Content-Disposition: form-data; filename="a"b; name="face_image"`},
	{"no name but behind an escape", `Content-Disposition: form-data; filename="a\"; name="face_image"`},
	{"no name but in quotes", `Content-Disposition: form-data; filename="; name=face_image"`},
	{"another disposition", `Content-Disposition: attachment; name="face_image"`},
	{"another disposition, a file", `Content-Disposition: file; name="face_image"; filename="foto.jpg"`},
	{"no disposition", `Content-Disposition: name="face_image"`},
	{"only a semicolon", `Content-Disposition: ; name="face_image"`},
	{"no semicolon before the name", `Content-Disposition: form-data name="face_image"`},
	{"a comma before the name", `Content-Disposition: form-data, name="face_image"`},
	{"no semicolon behind the name", ofImage(` filename="foto.jpg"`)},
	{"a comma behind the name", ofImage(`, filename="foto.jpg"`)},
	{"two semicolons", ofImage(`;; filename="foto.jpg"`)},
	{"a parameter without a value", ofImage(`; hidden`)},
	{"a parameter of two words", ofImage(`; x=a b`)},
	{"a parameter with an escape", ofImage(`; x="\a"`)},
	{"an open quote", ofImage(`; filename="foto.jpg`)},
	{"an open quote of the name", `Content-Disposition: form-data; name="face_image`},
	{"text behind the quotes", ofImage(`; filename="foto".jpg`)},
	{"a second name", ofImage(`; name="nik"`)},
	{"a second name, the same", ofImage(`; name="face_image"`)},
	{"a second name without quotes", ofImage(`; NAME =nik`)},
	{"a second name in the file name", ofImage(`; filename="a"; name="nik".jpg"`)},
	{"a second name in escaped quotes", ofImage(`; filename="a\"; name=\"nik\"; x=\".jpg"`)},
	{"a second name in the file name, without a semicolon", ofImage(`; filename="a" name="nik"`)},
	{"a second name before a quote", `Content-Disposition: form-data; filename="a; name=nik; b"; name="face_image"`},
	{"name*", `Content-Disposition: form-data; name*=utf-8''face_image`},
	{"name and name*", ofImage(`; name*=utf-8''nik`)},
	{"name in pieces", `Content-Disposition: form-data; name*0=face_; name*1=image`},
	{"name and pieces", ofImage(`; name*0=ni; name*1=k`)},
	{"name with an escape", `Content-Disposition: form-data; name="face\_image"`},
	{"name with an escaped quote", `Content-Disposition: form-data; name="face_image\""; filename="foto.jpg"`},
	{"name with a semicolon", `Content-Disposition: form-data; name="face_image;"`},
	{"name in single quotes", `Content-Disposition: form-data; name='face image'`},
	{"name in brackets", `Content-Disposition: form-data; name=face_image[]`},
	{"two headers", ofImage("\r\nContent-Disposition: form-data; name=\"nik\"")},
	{"two headers, the same", ofImage("\r\n" + ofImage(""))},
	{"a space before the colon", "Content-Disposition : form-data; name=\"face_image\""},
	{"two headers, one with a space before the colon", ofImage("\r\nContent-Disposition : form-data; name=\"nik\"")},
	{"a second header in a folded line", ofImage("\r\nX: y\r\n Content-Disposition: form-data; name=\"nik\"")},
	{"no-break spaces", "Content-Disposition: form-data;\u00a0name=\"face_image\""},
	{"no colon", `Content-Disposition form-data; name="face_image"`},
	{"quoted-printable", ofImage("\r\nContent-Transfer-Encoding: Quoted-Printable")},
	{"parts in the part", ofImage("\r\nContent-Type: Multipart/Mixed; boundary=inner")},
	{"a message in the part", ofImage("\r\nContent-Type: message/rfc822")},
	{"two types", ofImage("\r\nContent-Type: image/jpeg\r\nContent-Type: multipart/mixed; boundary=inner")},
	{"a very long file name", ofImage(`; filename="` + strings.Repeat("a", 5000) + `"`)},
	{"a very long other header", ofImage("\r\nX: " + strings.Repeat("a", 5000))},
}

// TestPartHeaders: what real clients write is read, and everything else is refused with
// guidance. No part is skipped because of its header.
func TestPartHeaders(t *testing.T) {
	for _, tt := range readable {
		t.Run(tt.about, func(t *testing.T) {
			expectAnswer(t, postParts(imageAs(tt.header, testPhoto)...), 200, "Verification Success")
			// As a second photograph it is refused, so it is seen in any case.
			expectAnswer(t, postParts(append(everyPart(), part{header: tt.header, body: testPhoto})...), 400, "MALFORMED")
		})
	}
	for _, tt := range unreadable {
		t.Run(tt.about, func(t *testing.T) {
			expectAnswer(t, postParts(imageAs(tt.header, testPhoto)...), 400, "MALFORMED")
			expectAnswer(t, postParts(append(everyPart(), part{header: tt.header, body: testPhoto})...), 400, "MALFORMED")
			// So is a part with any other name.
			other := strings.NewReplacer("face_image", "other", "face\\_image", "ot\\her", "nik", "another").Replace(tt.header)
			if !strings.Contains(strings.ToLower(other), "quoted-printable") { // which concerns the fields
				expectAnswer(t, postParts(append(everyPart(), part{header: other, body: "x"})...), 400, "MALFORMED")
			}
		})
	}
	expectAnswer(t, postParts(imageAs(ofImage("; x=a b"), testPhoto)...), 400, "Content-Disposition: form-data; name=")
}

// TestRandomDispositions: of random dispositions, which are made of what such headers
// are made of, a name is read only if a stricter reader reads the same, with or without
// file names, and no other.
func TestRandomDispositions(t *testing.T) {
	words := []string{
		"; ", ";", " ", "\t", "=", `"`, `"`, `"`, `\`, "'", "*", "*0", ",", "(", "a", "b.jpg", "%22", "\u00e9", "\u00a0", "x=", "y=a",
		"name", "name=", "; name=", `; name="`, `name="nik"`, "nik", "NAME=", "name*=", "filename", "filename=", `; filename="`, "; filename=",
		"; filename*=utf-8''", `"; `, `\"`, "form-data",
	}
	rng := rand.New(rand.NewPCG(1, 2))
	read, strict := 0, 0
	for range 60_000 {
		disposition := "form-data"
		for range 1 + rng.IntN(12) {
			disposition += words[rng.IntN(len(words))]
		}
		if rng.IntN(2) == 0 {
			disposition = strings.Replace(disposition, "form-data", `form-data; name="nik"`, 1)
		}
		name, err := httpapi.PartNameForTest(disposition)
		if err != nil {
			continue
		}
		read++
		names := make(map[string]bool)
		strictNames(names, disposition, 0)
		if len(names) == 1 {
			strict++
		}
		if strictNames(names, disposition, 2); len(names) != 1 || !names[name] {
			t.Errorf("%s is read as %q, by a stricter reader as %v", disposition, name, names)
		}
	}
	if strict < 200 || read-strict < 200 {
		t.Errorf("read %d, of them %d as a stricter reader does; nothing is shown", read, strict)
	}
}

// TestLongHeaders: a long header, or key of JSON, costs no more than reading it. A reader
// that looks at the rest of a header at each of its quotes does not finish in the test's
// time.
func TestLongHeaders(t *testing.T) {
	long := func(s string) string { return strings.Repeat(s, 1<<20/len(s)) }
	for _, s := range []string{`"`, `";`, `"; `, ";", "=", ";a=", " ", "%41", "[", `\`, "name "} {
		expectAnswer(t, postParts(imageAs(ofImage(`; filename="`+long(s)), testPhoto)...), 400, "MALFORMED")
		expectAnswer(t, postParts(imageAs("Content-Disposition: "+long(s), testPhoto)...), 400, "MALFORMED")
		expectAnswer(t, postParts(imageAs(ofImage("\r\nX: y"+long(s)+"z"), testPhoto)...), 400, "MALFORMED")
		if s != `\` && !strings.Contains(s, `"`) {
			expectAnswer(t, post("application/json", `{"`+long(s)+`":0}`), 400, "Invalid NIK")
		}
	}
}

// otherNIK is the NIK of another person, whom a second reader must not see.
var otherNIK = part{name: "nik", body: "9999010101900002"}

// smuggled returns a complete form and a part that holds another part, which begins
// with this delimiter.
func smuggled(delimiter string) []part {
	return append(everyPart(), part{name: "other", body: "x" + delimiter + "Content-Disposition: form-data; name=\"nik\"\r\n\r\n" + otherNIK.body})
}

// secondReaders are complete, valid forms in which some reader sees another NIK.
var secondReaders = []struct {
	about  string
	parts  []part
	behind string
}{
	{"a part twice", append(everyPart(), otherNIK), ""},
	{"twice, with a bad parameter", append(everyPart(), part{header: `Content-Disposition: form-data; name="nik"; x=a b`, body: otherNIK.body}), ""},
	{"twice, without a semicolon", append(everyPart(), part{header: `Content-Disposition: form-data name="nik"`, body: otherNIK.body}), ""},
	{"twice, with a file name", append(everyPart(), part{header: `Content-Disposition: form-data; name="nik"; filename="a "b".txt"`, body: otherNIK.body}), ""},
	{"twice, with another name", append(everyPart(), part{header: `Content-Disposition: form-data; name="other"; name="nik"`, body: otherNIK.body}), ""},
	{"twice, in capitals", append(everyPart(), part{name: "NIK", body: otherNIK.body}), ""},
	{"twice, in base64", append(without("nik"), part{header: "Content-Disposition: form-data; name=\"nik\"\r\nContent-Transfer-Encoding: base64", body: testNIK}), ""},
	{"twice, in quoted-printable", append(without("nik"), part{header: "Content-Disposition: form-data; name=\"nik\"\r\nContent-Transfer-Encoding: quoted-printable", body: testNIK}), ""},
	{"in a part, behind a bare line feed", smuggled("\n--" + boundary + "\r\n"), ""},
	{"in a part, behind a bare carriage return", smuggled("\r--" + boundary + "\r\n"), ""},
	{"in a part, with a boundary that goes on", smuggled("\r\n--" + boundary + "-and-more\r\n"), ""},
	{"behind the end", everyPart(), "--" + boundary + "\r\nContent-Disposition: form-data; name=\"nik\"\r\n\r\n" + otherNIK.body + "\r\n--" + boundary + "--\r\n"},
}

// TestSecondReader: a form in which another reader sees another person is refused.
func TestSecondReader(t *testing.T) {
	for _, tt := range secondReaders {
		t.Run(tt.about, func(t *testing.T) {
			body := multipartBody(tt.parts...) + tt.behind
			expectAnswer(t, post("multipart/form-data; boundary="+boundary, body), 400, "MALFORMED")
		})
	}
	t.Run("before the start", func(t *testing.T) {
		body := "--" + boundary + "\x0b\r\nContent-Disposition: form-data; name=\"nik\"\r\n\r\n" + otherNIK.body + "\r\n" + multipartBody(everyPart()...)
		expectAnswer(t, post("multipart/form-data; boundary="+boundary, body), 400, "MALFORMED")
	})
	// The boundary is found wherever it lies between two reads.
	for n := range 100 {
		parts := append(everyPart(), part{name: "other", body: strings.Repeat("x", 4000+n) + "\r--" + boundary + strings.Repeat("x", 4000)})
		expectAnswer(t, postParts(parts...), 400, "MALFORMED")
	}
}

// TestBoundaries: every boundary of RFC 2046 is read, also without the quotes that it
// needs. A form without one is refused with guidance.
func TestBoundaries(t *testing.T) {
	body := func(b string) string {
		return strings.ReplaceAll(multipartBody(everyPart()...), "--"+boundary, "--"+b)
	}
	for _, b := range []string{
		"x", "-", "--", "-----", "0123456789", "----WebKitFormBoundary7MA4YWxkTrZu0gW", "------------------------d74496d66958873e",
		"----=_Part_1_1234.5678", "a:b/c?d", "(a)", "a,b", "a b", "'a'", "=", "=_a", "a+_b", strings.Repeat("b", 70),
	} {
		for _, form := range []string{"multipart/form-data; boundary=%", `multipart/form-data; boundary="%"`, "multipart/form-data;charset=utf-8; Boundary=%;"} {
			contentType := strings.Replace(form, "%", b, 1)
			t.Run(contentType, func(t *testing.T) {
				expectAnswer(t, post(contentType, body(b)), 200, "Verification Success")
			})
		}
	}
	const advice = "Let the HTTP library write the Content-Type"
	for _, contentType := range []string{
		"multipart/form-data", "multipart/form-data;", "multipart/form-data; charset=utf-8", "Multipart/Form-Data; boundary=", `multipart/form-data; boundary=""`,
		"multipart/form-data; boundary", "multipart/form-data; boundary=a; boundary=b", "multipart/form-data; boundary=a; boundary=a",
		"multipart/form-data; boundary*=utf-8''a", "multipart/form-data; boundary=a; boundary*0=b", `multipart/form-data; boundary="a`, `multipart/form-data; boundary="\a"`,
		`multipart/form-data; boundary=a"b`, `multipart/form-data; boundary="a"b"`,
	} {
		t.Run(contentType, func(t *testing.T) { expectAnswer(t, post(contentType, body("a")), 400, advice) })
	}
	expectAnswer(t, postParts(smuggled("\n--"+boundary)...), 400, "let the HTTP library choose it")
	// Within a line it is none (RFC 2046, 5.1.1). A photograph may hold a short one.
	expectAnswer(t, post("multipart/form-data; boundary=b", strings.ReplaceAll(multipartBody(append(everyPart(), part{name: "other", body: "x--b\t--b"})...), "--"+boundary, "--b")), 200, "Verification Success")
	// Another boundary is none in this form.
	expectAnswer(t, post("multipart/form-data; boundary=ab", body("a")), 400, "MALFORMED")
	expectAnswer(t, post("multipart/form-data; boundary=a", body("ab")), 400, "MALFORMED")
}
