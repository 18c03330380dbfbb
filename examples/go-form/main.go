// Command go-form verifies a person with net/http alone, in the form that the vendor's Go
// SDK writes: parts in random order, and a file with its own name and the type
// application/octet-stream.
//
//	go-form NIK NAME DD-MM-YYYY PHOTOGRAPH
//
// The exit status is 0 if the person is verified, 1 if something differs, and 2 if
// there is no answer. Every user of a machine can see arguments: in a real program a
// claim comes from elsewhere.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// answer is the body of every response.
type answer struct {
	Verified *bool  `json:"verification_status"`
	Reason   string `json:"reason"`
	Error    string `json:"error"`
	Result   struct {
		Face json.Number `json:"face_image_percentage"`
	} `json:"result"`
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: go-form NIK NAME DD-MM-YYYY PHOTOGRAPH")
		os.Exit(2)
	}
	a, err := verify(os.Args[1:])
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "no answer:", err) // nothing is known about the person
		os.Exit(2)
	case !*a.Verified:
		fmt.Println("not verified:", a.Reason)
		os.Exit(1)
	}
	fmt.Println("verified:", a.Result.Face)
}

// form writes the body.
func form(claim []string) (body []byte, contentType string, err error) {
	photo, err := os.ReadFile(claim[3])
	if err != nil {
		return nil, "", err
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	// A range over a map has a random order.
	for name, text := range map[string]string{"nik": claim[0], "name": claim[1], "date_of_birth": claim[2], "face_image": ""} {
		var part io.Writer
		if name == "face_image" {
			part, err = w.CreateFormFile(name, filepath.Base(claim[3]))
			text = string(photo)
		} else {
			part, err = w.CreateFormField(name)
		}
		if err != nil {
			return nil, "", err
		}
		if _, err := io.WriteString(part, text); err != nil {
			return nil, "", err
		}
	}
	err = w.Close()
	return b.Bytes(), w.FormDataContentType(), err
}

// verify asks up to four times, with one Idempotency-Key.
func verify(claim []string) (answer, error) {
	body, contentType, err := form(claim)
	if err != nil {
		return answer{}, err
	}
	// A redirect would carry the credentials on.
	c := http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	key := rand.Text()
	for attempt := 1; ; attempt++ {
		a, wait, err := post(&c, key, contentType, body)
		if err == nil || wait < 0 || attempt == 4 {
			return a, err
		}
		time.Sleep(max(wait, time.Second<<(attempt-1)))
	}
}

// post asks once. If it failed, wait is how long to wait before another attempt, or
// negative if that is of no use.
func post(c *http.Client, key, contentType string, body []byte) (a answer, wait time.Duration, err error) {
	r, err := http.NewRequest(http.MethodPost, os.Getenv("API_URL")+"/identity/v1/face-verification", bytes.NewReader(body))
	if err != nil {
		return answer{}, -1, err
	}
	r.SetBasicAuth(os.Getenv("API_USERNAME"), os.Getenv("API_PASSWORD"))
	r.Header.Set("X-Api-Key", os.Getenv("API_KEY"))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Idempotency-Key", key)
	r.Header.Set("X-Request-Id", key)
	response, err := c.Do(r)
	if err != nil {
		return answer{}, 0, err
	}
	defer response.Body.Close()
	// What is no JSON leaves a without an answer.
	_ = json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&a)
	if response.StatusCode == http.StatusOK && a.Verified != nil {
		return a, 0, nil
	}
	wait = -1
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err == nil || response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= 502 {
		wait = time.Duration(seconds) * time.Second
	}
	return answer{}, wait, fmt.Errorf("%d %s%s", response.StatusCode, a.Reason, a.Error)
}
