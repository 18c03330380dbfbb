// Package config reads configuration structs. The fields of such a struct
// are its keys: the yaml tag is the key's name, the range tag its permitted
// range, and the field's comment its documentation, from which
// docs/reference/configuration.md is generated. What a key means, and every
// check that involves more than one number, it leaves to the package that owns
// the struct.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Decode reads YAML (or JSON, which is YAML) over the values in into. Keys that
// are not in text keep their values. Unknown keys, duplicate keys, fractions
// for integers and a second document are errors. The error shows the line that
// is wrong.
func Decode[T any](text []byte, into *T) error {
	read := *into // the decoder zeroes some of the keys that it does not find
	d := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict(), yaml.CustomUnmarshaler(integer[int]), yaml.CustomUnmarshaler(integer[int64]))
	err := d.Decode(&read)
	if errors.Is(err, io.EOF) {
		return nil // empty, or comments only
	}
	if err != nil {
		return errors.New(yaml.FormatError(err, false, true))
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return errors.New("there is a second document, after ---")
	}
	*into = read
	return nil
}

// integer refuses a fraction, which the decoder would truncate.
func integer[T int | int64](into *T, text []byte) error {
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return fmt.Errorf("%s is not a whole number", bytes.TrimSpace(text))
	}
	*into = T(n)
	return nil
}

// Key is one key of a configuration.
type Key struct {
	// Name is the dotted name: face.workers.
	Name string
	// Struct and Field are the struct type and the Go name of the field.
	Struct reflect.Type
	Field  string
	// Min and Max are the ends of the permitted range, both included, as the
	// range tag has them; both are empty if there is none.
	Min, Max string

	value reflect.Value
}

// Keys lists the keys of a configuration, a pointer to a struct, in the order
// of its fields. Structs are descended into; an embedded struct with the tag
// yaml:",inline" adds its keys where it stands.
func Keys(c any) []Key {
	return keys(reflect.ValueOf(c).Elem(), "", "")
}

// keys lists the keys of v. rangeTag is the range of the fields that have no
// tag of their own.
func keys(v reflect.Value, prefix, rangeTag string) []Key {
	var list []Key
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		limits := rangeTag
		if tag, ok := field.Tag.Lookup("range"); ok {
			limits = tag
		}
		switch {
		case field.Type.Kind() == reflect.Struct && field.Anonymous:
			list = append(list, keys(v.Field(i), prefix, limits)...)
		case field.Type.Kind() == reflect.Struct:
			list = append(list, keys(v.Field(i), prefix+name+".", limits)...)
		default:
			low, high, _ := strings.Cut(limits, ",")
			list = append(list, Key{Name: prefix + name, Struct: v.Type(), Field: field.Name, Min: low, Max: high, value: v.Field(i)})
		}
	}
	return list
}

// Variable is the name of the key's environment variable: the prefix, and the
// key in capitals with _ for dots.
func (k Key) Variable(prefix string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(k.Name, ".", "_"))
}

// Value is the key's value.
func (k Key) Value() any { return k.value.Interface() }

// Set sets the key to a value in text. The key must not be a list.
func (k Key) Set(text string) error {
	if k.value.Type() == durationType {
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("a duration such as 10s is needed")
		}
		k.value.SetInt(int64(d))
		return nil
	}
	switch k.value.Kind() {
	case reflect.String:
		k.value.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return errors.New("true or false is needed")
		}
		k.value.SetBool(b)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return errors.New("a number is needed")
		}
		k.value.SetFloat(f)
	default: // int and int64
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return errors.New("a whole number is needed")
		}
		k.value.SetInt(n)
	}
	return nil
}

var durationType = reflect.TypeFor[time.Duration]()

// CheckRanges reports the first key that is out of its range.
func CheckRanges(c any) error {
	for _, k := range Keys(c) {
		if k.Min == "" && k.Max == "" {
			continue
		}
		low, err1 := k.bound(k.Min)
		high, err2 := k.bound(k.Max)
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("%s: its range is not one: %w", k.Name, err)
		}
		var v float64
		switch {
		case k.value.CanInt(): // time.Duration, too
			v = float64(k.value.Int())
		default:
			v = k.value.Float()
		}
		if !(v >= low && v <= high) { // a NaN is neither
			return fmt.Errorf("%s must be from %s to %s", k.Name, k.Min, k.Max)
		}
	}
	return nil
}

// bound reads one end of the range.
func (k Key) bound(text string) (float64, error) {
	if k.value.Type() == durationType {
		d, err := time.ParseDuration(text)
		return float64(d), err
	}
	return strconv.ParseFloat(text, 64)
}
