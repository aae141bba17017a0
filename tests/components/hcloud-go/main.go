// Holds answers of an API against the structs of hcloud-go, the vendor's own client.
//
// Reads lines of {"name": "...", "schema": "ServerGetResponse", "body": {...}} and writes for each a line
// {"name": "...", "problems": ["server.locked: missing", ...]}.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/hetznercloud/hcloud-go/v2/hcloud/schema"
)

var schemas = map[string]any{
	"ActionGetResponse":              schema.ActionGetResponse{},
	"ActionListResponse":             schema.ActionListResponse{},
	"ErrorResponse":                  schema.ErrorResponse{},
	"FirewallActionSetRulesResponse": schema.FirewallActionSetRulesResponse{},
	"FirewallCreateResponse":         schema.FirewallCreateResponse{},
	"FirewallGetResponse":            schema.FirewallGetResponse{},
	"FirewallListResponse":           schema.FirewallListResponse{},
	"FirewallUpdateResponse":         schema.FirewallUpdateResponse{},
	"ImageGetResponse":               schema.ImageGetResponse{},
	"ImageListResponse":              schema.ImageListResponse{},
	"LoadBalancerCreateResponse":     schema.LoadBalancerCreateResponse{},
	"LoadBalancerGetResponse":        schema.LoadBalancerGetResponse{},
	"LoadBalancerListResponse":       schema.LoadBalancerListResponse{},
	"LoadBalancerTypeGetResponse":    schema.LoadBalancerTypeGetResponse{},
	"LoadBalancerTypeListResponse":   schema.LoadBalancerTypeListResponse{},
	"LoadBalancerUpdateResponse":     schema.LoadBalancerUpdateResponse{},
	"LocationGetResponse":            schema.LocationGetResponse{},
	"LocationListResponse":           schema.LocationListResponse{},
	"NetworkCreateResponse":          schema.NetworkCreateResponse{},
	"NetworkGetResponse":             schema.NetworkGetResponse{},
	"NetworkListResponse":            schema.NetworkListResponse{},
	"NetworkUpdateResponse":          schema.NetworkUpdateResponse{},
	"PlacementGroupCreateResponse":   schema.PlacementGroupCreateResponse{},
	"PlacementGroupGetResponse":      schema.PlacementGroupGetResponse{},
	"PlacementGroupListResponse":     schema.PlacementGroupListResponse{},
	"PlacementGroupUpdateResponse":   schema.PlacementGroupUpdateResponse{},
	"PricingGetResponse":             schema.PricingGetResponse{},
	"PrimaryIPCreateResponse":        schema.PrimaryIPCreateResponse{},
	"PrimaryIPGetResponse":           schema.PrimaryIPGetResponse{},
	"PrimaryIPListResponse":          schema.PrimaryIPListResponse{},
	"PrimaryIPUpdateResponse":        schema.PrimaryIPUpdateResponse{},
	"SSHKeyCreateResponse":           schema.SSHKeyCreateResponse{},
	"SSHKeyGetResponse":              schema.SSHKeyGetResponse{},
	"SSHKeyListResponse":             schema.SSHKeyListResponse{},
	"SSHKeyUpdateResponse":           schema.SSHKeyUpdateResponse{},
	"ServerActionRebuildResponse":    schema.ServerActionRebuildResponse{},
	"ServerCreateResponse":           schema.ServerCreateResponse{},
	"ServerDeleteResponse":           schema.ServerDeleteResponse{},
	"ServerGetResponse":              schema.ServerGetResponse{},
	"ServerListResponse":             schema.ServerListResponse{},
	"ServerTypeGetResponse":          schema.ServerTypeGetResponse{},
	"ServerTypeListResponse":         schema.ServerTypeListResponse{},
	"ServerUpdateResponse":           schema.ServerUpdateResponse{},
	"VolumeCreateResponse":           schema.VolumeCreateResponse{},
	"VolumeGetResponse":              schema.VolumeGetResponse{},
	"VolumeListResponse":             schema.VolumeListResponse{},
	"VolumeUpdateResponse":           schema.VolumeUpdateResponse{},
}

