package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Lines are the lines of a file, from 1, on which keys are set.
type Lines map[string]int

// Decode reads YAML (or JSON, which is YAML) over the values in into, a pointer
// to a struct. Keys that are not in text keep their values. Unknown keys,
// duplicate keys, values of another type, fractions for integers, aliases and a
// second document are errors. The error joins all of them, each a Mistake with its
// line; their keys keep their values, too.
func Decode(text []byte, into any) (Lines, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors write a byte order mark
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, asMistake("", 0, err)
	}
	d := decoder{keys: make(map[string]Key), sections: make(map[string][]string), lines: make(Lines)}
	for _, k := range Keys(into) {
		d.add(k)
	}
	for i, doc := range file.Docs {
		switch {
		case doc.Body == nil: // empty, or comments only
		case i > 0:
			d.mistake("", doc.Body, "there is a second document, after ---")
		default:
			d.section("", doc.Body)
		}
	}
	return d.lines, errors.Join(d.errs...)
}

// decoder reads the nodes of a file into keys.
type decoder struct {
	keys     map[string]Key
	sections map[string][]string // the names in each, in order; "" is the whole
	lines    Lines
	errs     []error
}

// add makes a key known, and the sections that it is in.
func (d *decoder) add(k Key) {
	d.keys[k.Name] = k
	for name := k.Name; name != ""; {
		section, last := "", name
		if i := strings.LastIndexByte(name, '.'); i >= 0 {
			section, last = name[:i], name[i+1:]
		}
		names, known := d.sections[section]
		d.sections[section] = append(names, last)
		if known {
			return
		}
		name = section
	}
}

func (d *decoder) mistake(key string, at ast.Node, what string) {
	d.errs = append(d.errs, Mistake{Key: key, Line: at.GetToken().Position.Line, What: what})
}

// section reads a mapping.
func (d *decoder) section(name string, node ast.Node) {
	if _, empty := node.(*ast.NullNode); empty {
		return
	}
	pairs, ok := node.(ast.MapNode)
	if !ok {
		// A text is not repeated: it may be any file.
		d.mistake(name, node, fmt.Sprintf("keys are needed, not %s: %s", kindOf(node), d.known(name)))
		return
	}
	for i := pairs.MapRange(); i.Next(); {
		d.pair(name, i.KeyValue())
	}
}

// pair reads one key of a section.
func (d *decoder) pair(section string, pair *ast.MappingValueNode) {
	name := pair.Key.GetToken().Value
	if section != "" {
		name = section + "." + name
	}
	_, isSection := d.sections[name]
	k, isKey := d.keys[name]
	if !isKey && (!isSection || name == "") {
		d.mistake(shortened(name), pair.Key, "there is no such key; "+d.known(section))
		return
	}
	if first := d.lines[name]; first != 0 {
		d.mistake(name, pair.Key, fmt.Sprintf("it is set twice, first in line %d", first))
		return
	}
	d.lines[name] = pair.Key.GetToken().Position.Line
	if isSection {
		d.section(name, pair.Value)
		return
	}
	if err := k.decode(pair.Value); err != nil {
		d.errs = append(d.errs, asMistake(name, d.lines[name], err))
	}
}

// known says which keys a section has.
func (d *decoder) known(section string) string {
	names := strings.Join(d.sections[section], ", ")
	if section == "" {
		return "there are " + names
	}
	return section + " has " + names
}

// decode sets the key to the value of a node. What is empty changes nothing.
func (k Key) decode(node ast.Node) error {
	if _, empty := node.(*ast.NullNode); empty {
		return nil
	}
	read := reflect.New(k.value.Type())
	err := yaml.NodeToValue(node, read.Interface(), yaml.Strict(), yaml.CustomUnmarshaler(integer[int]), yaml.CustomUnmarshaler(integer[int64]))
	switch {
	case err == nil:
		k.value.Set(read.Elem())
		return nil
	case k.value.Kind() == reflect.Slice:
		return err
	default:
		return k.refuse(describe(node))
	}
}

// integer refuses a fraction, which the decoder would truncate.
func integer[T int | int64](into *T, text []byte) error {
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	*into = T(n)
	return err
}

// describe returns a scalar's text, or what else a node is.
func describe(node ast.Node) string {
	if kind := kindOf(node); kind != scalar {
		return kind
	}
	return node.GetToken().Value
}

const scalar = "a text"

// kindOf says what a node is.
func kindOf(node ast.Node) string {
	switch node.(type) {
	case ast.MapNode:
		return "a section"
	case ast.ArrayNode:
		return "a list"
	default:
		return scalar
	}
}

// asMistake makes an error a Mistake. An error of the YAML package has a line of
// its own.
func asMistake(key string, line int, err error) Mistake {
	m := Mistake{Key: key, Line: line, What: err.Error()}
	if e, ok := errors.AsType[yaml.Error](err); ok {
		m.What = e.GetMessage()
		if t := e.GetToken(); t != nil {
			m.Line = t.Position.Line
		}
	}
	return m
}
