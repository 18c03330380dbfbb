package app_test

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/test/process"
)

// TestReload: a signal has the service take over what can change, it says what needs a
// restart, and a configuration that is not valid changes nothing.
func TestReload(t *testing.T) {
	process.Need(t, realModels)
	c := config(t)
	next, loading := c, error(nil)
	next.Log.Level, next.Limits.MaxInFlight = "warn", c.Limits.MaxInFlight+1
	reload, level := make(chan os.Signal, 1), new(slog.LevelVar)
	s, ready := serveWith(t, c, app.ServeOptions{
		Level: level, Reload: reload, Load: func() (app.Config, error) { return next, loading },
	})
	s.await(t, ready)
	reload <- syscall.SIGHUP
	wait(t, "the log has the reload", func() bool {
		return strings.Contains(s.log.String(), `"msg":"reloaded","what":["log.level"],"needs_restart":["limits.max_in_flight"]`)
	})
	if level.Level() != slog.LevelWarn {
		t.Error(level)
	}
	next.Log.Level, loading = "error", errors.New("line 3 is wrong")
	reload <- syscall.SIGHUP
	wait(t, "the log has the mistake", func() bool { return strings.Contains(s.log.String(), "line 3 is wrong") })
	if level.Level() != slog.LevelWarn {
		t.Error(level)
	}
}

// TestShutdownDelay: for the delay a service that was told to stop is not ready and
// answers, and then it refuses connections.
func TestShutdownDelay(t *testing.T) {
	process.Need(t, realModels)
	c := config(t)
	c.Shutdown.Delay = 3 * time.Second
	s, ready := serve(t, c)
	s.await(t, ready)
	s.awaitReadiness(t, 200)
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	s.awaitReadiness(t, 503)
	if status, _ := s.get(t, "/healthz"); status != 200 {
		t.Errorf("/healthz: %d", status)
	}
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", strings.TrimPrefix(s.address, "http://")); err == nil {
		_ = conn.Close()
		t.Error("it accepts connections after it has stopped")
	}
}
