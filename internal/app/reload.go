package app

import (
	"context"
	"reflect"

	"github.com/sesuai/sesuai/internal/config"
)

// reloader reads again what can change while the service runs.
type reloader struct {
	o ServeOptions
	// running is the configuration that is in force.
	running Config
}

// run reloads for each signal until ctx ends.
func (r *reloader) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.o.Reload:
			r.reload()
		}
	}
}

// reload takes over what can be of the configuration, and logs what was and what needs a
// restart. With a configuration that is not valid, everything stays as it is.
func (r *reloader) reload() {
	next, err := r.o.Load()
	if err != nil {
		r.o.Log.Error("the configuration was not reloaded and stays as it is", "error", err)
		return
	}
	var reloaded []string
	if r.o.Level != nil {
		r.o.Level.Set(next.Log.level()) // also over what PUT /loglevel has set
		reloaded, r.running.Log.Level = append(reloaded, "log.level"), next.Log.Level
	}
	r.o.Log.Info("reloaded", "what", reloaded, "needs_restart", differences(r.running, next))
}

// differences returns the keys whose values differ.
func differences(a, b Config) []string {
	keys := []string{}
	others := config.Keys(&b)
	for i, k := range config.Keys(&a) {
		if !reflect.DeepEqual(k.Value(), others[i].Value()) {
			keys = append(keys, k.Name)
		}
	}
	return keys
}
