package upstream_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
)

// The responses of the contract. Those with a name or face comparison have a
// percentage.
const (
	r1        = `200 {"verification_status":true,"reason":"Verification Success","result":{"nik":true,"name":true,"date_of_birth":true,"face_image_percentage":%s}}`
	r2        = `200 {"verification_status":false,"reason":"NIK not found on Dukcapil database","result":{"nik":false,"name":null,"date_of_birth":null,"face_image_percentage":0}}`
	r3        = `200 {"verification_status":false,"reason":"Name does not match","result":{"nik":true,"name":false,"date_of_birth":true,"face_image_percentage":%s}}`
	r4        = `200 {"verification_status":false,"reason":"Date of birth does not match","result":{"nik":true,"name":true,"date_of_birth":false,"face_image_percentage":%s}}`
	r5        = `200 {"verification_status":false,"reason":"Selfie image does not pass the threshold","result":{"nik":true,"name":true,"date_of_birth":true,"face_image_percentage":%s}}`
	r8        = `503 {"verification_status":false,"reason":"Something wrong in Dukcapil server","result":{"nik":null,"name":null,"date_of_birth":null,"face_image_percentage":null}}`
	notActive = `200 {"verification_status":false,"reason":"NIK is not active on Dukcapil database","result":{"nik":true,"name":null,"date_of_birth":null,"face_image_percentage":null}}`
	noFace    = `200 {"verification_status":false,"reason":"Face is not available on Dukcapil database","result":{"nik":true,"name":true,"date_of_birth":true,"face_image_percentage":null}}`
	badImage  = `400 {"verification_status":false,"reason":"Invalid face_image","code":"INVALID_IMAGE"`
)

// match is the percentage if everything agrees: the sandbox answers 8.331, which
// the curve maps to 75 + 5 × 3.331.
const match = "91.66"

// outcomes are the responses for the magic NIKs of the sandbox, by their last four
// digits. NIKs that are missing here lead to R8.
var outcomes = map[string]string{
	"1000": fmt.Sprintf(r1, match), "1001": fmt.Sprintf(r3, match), "1002": fmt.Sprintf(r4, match),
	// At or below the upstream's threshold of 80; the client's threshold is 85.
	"1003": fmt.Sprintf(r3, match), "1004": fmt.Sprintf(r3, match), "1008": fmt.Sprintf(r3, match),
	"1005": fmt.Sprintf(r1, match), "1012": fmt.Sprintf(r1, match),
	"1030": r2, "1031": notActive, "1032": notActive,
	"0000": fmt.Sprintf(r1, match), "0001": fmt.Sprintf(r1, match),
	"0008": r2, "0013": r2, "0015": r2, "0011": notActive, "0012": notActive, "0014": notActive,
	"6018": fmt.Sprintf(r1, match), "6019": fmt.Sprintf(r5, "31.71"), "6020": noFace, "6006": badImage, "6015": badImage,
	"2001": fmt.Sprintf(r1, "99"), "2002": fmt.Sprintf(r1, "75"), "2003": fmt.Sprintf(r5, "74.99"),
	// The number decides, not the word.
	"2004": fmt.Sprintf(r1, match), "2005": fmt.Sprintf(r1, match), "2006": fmt.Sprintf(r5, "31.71"), "2007": fmt.Sprintf(r1, "100"),
	// The second try has an answer.
	"2060": fmt.Sprintf(r1, match), "1200": fmt.Sprintf(r1, match),
}

// flags are the flags of the audit events that have any.
var flags = map[string]string{"0012": "DUPLICATE_RECORD", "2001": "SCORE_TOO_HIGH", "2007": "SCORE_TOO_HIGH"}

// quotaUsedUp are the magic NIKs that end the day for the data check, so they come
// last.
var quotaUsedUp = map[string]bool{"1034": true, "0005": true}

