package client_test

import (
	"testing"

	"github.com/sesuai/sesuai/internal/dukcapil/client"
	"github.com/sesuai/sesuai/internal/registry"
)

// TestNothingIsAskedAhead: a Preparer is asked before it is known whether the
// photograph can be used. Dukcapil's services cost money, and show whom the
// question is about.
func TestNothingIsAskedAhead(t *testing.T) {
	if _, ok := any(new(client.Registry)).(registry.Preparer); ok {
		t.Error("the client would be asked about photographs that are refused")
	}
}