// What hcloud-go names without omitempty, and the API still leaves out.
var mayBeMissing = map[string]string{
	"Pricing.floating_ip":                  "deprecated; the snapshot has no price for it",
	"PricingPrimaryIPTypePrice.datacenter": "the API does not return it any more (hcloud-go's own comment)",
	"LoadBalancerTarget.server":            "only the field that the type names",
	"LoadBalancerTarget.label_selector":    "only the field that the type names",
	"LoadBalancerTarget.ip":                "only the field that the type names",
}

// What hcloud-go gives no pointer, and the API documents as null.
var mayBeNull = map[string]bool{
	"ServerPublicNet.ipv4":         true,
	"ServerPublicNet.ipv6":         true,
	"MetaPagination.previous_page": true,
	"MetaPagination.next_page":     true,
}

// Types that read themselves: what is inside them is not looked at.
var opaque = map[reflect.Type]bool{
	reflect.TypeFor[time.Time]():       true,
	reflect.TypeFor[json.RawMessage](): true,
	reflect.TypeFor[any]():             true,
}

type question struct {
	Name   string          `json:"name"`
	Schema string          `json:"schema"`
	Body   json.RawMessage `json:"body"`
}

type verdict struct {
	Name     string   `json:"name"`
	Problems []string `json:"problems"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := out.Encode(verdict{asked.Name, problems(asked)}); err != nil {
			os.Exit(1)
		}
	}
}

func problems(asked question) []string {
	known, ok := schemas[asked.Schema]
	if !ok {
		return []string{"no schema is called " + asked.Schema}
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(asked.Body, &parts); err != nil {
		return []string{err.Error()}
	}
	found := []string{}
	if meta, ok := parts["meta"]; ok { // hcloud-go reads it apart, as schema.MetaResponse
		delete(parts, "meta")
		found = append(found, against(reflect.TypeFor[schema.Meta](), meta, "meta")...)
	}
	rest, err := json.Marshal(parts)
	if err != nil {
		return []string{err.Error()}
	}
	return append(found, against(reflect.TypeOf(known), rest, "")...)
}

func against(kind reflect.Type, text json.RawMessage, path string) []string {
	found := []string{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(reflect.New(kind).Interface()); err != nil {
		found = append(found, err.Error())
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return append(found, err.Error())
	}
	return append(found, absent(kind, value, path)...)
}

// absent names every field that hcloud-go expects and the value lacks, and every null it has no pointer for.
func absent(kind reflect.Type, value any, path string) []string {
	for kind.Kind() == reflect.Pointer {
		if value == nil {
			return nil
		}
		kind = kind.Elem()
	}
	if opaque[kind] {
		return nil
	}
	switch kind.Kind() {
	case reflect.Struct:
		return absentFields(kind, value, path)
	case reflect.Slice:
		return absentElements(kind, value, path)
	default:
		if value == nil && kind.Kind() != reflect.Interface {
			return []string{path + ": null"}
		}
		return nil
	}
}

func absentElements(kind reflect.Type, value any, path string) []string {
	elements, ok := value.([]any)
	if !ok {
		return []string{path + ": not a list"}
	}
	found := []string{}
	for place, element := range elements {
		found = append(found, absent(kind.Elem(), element, fmt.Sprintf("%s[%d]", path, place))...)
	}
	return found
}

func absentFields(kind reflect.Type, value any, path string) []string {
	fields, ok := value.(map[string]any)
	if !ok {
		return []string{path + ": not an object"}
	}
	found := []string{}
	for place := range kind.NumField() {
		field := kind.Field(place)
		if field.Anonymous {
			found = append(found, absentFields(field.Type, value, path)...)
			continue
		}
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" || name == "" {
			continue
		}
		place, full := strings.TrimPrefix(path+"."+name, "."), kind.Name()+"."+name
		inner, present := fields[name]
		switch {
		case !present && (options == "omitempty" || mayBeMissing[full] != ""):
		case !present:
			found = append(found, place+": missing")
		case inner == nil && mayBeNull[full]:
		default:
			found = append(found, absent(field.Type, inner, place)...)
		}
	}
	return found
}
