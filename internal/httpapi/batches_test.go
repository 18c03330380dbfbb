package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/batch"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/openapi/openapitest"
	"github.com/sesuai/sesuai/internal/rows"
	"github.com/sesuai/sesuai/internal/verify"
)

// fakeBatches is a batch of client-1, with answers that are given.
type fakeBatches struct {
	answers []batch.Answer
	fail    error
	// removed is whether the batch is removed once its answers have been read.
	removed bool
	// uploaded is what was uploaded, and claims its rows.
	uploaded batch.Upload
	claims   string
}

const batchID = "batch-a"

var errNotFound = &sesuai.Error{Kind: sesuai.KindNothingFound}

func (f *fakeBatches) one() batch.Batch {
	return batch.Batch{
		ID: batchID, Client: "client-1", Endpoint: batch.FaceVerification, State: batch.Running, CreatedAt: today, StartedAt: today, Total: 9,
	}
}

func (f *fakeBatches) Add(_ context.Context, u batch.Upload) (batch.Batch, error) {
	if f.fail != nil {
		return batch.Batch{}, f.fail
	}
	b, err := io.ReadAll(u.Claims)
	f.uploaded, f.claims = u, string(b)
	return f.one(), err
}

func (f *fakeBatches) Get(_ context.Context, client, id string) (batch.Batch, batch.Counts, error) {
	if f.fail != nil || client != "client-1" || id != batchID || f.removed && f.answers == nil {
		return batch.Batch{}, batch.Counts{}, errors.Join(f.fail, errNotFound)
	}
	return f.one(), batch.Counts{Verified: 1, NotVerified: 2, Rejected: 3}, nil
}

func (f *fakeBatches) List(context.Context, string) ([]batch.Batch, error) {
	return []batch.Batch{f.one()}, f.fail
}

func (f *fakeBatches) Answers(_ context.Context, _ batch.Batch, after, limit int) ([]batch.Answer, error) {
	var page []batch.Answer
	for _, a := range f.answers {
		if a.Line > after && len(page) < limit {
			page = append(page, a)
		}
	}
	if f.removed && page == nil {
		f.answers = nil
	}
	return page, nil
}

func (f *fakeBatches) Remove(context.Context, string, string) error { return f.fail }

// batchService is a service with batches, for a client with these scopes.
func batchService(f *fakeBatches, scopes ...access.Scope) *service {
	s := newService()
	o := &s.options
	o.Batches, o.MaxUpload, o.MaxRows, o.MaxUploads = f, 1<<20, 10, 1
	o.Authenticator = credentials{access.Client{ID: "client-1", Scopes: append(scopes, access.Batch)}}
	return s
}

// batchForm is an upload with these parts.
func batchForm(t *testing.T, parts ...[2]string) *http.Request {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, part := range parts {
		w, err := form.CreateFormFile(part[0], "file")
		if err == nil {
			_, err = io.WriteString(w, part[1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, httpapi.BatchesPath, &b)
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.SetBasicAuth(testUser, testPassword)
	r.Header.Set("X-Api-Key", testKey)
	return r
}

// checked is the response to a request, and its body, which are as openapi.yaml says.
func checked(t *testing.T, s *service, r *http.Request) (int, string) {
	t.Helper()
	resp := s.do(r)
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	openapitest.Check(t, r.Method, r.URL.Path, resp, body)
	return resp.StatusCode, string(body)
}

// TestAddBatch: photographs make a batch of face verifications, and the format of the
// rows is found by their first character.
func TestAddBatch(t *testing.T) {
	const csv, lines = "nik\n1\n", "\ufeff \n{\"nik\":\"1\"}\n"
	zip := "PK\x05\x06" + strings.Repeat("\x00", 18) // an archive of nothing
	for name, tt := range map[string]struct {
		parts    [][2]string
		endpoint batch.Endpoint
		format   rows.Format
	}{
		"data":                       {[][2]string{{"claims", csv}}, batch.DataVerification, rows.CSV},
		"lines of JSON":              {[][2]string{{"claims", lines}}, batch.DataVerification, rows.JSONLines},
		"faces":                      {[][2]string{{"claims", csv}, {"photographs", zip}}, batch.FaceVerification, rows.CSV},
		"in another order, and more": {[][2]string{{"photographs", zip}, {"what", "x"}, {"claims", csv}}, batch.FaceVerification, rows.CSV},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeBatches{}
			s := batchService(f, access.FaceVerification, access.DataVerification)
			status, body := checked(t, s, batchForm(t, tt.parts...))
			want := `{"batch_id":"batch-a","endpoint":"face_verification","state":"running","created_at":"2026-11-23T05:00:00Z",`
			if status != http.StatusAccepted || !strings.HasPrefix(body, want[:80]) {
				t.Errorf("%d %s", status, body)
			}
			u := f.uploaded
			if u.Endpoint != tt.endpoint || u.Format != tt.format || f.claims == "" || (u.Photos != nil) != (tt.endpoint == batch.FaceVerification) {
				t.Errorf("%+v of %q", u, f.claims)
			}
		})
	}
}

// TestAddBatchRefuses what is no upload, and one that the client may not make.
func TestAddBatchRefuses(t *testing.T) {
	const csv = "nik\n1\n"
	plain := batchForm(t, [2]string{"claims", csv})
	plain.Header.Set("Content-Type", "text/csv")
	cut := batchForm(t, [2]string{"claims", csv})
	cut.Body, cut.ContentLength = io.NopCloser(io.LimitReader(cut.Body, 150)), -1
	for name, tt := range map[string]struct {
		r      *http.Request
		scope  access.Scope
		status int
		says   string
	}{
		"no claims":      {batchForm(t, [2]string{"photographs", "x"}), access.FaceVerification, 400, "MALFORMED"},
		"claims twice":   {batchForm(t, [2]string{"claims", csv}, [2]string{"claims", csv}), access.DataVerification, 400, "MALFORMED"},
		"no archive":     {batchForm(t, [2]string{"claims", csv}, [2]string{"photographs", "x"}), access.FaceVerification, 400, "the archive of photographs is damaged, or not one"},
		"no form":        {plain, access.DataVerification, 415, "UNSUPPORTED_CONTENT_TYPE"},
		"cut off":        {cut, access.DataVerification, 400, "MALFORMED"},
		"too large":      {batchForm(t, [2]string{"claims", strings.Repeat("x", 1<<20)}), access.DataVerification, 413, "TOO_LARGE"},
		"no scope":       {batchForm(t, [2]string{"claims", csv}), access.FaceVerification, 403, "disallowed"},
		"no scope of it": {batchForm(t, [2]string{"claims", csv}, [2]string{"photographs", "x"}), access.DataVerification, 403, "disallowed"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeBatches{}
			status, body := checked(t, batchService(f, tt.scope), tt.r)
			if status != tt.status || !strings.Contains(body, tt.says) || f.claims != "" {
				t.Errorf("%d %s", status, body)
			}
		})
	}
	s := newService()
	if status, body := checked(t, s, get(httpapi.BatchesPath)); status != http.StatusForbidden {
		t.Errorf("without the scope: %d %s", status, body)
	}
}

