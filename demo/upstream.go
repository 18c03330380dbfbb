package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sesuai/sesuai/internal/face"
)

type upstreamBenchCommand struct {
	Rounds int `help:"How many verifications are timed." default:"200"`
}

// maxPaidCPU is how many times the CPU time of a verification by the built-in
// registry one in front of Dukcapil is to cost at most.
const maxPaidCPU = 1.25

// Run times verifications with the sandbox of Dukcapil's services as the
// registry, one at a time. The time that Sesuai adds is the whole time minus that
// of the two calls, which is in its metric sesuai_dukcapil_call_seconds. It also
// compares the CPU time with that of a service with the built-in registry.
func (b *upstreamBenchCommand) Run(ctx context.Context, c *commandLine) (err error) {
	work, err := os.MkdirTemp("", "sesuai-upstream-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	there, here := filepath.Join(work, "there"), filepath.Join(work, "here")
	made, err := c.prepare(ctx, there)
	if err != nil {
		return err
	}
	photo, err := os.ReadFile(filepath.Join(c.photos(), benchPhoto))
	if err != nil {
		return err
	}
	claim, _, err := c.firstPerson()
	if err != nil {
		return err
	}
	settings := filepath.Join(work, "sandbox.yaml")
	if err := writeFile(settings, []byte("data: {latency: {median: 20ms}}\nface: {latency: {median: 20ms}}\n"), 0o600); err != nil {
		return err
	}
	var sandbox struct {
		URL       string `json:"url"`
		Pin       string `json:"pin"`
		PublicKey string `json:"public_key"`
	}
	quiet := "SESUAI_LOG_LEVEL=error"
	upstream, err := c.start(ctx, &sandbox, []string{quiet}, "dukcapil-sandbox", "--data", there, "--settings", settings, "--listen", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, upstream.stop()) }()

	account := filepath.Join(work, "account") // every part of the sandbox's account is "sandbox"
	if err := writeFile(account, []byte("sandbox\n"), 0o600); err != nil {
		return err
	}
	metrics, err := freeAddress()
	if err != nil {
		return err
	}
	var client credentials
	if err := c.sesuai(ctx, &client, "client", "add", clientName, "--data", here); err != nil {
		return err
	}
	environment := []string{
		quiet, "SESUAI_ADMIN_LISTEN=" + metrics, "SESUAI_DUKCAPIL_ENABLED=true", "SESUAI_DUKCAPIL_TLS_PINS=" + sandbox.Pin,
		"SESUAI_DUKCAPIL_FACE_PUBLIC_KEY_FILE=" + sandbox.PublicKey, "SESUAI_DUKCAPIL_FACE_CREDENTIAL_FILE=" + account,
	}
	for _, service := range []string{"DATA", "FACE"} {
		key := "SESUAI_DUKCAPIL_" + service
		environment = append(environment, key+"_URL="+sandbox.URL, key+"_CUSTOMER=sandbox", key+"_IP=127.0.0.1",
			key+"_USER_FILE="+account, key+"_PASSWORD_FILE="+account)
	}
	s, err := c.serve(ctx, here, "127.0.0.1:0", environment...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	// The sandbox has the folder open too, but is not asked by this one.
	builtIn, err := c.serve(ctx, there, "127.0.0.1:0", quiet)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, builtIn.stop()) }()
	engine, err := c.engine(nil)
	if err != nil {
		return err
	}
	defer engine.Close()
	verify := func(s *server, client credentials) func() error {
		sender := senderTo(s.address, client)
		return func() error { return answered(sender.Verify(ctx, claim, photo)) }
	}
	err = b.measure(ctx, "http://"+metrics+"/metrics", verify(s, client), func() error {
		x, err := engine.Extract(ctx, photo, face.ForProbe)
		return errors.Join(err, x.Refusal())
	})
	if err != nil {
		return err
	}
	return b.compareCPU(s, builtIn, verify(s, client), verify(builtIn, made.credentials))
}

// compareCPU prints the CPU time of the service in front of Dukcapil and of the one
// with the built-in registry, for each verification. They take turns, so that both
// find the CPU caches in the state that the other leaves.
func (b *upstreamBenchCommand) compareCPU(paid, builtIn *server, ask, askBuiltIn func() error) error {
	turns := func(n int) error {
		for range n {
			if err := errors.Join(ask(), askBuiltIn()); err != nil {
				return err
			}
		}
		return nil
	}
	if err := turns(20); err != nil {
		return err
	}
	var seconds [2]float64
	count := func(sign float64) error {
		for i, s := range []*server{paid, builtIn} {
			now, err := cpuSeconds(s.cmd.Process.Pid)
			if err != nil {
				return err
			}
			seconds[i] += sign * now
		}
		return nil
	}
	if err := errors.Join(count(-1), turns(b.Rounds), count(1)); err != nil {
		return err
	}
	n := float64(b.Rounds)
	fmt.Printf("CPU time of the service alone, mean of %d, in turns:\n", b.Rounds)
	fmt.Printf("  in front of Dukcapil %.2f ms, built-in registry %.2f ms: %.2f times (wanted: at most %.4g)\n",
		1000*seconds[0]/n, 1000*seconds[1]/n, seconds[0]/seconds[1], maxPaidCPU)
	return nil
}

// measure times requests and extractions alternately. The sandbox processes a
// photograph too, and requests and extractions must both start with the CPU
// caches in the state that it leaves.
func (b *upstreamBenchCommand) measure(ctx context.Context, metrics string, request, extract func() error) error {
	const maxAdded = 5 * time.Millisecond
	for range 20 { // the first ones open connections
		if err := errors.Join(request(), extract()); err != nil {
			return err
		}
	}
	before, err := callSeconds(ctx, metrics)
	if err != nil {
		return err
	}
	var times [2]time.Duration
	for range b.Rounds {
		for i, f := range []func() error{request, extract} {
			start := time.Now()
			if err := f(); err != nil {
				return err
			}
			times[i] += time.Since(start)
		}
	}
	after, err := callSeconds(ctx, metrics)
	if err != nil {
		return err
	}
	n := time.Duration(b.Rounds)
	whole, extraction, calls := times[0]/n, times[1]/n, time.Duration((after-before)*float64(time.Second))/n
	added := whole - calls
	fmt.Printf("In front of a sandbox of Dukcapil whose answers take 20 ms and more, mean of %d, one at a time:\n", n)
	fmt.Printf("  whole request %.2f ms, of which both calls %.2f ms: Sesuai adds %.2f ms\n", ms(whole), ms(calls), ms(added))
	fmt.Printf("  face.Extract %.2f ms and %.2f ms besides (wanted: at most %.0f)\n", ms(extraction), ms(added-extraction), ms(maxAdded))
	return nil
}

// callSeconds returns the total time of all calls to the upstream.
func callSeconds(ctx context.Context, url string) (sum float64, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	found := 0
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if !strings.HasPrefix(name, "sesuai_dukcapil_call_seconds_sum{") {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, err
		}
		sum += v
		found++
	}
	if found == 0 && lines.Err() == nil {
		return 0, errors.New("the metric of calls is missing")
	}
	return sum, lines.Err()
}

// freeAddress returns an address on which nothing listens.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
