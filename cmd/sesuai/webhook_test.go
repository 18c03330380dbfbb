package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// receiver SECRETFILE starts a server for webhooks, and sets RECEIVER to its URL. It
// answers 204 if one of the signatures is by the secret in the file, and else 401.
// Below /down it answers 503.
func receiver(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: receiver SECRETFILE")
	}
	file := ts.MkAbs(args[0])
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		secret, noFile := os.ReadFile(file)
		key, noSecret := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(string(secret)), "whsec_"))
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(r.Header.Get("webhook-id") + "." + r.Header.Get("webhook-timestamp") + "." + string(body)))
		status := http.StatusUnauthorized
		for _, s := range strings.Fields(r.Header.Get("webhook-signature")) {
			if s == "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) && err == nil && noFile == nil && noSecret == nil {
				status = http.StatusNoContent
			}
		}
		if r.URL.Path == "/down" {
			status = http.StatusServiceUnavailable
		}
		w.WriteHeader(status)
	}))
	ts.Defer(server.Close)
	ts.Setenv("RECEIVER", server.URL)
}