// TestBatchesRefused: that batches cannot be read is 503, and an unknown one 404.
func TestBatchesRefused(t *testing.T) {
	down := &sesuai.Error{Kind: sesuai.KindUnavailable, Err: errors.New("no database")}
	s := batchService(&fakeBatches{fail: down}, access.DataVerification)
	const one = httpapi.BatchesPath + "/" + batchID
	for _, r := range []*http.Request{batchForm(t, [2]string{"claims", "nik\n1\n"}), get(httpapi.BatchesPath), get(one), get(one + "/results"), remove(one)} {
		if status, body := checked(t, s, r); status != http.StatusServiceUnavailable || body != `{"verification_status":false,"reason":"Something wrong in Dukcapil server"}` {
			t.Errorf("%s %s: %d %s", r.Method, r.URL.Path, status, body)
		}
	}
	s = batchService(&fakeBatches{})
	const other = httpapi.BatchesPath + "/batch-b"
	for _, r := range []*http.Request{get(other), get(other + "/results"), remove(other)} {
		if status, body := checked(t, s, r); status != http.StatusNotFound {
			t.Errorf("%s %s: %d %s", r.Method, r.URL.Path, status, body)
		}
	}
}

func remove(target string) *http.Request {
	r := get(target)
	r.Method = http.MethodDelete
	return r
}

// TestBatchResults: both formats have the same, over several pages. What was refused as a
// reference is not repeated, and none is a formula to a spreadsheet.
func TestBatchResults(t *testing.T) {
	f := &fakeBatches{}
	add := func(line, status int, reference, body string) {
		f.answers = append(f.answers, batch.Answer{
			Line: line, Request: fmt.Sprint("batch-a-", line), Reference: reference, Reply: batch.Reply{Status: status, Body: []byte(body)},
		})
	}
	add(2, 200, "=a,\"b\"", string(httpapi.VerdictJSON(verified)))
	status, body := httpapi.ErrorJSON(&sesuai.Error{Kind: sesuai.KindFaceQuality, Measures: []string{"sharpness", "eyes_open"}})
	add(3, status, "no reference", string(body))
	add(4, 403, "undefined", `{"error":"no"}`)
	for line := 5; line < 500; line++ {
		add(line, 200, "", string(httpapi.VerdictJSON(verified)))
	}
	s := batchService(f)
	const path = httpapi.BatchesPath + "/" + batchID + "/results"
	status, csv := checked(t, s, get(path+"?format=csv"))
	head := "line,reference_id,request_id,status,verification_status,reason,code,guidance_id,guidance_en,measures,nik,name,date_of_birth,face_image_percentage\n" +
		"2,\"'=a,\"\"b\"\"\",batch-a-2,200,true,Verification Success,,,,,true,true,true,82.04\n3,,batch-a-3,400,false,Face image quality is too low,FACE_QUALITY,"
	if status != 200 || !strings.HasPrefix(csv, head) || strings.Count(csv, "\n") != len(f.answers)+1 || !strings.Contains(csv, ",sharpness eyes_open,,,,\n4,,batch-a-4,403,,no,") {
		t.Errorf("%d %s", status, csv[:min(len(csv), 1500)])
	}
	r := get(path)
	r.Header.Set("Accept", "text/csv, */*")
	if _, got := checked(t, s, r); got != csv {
		t.Error("Accept: text/csv gives something else")
	}
	_, lines := checked(t, s, get(path))
	if head := `{"line":2,"reference_id":"=a,\"b\"","request_id":"batch-a-2","status":200,"answer":` + string(httpapi.VerdictJSON(verified)) + "}\n"; !strings.HasPrefix(lines, head) ||
		strings.Count(lines, "\n") != len(f.answers) {
		t.Errorf("%s", lines[:min(len(lines), 500)])
	}
}

