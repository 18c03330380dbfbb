package main

import (
	"context"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/httpapi"
)

// withUpstream runs f on the storage in a script's data folder, as that of a
// service in front of Dukcapil.
func withUpstream(ts *testscript.TestScript, dir string, f func(s *app.Storage)) {
	c := app.DefaultConfig()
	c.Data, c.Dukcapil.Enabled, c.Dukcapil.Balikan.URL = ts.MkAbs(dir), true, "https://dukcapil.invalid/store"
	s, err := app.OpenStorage(context.Background(), c)
	ts.Check(err)
	f(s)
	ts.Check(s.Close())
}

func moment(ts *testscript.TestScript, text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	ts.Check(err)
	return t
}

// upstream DIR CLIENT TIME SERVICE PRICE [CLASS [billed]] adds a call to the call
// log. Without a class it has no completion.
func upstream(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 5 {
		ts.Fatalf("usage: upstream DIR CLIENT TIME SERVICE PRICE [CLASS [billed]]")
	}
	price, err := strconv.ParseInt(args[4], 10, 64)
	ts.Check(err)
	withUpstream(ts, args[0], func(s *app.Storage) {
		id, err := s.Calls.Start(context.Background(), ledger.Call{
			Client: args[1], RequestID: "r", At: moment(ts, args[2]), Service: ledger.Service(args[3]), Price: price,
		})
		ts.Check(err)
		if len(args) > 5 {
			ts.Check(s.Calls.Complete(context.Background(), id, ledger.Completion{Class: args[5], Billable: len(args) > 6}))
		}
	})
}

// returned DIR TIME… records that somebody was verified at each time, which is the
// request's id too, with "order-" before it the reference, and that the data of all but
// the last are delivered.
func returned(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: returned DIR TIME…")
	}
	nik, err := sesuai.ParseNIK("9901015203900001")
	ts.Check(err)
	withUpstream(ts, args[0], func(s *app.Storage) {
		var delivered []int64
		for i, at := range args[1:] {
			ts.Check(s.Events.Append(context.Background(), audit.Event{
				Time: moment(ts, at), RequestID: httpapi.RecordedID(s.Hash, at), Reference: httpapi.RecordedReference(s.Hash, "order-"+at), Client: "cli_a", NIK: nik, Result: audit.Verified,
			}))
			if i > 0 {
				delivered = append(delivered, int64(i))
			}
		}
		ts.Check(s.Outbox.Delivered(context.Background(), delivered))
	})
}
