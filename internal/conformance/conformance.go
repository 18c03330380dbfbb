// Package conformance runs the conformance tests that an interface ships with,
// for every implementation of it. It must not know any interface or
// implementation.
//
// The tests are the methods of a suite: a type whose fields say how to open the
// implementation under test. No list of them is kept by hand, so a test runs
// for every implementation because it exists:
//
//	type suite struct{ open func(*testing.T) registry.Enroller }
//
//	func (s suite) TestUnknownNIK(t *testing.T) { ... }
//
//	// Run holds a registry to every promise of package registry.
//	func Run(t *testing.T, open func(*testing.T) registry.Enroller) {
//		conformance.Run(t, suite{open})
//	}
package conformance

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// Run runs every exported method of suite whose name begins with Test as a
// subtest, in alphabetical order. The subtest's name is the method's without
// Test. The methods of one suite value share it; a method that needs a fresh
// implementation opens one. Run fails t if a method named Test… does not have the
// signature func(*testing.T), or if there is none: then suite is perhaps a value
// where the methods are those of its pointer.
func Run(t *testing.T, suite any) {
	t.Helper()
	tests, err := testsOf(suite)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, test.run)
	}
}

// test is one method of a suite.
type test struct {
	name string
	run  func(*testing.T)
}

// testsOf finds the tests of a suite in alphabetical order, the order of
// reflect.Type.Method.
func testsOf(suite any) ([]test, error) {
	var tests []test
	v := reflect.ValueOf(suite)
	if !v.IsValid() {
		return nil, fmt.Errorf("conformance: the suite is nil")
	}
	for i := range v.NumMethod() {
		method := v.Type().Method(i)
		name, ok := strings.CutPrefix(method.Name, "Test")
		if !ok {
			continue
		}
		run, ok := v.Method(i).Interface().(func(*testing.T))
		if !ok || name == "" {
			return nil, fmt.Errorf("conformance: %s.%s is not a method TestXxx(t *testing.T)", v.Type(), method.Name)
		}
		tests = append(tests, test{name, run})
	}
	if len(tests) == 0 {
		return nil, fmt.Errorf("conformance: %s has no method TestXxx(t *testing.T)", v.Type())
	}
	return tests, nil
}
