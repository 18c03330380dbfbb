package app

import (
	"context"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/vault"
)

// CopiedClients is the result of CopyClients.
type CopiedClients struct {
	Clients int `json:"clients"`
	// Changed is how many of them were added or changed.
	Changed int `json:"clients_changed"`
	// Webhooks is how many of them have a webhook.
	Webhooks int `json:"webhooks"`
	// OnlyThere are the names of the clients that only the other storage has, in
	// their order. It still accepts their credentials.
	OnlyThere []string `json:"clients_only_there,omitempty"`
	// NewHash reports whether the other storage has taken the keyed hash of
	// credentials: processes that have it open must open it again.
	NewHash bool `json:"-"`
}

// CopyClients puts the clients of one storage in another one, with their ids,
// settings, credentials and webhooks. The credentials are stored as keyed hashes, so the other
// storage takes the key of these hashes first, and has no client of its own before
// that. The error has kind sesuai.KindConflict if it has, or if a client of the same
// name is another one.
func CopyClients(ctx context.Context, from, to *Storage) (done CopiedClients, err error) {
	clients, err := from.clients.Export(ctx)
	if err != nil {
		return done, err
	}
	hooks, err := from.hooks.Export(ctx)
	if err != nil {
		return done, err
	}
	done.Clients, done.Webhooks = len(clients), len(hooks)
	err = to.vault.Change(ctx, func(tx *sqldb.Tx, keys *vault.Keys) error {
		if len(clients) > 0 && !to.vault.HasSecret(keyring.Credentials, from.vault) {
			n, err := to.clients.CountTx(ctx, tx)
			if err != nil {
				return err
			}
			if n > 0 {
				return &sesuai.Error{
					Kind: sesuai.KindConflict,
					Detail: "the other registry has clients already, and the credentials of both cannot be stored in one: " +
						"remove its clients first",
				}
			}
			if err := to.vault.TakeSecretTx(ctx, tx, keys, keyring.Credentials, from.vault); err != nil {
				return err
			}
			done.NewHash = true
		}
		imported, err := to.clients.ImportTx(ctx, tx, clients)
		if err != nil {
			return err
		}
		done.Changed, done.OnlyThere = imported.Changed, imported.OnlyHere
		return to.hooks.ImportTx(ctx, tx, hooks)
	})
	if sesuai.KindOf(err) == sesuai.KindConflict {
		return CopiedClients{}, err
	}
	if err != nil {
		return CopiedClients{}, sqldb.Unavailable(ctx, "copying clients", err)
	}
	return done, nil
}
