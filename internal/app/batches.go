package app

import (
	"cmp"
	"context"
	"encoding/json"
	"os"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/batch"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/webhook"
)

// NewBatches returns the batches of a storage. The limiter is that of the clients.
func NewBatches(c Config, s *Storage, limiter *access.Limiter) *batch.Service {
	return batch.New(batch.Options{
		Config: c.Batches, DB: s.db, Jobs: s.jobs, Keys: s.answers, Secret: s.vault.Secret(keyring.Rows).Derive(keyring.Batches),
		Clients: s.Clients, Limiter: limiter, Alert: s.alerts.altered, Finished: s.batchFinished,
		Removed: s.removed.RemovedTx, CheckClock: s.removed.CheckClock,
	})
}

// NewRowVerifier verifies the rows of a batch on this machine, as the API would, for an
// operator: see NewOperatorVerifier.
func NewRowVerifier(c Config, s *Storage, r Registry, e face.Extractor) *httpapi.Server {
	return httpapi.New(httpapi.Options{Verifier: NewOperatorVerifier(c, s, r, e), Hash: s.Hash, Timeout: c.Times.Request})
}

// batchFinished adds the message about a batch that is finished, if its client wants one.
func (s *Storage) batchFinished(ctx context.Context, tx *sqldb.Tx, b batch.Batch, counts batch.Counts) error {
	if !s.hooks.Wants(b.Client, webhook.BatchFinished) {
		return nil
	}
	return s.hooks.AddTx(ctx, tx, []webhook.Message{{
		Client: b.Client, Event: webhook.BatchFinished, At: b.FinishedAt, Data: json.RawMessage(httpapi.BatchJSON(b, counts)),
	}})
}

// spoolFolder is where uploads are written while they are received.
func (c Config) spoolFolder() string { return cmp.Or(c.Batches.Folder, os.TempDir()) }
