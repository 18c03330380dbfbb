package failover_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// writer is a client of the database itself. It inserts numbered rows until it is
// stopped, and records which of them were acknowledged.
type writer struct {
	name   string
	config *pgx.ConnConfig
	stop   func()

	mu    sync.Mutex
	tries []try
}

// try is an attempt to insert a row. Its number is its index.
type try struct {
	sent, done time.Time
	ok         bool
}

// createRows creates the table that writers insert rows into, on the primary.
func createRows(t *testing.T, c *cluster, primary *machine) {
	t.Helper()
	c.exec(t, primary, "CREATE TABLE written (writer text, n int)")
}

// startWriter starts a writer that connects to the machines of a URL, with the dial
// function unless that is nil.
func startWriter(t *testing.T, name, url string, dial pgconn.DialFunc) *writer {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.ConnectTimeout = 2 * time.Second
	if dial != nil {
		config.DialFunc = dial
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	w := &writer{name: name, config: config}
	var group sync.WaitGroup
	group.Go(func() { w.run(ctx) })
	w.stop = func() {
		cancel()
		group.Wait()
	}
	t.Cleanup(w.stop)
	return w
}

// writeTimeout limits an attempt: a server that is cut off does not close its
// connections.
const writeTimeout = 5 * time.Second

// run inserts rows.
func (w *writer) run(ctx context.Context) {
	rate := time.NewTicker(20 * time.Millisecond)
	defer rate.Stop()
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close(context.WithoutCancel(ctx)) // it may be broken
		}
	}()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-rate.C:
		}
		a := try{sent: time.Now()}
		var err error
		conn, err = w.insert(ctx, conn, n)
		a.done, a.ok = time.Now(), err == nil
		w.mu.Lock()
		w.tries = append(w.tries, a)
		w.mu.Unlock()
	}
}

// insert inserts a row, on the connection unless that is nil or closed. It returns
// the connection that it has used, closed after an error.
func (w *writer) insert(ctx context.Context, conn *pgx.Conn, n int) (used *pgx.Conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if conn == nil || conn.IsClosed() {
		if conn, err = pgx.ConnectConfig(ctx, w.config); err != nil {
			return nil, err
		}
	}
	if _, err = conn.Exec(ctx, "INSERT INTO written VALUES ($1, $2)", w.name, n); err != nil {
		_ = conn.Close(ctx) // it may be broken
	}
	return conn, err
}

// awaitRows waits until each of the writers has written some rows.
func awaitRows(t *testing.T, writers ...*writer) {
	t.Helper()
	const enough = 50
	for _, w := range writers {
		eventually(t, w.name+" writes", func() bool {
			_, acknowledged := w.count(time.Time{})
			return acknowledged >= enough
		})
	}
}

// count returns how many rows were sent after from, and how many of them were
// acknowledged.
func (w *writer) count(from time.Time) (sent, acknowledged int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.tries {
		if a.sent.After(from) {
			sent++
			if a.ok {
				acknowledged++
			}
		}
	}
	return sent, acknowledged
}

// first returns when the first acknowledgement came of a row that was sent after
// from, or the zero time.
func (w *writer) first(from time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.tries {
		if a.ok && a.sent.After(from) {
			return a.done
		}
	}
	return time.Time{}
}

// last returns the last row that was acknowledged before to.
func (w *writer) last(to time.Time) (last try) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.tries {
		if a.ok && a.done.Before(to) {
			last = a
		}
	}
	return last
}

// lost returns how many rows were acknowledged, and how many of them the primary
// does not have. The writer must have been stopped.
func (w *writer) lost(t *testing.T, c *cluster, primary *machine) (acknowledged, lost int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.url("postgres", "postgres", primary))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), "SELECT n FROM written WHERE writer = $1", w.name)
	if err != nil {
		t.Fatal(err)
	}
	numbers, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		t.Fatal(err)
	}
	kept := make(map[int]bool)
	for _, n := range numbers {
		if kept[n] {
			t.Errorf("row %d of %s is there twice", n, w.name)
		}
		kept[n] = true
	}
	for n, a := range w.tries {
		if a.ok {
			acknowledged++
			if !kept[n] {
				lost++
			}
		}
	}
	return acknowledged, lost
}

// summary says what became of the rows that were sent after from.
func (w *writer) summary(from time.Time) string {
	sent, acknowledged := w.count(from)
	return fmt.Sprintf("%s: %d of %d acknowledged", w.name, acknowledged, sent)
}
