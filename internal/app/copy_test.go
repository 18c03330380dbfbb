package app_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/webhook"
)

// TestCopyClients: a client of one registry is a client of another one, by the
// credentials that it has, once the other one is opened again.
func TestCopyClients(t *testing.T) {
	from, other := openConfig(t, config(t)), config(t)
	who := addClient(t, from, "test", access.Client{})
	hook, _, err := from.Webhooks.Set(t.Context(), clientID(t, from, "test"), "https://bank.example/", []webhook.Event{webhook.BatchFinished})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []app.CopiedClients{{Clients: 1, Changed: 1, Webhooks: 1, NewHash: true}, {Clients: 1, Webhooks: 1}} {
		to := openConfig(t, other)
		done, err := app.CopyClients(t.Context(), from, to)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, done); diff != "" {
			t.Errorf("run %d: CopyClients (-want +got):\n%s", i, diff)
		}
		closeStorage(t, to)
	}
	to := openConfig(t, other)
	defer closeStorage(t, to)
	authenticator := access.NewAuthenticator(access.AuthenticatorOptions{Clients: to.Clients, Hash: to.Hash})
	client, err := authenticator.Authenticate(t.Context(), access.Attempt{Username: who.Username, Password: who.Password, APIKey: who.APIKey})
	if err != nil || client.Name != "test" {
		t.Errorf("Authenticate = %v, %v", client.Name, err)
	}
	if moved, found, err := to.Webhooks.Find(t.Context(), client.ID); err != nil || !found || !moved.Secret.Equal(hook.Secret.Text) {
		t.Errorf("the webhook: %v, %v", found, err)
	}
	if _, err := to.Trail.Verify(t.Context()); err != nil {
		t.Error(err)
	}

	// A client that was removed since is named, be it the last one.
	if removed, err := from.RemoveClient(t.Context(), "test"); err != nil || !removed {
		t.Fatal(removed, err)
	}
	done, err := app.CopyClients(t.Context(), from, to)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(app.CopiedClients{OnlyThere: []string{"test"}}, done); diff != "" {
		t.Errorf("CopyClients (-want +got):\n%s", diff)
	}
	closeStorage(t, from)

	// A registry that has clients keeps the key of their hashes.
	third := openConfig(t, config(t))
	defer closeStorage(t, third)
	addClient(t, third, "test", access.Client{})
	if _, err := app.CopyClients(t.Context(), to, third); sesuai.KindOf(err) != sesuai.KindConflict {
		t.Errorf("CopyClients = %v, want an error of kind %s", err, sesuai.KindConflict)
	}
	if clients, err := third.Clients.ListClients(t.Context()); err != nil || len(clients) != 1 {
		t.Errorf("there are %d clients, %v", len(clients), err)
	}
}

func openConfig(t *testing.T, c app.Config) *app.Storage {
	t.Helper()
	s, err := app.OpenStorage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
