package app

import (
	"context"
	"reflect"

	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/tlsfile"
)

// reloader reads again what can change while the service runs.
type reloader struct {
	o ServeOptions
	// running is the configuration that is in force.
	running Config
	// files are those of TLS; nil without TLS.
	files *tlsfile.Files
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

// reload takes over what can be of the configuration and the files of TLS, and logs what
// was and what needs a restart. With a configuration or files that are not valid, what was
// read before stays in force.
func (r *reloader) reload() {
	reloaded := []string{}
	if r.files != nil && r.files.Reload() == nil { // otherwise the log has the error
		reloaded = append(reloaded, "tls.cert", "tls.key", "tls.client_ca")
	}
	next, err := r.o.Load()
	if err != nil {
		r.o.Log.Error("the configuration was not reloaded and stays as it is", "error", err, "reloaded", reloaded)
		return
	}
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
