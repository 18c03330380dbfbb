package app_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/app"
)

// TestMemoryFitsBody: a memory that the largest body would not fit into is
// refused.
func TestMemoryFitsBody(t *testing.T) {
	c := app.DefaultConfig()
	c.Limits.MaxBody, c.Limits.Memory = 20<<20, 180<<20
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	c.Limits.Memory--
	assertConfiguration(t, c.Check(), "limits.memory", "limits.max_body")
}

// TestConnectionsAreLimited: the configured limit of connections holds for the
// service, which counts those it refuses.
func TestConnectionsAreLimited(t *testing.T) {
	c := config(t)
	c.Admin.Listen = freeAddress(t)
	c.Limits.Connections, c.Limits.ConnectionsPerAddress = 20, 4
	s := start(t, c, ayu)
	for range 4 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.address, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("got %d", resp.StatusCode)
	}
	resp, err = http.Get("http://" + c.Admin.Listen + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	metrics, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`sesuai_connections_refused_total{limit="address"} 1`, `sesuai_connections_refused_total{limit="all"} 0`} {
		if !strings.Contains(string(metrics), want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
}
