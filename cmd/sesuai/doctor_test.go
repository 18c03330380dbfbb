package main

import (
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sesuai/sesuai/internal/tlsfile/tlsfiletest"
)

// certificate writes NAME.crt and NAME.key, which end in that time.
func certificate(t *testing.T, ts *testscript.TestScript, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: certificate NAME DURATION")
	}
	lasts, err := time.ParseDuration(args[1])
	ts.Check(err)
	tlsfiletest.Write(t, tlsfiletest.NewAuthority(t).Issue(t, time.Now().Add(lasts)), ts.MkAbs(args[0]+".crt"), ts.MkAbs(args[0]+".key"))
}
