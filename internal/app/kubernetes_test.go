package app_test

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/app"
)

// TestServiceLinks: what Kubernetes sets for a Service named sesuai changes
// nothing; what only resembles it is refused like any misspelt key.
func TestServiceLinks(t *testing.T) {
	t.Parallel()
	for _, variable := range []string{
		"SESUAI_PORT=tcp://10.96.0.17:8080",
		"SESUAI_PORT=udp://10.96.0.17:8080",
		"SESUAI_PORT_8080_TCP=tcp://10.96.0.17:8080",
		"SESUAI_PORT_8080_TCP_PROTO=tcp",
		"SESUAI_PORT_8080_TCP_PORT=8080",
		"SESUAI_PORT_8080_TCP_ADDR=10.96.0.17",
		"SESUAI_PORT_53_UDP=udp://10.96.0.17:53",
		"SESUAI_PORT_53_UDP_ADDR=10.96.0.17",
		"SESUAI_SERVICE_HOST=10.96.0.17",
		"SESUAI_SERVICE_PORT=8080",
		"SESUAI_SERVICE_PORT_HTTP=8080",
		"SESUAI_SERVICE_PORT_HTTP_API=8080", // named http-api
		"SESUAI_SERVICE_PORT_2=8080",
	} {
		c, err := app.LoadConfig("", []string{variable})
		if err != nil {
			t.Errorf("%s: %v", variable, err)
		} else if diff := gocmp.Diff(app.DefaultConfig(), c); diff != "" {
			t.Errorf("%s sets something (-default +got):\n%s", variable, diff)
		}
	}
	for _, variable := range []string{
		"SESUAI_PORT=8080",
		"SESUAI_PORT=",
		"SESUAI_PORT=http://10.96.0.17:8080",
		"SESUAI_PORT=x tcp://10.96.0.17:8080",
		"SESUAI_PORT_=tcp://10.96.0.17:8080",
		"SESUAI_PORT_TCP=tcp://10.96.0.17:8080",
		"SESUAI_PORT_HTTP_TCP=tcp://10.96.0.17:8080",
		"SESUAI_PORT_8080=tcp://10.96.0.17:8080",
		"SESUAI_PORT_8080_HTTP=8080",
		"SESUAI_PORT_8080_TCP_HOST=10.96.0.17",
		"SESUAI_PORT_8080_TCP_=8080",
		"SESUAI_PORT_8080_tcp=8080",
		"SESUAI_PORTS=8080",
		"SESUAI_SERVICE=sesuai",
		"SESUAI_SERVICE_HOSTS=10.96.0.17",
		"SESUAI_SERVICE_HOST_HTTP=10.96.0.17",
		"SESUAI_SERVICE_PORT_=8080",
		"SESUAI_SERVICE_PORT_http=8080",
		"SESUAI_SERVICE_PORT_HTTP_=8080",
		"SESUAI_SERVICE_PORTS=8080",
		"SESUAI_API_SERVICE_HOST=10.96.0.17", // of a service named sesuai-api
		"SESUAI_HOST=10.96.0.17",
	} {
		t.Run(variable, func(t *testing.T) {
			_, err := app.LoadConfig("", []string{variable})
			assertConfiguration(t, err, "there is no key for the environment variable SESUAI_")
		})
	}
}