// TestEveryAnswer verifies every magic NIK of the sandbox with the built program:
// each row of both code tables, in every shape, and every way in which an answer
// can fail. It ends with a used-up quota, after which nothing is called.
func TestEveryAnswer(t *testing.T) {
	w := newWorld(t, people(1), "stall: 8s\nslow: 8s\n", "  breaker: {minimum: 10000}\n")
	p, address := w.serve(t, "127.0.0.1:0")
	ask := func(nik, id string) string {
		t.Helper()
		status, body, err := w.ask(address, id, nik, "WIRASABA TEMBALANG", "01-01-1960", "ayu-selfie.jpg")
		if err != nil || !json.Valid(body) {
			t.Errorf("%s: %s, %v", id, body, err)
		}
		return fmt.Sprintf("%d %s", status, body)
	}
	asked := 0
	var group sync.WaitGroup
	slots := make(chan struct{}, 8) // several at once, since some answers stall
	for _, last := range []bool{false, true} {
		for _, m := range sandbox.Magics() {
			suffix := strings.TrimPrefix(m.NIK, sandbox.MagicPrefix)
			if m.Service == sandbox.Balikan || quotaUsedUp[suffix] != last {
				continue
			}
			want, ok := outcomes[suffix]
			if !ok {
				want = r8
			}
			slots <- struct{}{}
			group.Go(func() {
				if got := ask(m.NIK, "magic-"+suffix); got != want && !(want == badImage && strings.HasPrefix(got, want)) {
					t.Errorf("%s (%s):\n got %s\nwant %s", suffix, m.Answer, got, want)
				}
				<-slots
			})
			asked++
		}
		group.Wait()
	}
	// With the quota used up, nothing is called, and the response is R8.
	before := w.questions(t)
	if got := ask(people(1)[0].nik, "after-quota"); got != r8 {
		t.Errorf("after the quota: %s", got)
	}
	if calls := w.questions(t) - before; calls != 0 {
		t.Errorf("after the quota %d calls were made", calls)
	}
	metrics := w.get(t, "http://"+w.metrics+"/metrics")
	for _, name := range []string{"sesuai_dukcapil_calls_total", "sesuai_dukcapil_unexpected_total", "sesuai_dukcapil_held_seconds", "sesuai_balikan_pending"} {
		if !strings.Contains(metrics, name) {
			t.Errorf("the metric %s is missing", name)
		}
	}
	assertSilent(t, metrics, people(8))
	if detail := w.get(t, address+"/readyz"); !strings.Contains(detail, `"data_check":{"breaker":"closed","held_until":`) {
		t.Errorf("readiness: %s", detail)
	}
	p.Stop(t)
	t.Logf("%d magic NIKs", asked)

	got := make(map[string]string)
	w.query(t, `SELECT request_id, flags FROM audit_events WHERE flags <> '' AND flags NOT LIKE 'SUSPECTED%'`, func(scan func(...any) error) error {
		var id, set string
		err := scan(&id, &set)
		got[strings.TrimPrefix(id, "magic-")] = set
		return err
	})
	for suffix, want := range flags {
		if got[suffix] != want {
			t.Errorf("%s is flagged %q, want %q", suffix, got[suffix], want)
		}
	}
	if len(got) != len(flags) {
		t.Errorf("flagged: %v", got)
	}
	assertSilent(t, p.Log.String(), people(8))
}

// questions returns how many calls of the data and the face check the sandbox has
// received.
func (w *world) questions(t *testing.T) int {
	t.Helper()
	n := 0
	for _, e := range w.entries(t) {
		if e.Service != "balikan" {
			n++
		}
	}
	return n
}

// get returns the body of a page.
func (w *world) get(t *testing.T, url string) string {
	t.Helper()
	resp, err := w.client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestCrashSaysNothing: the output of a crash during a verification contains no
// personal data.
func TestCrashSaysNothing(t *testing.T) {
	all := people(8)
	w := newWorld(t, all, "face: {latency: {median: 30s}}\n", "")
	p, address := w.serve(t, "127.0.0.1:0")
	asked := make(chan error, 1)
	go func() {
		_, _, err := w.ask(address, "crash", all[0].nik, all[0].name, all[0].date, all[0].selfie)
		asked <- err
	}()
	for end := time.Now().Add(time.Minute); w.questions(t) < 2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the face check was not asked")
		}
	}
	p.Abort(t)
	if err := <-asked; err == nil {
		t.Error("there was an answer")
	}
	crash := p.Log.String()
	if !strings.Contains(crash, "client.(*service).exchange") {
		t.Errorf("no call was in progress: %.2000s", crash)
	}
	assertSilent(t, strings.NewReplacer("goroutine ", "", "panic", "").Replace(crash), all)
}

