package main

import (
	"context"
	"fmt"

	"github.com/sesuai/sesuai/internal/bench"
)

// connections is what a sender sends with: enough connections for every benchmark.
var connections = bench.NewHTTPClient(64)

// senderTo returns a sender to the service at that address.
func senderTo(address string, c credentials) bench.Sender {
	return bench.Sender{URL: address, Credentials: c, HTTP: connections}
}

// answered returns an error unless the answer has status 200.
func answered(a bench.Answer, err error) error {
	if err == nil && a.Status != 200 {
		err = fmt.Errorf("status %d: %s", a.Status, a.Body)
	}
	return err
}

// request requests the verification of the first person.
func (t *trial) request(ctx context.Context, photo []byte) func() error {
	return func() error { return answered(t.sender.Verify(ctx, t.first, photo)) }
}