// TestResultsOfARemovedBatch do not look complete.
func TestResultsOfARemovedBatch(t *testing.T) {
	verdict := batch.Reply{Status: 200, Body: httpapi.VerdictJSON(verified)}
	s := batchService(&fakeBatches{removed: true, answers: []batch.Answer{{Line: 2, Request: "batch-a-2", Reply: verdict}}})
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("the response is not cut off: %v", p)
		}
	}()
	s.do(get(httpapi.BatchesPath + "/" + batchID + "/results"))
}

// TestRowIsAnsweredAsASingleCall: whatever is in a row, the answer is that of the
// endpoint.
func TestRowIsAnsweredAsASingleCall(t *testing.T) {
	s := newService()
	server := httpapi.New(s.options)
	client := access.Client{ID: "client-1", Scopes: []access.Scope{access.FaceVerification}}
	good := map[string]string{"nik": testNIK, "name": testName, "date_of_birth": testDate}
	for name, change := range map[string]func(map[string]string, *string){
		"verified":      func(map[string]string, *string) {},
		"bad NIK":       func(f map[string]string, _ *string) { f["nik"] = "12" },
		"no name":       func(f map[string]string, _ *string) { delete(f, "name") },
		"long name":     func(f map[string]string, _ *string) { f["name"] = strings.Repeat("a", 2000) },
		"bad date":      func(f map[string]string, _ *string) { f["date_of_birth"] = "1990-01-01" },
		"no photograph": func(_ map[string]string, photo *string) { *photo = "" },
		"no image":      func(_ map[string]string, photo *string) { *photo = "text" },
		"bad reference": func(f map[string]string, _ *string) { f["reference_id"] = "a b" },
		"another":       func(f map[string]string, _ *string) { f["name"] = "Somebody Else" },
	} {
		t.Run(name, func(t *testing.T) {
			fields, photo := make(map[string]string), testPhoto
			for k, v := range good {
				fields[k] = v
			}
			change(fields, &photo)
			var b bytes.Buffer
			form := multipart.NewWriter(&b)
			for k, v := range fields {
				if err := form.WriteField(k, v); err != nil {
					t.Fatal(err)
				}
			}
			row := batch.Row{Line: 2, Fields: fields}
			if photo != "" {
				row.Photo = []byte(photo)
				w, err := form.CreateFormFile("face_image", "x")
				if err == nil {
					_, err = io.WriteString(w, photo)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := form.Close(); err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodPost, httpapi.FaceVerificationPath, &b)
			r.Header.Set("Content-Type", form.FormDataContentType())
			r.SetBasicAuth(testUser, testPassword)
			r.Header.Set("X-Api-Key", testKey)
			resp := serve(server, r)
			want, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := server.VerifyRow(t.Context(), batch.Call{Client: client, Endpoint: batch.FaceVerification, Request: "batch-a-2", Row: row})
			if got.Status != resp.StatusCode || string(got.Body) != string(want) {
				t.Errorf("row %d %s, single call %d %s", got.Status, got.Body, resp.StatusCode, want)
			}
		})
	}
	if got, err := server.VerifyRow(t.Context(), batch.Call{Client: access.Client{}, Endpoint: batch.FaceVerification}); err != nil || got.Status != http.StatusForbidden {
		t.Errorf("without the scope: %d, %v", got.Status, err)
	}
	s.options.Verifier = verifierFunc(func(context.Context, verify.Request) (sesuai.Verdict, error) { panic("secret") })
	got, err := httpapi.New(s.options).VerifyRow(t.Context(), batch.Call{
		Client: client, Endpoint: batch.FaceVerification, Row: batch.Row{Fields: good, Photo: []byte(testPhoto)},
	})
	if got.Status != http.StatusInternalServerError || err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a panic: %d, %v", got.Status, err)
	}
}
