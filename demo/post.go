package main

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
)

// post requests a verification.
func post(ctx context.Context, url string, c credentials, p person, photo []byte) (int, []byte, error) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for _, field := range [][2]string{{"nik", p.nik}, {"name", p.name}, {"date_of_birth", p.dateOfBirth}} {
		if err := w.WriteField(field[0], field[1]); err != nil {
			return 0, nil, err
		}
	}
	part, err := w.CreateFormFile("face_image", "selfie.jpg")
	if err != nil {
		return 0, nil, err
	}
	if _, err := part.Write(photo); err != nil {
		return 0, nil, err
	}
	if err := w.Close(); err != nil {
		return 0, nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, &form)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("x-api-key", c.APIKey)
	r.SetBasicAuth(c.Username, c.Password)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, bytes.TrimSpace(answer), err
}
