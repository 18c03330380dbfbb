package timing_test

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/httpapi"
)

const (
	// usesOfClient is how often a client's credentials are sent in a short run, and
	// roundsOfAddress for how many rounds an address sends: after ten failures of a
	// username and a hundred of an address the answer is 429. A long run takes seconds,
	// in which the first number grows, so that maxClients are enough.
	usesOfClient    = 4
	maxClients      = 250
	roundsOfAddress = 10
)

// TestRefusedCredentials: a refusal takes the same time whether the username is unknown,
// the password wrong, or the client disabled or expired.
func TestRefusedCredentials(t *testing.T) {
	n := samples(t)
	config := configuration(t)
	var active, disabled, expired []access.Revealed
	fill(t, config, func(s *app.Storage) {
		for i := range min(n/usesOfClient, maxClients) {
			active = append(active, addClient(t, s, fmt.Sprint("active ", i), func(*access.Client) {}))
			disabled = append(disabled, addClient(t, s, fmt.Sprint("disabled ", i), func(c *access.Client) { c.Disabled = true }))
			expired = append(expired, addClient(t, s, fmt.Sprint("expired ", i), func(c *access.Client) { c.ExpiresAt = time.Now().Add(-time.Hour) }))
		}
	})
	address := serve(t, config)
	request := func(of func(round int) access.Revealed) func(round int) []byte {
		return func(round int) []byte {
			return post(httpapi.DataVerificationPath, of(round), "application/json", nil)
		}
	}
	wrong := func() access.Revealed { return access.NewCredentials().Reveal() }
	classes := []class{
		{name: "unknown", request: request(func(int) access.Revealed { return wrong() })},
		{name: "wrong password", request: request(func(round int) access.Revealed {
			c := active[round%len(active)]
			c.Password = wrong().Password
			return c
		})},
		{name: "disabled", request: request(func(round int) access.Revealed { return disabled[round%len(disabled)] })},
		{name: "expired", request: request(func(round int) access.Revealed { return expired[round%len(expired)] })},
	}
	for i := range classes {
		classes[i].status = http.StatusUnauthorized
	}
	classes = withControls(classes, 3*time.Millisecond)
	times := measure(t, n, classes, func(round int) *connection {
		n := round / roundsOfAddress
		return dial(t, address, net.IPv4(127, 1, byte(n/200), byte(1+n%200))) // a refusal closes it
	})
	judge(t, classes, times)
}
