package app

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai/internal/telemetry"
)

// TestOverloadCheck: readiness ends once nine of ten requests have been refused for the
// whole time, and is there again after a sixth of it in which fewer were, or none came.
// Callers without credentials do not count.
func TestOverloadCheck(t *testing.T) {
	refused := &telemetry.Request{Client: "a", Status: 503, Shed: "backlog"}
	answered := &telemetry.Request{Client: "a", Status: 200}
	unknown := &telemetry.Request{Status: 401}
	// send has these observed each second for so many seconds.
	send := func(o *overloadCheck, seconds int, requests ...*telemetry.Request) {
		for range seconds {
			for range 3 {
				for _, r := range requests {
					o.observe(r)
				}
			}
			time.Sleep(time.Second)
		}
	}
	nine := []*telemetry.Request{refused, refused, refused, refused, refused, refused, refused, refused, refused, answered, unknown}
	eight := nine[1:]
	for name, tt := range map[string]struct {
		after time.Duration
		send  func(o *overloadCheck)
		want  bool
	}{
		"a minute":            {time.Minute, func(o *overloadCheck) { send(o, 60, nine...) }, true},
		"not yet a minute":    {time.Minute, func(o *overloadCheck) { send(o, 59, nine...) }, false},
		"eight of nine":       {time.Minute, func(o *overloadCheck) { send(o, 300, eight...) }, false},
		"a better part":       {time.Minute, func(o *overloadCheck) { send(o, 30, nine...); send(o, 10, eight...); send(o, 30, nine...) }, false},
		"an hour":             {time.Minute, func(o *overloadCheck) { send(o, 3600, nine...) }, true},
		"then a better part":  {time.Minute, func(o *overloadCheck) { send(o, 120, nine...); send(o, 10, eight...) }, false},
		"then none for 9 s":   {time.Minute, func(o *overloadCheck) { send(o, 120, nine...); time.Sleep(9 * time.Second) }, true},
		"then none for 20 s":  {time.Minute, func(o *overloadCheck) { send(o, 120, nine...); time.Sleep(20 * time.Second) }, false},
		"none":                {time.Minute, func(o *overloadCheck) { send(o, 120) }, false},
		"switched off":        {0, func(o *overloadCheck) { send(o, 120, nine...) }, false},
		"in a burst":          {time.Minute, func(o *overloadCheck) { send(o, 1, nine...); send(o, 80, answered) }, false},
		"and again a minute":  {time.Minute, func(o *overloadCheck) { send(o, 60, nine...); send(o, 10, answered); send(o, 60, nine...) }, true},
		"and a part too few":  {time.Minute, func(o *overloadCheck) { send(o, 60, nine...); send(o, 10, answered); send(o, 50, nine...) }, false},
		"ten seconds of six":  {6 * time.Second, func(o *overloadCheck) { send(o, 10, nine...) }, true},
		"without credentials": {time.Minute, func(o *overloadCheck) { send(o, 120, unknown) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &overloadCheck{after: tt.after}
				tt.send(o)
				if got := o.overloaded(); got != tt.want {
					t.Errorf("overloaded = %v", got)
				}
			})
		})
	}
}
