package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/sesuai/sesuai/internal/app"
)

// postToSandbox is a command for scripts. post-to-sandbox STARTED PATH FILE waits
// until STARTED has the output of dukcapil-sandbox --json, posts FILE to PATH of
// that server, and prints the answer. It trusts the server by its pin only.
func postToSandbox() {
	if err := post(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitError)
	}
}

func post(started, path, file string) error {
	var serving app.SandboxServing
	if err := awaitStart(started, &serving); err != nil {
		return err
	}
	body, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true, // the pin takes its place
		VerifyConnection: func(c tls.ConnectionState) error {
			sum := sha256.Sum256(c.PeerCertificates[0].RawSubjectPublicKeyInfo)
			if base64.StdEncoding.EncodeToString(sum[:]) != serving.Pin {
				return errors.New("the pin is of another key")
			}
			return nil
		},
	}}}
	answer, err := client.Post(serving.URL+path, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(os.Stdout, answer.Body)
	return err
}

// awaitStart waits until a file has what a command printed with --json when it had
// started, and decodes that.
func awaitStart(file string, into any) error {
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		b, err := os.ReadFile(file)
		if err == nil && bytes.HasSuffix(b, []byte("\n")) {
			return json.Unmarshal(b, into)
		}
		if time.Now().After(end) {
			return errors.New("it has not started")
		}
	}
}
