package failover_test

import (
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sesuai/sesuai/test/process"
)

// proxyAddress is the address of HAProxy, as in haproxy.cfg.
const proxyAddress = "127.0.0.1:8080"

// servedBy is the header in which HAProxy names the node.
const servedBy = "X-Served-By"

// startProxy starts HAProxy in front of the nodes until the test ends.
func startProxy(t *testing.T, s *service) *endpoint {
	t.Helper()
	config, err := filepath.Abs("haproxy.cfg")
	if err != nil {
		t.Fatal(err)
	}
	var log process.Log
	cmd := exec.Command("haproxy", "-db", "-f", config)
	cmd.Stdout, cmd.Stderr = &log, &log
	ended := launch(t, cmd)
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("HAProxy has ended: %v", err)
		}
		<-ended
		if t.Failed() {
			t.Logf("HAProxy says\n%s", log.String())
		}
	})
	eventually(t, "HAProxy listens", func() bool {
		conn, err := net.Dial("tcp", proxyAddress)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return newEndpoint(t, s, "http://"+proxyAddress)
}

// newEndpoint returns the endpoint at an address.
func newEndpoint(t *testing.T, s *service, address string) *endpoint {
	e := &endpoint{
		address: address, service: s,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: patience},
	}
	t.Cleanup(e.client.CloseIdleConnections)
	return e
}
