package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/sesuai/sesuai/test/process"
)

// postToService is a command for scripts. post-to-service STARTED CLIENT PATH FILE
// waits until STARTED has the output of serve --json, posts FILE to PATH with the
// credentials in CLIENT, which client add --json printed, and prints the status and the
// answer.
func postToService() {
	if err := postClaim(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitError)
	}
}

func postClaim(started, client, path, file string) error {
	var serving struct{ Address string }
	if err := awaitStart(started, &serving); err != nil {
		return err
	}
	var credentials process.Credentials
	if err := awaitStart(client, &credentials); err != nil {
		return err
	}
	body, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, serving.Address+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	// As the vendor's Java SDK writes it.
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	credentials.Sign(request)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	fmt.Print(answer.StatusCode, " ")
	_, err = io.Copy(os.Stdout, answer.Body)
	return err
}
