package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/client"
)

// example returns a client of a service that always answers the same.
func example(status int, body string) (c *client.Client, stop func()) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Request-Id", "8f14e45f")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	c, err := client.New(client.Options{BaseURL: server.URL, Username: "user", Password: "password", APIKey: "key"})
	if err != nil {
		panic(err)
	}
	return c, func() { c.CloseIdleConnections(); server.Close() }
}

// A name that differs is an answer, and no error.
func ExampleClient_VerifyFace() {
	c, stop := example(200, `{"verification_status":false,"reason":"Name does not match",`+
		`"result":{"nik":true,"name":false,"date_of_birth":true,"face_image_percentage":82.04}}`)
	defer stop()

	verdict, err := c.VerifyFace(context.Background(), client.FaceRequest{
		NIK: "9901015203900001", Name: "Suryani Hapsari", DateOfBirth: "12-03-1990",
		Photo: client.FromBytes([]byte("a photograph")),
	})
	if err != nil {
		fmt.Println("nothing is known about the person:", err)
		return
	}
	fmt.Println(verdict.Verified, verdict.Reason, verdict.Face)
	// Output: false Name does not match 82.04
}

func ExampleClient_VerifyData() {
	c, stop := example(200, `{"verification_status":false,"reason":"Address is not available on Dukcapil database",`+
		`"result":{"nik":true,"name":true,"address":null}}`)
	defer stop()

	verdict, err := c.VerifyData(context.Background(), client.DataRequest{
		CallOptions: client.CallOptions{ReferenceID: "application-17"},
		NIK:         "9901015203900001",
		Claim:       map[sesuai.Attribute]string{sesuai.NameAttribute: "Ayu Kencana Pratiwi", sesuai.Address: "Jl. Mawar No. 1"},
	})
	if err != nil {
		fmt.Println("nothing is known about the person:", err)
		return
	}
	fmt.Println(verdict.Verified, verdict.Outcome(sesuai.NameAttribute), verdict.Outcome(sesuai.Address))
	// Output: false match not_compared
}

// What a person can do about an error is in its guidance.
func ExampleError() {
	c, stop := example(400, `{"verification_status":false,"reason":"Face not detected","code":"FACE_NOT_DETECTED",`+
		`"guidance":{"id":"Ambil ulang foto dengan wajah terlihat jelas.","en":"Take the photograph again with the face clearly visible."}}`)
	defer stop()

	_, err := c.Liveness(context.Background(), client.LivenessRequest{Photo: client.FromBytes([]byte("a landscape"))})
	if failed, ok := errors.AsType[*client.Error](err); ok {
		fmt.Println(failed)
		fmt.Println(failed.Guidance.ID)
		fmt.Println("may succeed later:", failed.Retryable())
	}
	// Output:
	// sesuai: no answer: status 400: FACE_NOT_DETECTED: Face not detected (request 8f14e45f)
	// Ambil ulang foto dengan wajah terlihat jelas.
	// may succeed later: false
}

// A handler answers 2xx once it has stored the event, and stores each ID once.
func ExampleReadWebhook() {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" // from sesuai webhook set
	handle := func(w http.ResponseWriter, r *http.Request) {
		event, err := client.ReadWebhook(r, secret)
		if err != nil {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if event.Type == "verification.completed" {
			var answer client.Answer
			if err := json.Unmarshal(event.Data, &answer); err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			fmt.Println(answer.ReferenceID, answer.Status)
		}
		w.WriteHeader(http.StatusNoContent)
	}
	forged := httptest.NewRecorder()
	handle(forged, httptest.NewRequest(http.MethodPost, "/webhooks", nil))
	fmt.Println(forged.Code)
	// Output: 403
}