// TestKillBeforeTheFaceCheck: the face check is started in the call log while the
// program waits for the data check. If the program is killed then, neither call
// has a completion, and only one has reached the sandbox.
func TestKillBeforeTheFaceCheck(t *testing.T) {
	all := people(8)
	w := newWorld(t, all, "data: {latency: {median: 30s}}\n", "")
	p, address := w.serve(t, "127.0.0.1:0")
	asked := make(chan error, 1)
	go func() {
		_, _, err := w.ask(address, "kill", all[0].nik, all[0].name, all[0].date, all[0].selfie)
		asked <- err
	}()
	callLog := func() (rows []string) {
		w.query(t, `SELECT service || coalesce(' ' || class, '') FROM upstream_calls ORDER BY id`, func(scan func(...any) error) error {
			rows = append(rows, "")
			return scan(&rows[len(rows)-1])
		})
		return rows
	}
	want := []string{"data_check", "face_check"}
	for end := time.Now().Add(time.Minute); !slices.Equal(callLog(), want) || w.questions(t) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the call log has %q", callLog())
		}
	}
	p.Kill(t)
	if err := <-asked; err == nil {
		t.Error("there was an answer")
	}
	if got := callLog(); !slices.Equal(got, want) || w.questions(t) != 1 {
		t.Errorf("the call log has %q, and %d calls reached the sandbox", got, w.questions(t))
	}
}

// TestBadRequestsCostNothing: invalid requests, and photographs that cannot be
// compared, cause no calls.
func TestBadRequestsCostNothing(t *testing.T) {
	all := people(1)
	w := newWorld(t, all, "", "")
	p, address := w.serve(t, "127.0.0.1:0")
	me := all[0]
	w.photos["wall"], w.photos["cut"], w.photos["text"] = wall(t), w.photos[me.selfie][:2000], []byte("no photograph")
	w.photos["none"], w.photos["tiny"] = nil, shrunk(t, w.photos[me.selfie])
	for name, bad := range map[string][4]string{
		"NIK of 3 digits":     {"123", me.name, me.date, me.selfie},
		"NIK of letters":      {"99990000000000XX", me.name, me.date, me.selfie},
		"no NIK":              {"", me.name, me.date, me.selfie},
		"no name":             {me.nik, "", me.date, me.selfie},
		"name of digits":      {me.nik, "123", me.date, me.selfie},
		"name too long":       {me.nik, strings.Repeat("A", sesuai.MaxNameLength+1), me.date, me.selfie},
		"no date":             {me.nik, me.name, "", me.selfie},
		"no such date":        {me.nik, me.name, "31-02-1960", me.selfie},
		"date to come":        {me.nik, me.name, "01-01-2960", me.selfie},
		"date another way":    {me.nik, me.name, "1960-01-01", me.selfie},
		"no photograph":       {me.nik, me.name, me.date, "none"},
		"text":                {me.nik, me.name, me.date, "text"},
		"half a photograph":   {me.nik, me.name, me.date, "cut"},
		"no face":             {me.nik, me.name, me.date, "wall"},
		"a face of 20 pixels": {me.nik, me.name, me.date, "tiny"},
	} {
		status, body, err := w.ask(address, "bad", bad[0], bad[1], bad[2], bad[3])
		if err != nil || status != 400 && status != 415 {
			t.Errorf("%s: status %d: %s, %v", name, status, body, err)
		}
	}
	if n := w.questions(t); n != 0 {
		t.Errorf("%d calls were made", n)
	}
	// A valid request does.
	if status, body, err := w.ask(address, "good", me.nik, me.name, me.date, me.selfie); err != nil || status != 200 {
		t.Errorf("status %d: %s, %v", status, body, err)
	}
	if n := w.questions(t); n != 2 {
		t.Errorf("a valid request made %d calls, want 2", n)
	}
	p.Stop(t)
	assertSilent(t, p.Log.String(), people(8))
}

// wall returns a photograph without a person.
func wall(t *testing.T) []byte {
	t.Helper()
	return encoded(t, image.NewUniform(color.RGBA{196, 204, 208, 255}), image.Rect(0, 0, 400, 400))
}

// shrunk returns a photograph with too few pixels to compare a face in it.
func shrunk(t *testing.T, photo []byte) []byte {
	t.Helper()
	whole, err := jpeg.Decode(bytes.NewReader(photo))
	if err != nil {
		t.Fatal(err)
	}
	const size = 40
	b := whole.Bounds()
	small := image.NewRGBA(image.Rect(0, 0, size, size))
	for y := range size {
		for x := range size {
			small.Set(x, y, whole.At(b.Min.X+x*b.Dx()/size, b.Min.Y+y*b.Dy()/size))
		}
	}
	return encoded(t, small, small.Rect)
}

func encoded(t *testing.T, img image.Image, r image.Rectangle) []byte {
	t.Helper()
	var b bytes.Buffer
	cut := image.NewRGBA(r)
	draw.Draw(cut, r, img, image.Point{}, draw.Src)
	if err := jpeg.Encode(&b, cut, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
