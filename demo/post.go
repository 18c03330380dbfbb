package main

import (
	"context"

	"github.com/sesuai/sesuai/internal/bench"
)

// connections is what post sends with: enough connections for every benchmark.
var connections = bench.NewHTTPClient(64)

// post requests a verification.
func post(ctx context.Context, url string, c credentials, p person, photo []byte) (status int, answer []byte, err error) {
	a, err := bench.Sender{URL: url, Credentials: c, HTTP: connections}.Verify(ctx, p, photo)
	return a.Status, a.Body, err
}
