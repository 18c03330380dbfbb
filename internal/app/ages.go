package app

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ages collects when the master keys were added and when the last backup was made.
type ages struct{ storage *Storage }

var (
	keyAddedDesc = prometheus.NewDesc("sesuai_master_key_added_timestamp_seconds",
		"When the master keys that are in use or to come into use were added, in Unix seconds.", []string{"key", "state"}, nil)
	lastBackupDesc = prometheus.NewDesc("sesuai_last_backup_timestamp_seconds",
		"When sesuai backup was last used, in Unix seconds. 0 if it never was.", nil, nil)
)

// agesTimeout is how long the database may take.
const agesTimeout = 2 * time.Second

// retiredKey is the state of a key that seals nothing any more.
const retiredKey = "retired"

// Describe implements prometheus.Collector.
func (a ages) Describe(d chan<- *prometheus.Desc) {
	d <- keyAddedDesc
	d <- lastBackupDesc
}

// Collect implements prometheus.Collector. Without the database there is no age; the
// other metrics are still there.
func (a ages) Collect(m chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), agesTimeout)
	defer cancel()
	if at, err := a.storage.trail.LastBackup(ctx); err == nil {
		m <- prometheus.MustNewConstMetric(lastBackupDesc, prometheus.GaugeValue, float64(at.Unix()))
	}
	keys, err := a.storage.vault.List(ctx)
	if err != nil {
		return
	}
	for _, key := range keys {
		if key.State != retiredKey {
			m <- prometheus.MustNewConstMetric(keyAddedDesc, prometheus.GaugeValue, float64(key.AddedAt.Unix()), fmt.Sprint(key.ID), key.State)
		}
	}
}
