// Command go-client verifies a person with package client.
//
//	go-client NIK NAME DD-MM-YYYY PHOTOGRAPH
//
// The exit status is 0 if the person is verified, 1 if something differs, and 2 if
// there is no answer. Every user of a machine can see arguments: in a real program a
// claim comes from elsewhere.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sesuai/sesuai/client"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: go-client NIK NAME DD-MM-YYYY PHOTOGRAPH")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // for all attempts
	defer cancel()
	verdict, err := verify(ctx, os.Args[1:])
	var failed *client.Error
	switch {
	case errors.As(err, &failed) && failed.Guidance.EN != "":
		fmt.Fprintln(os.Stderr, "no answer:", failed.Code, failed.Guidance.EN) // tell the person
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "no answer:", err) // nothing is known about the person
		os.Exit(2)
	case !verdict.Verified:
		fmt.Println("not verified:", verdict.Reason)
		os.Exit(1)
	}
	fmt.Println("verified:", verdict.Face)
}

// verify asks once. The client tries again, with one Idempotency-Key, where that makes
// sense.
func verify(ctx context.Context, claim []string) (client.FaceVerdict, error) {
	c, err := client.New(client.Options{
		BaseURL:  os.Getenv("API_URL"),
		Username: os.Getenv("API_USERNAME"), Password: os.Getenv("API_PASSWORD"), APIKey: os.Getenv("API_KEY"),
	})
	if err != nil {
		return client.FaceVerdict{}, err
	}
	return c.VerifyFace(ctx, client.FaceRequest{
		NIK: claim[0], Name: claim[1], DateOfBirth: claim[2], Photo: client.FromFile(claim[3]),
	})
}
